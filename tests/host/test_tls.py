"""Which servers a board connects to and which it refuses, on every Python.

A board's clock may never have been set: the relay's certificates begin in 2000, so 2000 and 2021
must do. Whatever else is wrong with a certificate, not one byte of the request may be sent.
"""

import asyncio
import contextlib
import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.certificates import expired_dates, make_ca, make_leaf
from support.pythons import PYTHONS, run_program

SOURCE = Path(__file__).parents[1] / "support" / "wall_clock.c"
MACHINE_FLAG = {"cpython": "-m64", "micropython64": "-m64", "micropython32": "-m32"}


class Server:
    """An HTTPS server that answers "hello" and keeps what it received."""

    def __init__(self):
        self.received = b""

    async def handle(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while not self.received.endswith(b"\r\n\r\n"):
                data = await reader.read(1024)
                if not data:
                    break
                self.received += data
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def serving(leaf, directory):
    """An HTTPS server with the certificate `leaf`, on a free port."""
    server = Server()
    # A client that refuses breaks the handshake, which asyncio would log.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    listening = await asyncio.start_server(
        server.handle, "127.0.0.1", 0, ssl=leaf.server_context(directory)
    )
    port = listening.sockets[0].getsockname()[1]
    server.url = f"https://127.0.0.1:{port}/"
    server.port = port
    try:
        yield server
    finally:
        listening.close()


@pytest.fixture(scope="module")
def ca():
    return make_ca()


@pytest.fixture
def ca_path(ca, tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes(ca.pem)
    return str(path)


@pytest.fixture(scope="module")
def clock_library(tmp_path_factory):
    """wall_clock.c compiled for a machine flag of gcc."""

    def build(flag: str) -> Path:
        path = tmp_path_factory.mktemp("clock") / f"wall_clock{flag}.so"
        command = ["gcc", flag, "-shared", "-fPIC", "-O1", "-o", str(path), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True, text=True)
        return path

    return build


@pytest.mark.parametrize("year", [2000, 2021])
@pytest.mark.parametrize("python", PYTHONS)
async def test_connects_when_the_clock_was_never_set(
    python, year, ca, ca_path, tmp_path, clock_library, monkeypatch
):
    start = datetime(year, 1, 1, 0, 5, tzinfo=UTC)
    monkeypatch.setenv("FAKE_EPOCH_S", str(int(start.timestamp())))
    async with serving(make_leaf(ca), tmp_path) as server:
        result = await run_program(
            python,
            "http_get.py",
            {"url": server.url, "ca": ca_path},
            preload=clock_library(MACHINE_FLAG[python]),
        )
    assert (result["status"], result["text"]) == (200, "hello"), result
    believed = datetime.fromtimestamp(result["clock_ms"] / 1000, UTC)
    assert believed.year == year, "the clock was not faked: the test shows nothing"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("der", [False, True])
async def test_connects_with_the_pinned_ca(python, der, ca, tmp_path):
    path = tmp_path / "ca"
    path.write_bytes(ca.der if der else ca.pem)
    async with serving(make_leaf(ca), tmp_path) as server:
        result = await run_program(python, "http_get.py", {"url": server.url, "ca": str(path)})
        named = server.url.replace("127.0.0.1", "localhost")
        by_name = await run_program(python, "http_get.py", {"url": named, "ca": str(path)})
    assert result.get("text") == by_name.get("text") == "hello", (result, by_name)


@pytest.mark.parametrize("python", PYTHONS)
async def test_connects_with_a_pinned_leaf_whatever_its_dates_and_name(python, ca, tmp_path):
    before, after = expired_dates()
    leaf = make_leaf(ca, ("elsewhere.example",), before, after)
    async with serving(leaf, tmp_path) as server:
        result = await run_program(python, "http_get.py", {"url": server.url, "leaf": leaf.sha256})
    assert result.get("text") == "hello", result


async def refused(python, leaf, tmp_path, options):
    """The sentence with which a client refuses the server; nothing may have been sent to it."""
    async with serving(leaf, tmp_path) as server:
        result = await run_program(python, "http_get.py", {"url": server.url, **options})
        await asyncio.sleep(0.02)
        assert server.received == b""
    assert result.get("error") == "TLSError", result
    return result["message"]


@pytest.mark.parametrize("python", PYTHONS)
async def test_refuses_an_expired_certificate(python, ca, ca_path, tmp_path):
    before, after = expired_dates()
    leaf = make_leaf(ca, not_before=before, not_after=after)
    assert "expired" in await refused(python, leaf, tmp_path, {"ca": ca_path})


@pytest.mark.parametrize("python", PYTHONS)
async def test_refuses_a_certificate_of_tomorrow(python, ca, ca_path, tmp_path):
    leaf = make_leaf(ca, not_before=datetime.now(UTC) + timedelta(days=1))
    assert "not valid yet" in await refused(python, leaf, tmp_path, {"ca": ca_path})


@pytest.mark.parametrize("python", PYTHONS)
async def test_refuses_a_certificate_of_another_ca(python, ca_path, tmp_path):
    leaf = make_leaf(make_ca("somebody else"))
    assert "CA we trust" in await refused(python, leaf, tmp_path, {"ca": ca_path})


@pytest.mark.parametrize("python", PYTHONS)
async def test_refuses_a_forged_ca_of_the_same_name(python, ca_path, tmp_path):
    leaf = make_leaf(make_ca())
    assert "not trusted" in await refused(python, leaf, tmp_path, {"ca": ca_path})


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("names", [("elsewhere.example",), ("127.0.0.2",), ("127.0.0.1.example",)])
async def test_refuses_a_certificate_for_another_name(python, names, ca, ca_path, tmp_path):
    leaf = make_leaf(ca, names)
    assert "another name" in await refused(python, leaf, tmp_path, {"ca": ca_path})


@pytest.mark.parametrize("python", PYTHONS)
async def test_refuses_another_leaf(python, ca, tmp_path):
    pinned = hashlib.sha256(b"something else").hexdigest()
    assert "fingerprint" in await refused(python, make_leaf(ca), tmp_path, {"leaf": pinned})


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("with_ca", [False, True])
async def test_refuses_when_the_callback_refuses(python, with_ca, ca, ca_path, tmp_path):
    options = {"refuse": True, "ca": ca_path if with_ca else None}
    assert "fingerprint" in await refused(python, make_leaf(ca), tmp_path, options)


@pytest.mark.parametrize("python", PYTHONS)
async def test_a_server_without_tls_is_no_tls_server(python, ca_path):
    async def handle(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    options = {"url": f"https://127.0.0.1:{port}/", "ca": ca_path}
    result = await run_program(python, "http_get.py", options)
    listening.close()
    assert result.get("error") == "TLSError", result
