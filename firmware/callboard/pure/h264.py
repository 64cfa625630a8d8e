"""wire's H.264 in RTP in pure Python: h264.c function by function (RFC 6184)."""

import struct

from callboard.pure import check, fits, read, write

H264_WALK = 4
H264_ASSEMBLY = 3
H264_KEY = 1
H264_SPS = 2
H264_PPS = 4
H264_EFORMAT = -1
H264_EORDER = -2
H264_EFULL = -3

_STAP_A = 24
_FU_A = 28
_FU_HEADER = 2
_FU_START = 0x80
_FU_END = 0x40
_KINDS = {5: H264_KEY, 7: H264_SPS, 8: H264_PPS}


def _next_code(data, at, end):
    """Where the next 00 00 01 begins in data[at:end], or end."""
    found = data.find(b"\0\0\1", at, end)
    return end if found < 0 else found


def _next_unit(data, at, end):
    """The first byte of the NAL unit after the start code that follows at; end if none does."""
    at = _next_code(data, at, end)
    return at + 3 if at < end else end


def _unit_end(data, at, end):
    """The end of the NAL unit at `at`: zeros before a start code are no part of it."""
    until = _next_code(data, at, end)
    while until > at and data[until - 1] == 0:
        until -= 1
    return until


def _may_stand_alone(header):
    return header < 0x80 and 1 <= header & 31 <= 23


def h264_look(buf, off, n):
    """The kinds of NAL units in an access unit, H264_KEY and others or'ed, or H264_EFORMAT."""
    data = read(buf)
    check(fits(len(data), off, n))
    end, kinds = off + n, 0
    data = bytes(data[:end])
    at = _next_code(data, off, end)
    if at == end or any(data[off:at]):
        return H264_EFORMAT
    at = _next_unit(data, at, end)
    while at < end:
        if _unit_end(data, at, end) == at or not _may_stand_alone(data[at]):
            return H264_EFORMAT
        kinds |= _KINDS.get(data[at] & 31, 0)
        at = _next_unit(data, at, end)
    return kinds


def _fragment(data, at, unit_end, header, size, start):
    """(payload, where the next one begins) of a unit too large for one packet."""
    take = min(unit_end - at, size - _FU_HEADER)
    last = _FU_END if at + take == unit_end else 0
    head = bytes((header & 0xE0 | _FU_A, start | last | header & 31))
    return head + data[at : at + take], at + take


def h264_pack(buf, walk, out, out_off, max):
    """Write the next RTP payload of an access unit; its size, 0 when none is left."""
    data, w, o = read(buf), write(walk), write(out)
    check(len(w) >= 4 * H264_WALK, max > _FU_HEADER, fits(len(o), out_off, max))
    at, end, unit_end, header = struct.unpack("<4i", bytes(w[: 4 * H264_WALK]))
    check(0 <= at <= end, fits(len(data), 0, end), not unit_end or at < unit_end <= end)
    data = bytes(data[:end])
    if unit_end:
        payload, at = _fragment(data, at, unit_end, header & 255, max, 0)
    else:
        at = _next_unit(data, at, end)
        unit_end = _unit_end(data, at, end)
        if at == unit_end:
            return 0
        header = data[at]
        if unit_end - at <= max:
            payload, at = data[at:unit_end], unit_end
        else:
            payload, at = _fragment(data, at + 1, unit_end, header, max, _FU_START)
    if at == unit_end:
        unit_end = 0
        if _next_unit(data, at, end) == end:
            at = end
    o[out_off : out_off + len(payload)] = payload
    w[: 4 * H264_WALK] = struct.pack("<4i", at, end, unit_end, header)
    return len(payload)


class _Refused(Exception):
    """A payload that h264_unpack does not take; args: (H264_E code,)."""


def _unit(unit):
    """(bytes to append, their kind) of a NAL unit."""
    if not _may_stand_alone(unit[0]):
        raise _Refused(H264_EFORMAT)
    return b"\0\0\0\1" + unit, _KINDS.get(unit[0] & 31, 0)


def _aggregate(payload, room):
    """(bytes to append, kinds) of a STAP-A; at most `room` bytes."""
    data, kinds, at = b"", 0, 1
    if len(payload) < 2:
        raise _Refused(H264_EFORMAT)
    while at < len(payload):
        size = struct.unpack(">H", payload[at : at + 2])[0] if len(payload) - at >= 2 else 0
        at += 2
        if not 1 <= size <= len(payload) - at:
            raise _Refused(H264_EFORMAT)
        unit, kind = _unit(payload[at : at + size])
        data += unit
        if len(data) > room:
            raise _Refused(H264_EFULL)
        kinds |= kind
        at += size
    return data, kinds


def _piece(payload, is_open):
    """(bytes to append, kind, whether a unit is open then) of an FU-A."""
    if len(payload) <= _FU_HEADER:
        raise _Refused(H264_EFORMAT)
    flags = payload[1]
    header = payload[0] & 0xE0 | flags & 31
    start, last = flags & _FU_START, flags & _FU_END
    if not _may_stand_alone(header) or start and last:
        raise _Refused(H264_EFORMAT)
    if bool(start) == bool(is_open):
        raise _Refused(H264_EORDER)
    if not start:
        return payload[_FU_HEADER:], 0, 0 if last else 1
    data, kind = _unit(bytes((header,)) + payload[_FU_HEADER:])
    return data, kind, 1


def h264_unpack(buf, off, n, assembly, out):
    """Append an RTP payload to the access unit in out; its size by now, or an H264_E code."""
    data, a, o = read(buf), write(assembly), write(out)
    check(fits(len(data), off, n), len(a) >= 4 * H264_ASSEMBLY)
    size, is_open, kinds = struct.unpack("<3i", bytes(a[: 4 * H264_ASSEMBLY]))
    check(0 <= size <= len(o))
    payload = bytes(data[off : off + n])
    try:
        if not payload:
            raise _Refused(H264_EFORMAT)
        if payload[0] & 31 == _FU_A:
            added, more, is_open = _piece(payload, is_open)
        elif is_open:
            raise _Refused(H264_EORDER)
        elif payload[0] & 31 == _STAP_A:
            added, more = _aggregate(payload, len(o) - size)
        else:
            added, more = _unit(payload)
        if len(added) > len(o) - size:
            raise _Refused(H264_EFULL)
    except _Refused as refused:
        return refused.args[0]
    o[size : size + len(added)] = added
    size += len(added)
    a[: 4 * H264_ASSEMBLY] = struct.pack("<3i", size, is_open, kinds | more)
    return size
