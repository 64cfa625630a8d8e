"""A call's pictures: H.264 access units in RTP packets, out and in (RFC 6184; V-51).

Sound goes first. A picture waits in the application's own buffer and leaves a few packets at a
time, never more than the line has room for: media.window.Window knows from the relay's receiver
reports. A picture that cannot leave in time is dropped with all that follow, up to the next key
frame, which is asked for. Nothing here allocates once it is made.
"""

from array import array

from ..errors import InvalidArgument, ProtocolError
from ..native import wire
from ..port import const, ticks_diff
from . import rtp
from .window import Window

CLOCK_RATE = const(90000)  # RFC 6184 §8.1
PAYLOAD_MAX = const(1100)  # with all headers it fits into 1280 bytes, which every network carries
BURST = const(3)  # packets to one tick of 20 ms, 1.3 Mb/s: what the sound has to wait for
AGE_MAX_MS = const(500)  # a picture that still waits after that is worth nothing
PICTURE_MAX = const(65536)
_TICKS_OF_MS = const(90)
_ASK_AGAIN = const(15)  # skipped pictures
_LATE_MAX = const(16)  # packets
_STAP_A = const(24)
_FU_A = const(28)


def check_stream(stream):
    """Refuse a description (PROTOCOL.md §4) that is no H.264: ProtocolError names the member."""
    for member, low, high in (("payload_type", 96, 127), ("ssrc", 1, 0xFFFFFFFF)):
        value = stream.get(member)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ProtocolError("%s of a video stream must be %d to %d" % (member, low, high))
    if stream.get("codec") != "h264" or stream.get("clock_rate") != CLOCK_RATE:
        raise ProtocolError("a video stream must be h264 with a clock rate of 90000")
    mid = stream.get("mid")
    if not isinstance(mid, str) or not 0 < len(mid.encode()) <= 16:
        raise ProtocolError("mid of a stream must be 1 to 16 bytes")


