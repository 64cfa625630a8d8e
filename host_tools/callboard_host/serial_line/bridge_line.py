"""The host's end of the bridge on an open line, without I/O: what goes out when, and what came in.

One frame after the other, media first. A board's serial buffer is small (an ESP32's holds 260
bytes), so at most IN_FLIGHT bytes are on their way that the board did not confirm: it answers a
PING at once, and all that was sent before that has been read then.
"""

import secrets
from collections import deque
from collections.abc import Callable
from typing import Any

from callboard.port import CLOCK, ticks_add, ticks_diff
from callboard.serial import bridge as wire
from callboard.serial import framing
from callboard.serial.channel import HOST, Channel
from callboard.serial.pipes import Pipe, Pipes

IN_FLIGHT = 240  # bytes
PIECE = 64  # of a typed line
MEDIA_WAITING = 5  # packets: 100 ms of audio, older ones are dropped
TYPED_WAITING = 4096  # bytes
PING_AGAIN_MS = 100  # a ping that was not answered is sent again,
STALL_MS = 300  # and after this long what it asked about is taken for lost
KEEP_MS = 1000  # a ping when nothing else was sent
GONE_MS = 3500  # without an answer the board is gone
_PING = len(framing.encode(wire.PING, b"\1\1\1"))  # bytes
_TYPES = (*wire.CHANNEL, wire.PONG, wire.MEDIA)


