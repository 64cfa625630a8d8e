"""wire on CPython: native/wire/wire.h says what each call does. Offsets and counts are bytes."""

from ._arguments import Buffers, call
from ._wire import ffi, lib

IMPLEMENTATION = "cffi"

RTP_TX_STATE = lib.RTP_TX_STATE
RTP_RX_STATE = lib.RTP_RX_STATE
RTP_INFO = lib.RTP_INFO
RTP_STATS = lib.RTP_STATS
RTP_MAX_JUMP = lib.RTP_MAX_JUMP
RTP_ANY_TICK = lib.RTP_ANY_TICK
RTP_RESET = lib.RTP_RESET
RTP_ESHORT = lib.RTP_ESHORT
RTP_EVERSION = lib.RTP_EVERSION
RTP_ERTCP = lib.RTP_ERTCP
RTP_ELENGTH = lib.RTP_ELENGTH
RTP_EEXT = lib.RTP_EEXT
RTP_EPADDING = lib.RTP_EPADDING
RTP_ESSRC = lib.RTP_ESSRC
RTP_EALIGN = lib.RTP_EALIGN
RTP_EJUMP = lib.RTP_EJUMP
WS_MAX_HEADER = lib.WS_MAX_HEADER
WS_INFO = lib.WS_INFO
WS_MAX_PAYLOAD = lib.WS_MAX_PAYLOAD
WS_ERSV = lib.WS_ERSV
WS_EOPCODE = lib.WS_EOPCODE
WS_ECONTROL = lib.WS_ECONTROL
WS_ELENGTH = lib.WS_ELENGTH
FRAME_OVERHEAD = lib.FRAME_OVERHEAD
FRAME_MAX_PAYLOAD = lib.FRAME_MAX_PAYLOAD
FRAME_EDAMAGED = lib.FRAME_EDAMAGED
H264_WALK = lib.H264_WALK
H264_ASSEMBLY = lib.H264_ASSEMBLY
H264_KEY = lib.H264_KEY
H264_SPS = lib.H264_SPS
H264_PPS = lib.H264_PPS
H264_EFORMAT = lib.H264_EFORMAT
H264_EORDER = lib.H264_EORDER
H264_EFULL = lib.H264_EFULL

_ARRIVAL_MASK = (1 << 30) - 1
_buffers = Buffers(ffi)
_read = _buffers.read
_write = _buffers.write


def rtp_tx_init(state, pt, ssrc, seq, timestamp, level_id, mid_id, mid):
    """Start a sender in state (RTP_TX_STATE bytes); level_id and mid_id 0 = no such extension."""
    s, m = _write(state), _read(mid)
    call(
        lib.rtp_tx_init,
        *(s, len(s), pt, ssrc, seq, timestamp, level_id, mid_id, m, len(m)),
    )


def rtp_header_size(state):
    """Bytes of every header of this sender."""
    s = _read(state)
    return call(lib.rtp_header_size, s, len(s))


def rtp_write(state, out, off, marker, level, voice):
    """Write the header of the next packet; returns its size."""
    s, o = _read(state), _write(out)
    return call(lib.rtp_write, s, len(s), o, len(o), off, bool(marker), level, bool(voice))


def rtp_advance(state, samples, sent):
    """A frame has passed: move the timestamp, and the sequence number if it was sent."""
    s = _write(state)
    call(lib.rtp_advance, s, len(s), samples, bool(sent))


def rtp_tx_peek(state):
    """(sequence number, timestamp, SSRC) of the next packet. Allocates."""
    s, values = _read(state), ffi.new("uint32_t[3]")
    call(lib.rtp_tx_peek, s, len(s), values)
    return tuple(values)


def rtp_rx_init(state, ssrc, clock_rate, frame_samples, level_id):
    """Start a receiver of one sender in state (RTP_RX_STATE bytes); level_id 0 = no level."""
    s = _write(state)
    call(lib.rtp_rx_init, s, len(s), ssrc, clock_rate, frame_samples, level_id)


def rtp_parse(state, buf, off, n, info, arrival_ms):
    """Check and place a packet; 0, RTP_RESET or an RTP_E code, info as in wire.h."""
    s, b, i = _write(state), _read(buf), _write(info)
    arrival_ms = arrival_ms & _ARRIVAL_MASK if arrival_ms >= 0 else -1
    return call(lib.rtp_parse, s, len(s), b, len(b), off, n, i, len(i), arrival_ms)


def rtp_rx_stats(state, out):
    """Write the counters of wire.h to out, an array('i') of RTP_STATS entries."""
    s, o = _read(state), _write(out)
    call(lib.rtp_rx_stats, s, len(s), o, len(o))


def ws_frame(buf, payload_off, n, opcode, fin, keys, key_off):
    """Write a frame header before the payload and mask it (keys not None); where it starts."""
    b = _write(buf)
    if keys is None:
        k, size = ffi.NULL, 0
    else:
        k = _read(keys)
        size = len(k)
        if size < 4:  # an empty buffer must not look like None
            raise ValueError("out of range")
    return call(lib.ws_frame, b, len(b), payload_off, n, opcode, bool(fin), k, size, key_off)


def ws_mask(buf, off, n, keys, key_off, phase):
    """Mask or unmask n bytes in place; returns the next phase."""
    b, k = _write(buf), _read(keys)
    return call(lib.ws_mask, b, len(b), off, n, k, len(k), key_off, phase)


def ws_header(buf, off, n, info):
    """Read a frame header; its size, 0 if n is too few, or a WS_E code."""
    b, i = _read(buf), _write(info)
    return call(lib.ws_header, b, len(b), off, n, i, len(i))


def frame_encode(out, kind, buf, off, n):
    """Write a frame of the serial line to the beginning of out; its size."""
    o, b = _write(out), _read(buf)
    return call(lib.frame_encode, o, len(o), kind, b, len(b), off, n)


def frame_decode(buf, n):
    """Decode a frame in place, type first; the payload's size, or FRAME_EDAMAGED."""
    b = _write(buf)
    return call(lib.frame_decode, b, len(b), n)


def frame_fill(out, out_off, buf, off, n):
    """Copy up to a delimiter, or the end of out; how many bytes."""
    o, b = _write(out), _read(buf)
    return call(lib.frame_fill, o, len(o), out_off, b, len(b), off, n)


def h264_look(buf, off, n):
    """The kinds of NAL units in an access unit, H264_KEY and others or'ed, or H264_EFORMAT."""
    b = _read(buf)
    return call(lib.h264_look, b, len(b), off, n)


def h264_pack(buf, walk, out, out_off, max):
    """Write the next RTP payload of an access unit; its size, 0 when none is left."""
    b, w, o = _read(buf), _write(walk), _write(out)
    return call(lib.h264_pack, b, len(b), w, len(w), o, len(o), out_off, max)


def h264_unpack(buf, off, n, assembly, out):
    """Append an RTP payload to the access unit in out; its size by now, or an H264_E code."""
    b, a, o = _read(buf), _write(assembly), _write(out)
    return call(lib.h264_unpack, b, len(b), off, n, a, len(a), o, len(o))