class VideoSender:
    """Sends the pictures of one stream.

    Arguments: `clock`; `stream`, a description of PROTOCOL.md §4; `transport` with `headroom` and
    `send(buf, off, n)`, as for AudioSession; `start`: (sequence number, timestamp) of the first
    packet. `on_key_frame_wanted()` is called when the next picture must be a key frame.

    Counters: `pictures` begun, `sent` packets, `dropped` pictures. `window`: what the line takes.
    """

    def __init__(self, clock, stream, transport, start, on_key_frame_wanted=None):
        check_stream(stream)
        sequence, timestamp = start
        self.pictures = self.sent = self.dropped = 0
        self.on_key_frame_wanted = on_key_frame_wanted
        self.window = Window(stream["ssrc"], sequence)
        self._clock = clock
        self._transport = transport
        self._state = bytearray(wire.RTP_TX_STATE)
        self._open(stream, sequence, timestamp)
        self._payload_off = transport.headroom + wire.rtp_header_size(self._state)
        self.ssrc = stream["ssrc"].to_bytes(4, "big")
        self._packet = bytearray(self._payload_off + PAYLOAD_MAX)
        self._walk = array("i", [0] * wire.H264_WALK)
        self._unit = None  # the access unit that is on its way
        self._pts_ms = None
        self._begun_ms = 0
        self._need_key = True

    def _open(self, stream, sequence, timestamp):
        mid, pt, ssrc = stream["mid"].encode(), stream["payload_type"], stream["ssrc"]
        wire.rtp_tx_init(self._state, pt, ssrc, sequence, timestamp, 0, rtp.MID_ID, mid)

    @property
    def queued(self):
        """Bytes of the picture on its way that are still to be sent."""
        return self._walk[1] - self._walk[0] if self._unit is not None else 0

    @property
    def waits_for_key(self):
        """True while only a key frame is taken."""
        return self._need_key

    def send(self, buf, off, n, pts_ms):
        """Begin to send the access unit buf[off:off+n] (Annex B), shown at `pts_ms`.

        pts_ms: any clock in ms that only goes forward and wraps at 2^30. `buf` must stay as it is
        while `queued` is not 0. False: dropped, because the one before is still on its way or a
        key frame is needed first. InvalidArgument: it is no access unit.
        """
        kinds = wire.h264_look(buf, off, n)
        if kinds < 0:
            raise InvalidArgument("%d bytes at %d are no access unit in Annex B form" % (n, off))
        if self._unit is not None:
            self.miss()
            return False
        if self._need_key and not kinds & wire.H264_KEY:
            self.dropped += 1
            return False
        self._need_key = False
        self._advance(pts_ms)
        self._walk[0], self._walk[1], self._walk[2] = off, off + n, 0
        self._unit = buf
        self._begun_ms = self._clock.ticks_ms()
        self.pictures += 1
        return True

    def _advance(self, pts_ms):
        """Move the timestamp on to this picture."""
        if self._pts_ms is not None:
            passed_ms = ticks_diff(pts_ms, self._pts_ms)
            if passed_ms < 1:
                passed_ms = 1  # two pictures never share a timestamp
            wire.rtp_advance(self._state, _TICKS_OF_MS * passed_ms, 0)
        self._pts_ms = pts_ms

    def miss(self):
        """A picture did not find room and is lost to the far end: only a key frame helps."""
        self.dropped += 1
        self.restart()

    def restart(self):
        """Go on with a key frame: something was dropped here, or the far end lost it."""
        if self._need_key:
            return  # asked for already
        self._need_key = True
        if self.on_key_frame_wanted is not None:
            self.on_key_frame_wanted()

    def tick(self):
        """Send what there is room for; every 20 ms, after the sound. Does not allocate."""
        now_ms = self._clock.ticks_ms()
        for _ in range(BURST):
            if self._unit is None or not self.window.open(now_ms) or not self._send_packet(now_ms):
                break
        if self._unit is not None and ticks_diff(now_ms, self._begun_ms) > AGE_MAX_MS:
            self._unit = None
            self.miss()

    def _send_packet(self, now_ms):
        walk, start = self._walk, self._transport.headroom
        at, unit_end, header = walk[0], walk[2], walk[3]
        n = wire.h264_pack(self._unit, walk, self._packet, self._payload_off, PAYLOAD_MAX)
        last = walk[0] == walk[1]
        if n:
            n += wire.rtp_write(self._state, self._packet, start, last, 0, False)
            if not self._transport.send(self._packet, start, n):
                walk[0], walk[2], walk[3] = at, unit_end, header
                return False
            wire.rtp_advance(self._state, 0, True)
            self.window.sent(now_ms)
            self.sent += 1
        if last or not n:
            self._unit = None
        return True


