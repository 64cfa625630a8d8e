"""Which servers we trust, and sentences for those we do not.

On both Pythons: a pinned CA means that chain, dates and name must be right (an IP address is
compared with the certificate's IP names); a pinned leaf means that this very certificate is
presented and its owner holds the key, whatever its dates, names and issuer say. Nothing is sent
before that is certain.
"""

from binascii import a2b_base64, unhexlify

from .. import port
from ..errors import InvalidArgument, NetworkError, TLSError
from ..port_socket import is_leaf_refused, is_tls_eof, is_tls_error

_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"

# What mbedtls and OpenSSL say, and what it means.
_SENTENCES = (
    (
        ("validity has expired", "certificate has expired"),
        "its certificate has expired (or the clock is wrong)",
    ),
    (
        ("starts in the future", "not yet valid"),
        "its certificate is not valid yet (is the clock right?)",
    ),
    (
        ("Common Name (CN) does not match", "ostname mismatch", "IP address mismatch"),
        "its certificate is for another name",
    ),
    (
        ("not correctly signed by the trusted", "unable to get", "self", "signature failure"),
        "its certificate is not from the CA we trust",
    ),
)


def client_context(ca=None, leaf_sha256=None, check_leaf=None):
    """What to trust, for the `tls` argument of net.stream, net.http and net.websocket.

    `ca`: one CA certificate, PEM (str or bytes) or DER (bytes); `leaf_sha256`: the server
    certificate's SHA-256, 32 bytes or 64 hex digits (colons allowed); `check_leaf(sha256)` decides
    itself and returns True to trust. With both a CA and a leaf, both must be right. With none,
    CPython trusts the system's CAs; MicroPython raises InvalidArgument.
    """
    if isinstance(leaf_sha256, str):
        leaf_sha256 = _from_hex(leaf_sha256)
    try:
        return port.tls_client_context(None if ca is None else to_der(ca), leaf_sha256, check_leaf)
    except ValueError as error:
        raise InvalidArgument("ca is not a certificate: %s" % error)
    except OSError as error:
        raise InvalidArgument("ca is not a certificate: %s" % error)


def context_from_file(path):
    """client_context() that trusts the CA certificate in a file, PEM or DER."""
    with open(path, "rb") as file:
        return client_context(ca=file.read(16384))


def _from_hex(text):
    try:
        return unhexlify(text.replace(":", "").encode())
    except ValueError:
        raise InvalidArgument("leaf_sha256 must be 64 hex digits")


def to_der(certificate):
    """DER bytes of one certificate, given as PEM or DER. Raises InvalidArgument."""
    if isinstance(certificate, str):
        text = certificate
    elif bytes(certificate[:1]) == b"\x30":
        return bytes(certificate)
    else:
        text = _ascii(bytes(certificate))
    before, begin, rest = text.partition(_BEGIN)
    body, end, after = rest.partition(_END)
    if not begin or not end or _BEGIN in after:
        raise InvalidArgument("ca must be exactly one certificate, PEM or DER")
    try:
        return a2b_base64("".join(body.split()))
    except ValueError:
        raise InvalidArgument("ca is damaged PEM")


def _ascii(data):
    for byte in data:
        if byte > 0x7F:
            raise InvalidArgument("ca is neither PEM nor DER")
    return data.decode()


def explain(error, peer):
    """A TLSError or NetworkError for what a TLS library raised, or None when it is not from TLS.

    `peer` is the server's name for people.
    """
    if is_tls_eof(error):
        return NetworkError("the connection to %s was cut off" % peer)
    if not is_tls_error(error):
        return None
    if is_leaf_refused(error):
        return TLSError("%s is not trusted: its certificate has another fingerprint" % peer)
    text = str(error)
    found = [sentence for signs, sentence in _SENTENCES if _any_in(signs, text)]
    if not found:
        return TLSError("no TLS connection to %s: %s" % (peer, text.strip()))
    return TLSError("%s is not trusted: %s" % (peer, "; ".join(found)))


def _any_in(signs, text):
    return any(sign in text for sign in signs)
