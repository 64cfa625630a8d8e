"""The relay's own CA: OpenSSL and Python accept it, also on a clock of the year 2000."""

import asyncio
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from callboard.errors import StorageError
from callboard_host.relay.ca import ensure_certificates

NOW = datetime.now(UTC)


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_and_their_modes(tmp_path):
    ensure_certificates(tmp_path, (), NOW)
    names = {"ca.key", "ca.pem", "ca.der", "server.key", "server.pem", "server.der"}
    assert set(read(tmp_path)) == names
    for name in ("ca.key", "server.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    for stem in ("ca", "server"):
        pem = x509.load_pem_x509_certificate((tmp_path / f"{stem}.pem").read_bytes())
        assert pem == x509.load_der_x509_certificate((tmp_path / f"{stem}.der").read_bytes())


def test_a_second_start_changes_nothing(tmp_path):
    first = ensure_certificates(tmp_path, ("relay.example",), NOW)
    files = read(tmp_path)
    assert ensure_certificates(tmp_path, ("relay.example",), NOW) == first
    assert read(tmp_path) == files


@pytest.mark.parametrize(
    ("names", "now"),
    [
        (("other.example",), NOW),
        (("relay.example", "192.0.2.7"), NOW),
        (("relay.example",), NOW + timedelta(days=368)),
    ],
)
def test_the_server_certificate_is_renewed_under_the_same_ca(tmp_path, names, now):
    first = ensure_certificates(tmp_path, ("relay.example",), NOW)
    ca = (tmp_path / "ca.pem").read_bytes()
    second = ensure_certificates(tmp_path, names, now)
    assert second.fingerprint != first.fingerprint
    assert (tmp_path / "ca.pem").read_bytes() == ca


def test_a_server_certificate_of_another_ca_is_replaced(tmp_path):
    ensure_certificates(tmp_path, (), NOW)
    for name in ("ca.key", "ca.pem", "ca.der"):
        (tmp_path / name).unlink()
    ensure_certificates(tmp_path, (), NOW)
    assert openssl_verify(tmp_path) == 0


def test_a_ca_key_of_another_ca_is_refused(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    ensure_certificates(tmp_path, (), NOW)
    ensure_certificates(other, (), NOW)
    (tmp_path / "ca.key").write_bytes((other / "ca.key").read_bytes())
    with pytest.raises(StorageError, match="is not the key of"):
        ensure_certificates(tmp_path, (), NOW)


def test_garbage_is_refused_with_its_path(tmp_path):
    ensure_certificates(tmp_path, (), NOW)
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(StorageError, match=str(tmp_path)):
        ensure_certificates(tmp_path, (), NOW)


def openssl_verify(folder, *options):
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *options]
    command += ["-CAfile", str(folder / "ca.pem"), str(folder / "server.pem")]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_openssl_accepts_it_strictly_and_in_the_years_2000_and_2021(tmp_path):
    ensure_certificates(tmp_path, ("relay.example",), NOW)
    assert openssl_verify(tmp_path) == 0
    assert openssl_verify(tmp_path, "-verify_hostname", "relay.example") == 0
    assert openssl_verify(tmp_path, "-verify_ip", "127.0.0.1") == 0
    assert openssl_verify(tmp_path, "-verify_hostname", "evil.example") != 0
    for moment in (datetime(2000, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(2021, 6, 1, tzinfo=UTC)):
        assert openssl_verify(tmp_path, "-attime", str(int(moment.timestamp()))) == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_python_connects_and_refuses_another_ca(tmp_path, version):
    other = tmp_path / "other"
    other.mkdir()
    certificates = ensure_certificates(tmp_path, (), NOW)
    ensure_certificates(other, (), NOW)

    async def serve(_reader, writer):
        writer.write(b"hello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certificates.context())
    port = server.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    trusting.minimum_version = trusting.maximum_version = version
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    assert await reader.read() == b"hello"
    writer.close()
    stranger = ssl.create_default_context(cafile=str(other / "ca.pem"))
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("127.0.0.1", port, ssl=stranger)
    server.close()
