"""wire's frames of the serial line in pure Python: serial.c function by function."""

from callboard.pure import check, fits, read, write

FRAME_OVERHEAD = 6
FRAME_MAX_PAYLOAD = 4096
FRAME_EDAMAGED = -1


def _crc16(view, n):
    """CRC-16/GENIBUS of the first n bytes: polynomial 0x1021, begun with FFFF, inverted at the
    end. Not inverted, a frame whose last delimiter was damaged would still have a right CRC."""
    crc = 0xFFFF
    for i in range(n):
        byte = view[i]
        crc = _CRC_TABLE[(crc >> 12) ^ (byte >> 4)] ^ (crc << 4 & 0xFFFF)
        crc = _CRC_TABLE[(crc >> 12) ^ (byte & 15)] ^ (crc << 4 & 0xFFFF)
    return crc ^ 0xFFFF


# CRC of each value of four bits.
_CRC_TABLE = tuple(((n << 12) ^ (n << 5) ^ n) & 0xFFFF for n in range(16))


def frame_encode(out, kind, buf, off, n):
    """Write a frame of the serial line to the beginning of out; its size."""
    o, b = write(out), read(buf)
    check(fits(len(b), off, n), n <= FRAME_MAX_PAYLOAD, 1 <= kind <= 255)
    check(len(o) >= n + FRAME_OVERHEAD + (n + 3) // 254)
    body = bytes((kind,)) + bytes(b[off : off + n])
    crc = _crc16(body, n + 1)
    o[0] = 0
    code_at, at = 1, 2
    for byte in body + bytes((crc >> 8, crc & 0xFF)):
        if at - code_at == 0xFF:  # 254 bytes without a zero
            o[code_at] = 0xFF
            code_at, at = at, at + 1
        if byte:
            o[at] = byte
        else:
            o[code_at] = at - code_at
            code_at = at
        at += 1
    o[code_at] = at - code_at
    o[at] = 0
    return at + 1


def frame_decode(buf, n):
    """Decode a frame in place, type first; the payload's size, or FRAME_EDAMAGED."""
    b = write(buf)
    check(fits(len(b), 0, n))
    if not _is_stuffed(b, n):
        return FRAME_EDAMAGED
    size = at = 0
    while at < n:
        code = b[at]
        for i in range(at + 1, at + code):
            b[size] = b[i]
            size += 1
        at += code
        if code != 0xFF and at < n:
            b[size] = 0
            size += 1
    if size < 3 or b[0] == 0 or _crc16(b, size - 2) != b[size - 2] << 8 | b[size - 1]:
        return FRAME_EDAMAGED
    return size - 3


def _is_stuffed(b, n):
    at = 0
    while at < n:
        code = b[at]
        if code == 0 or at + code > n:
            return False
        for i in range(at + 1, at + code):
            if b[i] == 0:
                return False
        at += code
    return True


def frame_fill(out, out_off, buf, off, n):
    """Copy up to a delimiter, or the end of out; how many bytes."""
    o, b = write(out), read(buf)
    check(fits(len(b), off, n), fits(len(o), out_off, 0))
    count = 0
    for i in range(off, off + min(n, len(o) - out_off)):
        if b[i] == 0:
            break
        o[out_off + count] = b[i]
        count += 1
    return count