class VideoReceiver:
    """Puts the pictures of one stream together.

    Arguments: `stream`, a description of PROTOCOL.md §4; `on_picture(buf, off, n, pts_ms, key)`
    gets each access unit in Annex B form, valid during the call, `pts_ms` since the first
    packet's, and whether it is a key frame; `on_key_frame_wanted()` is called when one was lost:
    pictures come again from the next key frame on. `picture`: a bytearray that holds the largest
    one; None: one of PICTURE_MAX bytes.

    Counters: `pictures` handed over, `broken` ones, `skipped` for want of a key frame, `refused`
    packets.
    """

    def __init__(self, stream, on_picture, on_key_frame_wanted=None, picture=None):
        check_stream(stream)
        self.pictures = self.broken = self.skipped = self.refused = 0
        self.on_key_frame_wanted = on_key_frame_wanted
        self._on_picture = on_picture
        self.payload_type = stream["payload_type"]
        self._state = bytearray(wire.RTP_RX_STATE)
        wire.rtp_rx_init(self._state, stream["ssrc"], CLOCK_RATE, wire.RTP_ANY_TICK, 0)
        self._info = array("i", [0] * wire.RTP_INFO)
        self._assembly = array("i", [0] * wire.H264_ASSEMBLY)
        self._picture = bytearray(PICTURE_MAX) if picture is None else picture
        self._running = False  # a packet has come
        self._next = 0  # the sequence number that comes next
        self._late = self._next_late = 0  # how many late ones in order, and which comes next
        self._index = 0  # of the last packet's picture
        self._open = False  # that picture's end has not come
        self._whole = False  # nothing of it is missing so far
        self._need_key = True

    def receive(self, buf, off, n, arrival_ms):
        """Take one packet. True when it belongs to the stream. Does not allocate."""
        info = self._info
        result = wire.rtp_parse(self._state, buf, off, n, info, arrival_ms)
        if result < 0 or info[rtp.PAYLOAD_TYPE] != self.payload_type:
            self.refused += 1
            return False
        sequence, index = info[rtp.SEQUENCE], info[rtp.FRAME_INDEX]
        gap = not self._running or result == wire.RTP_RESET or sequence != self._next
        if gap and self._running and result == 0 and self._is_late(sequence):
            self.refused += 1
            return False
        if gap and self._running:
            self._lost()
        self._running = True
        self._next = sequence + 1 & 0xFFFF
        if not self._open or index != self._index:
            self._begin(index, gap, buf)
        self._append(buf)
        if info[rtp.MARKER]:
            self._finish(index)
        return True

    def _is_late(self, sequence):
        """A packet of a picture that was given up, or for the second time; but when many come in
        order, it was a wild one that went ahead."""
        if not sequence - self._next & 0x8000:
            return False
        self._late = self._late + 1 if sequence == self._next_late else 0
        self._next_late = sequence + 1 & 0xFFFF
        return self._late < _LATE_MAX

    def _lost(self):
        """Packets are missing: the picture they belong to, and all that build on it."""
        self._whole = False
        self._want_key_frame()

    def _begin(self, index, gap, buf):
        """The first packet of a picture. Behind a gap it may be one from its middle."""
        if self._open:  # the end of the picture before never came
            self._lost()
            self.broken += 1
        self._open = True
        self._index = index
        self._assembly[0] = self._assembly[1] = self._assembly[2] = 0
        info = self._info
        off, n = info[rtp.PAYLOAD_OFF], info[rtp.PAYLOAD_LEN]
        self._whole = not gap or _begins_picture(buf, off, n)

    def _append(self, buf):
        if not self._whole:
            return
        info = self._info
        off, n = info[rtp.PAYLOAD_OFF], info[rtp.PAYLOAD_LEN]
        if wire.h264_unpack(buf, off, n, self._assembly, self._picture) < 0:
            self._lost()

    def _finish(self, index):
        """The last packet of a picture has come."""
        self._open = False
        size, is_open, kinds = self._assembly[0], self._assembly[1], self._assembly[2]
        if not self._whole or is_open or not size:
            self.broken += 1
            self._want_key_frame()
        elif self._need_key and not kinds & wire.H264_KEY:
            self.skipped += 1
            if self.skipped % _ASK_AGAIN == 0:  # the first request may have been lost
                self._ask()
        else:
            self._need_key = False
            self.pictures += 1
            key = kinds & wire.H264_KEY != 0
            self._on_picture(self._picture, 0, size, index // _TICKS_OF_MS, key)

    def _want_key_frame(self):
        if not self._need_key:
            self._need_key = True
            self._ask()

    def _ask(self):
        if self.on_key_frame_wanted is not None:
            self.on_key_frame_wanted()


def _begins_picture(buf, off, n):
    """Whether a payload is the first of its access unit, as far as its first bytes tell.

    A delimiter or a sequence parameter set can only be the first (H.264 §7.4.1.2.3); otherwise it
    begins with the slice whose first_mb_in_slice is 0, written as a single 1 bit.
    """
    at = off
    if n < 2:
        return False
    kind = buf[at] & 31
    if kind == _FU_A:
        if not buf[at + 1] & 0x80:
            return False
        kind = buf[at + 1] & 31
        at += 1
    elif kind == _STAP_A and n > 4:
        at += 3
        kind = buf[at] & 31
    if kind == 7 or kind == 9:
        return True
    return (kind == 1 or kind == 5) and at + 1 < off + n and buf[at + 1] & 0x80 != 0
