"""wire's receiving side of RTP in pure Python: rtp_rx.c function by function."""

import struct

from callboard.pure import check, fits, read, write

RTP_RX_STATE = 96
RTP_INFO = 8
RTP_STATS = 9
RTP_MAX_JUMP = 3000
RTP_ANY_TICK = 1
RTP_RESET = 1
RTP_ESHORT = -1
RTP_EVERSION = -2
RTP_ERTCP = -3
RTP_ELENGTH = -4
RTP_EEXT = -5
RTP_EPADDING = -6
RTP_ESSRC = -7
RTP_EALIGN = -8
RTP_EJUMP = -9

_MAGIC = 0x31525752
_ONE_BYTE_PROFILE = 0xBEDE
_MASK32 = 0xFFFFFFFF
_MASK64 = 0xFFFFFFFFFFFFFFFF
_NO_ARRIVAL = 0xFFFFFFFF
_ARRIVAL_MASK = (1 << 30) - 1
_MAX_COUNT = (1 << 30) - 1
_MAX_INDEX = 1 << 29
_MAX_PAUSE_S = 60
_MAX_PAUSE_MS = 15000


def _signed(v, bits):
    """The two's complement value of the low bits of v."""
    v &= (1 << bits) - 1
    return v - (1 << bits) if v >> (bits - 1) else v


class _Receiver:
    """The receiver's state, unpacked; field by field the struct of rtp_rx.c."""

    FORMAT = "<7Ii2IQ12I"
    FIELDS = [
        "magic",
        "ssrc",
        "clock_rate",
        "frame_samples",
        "level_id",
        "started",
        "newest_ts",
        "newest_index",
        "base_seq",
        "highest_seq",
        "seen",
        "received",
        "expected_before",
        "duplicates",
        "reordered",
        "resets",
        "jitter_q4",
        "last_arrival",
        "last_ts",
        "has_candidate",
        "candidate_seq",
        "candidate_ts",
        "spare",
    ]

    def __init__(self, view):
        if len(view) < RTP_RX_STATE:
            raise ValueError("bad state")
        for name, value in zip(
            self.FIELDS, struct.unpack(self.FORMAT, bytes(view[:RTP_RX_STATE]))
        ):
            setattr(self, name, value)
        if (
            self.magic != _MAGIC
            or not 1 <= self.frame_samples <= 65535
            or not 1 <= self.clock_rate <= 96000
            or abs(self.newest_index) > _MAX_INDEX
        ):
            raise ValueError("bad state")

    def store(self, view):
        values = [getattr(self, name) for name in self.FIELDS]
        view[:RTP_RX_STATE] = struct.pack(self.FORMAT, *values)

    def rebase(self, seq, timestamp):
        """Make this packet frame 0 of a (new) stream."""
        if self.started:
            self.expected_before += self.highest_seq - self.base_seq + 1
            self.expected_before &= _MASK32
            self.resets += 1
        self.started = 1
        self.has_candidate = 0
        self.newest_ts = timestamp
        self.newest_index = 0
        self.base_seq = self.highest_seq = seq
        self.seen = 1
        self.received += 1
        self.last_arrival = _NO_ARRIVAL

    def max_ahead(self):
        """Units of the clock by which a packet of the running stream may be away."""
        if self.frame_samples == RTP_ANY_TICK:
            return _MAX_PAUSE_S * self.clock_rate
        return RTP_MAX_JUMP * self.frame_samples

    def misplaced(self, seq, timestamp, error):
        """Remember a packet that does not fit, or restart if it follows the one before."""
        later = timestamp - self.candidate_ts & _MASK32
        if (
            self.has_candidate
            and seq == self.candidate_seq + 1 & 0xFFFF
            and 1 <= later <= self.max_ahead()
            and later % self.frame_samples == 0
        ):
            self.rebase(seq, timestamp)
            return RTP_RESET
        self.has_candidate = 1
        self.candidate_seq = seq
        self.candidate_ts = timestamp
        return error

    def count(self, ahead):
        """Count the packet `ahead` of the highest sequence number. True if it is a duplicate."""
        seq = self.highest_seq + ahead & _MASK32
        if ahead > 0:
            self.highest_seq = seq
            self.seen = (self.seen << ahead & _MASK64 if ahead < 64 else 0) | 1
        else:
            bit = 1 << -ahead if ahead > -64 else 0
            if self.seen & bit:
                self.duplicates += 1
                return True
            self.seen |= bit
            self.reordered += 1
            if _signed(seq - self.base_seq, 32) < 0:
                self.base_seq = seq
        self.received += 1
        return False

    def update_jitter(self, timestamp, arrival_ms):
        """RFC 3550 §6.4.1 and A.8."""
        pause_ms = arrival_ms - self.last_arrival & _ARRIVAL_MASK
        if self.last_arrival != _NO_ARRIVAL and pause_ms <= _MAX_PAUSE_MS:
            off = pause_ms * self.clock_rate // 1000 - _signed(timestamp - self.last_ts, 32)
            self.jitter_q4 += min(abs(off), self.clock_rate) - (self.jitter_q4 + 8 >> 4)
        self.last_arrival = arrival_ms
        self.last_ts = timestamp

    def place_running(self, seq, timestamp):
        """(result, frame index, duplicate) of a packet of a stream that has begun."""
        seq_ahead = _signed(seq - self.highest_seq, 16)
        ahead = _signed(timestamp - self.newest_ts, 32)
        frames = abs(ahead) // self.frame_samples
        index = self.newest_index + (frames if ahead >= 0 else -frames)
        error = RTP_EALIGN if ahead % self.frame_samples else 0
        if (
            abs(ahead) > self.max_ahead()
            or abs(seq_ahead) > RTP_MAX_JUMP
            or abs(index) > _MAX_INDEX
        ):
            error = RTP_EJUMP
        if error:
            return self.misplaced(seq, timestamp, error), 0, False
        self.has_candidate = 0
        duplicate = self.count(seq_ahead)
        if ahead > 0:
            self.newest_ts = timestamp
            self.newest_index = index
        return 0, index, duplicate

    def place(self, seq, timestamp, arrival_ms):
        """(result, frame index) of a well-formed packet of our sender."""
        if self.started:
            result, index, duplicate = self.place_running(seq, timestamp)
        else:
            self.rebase(seq, timestamp)
            result, index, duplicate = 0, 0, False
        if result >= 0 and not duplicate and arrival_ms >= 0:
            self.update_jitter(timestamp, arrival_ms)
        return result, index