class BridgeLine(framing.Handler):
    """`write(bytes)` to the port; `on_open(pipe, flags)` is asked for a stream; `on_media(bytes)`
    gets packets, `on_token(text)` the way to the relay's media socket; `on_line(bytes, cut)` what
    the board prints; `on_state(bool)` whether a board is there. `rate`: bytes/s, 0 for no limit.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        on_open: Callable[[Pipe, int], None],
        on_media: Callable[[bytes], None],
        on_token: Callable[[str], None],
        on_line: Callable[[bytes, bool], None],
        on_state: Callable[[bool], None],
        rate: int = 0,
        clock: Any = CLOCK,
    ):
        self._write = write
        self._clock = clock
        self._on_media = on_media
        self._on_token = on_token
        self._print = on_line
        self._on_state = on_state
        self._rate = rate
        self._control: deque[bytes] = deque()
        self._media: deque[bytes] = deque()
        self._typed: deque[bytes] = deque()
        self._channel = Channel(
            HOST,
            clock,
            self._queue,
            self._message,
            self._lost,
            wire.CHANNEL,
            queue_max=wire.QUEUE_MAX,
        )
        self.pipes = Pipes(
            self._channel.send, lambda: self._channel.waiting < wire.DATA_MAX, on_open
        )
        self.decoder = framing.Decoder(self, 65536, salvage=True)
        self.up = False
        self.session = b""
        self._sent = self._confirmed = 0  # bytes since the session began
        self._pings: deque[tuple[int, int, int]] = deque()  # number, `_sent` then, its time
        self._ping = 0  # number of the last one
        self._ping_ms = self._heard_ms = clock.ticks_ms()
        self._open_at: int | None = None
        self.media_in = self.media_out = self.media_dropped = 0
        self.sessions = self.stalls = 0

    @property
    def unanswered(self) -> int:
        """Bytes on their way that the board did not confirm."""
        return self._sent - self._confirmed

    @property
    def repeated(self) -> int:
        """Chunks that had to be sent again."""
        return self._channel.repeated

    # --- for the owner ---

    def begin(self) -> None:
        """Begin a session; it is tried again until the board answers."""
        number = secrets.randbelow(65536)
        self.session = number.to_bytes(2, "big")
        self._forget()
        self._open_at = None
        self._channel.open(number, self._rate.to_bytes(4, "big"))
        self._pump()

    def type(self, text: str) -> bool:
        """Type a line to the board. False: too much waits."""
        data = text.encode() + b"\n"
        if sum(map(len, self._typed)) + len(data) > TYPED_WAITING:
            return False
        self._typed.extend(data[at : at + PIECE] for at in range(0, len(data), PIECE))
        self._pump()
        return True

    def send_media(self, packet: bytes) -> bool:
        """Send a packet to the board, soon or never. False: it was dropped."""
        if not self.up or not 0 < len(packet) <= wire.PACKET_MAX:
            self.media_dropped += 1
            return False
        if len(self._media) >= MEDIA_WAITING:
            self._media.popleft()
            self.media_dropped += 1
        self._media.append(packet)
        self._pump()
        return True

    def media_state(self, is_open: bool) -> None:
        """Tell the board whether packets are passed on."""
        self._channel.send(bytes((wire.MEDIA_STATE, is_open)))

    def tick(self) -> None:
        """At least every 50 ms: what was lost is sent again, a silent board is noticed."""
        now = self._clock.ticks_ms()
        if self._open_at is not None and ticks_diff(self._open_at, now) <= 0:
            self.begin()
        self._channel.tick()
        if not self.up:
            self._pump()
            return
        if ticks_diff(now, self._heard_ms) >= GONE_MS:
            self._channel.close()
            self._lost("silent")
        elif self._pings and ticks_diff(now, self._pings[0][2]) >= STALL_MS:
            self.stalls += 1
            self._confirmed = self._sent
            self._pings.clear()
            self._send_ping()
        elif ticks_diff(now, self._ping_ms) >= (PING_AGAIN_MS if self._pings else KEEP_MS):
            self._send_ping()
        self._pump()

    # --- out ---

    def _queue(self, frame: bytes) -> None:
        self._control.append(frame)
        self._pump()

    def _pump(self) -> None:
        """Send what the board has room for."""
        while True:
            source, data = self._next()
            if not data or (self.unanswered and self.unanswered + len(data) + _PING > IN_FLIGHT):
                return
            source.popleft()
            if source is self._media:
                self.media_out += 1
            self._put(data)
            if self.up:
                self._send_ping()

    def _next(self) -> tuple[deque[bytes], bytes]:
        """The queue whose turn it is, and what it wants to send."""
        if self.up and self._media:
            return self._media, framing.encode(wire.MEDIA, self._media[0])
        for queue in (self._control, self._typed):
            if queue:
                return queue, queue[0]
        return self._control, b""

    def _put(self, data: bytes) -> None:
        self._sent += len(data)
        if not self.up:  # nobody answers pings yet, and what is sent is little
            self._confirmed = self._sent
        self._write(data)

    def _send_ping(self) -> None:
        self._ping = self._ping + 1 & 0xFF
        self._ping_ms = self._clock.ticks_ms()
        self._put(framing.encode(wire.PING, self.session + bytes((self._ping,))))
        self._pings.append((self._ping, self._sent, self._ping_ms))

    # --- in ---

    def feed(self, data: bytes) -> None:
        """Bytes came from the port."""
        self.decoder.feed(data, len(data), self._clock.ticks_ms())
        self._pump()

    def on_line(self, line: bytes, cut: bool) -> None:
        """From the decoder."""
        self._print(line, cut)

    def on_frame(self, kind: int, payload: bytes) -> None:
        """From the decoder."""
        if kind not in _TYPES:
            return
        if kind == wire.MEDIA:
            if self.up:
                self.media_in += 1
                self._on_media(payload)
        elif kind == wire.PONG:
            if self.up and payload[:2] == self.session and len(payload) == 3:
                self._answered(payload[2])
        else:
            self._channel.received(kind, payload)
            if not self.up and self._channel.open_now:
                self.up = True
                self.sessions += 1
                self._heard_ms = self._ping_ms = self._clock.ticks_ms()
                self._on_state(True)

    def _answered(self, number: int) -> None:
        self._heard_ms = self._clock.ticks_ms()
        if not any(ping[0] == number for ping in self._pings):
            return  # of long ago
        while self._pings[0][0] != number:
            self._pings.popleft()
        self._confirmed = self._pings.popleft()[1]

    def _message(self, message: bytes) -> None:
        if self.pipes.message(message):
            return
        if message[:1] == bytes((wire.MEDIA_OPEN,)):
            self._on_token(message[1:].decode("ascii", "replace"))

    def _lost(self, why: str) -> None:
        """The session is over: another one begins soon."""
        was_up = self.up
        self._forget()
        self._open_at = ticks_add(self._clock.ticks_ms(), 0 if why == "unknown" else 200)
        if was_up:
            self._on_state(False)

    def _forget(self) -> None:
        self.up = False
        self._sent = self._confirmed = 0
        self._pings.clear()
        self._control.clear()
        self._media.clear()
        self.pipes.lost()
