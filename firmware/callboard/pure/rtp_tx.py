"""wire's sending side of RTP in pure Python: rtp_tx.c function by function."""

import struct

from callboard.pure import check, fits, read, write

RTP_TX_STATE = 36

_MAGIC = 0x31545752
_FORMAT = "<I4B16s3I"  # magic, pt, level id, mid id, mid length, mid, ssrc, timestamp, seq
_ONE_BYTE_PROFILE = 0xBEDE
_MASK32 = 0xFFFFFFFF


def _load_tx(state):
    s = read(state)
    fields = struct.unpack(_FORMAT, bytes(s[:RTP_TX_STATE])) if len(s) >= RTP_TX_STATE else (0,)
    if fields[0] != _MAGIC or fields[1] > 127 or max(fields[2:4]) > 14 or fields[4] > 16:
        raise ValueError("bad state")
    return fields[1:]


def rtp_tx_init(state, pt, ssrc, seq, timestamp, level_id, mid_id, mid):
    """Start a sender in state (RTP_TX_STATE bytes); level_id and mid_id 0 = no such extension."""
    s, m = write(state), bytes(read(mid))
    check(len(s) >= RTP_TX_STATE, 0 <= pt <= 127, not 64 <= pt <= 95, 0 <= seq <= 0xFFFF)
    check(0 <= ssrc <= _MASK32, 0 <= timestamp <= _MASK32, 0 <= level_id <= 14, 0 <= mid_id <= 14)
    if mid_id:
        check(mid_id != level_id, 1 <= len(m) <= 16)
    else:
        m = b""
    m_padded = m + bytes(16 - len(m))
    fields = (_MAGIC, pt, level_id, mid_id, len(m), m_padded, ssrc, timestamp, seq)
    s[:RTP_TX_STATE] = struct.pack(_FORMAT, *fields)


def _elements(fields, level, voice):
    """The header extension's elements, padded to whole words."""
    _, level_id, mid_id, mid_len, mid = fields[:5]
    out = b""
    if level_id:
        out += bytes((level_id << 4, (0x80 if voice else 0) | level))
    if mid_id and mid_len:
        out += bytes((mid_id << 4 | mid_len - 1,)) + mid[:mid_len]
    elif mid_id:
        out += b"\x00"
    return out + bytes(-len(out) % 4)


def rtp_header_size(state):
    """Bytes of every header of this sender."""
    elements = _elements(_load_tx(state), 0, False)
    return 16 + len(elements) if elements else 12


def rtp_write(state, out, off, marker, level, voice):
    """Write the header of the next packet; returns its size."""
    fields, o = _load_tx(state), write(out)
    check(0 <= level <= 127)
    elements = _elements(fields, level, voice)
    size = 16 + len(elements) if elements else 12
    check(fits(len(o), off, size))
    pt, ssrc, timestamp, seq = fields[0], fields[5], fields[6], fields[7] & 0xFFFF
    first = 0x90 if elements else 0x80
    header = struct.pack(">BBHII", first, (0x80 if marker else 0) | pt, seq, timestamp, ssrc)
    if elements:
        header += struct.pack(">HH", _ONE_BYTE_PROFILE, len(elements) // 4) + elements
    o[off : off + size] = header
    return size


def rtp_advance(state, samples, sent):
    """A frame has passed: move the timestamp, and the sequence number if it was sent."""
    s, fields = write(state), _load_tx(state)
    check(0 <= samples < 1 << 30)
    timestamp = fields[6] + samples & _MASK32
    seq = fields[7] + (1 if sent else 0) & 0xFFFF
    s[RTP_TX_STATE - 8 : RTP_TX_STATE] = struct.pack("<II", timestamp, seq)


def rtp_tx_peek(state):
    """(sequence number, timestamp, SSRC) of the next packet."""
    fields = _load_tx(state)
    return fields[7] & 0xFFFF, fields[6], fields[5]
