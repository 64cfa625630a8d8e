"""wire's WebSocket frame headers and masking in pure Python: websocket.c function by function."""

import struct

from callboard.pure import check, fits, read, write

WS_MAX_HEADER = 14
WS_INFO = 5
WS_MAX_PAYLOAD = (1 << 30) - 1
WS_ERSV = -1
WS_EOPCODE = -2
WS_ECONTROL = -3
WS_ELENGTH = -4


def _xor(view, off, n, key, phase):
    repeated = (bytes(key) * (n // 4 + 2))[phase : phase + n]
    masked = int.from_bytes(bytes(view[off : off + n]), "little")
    masked ^= int.from_bytes(repeated, "little")
    view[off : off + n] = masked.to_bytes(n, "little") if n else b""


def ws_mask(buf, off, n, keys, key_off, phase):
    """Mask or unmask n bytes in place; returns the next phase."""
    b, k = write(buf), read(keys)
    check(fits(len(b), off, n), fits(len(k), key_off, 4), 0 <= phase <= 3)
    _xor(b, off, n, k[key_off : key_off + 4], phase)
    return phase + n & 3


def ws_frame(buf, payload_off, n, opcode, fin, keys, key_off):
    """Write a frame header before the payload and mask it (keys not None); where it starts."""
    b, k = write(buf), None if keys is None else read(keys)
    check(fits(len(b), payload_off, n), n <= WS_MAX_PAYLOAD, opcode in (0, 1, 2, 8, 9, 10))
    check(opcode < 8 or (fin and n <= 125), k is None or fits(len(k), key_off, 4))
    mask = 0 if k is None else 0x80
    first = (0x80 if fin else 0) | opcode
    if n <= 125:
        header = struct.pack(">BB", first, mask | n)
    elif n <= 0xFFFF:
        header = struct.pack(">BBH", first, mask | 126, n)
    else:
        header = struct.pack(">BBII", first, mask | 127, 0, n)
    if k is not None:
        key = bytes(k[key_off : key_off + 4])
        header += key
    start = payload_off - len(header)
    check(start >= 0)
    if k is not None:
        _xor(b, payload_off, n, key, 0)
    b[start:payload_off] = header
    return start


def _payload_length(p):
    """The payload length of a header whose length bytes are all there, or WS_ELENGTH."""
    code = p[1] & 127
    if code <= 125:
        return code
    if code == 126:
        length = int.from_bytes(p[2:4], "big")
        return length if length > 125 else WS_ELENGTH
    length = int.from_bytes(p[2:10], "big")
    return length if 0xFFFF < length <= WS_MAX_PAYLOAD else WS_ELENGTH


def _first_bytes_error(p):
    """What the first two bytes alone can get wrong, or 0."""
    if p[0] & 0x70:
        return WS_ERSV
    if p[0] & 15 not in (0, 1, 2, 8, 9, 10):
        return WS_EOPCODE
    if p[0] & 8 and (not p[0] & 0x80 or p[1] & 127 > 125):
        return WS_ECONTROL
    return 0


def ws_header(buf, off, n, info):
    """Read a frame header; its size, 0 if n is too few, or a WS_E code."""
    b, i = read(buf), write(info)
    check(fits(len(b), off, n), len(i) >= 4 * WS_INFO)
    p = bytes(b[off : off + min(n, WS_MAX_HEADER)])
    if len(p) < 2:
        return 0
    error = _first_bytes_error(p)
    if error:
        return error
    code, masked = p[1] & 127, p[1] >> 7
    mask_at = 2 if code <= 125 else 4 if code == 126 else 10
    if len(p) < mask_at:
        return 0
    length = _payload_length(p)
    if length < 0:
        return length
    size = mask_at + 4 * masked
    if len(p) < size:
        return 0
    values = (p[0] >> 7, p[0] & 15, masked, length, off + mask_at if masked else -1)
    i[: 4 * WS_INFO] = struct.pack("<5i", *values)
    return size
