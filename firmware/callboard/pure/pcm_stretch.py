"""Time-scaling and comfort noise in pure Python: stretch.c and noise.c, equal to the bit."""

from callboard.pure import check, read, write
from callboard.pure.samples import get_sample, put_sample, samples_fit, saturate

NOISE_STATE = 12

_STRETCH_MAX = 4096
_EXACT = 1 << 22
_NEVER = 1 << 30
_NOISE_MAGIC = b"CPN1"
_LOW_PASS_Q14 = 6553
_DECIBEL_Q15 = 29205
_LOUDEST_Q26 = 232485000
_SILENCE_DBOV = 127


def _piece_fits(b, off, n):
    return samples_fit(b, off, n) and n <= _STRETCH_MAX


def _difference(p, a_off, b_off, n, limit):
    total = 0
    for i in range(n):
        if total >= limit:
            break
        total += abs(get_sample(p, a_off + i) - get_sample(p, b_off + i))
    return total


def mismatch(pcm, a_off, b_off, n):
    """How unlike two pieces of n samples (up to 4096) are: 0 the same … 256 opposite."""
    p = read(pcm)
    check(_piece_fits(p, a_off, n), _piece_fits(p, b_off, n))
    part = _difference(p, a_off, b_off, n, _NEVER)
    whole = sum([abs(get_sample(p, off + i)) for off in (a_off, b_off) for i in range(n)])
    if whole == 0:
        return 0
    while part >= _EXACT:
        part >>= 1
        whole >>= 1
    return part * 256 // whole


def best_match(pcm, off, n, first_off, last_off):
    """The offset first_off..last_off whose n samples (up to 4096) are most like those at off."""
    p = read(pcm)
    check(_piece_fits(p, off, n), _piece_fits(p, first_off, n), _piece_fits(p, last_off, n))
    check(first_off <= last_off)
    least = _NEVER
    best = first_off
    for at in range(first_off, last_off + 1):
        found = _difference(p, off, at, n, least)
        if found < least:
            least = found
            best = at
    return best


def crossfade(dst, dst_off, src, src_off, n):
    """Pass from dst to src within n samples (up to 4096), in place of dst."""
    d, s = write(dst), read(src)
    check(_piece_fits(d, dst_off, n), _piece_fits(s, src_off, n))
    for i in range(n):
        to_q15 = ((2 * i + 1) << 14) // n
        v = get_sample(d, dst_off + i) * (32768 - to_q15) + get_sample(s, src_off + i) * to_q15
        put_sample(d, dst_off + i, (v + (1 << 14)) >> 15)


def noise_init(state, seed):
    """Start comfort noise in state, NOISE_STATE bytes; any seed 0..2^30-1."""
    s = write(state)
    if len(s) < NOISE_STATE:
        raise ValueError("bad state")
    check(0 <= seed < 1 << 30)
    s[:NOISE_STATE] = _NOISE_MAGIC + seed.to_bytes(4, "little") + bytes(4)


def noise(state, pcm, off, n, level):
    """Write n samples of noise of level -dBov (0..127), duller than white."""
    s, p = write(state), write(pcm)
    if len(s) < NOISE_STATE or bytes(s[:4]) != _NOISE_MAGIC:
        raise ValueError("bad state")
    random = int.from_bytes(bytes(s[4:8]), "little")
    low = int.from_bytes(bytes(s[8:12]), "little")
    low -= low >> 31 << 32
    if low != saturate(low):
        raise ValueError("bad state")
    check(samples_fit(p, off, n), 0 <= level <= _SILENCE_DBOV)
    factor = 0 if level == _SILENCE_DBOV else _LOUDEST_Q26
    for _ in range(level):
        factor = factor * _DECIBEL_Q15 >> 15
    for i in range(off, off + n):
        random = random * 1664525 + 1013904223 & 0xFFFFFFFF
        low += ((random >> 16) - 32768 - low) * _LOW_PASS_Q14 >> 14
        put_sample(p, i, saturate((low * factor + (1 << 25)) >> 26))
    s[4:8] = random.to_bytes(4, "little")
    s[8:12] = (low & 0xFFFFFFFF).to_bytes(4, "little")
