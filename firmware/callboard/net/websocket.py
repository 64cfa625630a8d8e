"""A WebSocket client (RFC 6455) for signalling and media on one connection.

Media goes out through send_binary_nowait(), which masks in place and allocates nothing: mask keys
come from a pool of strong random bytes that is refilled in the background. All other work,
receiving included, is plain asyncio.
"""

import asyncio
from binascii import b2a_base64

from .. import port
from ..core.scope import run_with_timeout
from ..errors import InvalidArgument, NetworkError, ProtocolError, TimedOut
from ..native import wire
from ..parts import part
from . import http
from . import stream as streams
from . import url as urls
from .http_parser import ResponseParser
from .ws_parser import (
    ABNORMAL,
    BINARY,
    CLOSE,
    NEED_DATA,
    NO_STATUS,
    PING,
    TEXT,
    Parser,
    WebSocketError,
    valid_utf8,
)
from .ws_upgrade import UpgradeRefused, check_upgrade, upgrade_request  # noqa: F401

HEADROOM = 14  # free bytes that a frame's header needs before its payload
_KEYS = port.const(256)  # bytes of mask keys: 64 frames
_KEYS_LOW = port.const(128)
_MEDIA_PENDING = port.const(1024)  # bytes that may wait before media is dropped instead
_CLOSE_MS = 1000  # how long close() waits for the other end
_MAX_DISCARD = port.const(262144)  # bytes of a server that goes on sending after the close
_MAX_CONTROL = port.const(125)


class WebSocketClosed(NetworkError):
    """The connection has ended. `code_received`: the peer's status, 1005 for none, 1006 when it
    vanished; `reason`: its words."""

    def __init__(self, code_received, reason=""):
        words = ": " + reason if reason else ""
        super().__init__("the WebSocket was closed (%d%s)" % (code_received, words))
        self.code_received = code_received
        self.reason = reason


async def connect(
    url,
    tls=None,
    protocol="callboard.v1",
    headers=None,
    max_text=16384,
    max_binary=1500,
    timeout_ms=10000,
    clock=port.CLOCK,
    random=port.random_bytes,
    dial=None,
    memory=None,
):
    """An open WebSocket to a ws:// or wss:// URL.

    `protocol` is the subprotocol that the server must choose (None: none); `max_text` and
    `max_binary` the longest messages in bytes, in both directions; `random(n)` gives strong random
    bytes; `dial` as of net.stream.connect(). `memory`: a list of the caller's that keeps the
    one large piece of memory (`max_text` and some) for its next WebSocket, once this one is
    closed: a heap in use may have no such piece any more. Raises InvalidArgument, TimedOut,
    TLSError, UpgradeRefused, NetworkError, ProtocolError.
    """
    target = urls.parse(url, ("ws", "wss"))
    if target.secure and tls is None:
        tls = part("net.tls", "TLS").client_context()
    return await run_with_timeout(
        timeout_ms,
        _connect(
            target,
            tls if target.secure else None,
            (protocol, headers, timeout_ms),
            Parser(max_text, max_binary, memory=memory),
            (max_text, max_binary),
            clock,
            random,
            dial,
        ),
        "opening a WebSocket to " + target.authority,
    )


async def _connect(target, tls, request, parser, limits, clock, random, dial):
    protocol, headers, timeout_ms = request
    limit = max(streams.DEFAULT_LIMIT, limits[0] + 4096)
    stream = await streams.connect(
        target.host,
        target.port,
        tls,
        timeout_ms=timeout_ms,
        clock=clock,
        limit=limit,
        dial=dial,
    )
    try:
        key = b2a_base64(random(16)).strip()
        await stream.write(upgrade_request(target, key, protocol, headers))
        response = ResponseParser(max_body=4096)
        await http.receive(stream, response)
        check_upgrade(response, key, protocol)
        rest = response.rest  # the server may speak at once
        parser.space()[: len(rest)] = rest
        parser.received(len(rest))
        return WebSocket(stream, parser, limits, clock, random)
    except BaseException:  # cancelled too: nobody else knows the stream
        stream.close()
        raise


def _utf8(text):
    # MicroPython's json.loads leaves surrogates in a str, and its encode() lets them pass.
    try:
        data = text.encode()
    except UnicodeError:
        data = b""
    if (text and not data) or (len(data) != len(text) and not valid_utf8(data)):
        raise InvalidArgument("text holds half of a surrogate pair")
    return data


