"""Certificates for tests: a CA and leaves with any dates and names."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
FAR = datetime(2049, 12, 31, tzinfo=UTC)


@dataclass
class Issued:
    """A certificate and its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def sha256(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def server_context(self, directory: Path) -> ssl.SSLContext:
        """An SSLContext that presents this certificate; files go to `directory`."""
        path = directory / f"{self.sha256[:16]}.pem"
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(key + self.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _builder(subject: str, key, not_before: datetime, not_after: datetime):
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )


def make_ca(name: str = "test CA") -> Issued:
    """A CA that is valid from 2000 to 2049."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, key, EPOCH, FAR).issuer_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    builder = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    return Issued(key, builder.sign(key, hashes.SHA256()))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def make_leaf(
    ca: Issued,
    names: tuple[str, ...] = ("localhost", "127.0.0.1"),
    not_before: datetime = EPOCH,
    not_after: datetime = FAR,
) -> Issued:
    """A server certificate for `names` (host names or IP addresses), signed by `ca`."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder("test server", key, not_before, not_after)
    builder = builder.issuer_name(ca.certificate.subject)
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
    )
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
    )
    return Issued(key, builder.sign(ca.key, hashes.SHA256()))


def expired_dates() -> tuple[datetime, datetime]:
    """Validity that ended yesterday."""
    now = datetime.now(UTC)
    return now - timedelta(days=400), now - timedelta(days=1)
