"""The relay's own certification authority and server certificate.

Valid from 2000-01-01, because a board's clock may say so before it has met the relay. Boards pin
the CA, or the server certificate's SHA-256. Files: ca.key, server.key (mode 0600), ca.pem, ca.der,
server.pem, server.der.
"""

import hashlib
import ipaddress
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from callboard.errors import StorageError

from .vault import sync_directory

NOT_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)
CA_NOT_AFTER = datetime(
    2049, 12, 31, tzinfo=UTC
)  # the last year of UTCTime, which every parser reads
SERVER_LIFE = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where the files are, and the server certificate's SHA-256 (hex)."""

    ca_path: Path
    server_path: Path
    server_key_path: Path
    fingerprint: str
    expires: datetime

    def context(self) -> ssl.SSLContext:
        """A TLS server context with the server certificate: TLS 1.2 (boards) and 1.3."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.server_path, self.server_key_path)
        return context


def ensure_certificates(directory: Path, names: tuple[str, ...], now: datetime) -> Certificates:
    """Load the CA and the server certificate; make what is missing, renew what no longer fits.

    `names`: host names and IP addresses besides the loopback ones. Raises StorageError.
    """
    try:
        ca_key, ca = _load_ca(directory) or _make_ca(directory)
        wanted = tuple(dict.fromkeys(LOOPBACK_NAMES + names))
        server = _load_server(directory, ca, wanted, now)
        if server is None:
            server = _make_server(directory, ca_key, ca, wanted, now)
    except (OSError, ValueError) as error:
        raise StorageError(f"the certificates in {directory} cannot be used: {error}") from error
    return Certificates(
        ca_path=directory / "ca.pem",
        server_path=directory / "server.pem",
        server_key_path=directory / "server.key",
        fingerprint=hashlib.sha256(_der(server)).hexdigest(),
        expires=server.not_valid_after_utc,
    )


def _load_ca(directory: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None:
    key_path, path = directory / "ca.key", directory / "ca.pem"
    if not key_path.exists() or not path.exists():
        return None
    key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    if (
        not isinstance(key, ec.EllipticCurvePrivateKey)
        or key.public_key() != certificate.public_key()
    ):
        raise StorageError(f"{key_path} is not the key of {path}: restore them, or remove both")
    return key, certificate


def _make_ca(directory: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"callboard relay CA {os.urandom(4).hex()}")
    public = key.public_key()
    certificate = (
        _builder(name, name, public, CA_NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_pair(directory, "ca", key, certificate)
    return key, certificate


def _load_server(
    directory: Path, ca: x509.Certificate, names: tuple[str, ...], now: datetime
) -> x509.Certificate | None:
    """The server certificate on disk; None: missing, other CA, other names, near its end."""
    key_path, path = directory / "server.key", directory / "server.pem"
    if not key_path.exists() or not path.exists():
        return None
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    current = (
        certificate.issuer == ca.subject
        and key.public_key() == certificate.public_key()
        and extension.value == _alternative_names(names)
        and certificate.not_valid_after_utc - now > RENEW_BEFORE
    )
    return certificate if current else None


def _make_server(
    directory: Path,
    ca_key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    names: tuple[str, ...],
    now: datetime,
) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    ca_identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_identifier)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = (
        _builder(_name("callboard relay"), ca.subject, public, now + SERVER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(_alternative_names(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write_pair(directory, "server", key, certificate)
    return certificate


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    not_after: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(not_after)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(names: tuple[str, ...]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general_name(name) for name in names])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _write_pair(
    directory: Path, stem: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
) -> None:
    """Write key and certificate so that a crash leaves the old pair, or one that is made anew."""
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (directory / f"{stem}.pem").unlink(missing_ok=True)
    _replace(directory / f"{stem}.key", secret, 0o600)
    _replace(directory / f"{stem}.der", _der(certificate), 0o644)
    _replace(directory / f"{stem}.pem", pem, 0o644)


def _replace(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)
