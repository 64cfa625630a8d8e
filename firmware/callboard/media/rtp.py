"""One RTP stream out and one in (RFC 3550), with the header extensions of PROTOCOL.md §5."""

from array import array

from ..errors import ProtocolError
from ..native import wire
from ..port import const

LEVEL_ID = const(1)  # audio level, RFC 6464
MID_ID = const(2)  # RFC 8843
LEVEL_SILENCE = const(127)  # -127 dBov
MAX_HEADER = const(64)

# Indexes of RtpReceiver.info
PAYLOAD_OFF = const(0)
PAYLOAD_LEN = const(1)
PAYLOAD_TYPE = const(2)
MARKER = const(3)
SEQUENCE = const(4)
FRAME_INDEX = const(5)
LEVEL = const(6)
VOICE = const(7)


def check_stream(stream, codec):
    """Refuse a stream (PROTOCOL.md §4) that does not fit: ProtocolError names the member."""
    _expect(stream, "payload_type", codec.payload_type)
    _expect(stream, "clock_rate", codec.clock_rate)
    _expect(stream, "channels", 1)
    _expect(stream, "frame_ms", 20)
    ssrc = stream.get("ssrc")
    if not isinstance(ssrc, int) or isinstance(ssrc, bool) or not 0 < ssrc <= 0xFFFFFFFF:
        raise ProtocolError("ssrc of a stream must be 1 to 4294967295")
    mid = stream.get("mid")
    if not isinstance(mid, str) or not 0 < len(mid.encode()) <= 16:
        raise ProtocolError("mid of a stream must be 1 to 16 bytes")


def _expect(stream, member, value):
    if stream.get(member) != value:
        raise ProtocolError("%s of a %s stream must be %r" % (member, stream.get("codec"), value))


def is_rtcp(buf, off, n):
    """True when the packet is RTCP by its second byte (RFC 5761 §4)."""
    return n >= 2 and 192 <= buf[off + 1] <= 223


class RtpSender:
    """Writes headers of one outgoing stream.

    Arguments: `stream` (a checked stream description); `frame_ticks`, by which a frame advances
    the timestamp; `sequence` (0..65535) and `timestamp` (0..2^32-1) to start with, chosen at
    random by the caller (RFC 3550 §5.1).
    """

    def __init__(self, stream, frame_ticks, sequence, timestamp):
        self._state = bytearray(wire.RTP_TX_STATE)
        self._frame_ticks = frame_ticks
        mid = stream["mid"].encode()
        pt, ssrc = stream["payload_type"], stream["ssrc"]
        wire.rtp_tx_init(self._state, pt, ssrc, sequence, timestamp, LEVEL_ID, MID_ID, mid)
        self.header_size = wire.rtp_header_size(self._state)

    def write_header(self, out, off, marker, level, voice):
        """Write the frame's header; returns its size. marker, voice: 0, 1; level: 0..127."""
        return wire.rtp_write(self._state, out, off, marker, level, voice)

    def advance(self, sent):
        """Go on to the next frame. sent: 1, or 0 for a dropped packet, which gets no number."""
        wire.rtp_advance(self._state, self._frame_ticks, sent)


class RtpReceiver:
    """Parses packets of one incoming stream: `info` tells about the last good one.

    `frame_ticks`: of the RTP clock, how long a packet lasts.
    """

    def __init__(self, stream, frame_ticks):
        self._state = bytearray(wire.RTP_RX_STATE)
        self.info = array("i", [0] * wire.RTP_INFO)
        self._counters = array("i", [0] * wire.RTP_STATS)
        ssrc, clock_rate = stream["ssrc"], stream["clock_rate"]
        wire.rtp_rx_init(self._state, ssrc, clock_rate, frame_ticks, LEVEL_ID)

    def parse(self, buf, off, n, arrival_ms):
        """0: of the stream; wire.RTP_RESET: it starts anew; negative: refused, nothing changed."""
        return wire.rtp_parse(self._state, buf, off, n, self.info, arrival_ms)

    def interarrival_jitter(self):
        """The jitter of RFC 3550 §6.4.1, in clock units."""
        wire.rtp_rx_stats(self._state, self._counters)
        return self._counters[5]
