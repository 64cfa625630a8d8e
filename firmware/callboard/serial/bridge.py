"""The board's end of the bridge: its network is the host at the serial line (PROTOCOL.md §9).

    bridge = Bridge(clock, outlet)
    bridge.packet(kind, buf, off, n)      # each frame from the Decoder
    bridge.tick()                         # at least every 50 ms
    await bridge.wait_open()              # until a host runs `callboard bridge`
    pipe = await bridge.open(HOST_TLS)    # a byte stream to the relay
    bridge.send_media(buf, off, n)        # a packet; it may get lost

Streams are reliable, in chunks that are acknowledged; media is not, and goes before them. A PING
is answered at once: that gives the host credit for the next bytes.
"""

import asyncio

from ..errors import NetworkError, TimedOut
from ..port import const, ticks_diff, wait_for
from . import channel as channels
from .pipes import Pipes

CHANNEL = (0x42, 0x62, 0x53, 0x4B, 0x4E)  # B b S K N: as O o D A U
PING = const(0x50)  # "P" host: session u16, number u8
PONG = const(0x70)  # "p" board: the same
MEDIA = const(0x4D)  # "M" both: an RTP or RTCP packet
HOST_TLS = const(1)  # flag of a stream: the host makes TLS for it
PACKET_MAX = const(220)  # bytes of a media packet: its frame fits into an ESP32's ring
QUEUE_MAX = const(24)  # messages that wait
DATA_MAX = const(8)  # while more wait, streams take no data
OPEN_MS = 10000
GONE_MS = 4000  # without a word from the host: it is gone
MEDIA_OPEN = const(16)  # message: a token for the relay's media socket
MEDIA_STATE = const(17)  # message: u8, whether that is open


class Bridge:
    """`outlet` as an Outlet.

    `rate`: bytes/s of the line as the host told it, 0 for none told; `media_open`: the host passes
    media on; `on_media(buf, off, n)` gets each packet; `on_change()` is told when a session begins
    or is gone. Counters: `media_in`, `media_out`, `sessions`, `refused`.
    """

    def __init__(self, clock, outlet):
        self._clock = clock
        self._outlet = outlet
        self._channel = channels.Channel(
            channels.BOARD,
            clock,
            outlet.urgent,
            self._message,
            self._lost,
            CHANNEL,
            self._opened,
            QUEUE_MAX,
        )
        outlet.reserve_packets()
        self.pipes = Pipes(self._channel.send, self._may_send)
        self._open = asyncio.Event()
        self._heard_ms = 0
        self._pong = bytearray(3)
        self.rate = 0
        self.media_open = False
        self.on_media = None
        self.on_change = None
        self.media_in = self.media_out = self.refused = self.sessions = 0

    @property
    def is_open(self):
        """True while a host is at the other end."""
        return self._channel.open_now

    async def wait_open(self):
        """Return once a host is at the other end. No time limit."""
        await self._open.wait()

    async def open(self, flags):
        """An open Pipe. Raises NetworkError with the host's sentence, TimedOut."""
        if not self.is_open:
            raise NetworkError("nobody is at the other end of the serial line")
        pipe = self.pipes.open(flags)
        if pipe is None:
            raise NetworkError("too many connections over the serial line at once")
        try:
            await wait_for(_until_answered(pipe), OPEN_MS / 1000)
        except asyncio.TimeoutError:
            pipe.close()
            raise TimedOut("the bridge did not answer in %d ms" % OPEN_MS)
        except BaseException:  # cancelled: nobody else knows it
            pipe.close()
            raise
        if pipe.opened is not True:
            raise NetworkError("the bridge: %s" % pipe.opened)
        return pipe

    def open_media(self, token):
        """Tell the host how to reach the relay's media socket."""
        self._channel.send(bytes((MEDIA_OPEN,)) + token.encode())

    def send_media(self, buf, off, n):
        """Send a packet. False: the line is full, or nobody would pass it on. No allocation."""
        if self.media_open and self._outlet.packet(MEDIA, buf, off, n):
            self.media_out += 1
            return True
        self.refused += 1
        return False

    def tick(self):
        """Send again what was lost; notice that the host is gone."""
        self._channel.tick()
        if self.is_open and ticks_diff(self._clock.ticks_ms(), self._heard_ms) >= GONE_MS:
            self._channel.close()
            self._lost("silent")

    # --- from the line ---

    def packet(self, kind, buf, off, n):
        """A frame: n bytes of payload at buf[off:]. False: not of the bridge's.

        Media and PING allocate nothing.
        """
        if kind == MEDIA:
            if self.is_open and self.on_media is not None and 0 < n <= PACKET_MAX:
                self._heard_ms = self._clock.ticks_ms()
                self.media_in += 1
                self.on_media(buf, off, n)
            return True
        if kind == PING:
            if n == 3:
                self._answer(buf, off)
            return True
        if kind not in CHANNEL:
            return False
        self._heard_ms = self._clock.ticks_ms()
        return self._channel.received(kind, bytes(memoryview(buf)[off : off + n]))

    def _answer(self, buf, off):
        if not self._channel.is_session(buf, off):
            self._channel.unknown(buf, off)
            return
        self._heard_ms = self._clock.ticks_ms()
        for i in range(3):
            self._pong[i] = buf[off + i]
        self._outlet.packet(PONG, self._pong, 0, 3)

    def _may_send(self):
        return self._channel.waiting < DATA_MAX

    def _message(self, message):
        if self.pipes.message(message):
            return
        if message[0] == MEDIA_STATE and len(message) == 2:
            self.media_open = message[1] == 1

    # --- sessions ---

    def _opened(self, extra):
        """The host began a session; `extra`: the line's rate in bytes/s, u32."""
        self._end()
        self._heard_ms = self._clock.ticks_ms()
        self.rate = 0
        if len(extra) >= 4 and extra[0] < 0x40:
            self.rate = extra[0] << 24 | extra[1] << 16 | extra[2] << 8 | extra[3]
        self.sessions += 1
        self._open.set()
        self._tell()

    def _lost(self, why):
        self._end()
        self._open.clear()
        self._tell()

    def _end(self):
        self.media_open = False
        self.pipes.lost()

    def _tell(self):
        if self.on_change is not None:
            self.on_change()


async def _until_answered(pipe):
    while pipe.opened is None:
        pipe.changed.clear()
        await pipe.changed.wait()
