"""The opening handshake of a WebSocket, from the client's side and without I/O (RFC 6455 §4.1)."""

import hashlib
from binascii import b2a_base64

from ..errors import NetworkError, ProtocolError
from . import http

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class UpgradeRefused(NetworkError):
    """The server answered with HTTP status `.status` instead of opening a WebSocket."""

    def __init__(self, status, reason):
        super().__init__("the server refused the WebSocket: %d %s" % (status, reason))
        self.status = status


def upgrade_request(target, key, protocol, headers):
    """The request as bytes. `key` 24 bytes of base64, `headers` a dict or None."""
    lines = [
        "GET %s HTTP/1.1" % target.target,
        "Host: " + target.authority,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: " + key.decode(),
        "Sec-WebSocket-Version: 13",
    ]
    if protocol is not None:
        lines.append("Sec-WebSocket-Protocol: " + protocol)
    for name, value in (headers or {}).items():
        lines.append(http.header_line(name, value))
    lines.append("\r\n")
    return "\r\n".join(lines).encode()


def check_upgrade(response, key, protocol):
    """Raise unless a ResponseParser holds the right answer to the upgrade (RFC 6455 §4.1)."""
    if response.status != 101:
        raise UpgradeRefused(response.status, response.reason)
    headers = response.headers
    tokens = headers.get("connection", "").lower().replace(" ", "").split(",")
    if headers.get("upgrade", "").lower() != "websocket" or "upgrade" not in tokens:
        raise ProtocolError("the server did not upgrade to WebSocket")
    accept = b2a_base64(hashlib.sha1(key + _GUID).digest()).strip().decode()
    if headers.get("sec-websocket-accept") != accept:
        raise ProtocolError("the server's Sec-WebSocket-Accept is wrong")
    if headers.get("sec-websocket-protocol") != protocol:
        raise ProtocolError("the server does not speak the subprotocol %s" % protocol)
    if "sec-websocket-extensions" in headers:
        raise ProtocolError("the server chose a WebSocket extension nobody offered")
