"""One WebSocket as the relay writes to it: whole frames, at once, never waiting, within bounds.

Frames go straight to the transport: a server's frames are not masked (RFC 6455 §5.1), so one frame
serves every receiver of a feed. aiohttp reads, and runs the closing handshake.
"""

import asyncio
import fcntl
import logging
import struct
import termios

from aiohttp import web

log = logging.getLogger(__name__)

_TEXT = 0x81  # FIN and opcode
_BINARY = 0x82
_PONG = 0x8A
_NO_COUNT = b"\0\0\0\0"

CLOSE_GOING_AWAY = 1001
CLOSE_PROTOCOL = 4400
CLOSE_IDENTITY = 4401
CLOSE_SILENT = 4408
CLOSE_REPLACED = 4409
CLOSE_OVERFLOW = 4413
_REASON_BYTES = 120  # a close frame holds 123


def frame(opcode: int, payload: bytes) -> bytes:
    """A complete unmasked frame; payload shorter than 65 536 bytes."""
    length = len(payload)
    if length < 126:
        return bytes((opcode, length)) + payload
    return struct.pack("!BBH", opcode, 126, length) + payload


def media_frame(packet: bytes) -> bytes:
    """The frame of an RTP or RTCP packet, made once for all receivers."""
    return frame(_BINARY, packet)


class Connection:
    """The writing side of a client's WebSocket."""

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport, limits: tuple[int, int]
    ):
        """`limits`: bytes that may wait before media is dropped, and before we give it up."""
        self._socket = socket
        self._transport = transport
        self._media_backlog, self._signalling_backlog = limits
        tcp = transport.get_extra_info("socket")
        self._descriptor: int = tcp.fileno() if tcp is not None else -1
        self._closing: asyncio.Task[bool] | None = None
        self.last_received_ms = 0
        self.media_dropped = 0

    @property
    def address(self) -> str:
        """Where the client connects from: its IP address, as seen from here."""
        peer = self._transport.get_extra_info("peername")
        return peer[0] if peer else ""

    @property
    def is_open(self) -> bool:
        """Can anything still be sent?"""
        return self._closing is None and not self._transport.is_closing()

    def send_text(self, text: str) -> None:
        """Send a text message; too much waiting gives the connection up."""
        if not self.is_open:
            return
        data = frame(_TEXT, text.encode())
        if self._transport.get_write_buffer_size() + len(data) > self._signalling_backlog:
            log.warning("a client reads too slowly: connection dropped")
            self._transport.abort()
            return
        self._transport.write(data)

    def send_pong(self, payload: bytes) -> None:
        """Answer a ping, unless too much waits."""
        if self.is_open and self._transport.get_write_buffer_size() < self._signalling_backlog:
            self._transport.write(frame(_PONG, payload))

    def send_media(self, data: bytes, is_video: bool = False) -> bool:
        """Send a frame from media_frame(); False: dropped, because the client is congested.

        Pictures are dropped sooner than sound, so that sound never waits behind many of them.
        """
        room = self._media_backlog // 2 if is_video else self._media_backlog
        if not self.is_open or self._waiting_bytes() > room:
            self.media_dropped += 1
            return False
        self._transport.write(data)
        return True

    def close(self, code: int, reason: str) -> asyncio.Task[bool]:
        """Start the closing handshake, once. The task need not be awaited."""
        if self._closing is None:
            message = reason.encode()[:_REASON_BYTES].decode(errors="ignore").encode()
            self._closing = asyncio.ensure_future(self._socket.close(code=code, message=message))
        return self._closing

    async def finish(self) -> None:
        """Wait for the closing handshake, if one was started."""
        if self._closing is not None:
            await asyncio.gather(self._closing, return_exceptions=True)

    def abort(self) -> None:
        """Cut the line: the client is silent or gone."""
        self._transport.abort()

    def _waiting_bytes(self) -> int:
        """Bytes not yet at the receiver: ours, and (Linux) those in the kernel's send queue."""
        waiting = self._transport.get_write_buffer_size()
        try:
            count = fcntl.ioctl(self._descriptor, termios.TIOCOUTQ, _NO_COUNT)
        except OSError:
            return waiting
        return waiting + int.from_bytes(count, "little")
