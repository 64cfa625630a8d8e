"""Sample access and the logarithm that the parts of pure pcm share (native/pcm/samples.h)."""

from callboard.pure import fits


def get_sample(b, i):
    """Sample i of int16 little-endian bytes."""
    v = b[2 * i] | b[2 * i + 1] << 8
    return v - 65536 if v & 0x8000 else v


def put_sample(b, i, v):
    """Set sample i."""
    b[2 * i] = v & 255
    b[2 * i + 1] = v >> 8 & 255


def saturate(v):
    """v within -32768..32767."""
    return 32767 if v > 32767 else -32768 if v < -32768 else v


def samples_fit(b, off, n):
    """True if n samples from sample off lie inside the bytes b."""
    return fits(len(b) // 2, off, n)


def top_bit(v):
    """The number of the highest bit of v >= 1."""
    bit = 0
    while v > 1:
        v >>= 1
        bit += 1
    return bit


def log2_q12(v):
    """log2(v) in Q12 for v >= 1, in the C core's own steps."""
    whole = top_bit(v)
    mantissa = v >> (whole - 15) if whole > 15 else v << (15 - whole)
    fraction = 0
    for _ in range(12):
        mantissa = mantissa * mantissa >> 15
        fraction <<= 1
        if mantissa > 0xFFFF:
            mantissa >>= 1
            fraction |= 1
    return whole * 4096 + fraction
