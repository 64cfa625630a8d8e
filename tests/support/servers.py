"""Small servers for device tests of the network clients, on both Pythons.

async with Server(handle) as server:     # async def handle(reader, writer)
    ... "http://127.0.0.1:%d/" % server.port
"""

import asyncio
import hashlib
import os
from binascii import b2a_base64

from callboard.native import wire
from callboard.net.ws_parser import NEED_DATA, Parser

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def _listen(handle, ssl):
    for _ in range(50):  # MicroPython does not tell which port it got for 0
        high, low = os.urandom(2)
        port = 20000 + (high << 8 | low) % 12000
        try:
            return await asyncio.start_server(handle, "127.0.0.1", port, ssl=ssl), port
        except OSError:
            continue
    raise OSError("no free port")


class Server:
    """Listens on 127.0.0.1 while the block lasts; `port` is where. `failures` of its handler.

    `connections`: how many there were, `served`: of these are over.
    """

    def __init__(self, handle, ssl=None):
        self._handle = handle
        self._ssl = ssl
        self.failures = []
        self.connections = self.served = 0

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            await self._handle(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        except Exception as error:
            self.failures.append(error)
        try:
            writer.close()
            await writer.wait_closed()
        except OSError:
            pass
        self.served += 1

    async def __aenter__(self):
        self._server, self.port = await _listen(self._serve, self._ssl)
        return self

    async def __aexit__(self, kind, value, trace):
        self._server.close()
        if kind is None and self.failures:
            raise self.failures[0]
        return False


async def read_head(reader):
    """The head of a request as (request line, {lower-case name: value})."""
    line = (await reader.readline()).decode().rstrip("\r\n")
    headers = {}
    while True:
        header = (await reader.readline()).decode().rstrip("\r\n")
        if not header:
            return line, headers
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()


def accept_key(key):
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key."""
    return b2a_base64(hashlib.sha1(key.encode() + _GUID).digest()).strip().decode()


def frame(opcode, payload=b"", fin=True):
    """One unmasked frame, as a server sends it."""
    buf = bytearray(14) + payload
    return bytes(buf[wire.ws_frame(buf, 14, len(payload), opcode, fin, None, 0) :])


class WebSocketPeer:
    """The server's end of a WebSocket, for tests."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer
        self._parser = Parser(65536, 65536, masked=True)
        self.headers = {}
        self.line = ""

    async def accept(self, protocol="callboard.v1", extra=b""):
        """Read the upgrade and grant it; `extra` bytes follow in the same write."""
        self.line, self.headers = await read_head(self._reader)
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: keep-alive, Upgrade",
            "Sec-WebSocket-Accept: " + accept_key(self.headers["sec-websocket-key"]),
        ]
        if protocol:
            lines.append("Sec-WebSocket-Protocol: " + protocol)
        await self.send_raw(("\r\n".join(lines) + "\r\n\r\n").encode() + extra)

    async def send_raw(self, data):
        """Bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def send(self, opcode, payload=b"", fin=True):
        """One frame."""
        await self.send_raw(frame(opcode, payload, fin))

    async def recv(self):
        """(opcode, payload bytes) of the next event; EOFError at the end."""
        parser = self._parser
        while True:
            event = parser.next()
            if event != NEED_DATA:
                return event, bytes(parser.buffer[parser.off : parser.off + parser.length])
            data = await self._reader.read(min(1024, len(parser.space())))
            if not data:
                raise EOFError
            parser.space()[: len(data)] = data
            parser.received(len(data))