def rtp_rx_init(state, ssrc, clock_rate, frame_samples, level_id):
    """Start a receiver of one sender in state (RTP_RX_STATE bytes); level_id 0 = no level."""
    s = write(state)
    check(len(s) >= RTP_RX_STATE, 0 <= ssrc <= _MASK32, 1 <= clock_rate <= 96000)
    check(1 <= frame_samples <= 65535, 0 <= level_id <= 14)
    known = struct.pack("<5I", _MAGIC, ssrc, clock_rate, frame_samples, level_id)
    s[:RTP_RX_STATE] = known + bytes(RTP_RX_STATE - len(known))
    receiver = _Receiver(s)
    receiver.last_arrival = _NO_ARRIVAL
    receiver.store(s)


def _read_elements(p, level_id):
    """(error, level, voice) of the one-byte elements p."""
    at, level, voice = 0, -1, 0
    while at < len(p):
        length = (p[at] & 15) + 1
        if p[at] == 0:
            at += 1
            continue
        if p[at] >> 4 in (0, 15):
            break
        if at + 1 + length > len(p):
            return RTP_EEXT, -1, 0
        if p[at] >> 4 == level_id and length == 1:
            level, voice = p[at + 1] & 127, p[at + 1] >> 7
        at += 1 + length
    return 0, level, voice


def _read_extension(p, at, level_id):
    """(error, where the payload begins, level, voice) of the extension at p[at]."""
    if len(p) - at < 4:
        return RTP_EEXT, at, -1, 0
    profile, words = struct.unpack(">HH", p[at : at + 4])
    end = at + 4 + 4 * words
    if end > len(p):
        return RTP_EEXT, at, -1, 0
    if profile != _ONE_BYTE_PROFILE:
        return 0, end, -1, 0
    error, level, voice = _read_elements(p[at + 4 : end], level_id)
    return error, end, level, voice


def _read_packet(p, level_id):
    """An RTP_E code, or (payload offset, payload length, level, voice) of the packet p."""
    if len(p) < 2:
        return RTP_ESHORT
    if p[0] >> 6 != 2:
        return RTP_EVERSION
    if 192 <= p[1] <= 223:
        return RTP_ERTCP
    if len(p) < 12:
        return RTP_ESHORT
    at, level, voice, error = 12 + 4 * (p[0] & 15), -1, 0, 0
    if at > len(p):
        return RTP_ELENGTH
    if p[0] & 0x10:
        error, at, level, voice = _read_extension(p, at, level_id)
        if error:
            return error
    length = len(p) - at
    if p[0] & 0x20:
        padding = p[-1] if length else 0
        if padding == 0 or padding > length:
            return RTP_EPADDING
        length -= padding
    return at, length, level, voice


def rtp_parse(state, buf, off, n, info, arrival_ms):
    """Check and place a packet; 0, RTP_RESET or an RTP_E code, info as in wire.h."""
    s, b, i = write(state), read(buf), write(info)
    receiver = _Receiver(s)
    check(fits(len(b), off, n), len(i) >= 4 * RTP_INFO)
    arrival_ms = arrival_ms & _ARRIVAL_MASK if arrival_ms >= 0 else -1
    packet = bytes(b[off : off + n])
    found = _read_packet(packet, receiver.level_id)
    if isinstance(found, int):
        return found
    seq, timestamp, ssrc = struct.unpack(">HII", packet[2:12])
    if ssrc != receiver.ssrc:
        return RTP_ESSRC
    result, index = receiver.place(seq, timestamp, arrival_ms)
    receiver.store(s)
    if result >= 0:
        at, length, level, voice = found
        values = (off + at, length, packet[1] & 127, packet[1] >> 7, seq, index, level, voice)
        i[: 4 * RTP_INFO] = struct.pack("<8i", *values)
    return result


def rtp_rx_stats(state, out):
    """Write the counters of wire.h to out, an array('i') of RTP_STATS entries."""
    r, o = _Receiver(read(state)), write(out)
    check(len(o) >= 4 * RTP_STATS)
    expected = r.expected_before + (r.highest_seq - r.base_seq + 1 if r.started else 0) & _MASK32
    lost = max(expected - r.received, 0)
    counts = (r.received, expected, lost, r.duplicates, r.reordered, r.jitter_q4 >> 4, r.resets)
    values = [min(count, _MAX_COUNT) for count in counts]
    values += (r.highest_seq >> 16, r.highest_seq & 0xFFFF)
    o[: 4 * RTP_STATS] = struct.pack("<9i", *values)