class WebSocket:
    """Made by connect(). One task receives; any may send.

    `.closed`; `.close_code`, the status it ended with (None before); `.last_received_ms`,
    clock.ticks_ms() when the last byte came; `.dropped`, binary messages not sent because too much
    waits; `.inline_refills`, how often the key pool ran dry and was filled in the frame path.
    """

    def __init__(self, stream, parser, limits, clock, random):
        self._stream = stream
        self._parser = parser
        self._max_text, self._max_binary = limits
        self._clock = clock
        self._random = random
        self._keys = bytearray(random(_KEYS))
        self._key_off = 0
        self._control = bytearray(HEADROOM + _MAX_CONTROL)
        self._close_sent = False
        self._receiving = False
        self._ended = asyncio.Event()
        self._wake = asyncio.Event()
        self._background = asyncio.create_task(self._run_background())
        self.closed = False
        self.close_code = None
        self.close_reason = ""
        self.last_received_ms = clock.ticks_ms()
        self.dropped = 0
        self.inline_refills = 0

    # -- receiving --

    async def recv(self):
        """(1 text or 2 binary, payload as memoryview, valid until the next recv()).

        Pings are answered inside. No time limit. Raises WebSocketClosed; ProtocolError when the
        peer breaks the protocol (the connection is closed then); NetworkError.
        """
        if self._receiving:  # by close()
            await self._ended.wait()
            self._check_open()
        self._receiving = True
        try:
            while True:
                event = await self._event()
                if event in (TEXT, BINARY):
                    return event, self._payload()
                if event == PING:
                    self._answer_ping()
                elif event == CLOSE:
                    self._end(self._parser.close_code, self._parser.close_reason)
                    raise WebSocketClosed(self.close_code, self.close_reason)
        finally:
            self._receiving = False

    async def _event(self):
        parser = self._parser
        while not self.closed:
            try:
                event = parser.next()
            except WebSocketError as error:
                self._end(error.close_code, str(error.message))
                raise
            if event != NEED_DATA:
                return event
            try:
                count = await self._stream.readinto(parser.space())
            except NetworkError:
                self._end(ABNORMAL, "")
                raise
            if count == 0:
                self._end(ABNORMAL, "")
            parser.received(count)
            self.last_received_ms = self._clock.ticks_ms()
        raise WebSocketClosed(self.close_code, self.close_reason)

    def _payload(self):
        parser = self._parser
        return memoryview(parser.buffer)[parser.off : parser.off + parser.length]

    def _answer_ping(self):
        parser = self._parser
        for i in range(parser.length):
            self._control[HEADROOM + i] = parser.buffer[parser.off + i]
        self._send_frame(self._control, HEADROOM, parser.length, 10)

    # -- sending --

    @property
    def pending(self):
        """Bytes that wait to be written."""
        return self._stream.pending

    def send_binary_nowait(self, buf, payload_off, n):
        """True when buf[payload_off:payload_off + n] was sent or will be as soon as possible.

        False, and counted in `.dropped`, when too much waits already or the connection is closed.
        Needs HEADROOM free bytes before payload_off and destroys what is in `buf`: it is masked in
        place. Allocates nothing on MicroPython.
        """
        if n > self._max_binary:
            raise InvalidArgument("binary message longer than %d bytes" % self._max_binary)
        if self._stream.pending <= _MEDIA_PENDING and self._send_frame(buf, payload_off, n, 2):
            return True
        self.dropped += 1
        return False

    def _send_frame(self, buf, payload_off, n, opcode):
        if self.closed or self._close_sent:
            return False
        start = wire.ws_frame(buf, payload_off, n, opcode, True, self._keys, self._next_key())
        sent = self._stream.write_nowait(buf, start, payload_off + n - start)
        if self._stream.pending:
            self._wake.set()
        return sent

    def _next_key(self):
        off = self._key_off
        if off == _KEYS:
            self.refill_keys()
            self.inline_refills += 1
            off = 0
        elif off == _KEYS_LOW:
            self._wake.set()
        self._key_off = off + 4
        return off

    def refill_keys(self):
        """Fill the pool of mask keys. The background task does it in time."""
        self._keys[:] = self._random(_KEYS)
        self._key_off = 0

    def _text_frames(self, text, fragment):
        """A buffer with the message, in frames of at most `fragment` bytes; (buffer, from, to)."""
        data = _utf8(text)
        if len(data) > self._max_text:
            raise InvalidArgument("text message longer than %d bytes" % self._max_text)
        if not fragment or len(data) <= fragment:
            buf = bytearray(HEADROOM + len(data))
            buf[HEADROOM:] = data
            off = self._next_key()
            start = wire.ws_frame(buf, HEADROOM, len(data), TEXT, True, self._keys, off)
            return buf, start, len(buf)
        frames = b""
        for off in range(0, len(data), fragment):
            buf = bytearray(HEADROOM) + data[off : off + fragment]
            size = len(buf) - HEADROOM
            fin = off + fragment >= len(data)
            key = self._next_key()
            start = wire.ws_frame(buf, HEADROOM, size, 0 if off else TEXT, fin, self._keys, key)
            frames += buf[start:]
        return frames, 0, len(frames)

    def send_text_nowait(self, text):
        """True when `text` was sent or will be as soon as possible; False when too much waits."""
        if self.closed or self._close_sent:
            return False
        buf, start, end = self._text_frames(text, 0)
        sent = self._stream.write_nowait(buf, start, end - start)
        if self._stream.pending:
            self._wake.set()
        return sent

    async def send_text(self, text, fragment=0):
        """Send `text`, in frames of at most `fragment` bytes; wait until the system has it.

        Raises WebSocketClosed, NetworkError, TimedOut; InvalidArgument when it is too long.
        """
        self._check_open()
        buf, start, end = self._text_frames(text, fragment)
        try:
            await self._stream.write(memoryview(buf)[start:end])
        except NetworkError:
            self._end(ABNORMAL, "")
            raise

    def ping_nowait(self):
        """Send a ping; True as for send_binary_nowait."""
        return self._send_frame(self._control, HEADROOM, 0, 9)

    def _check_open(self):
        if self.closed or self._close_sent:
            raise WebSocketClosed(self.close_code or NO_STATUS, self.close_reason)

    # -- the end --

    async def close(self, code=1000, reason=""):
        """Close with a status and wait, at most a second, for the peer to do the same (§7.1.1).

        `code`: 1000, 1001 … or 3000 to 4999; `reason`: at most 123 bytes of UTF-8.
        """
        if self.closed:
            return
        if not (1000 <= code <= 1014 and code not in (1004, 1005, 1006) or 3000 <= code < 5000):
            raise InvalidArgument("close code %d is not allowed" % code)
        if len(reason.encode()) > _MAX_CONTROL - 2:
            raise InvalidArgument("close reason longer than %d bytes" % (_MAX_CONTROL - 2))
        self._send_close(code, reason)
        try:
            await run_with_timeout(_CLOSE_MS, self._await_close(), "closing the WebSocket")
        except (TimedOut, NetworkError, ProtocolError):
            pass  # the peer did not play its part; closed it is all the same
        self._end(code, reason)
        if self._receiving:
            self._stream.close()  # wakes who still waits for a message

    async def _await_close(self):
        if self._receiving:  # whoever receives sees the peer's close frame
            await self._ended.wait()
        while not self.closed:
            await self.recv()

    def _send_close(self, code, reason):
        if self._close_sent or self._stream.closed:
            return
        data = b"" if code in (NO_STATUS, ABNORMAL) else bytes((code >> 8, code & 255))
        data = (data + reason.encode() if data else data)[:_MAX_CONTROL]
        self._control[HEADROOM : HEADROOM + len(data)] = data
        self._send_frame(self._control, HEADROOM, len(data), CLOSE)
        self._close_sent = True

    def _end(self, code, reason):
        """Answer a close frame if there was none from us, and be closed."""
        if self.closed:
            return
        if code != ABNORMAL:
            self._send_close(code, reason)
        self.closed = True
        self.close_code = code
        self.close_reason = reason
        self._stream.flush()
        if code == ABNORMAL:
            self._stream.close()
        self._ended.set()
        self._wake.set()

    async def _run_background(self):
        """What the frame path leaves to do: write what waits, and renew the mask keys."""
        while not self.closed:
            await self._wake.wait()
            self._wake.clear()
            if self._key_off >= _KEYS_LOW:
                self.refill_keys()
            try:
                await self._stream.drain()
            except NetworkError:
                return  # the stream keeps the reason and gives it to the receiver
        await self._linger()

    async def _linger(self):
        """Leave the end of TCP to the server (§7.1.1): to close with unread bytes in the buffer
        would reset the connection and lose our close frame."""
        view = memoryview(self._control)  # the parser's may be the next WebSocket's by now
        try:
            await run_with_timeout(_CLOSE_MS, self._discard(view), "closing")
        except NetworkError:
            pass  # the server may take its time, or have gone: it is over for us
        self._stream.close()

    async def _discard(self, view):
        left = _MAX_DISCARD
        while left > 0:
            count = await self._stream.readinto(view)
            left -= count or left
