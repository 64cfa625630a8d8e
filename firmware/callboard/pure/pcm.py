"""pcm in pure Python: the C core (native/pcm) function by function, equal to the bit.

Offsets and counts are samples (int16 little-endian) for PCM and bytes for everything else.
"""

from callboard.pure import check, fits, read, write
from callboard.pure.pcm_duck import (  # noqa: F401
    DUCK_ATTACK_MS,
    DUCK_BALANCE_DB,
    DUCK_DECAY_DB_S,
    DUCK_DEPTH_DB,
    DUCK_FLOOR_DBOV,
    DUCK_GAIN_Q12,
    DUCK_HANG_MS,
    DUCK_NEAR,
    DUCK_NEAR_MS,
    DUCK_OPENING_DB,
    DUCK_PATH_DB,
    DUCK_RETURN_DB,
    DUCK_START_DB,
    DUCK_STATE,
    duck,
    duck_get,
    duck_init,
    duck_set,
)
from callboard.pure.pcm_stretch import (  # noqa: F401
    NOISE_STATE,
    best_match,
    crossfade,
    mismatch,
    noise,
    noise_init,
)
from callboard.pure.samples import get_sample as _get
from callboard.pure.samples import log2_q12 as _log2_q12
from callboard.pure.samples import put_sample as _put
from callboard.pure.samples import samples_fit as _samples_fit
from callboard.pure.samples import saturate as _saturate
from callboard.pure.samples import top_bit as _top_bit
from callboard.pure.taps import TAPS

IMPLEMENTATION = "pure python"
TONE_STATE = 24

_MAX_GAIN_Q12 = 65535
_MAX_RATE = 192000
_RATES = (8000, 16000, 48000)
_RESAMPLER_MAGIC = b"CPR1"
_TONE_MAGIC = b"CPT1"
_HEADER = 8
_CHUNK = 48


# --- G.711 ---


def _ulaw_code(sample):
    v = min(((~sample if sample < 0 else sample) >> 2) + 33, 0x1FFF)
    segment = _top_bit(v) - 5
    return (0x7F if sample < 0 else 0xFF) ^ (segment << 4 | v >> (segment + 1) & 15)


def _ulaw_value(code):
    magnitude = ((2 * (~code & 15) + 33) << ((~code >> 4 & 7) + 2)) - 132
    return magnitude if code & 0x80 else -magnitude


def _alaw_code(sample):
    v = (~sample if sample < 0 else sample) >> 4
    if v > 15:
        segment = _top_bit(v) - 3
        v = segment << 4 | v >> (segment - 1) & 15
    return (v if sample < 0 else v | 0x80) ^ 0x55


def _alaw_value(code):
    v = code ^ 0x55
    segment = v >> 4 & 7
    magnitude = ((v & 15) << 4) + 8
    if segment:
        magnitude = (magnitude + 256) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


def _encode(code, pcm, pcm_off, out, out_off, n):
    p, o = read(pcm), write(out)
    check(_samples_fit(p, pcm_off, n), fits(len(o), out_off, n))
    for i in range(n):
        o[out_off + i] = code(_get(p, pcm_off + i))
    return n


def _decode(value, data, off, pcm, pcm_off, n):
    d, p = read(data), write(pcm)
    check(fits(len(d), off, n), _samples_fit(p, pcm_off, n))
    for i in range(n):
        _put(p, pcm_off + i, value(d[off + i]))
    return n


def ulaw_encode(pcm, pcm_off, out, out_off, n):
    """Encode n samples to n bytes of µ-law; returns n."""
    return _encode(_ulaw_code, pcm, pcm_off, out, out_off, n)


def ulaw_decode(data, off, pcm, pcm_off, n):
    """Decode n bytes of µ-law to n samples; returns n."""
    return _decode(_ulaw_value, data, off, pcm, pcm_off, n)


def alaw_encode(pcm, pcm_off, out, out_off, n):
    """Encode n samples to n bytes of A-law; returns n."""
    return _encode(_alaw_code, pcm, pcm_off, out, out_off, n)


def alaw_decode(data, off, pcm, pcm_off, n):
    """Decode n bytes of A-law to n samples; returns n."""
    return _decode(_alaw_value, data, off, pcm, pcm_off, n)


# --- sample rates ---


def _ratio(in_rate, out_rate):
    """(up, ratio) of a pair of rates."""
    check(in_rate in _RATES, out_rate in _RATES)
    up = out_rate > in_rate
    return up, (out_rate // in_rate if up else in_rate // out_rate)


def _half(ratio):
    return len(TAPS[ratio]) - 1 if ratio > 1 else 0


def _history(up, ratio):
    return 2 * _half(ratio) // ratio if up else 2 * _half(ratio)


def _state_bytes(up, ratio):
    return _HEADER if ratio == 1 else _HEADER + 2 * (_history(up, ratio) + _CHUNK)


def resampler_size(in_rate, out_rate):
    """Bytes of state for rates out of 8000, 16000, 48000 Hz."""
    return _state_bytes(*_ratio(in_rate, out_rate))


def resampler_delay(in_rate, out_rate):
    """Group delay in output samples."""
    up, ratio = _ratio(in_rate, out_rate)
    return _half(ratio) if up else _half(ratio) // ratio


def resampler_init(state, in_rate, out_rate):
    """Start a resampler in state, a writable buffer of resampler_size(in_rate, out_rate) bytes."""
    s = write(state)
    up, ratio = _ratio(in_rate, out_rate)
    size = _state_bytes(up, ratio)
    check(len(s) >= size)
    s[:size] = bytes(size)
    s[:4] = _RESAMPLER_MAGIC
    s[4] = up
    s[5] = ratio


def _load_resampler(s):
    """(up, ratio) of a state that resampler_init wrote."""
    ok = len(s) >= _HEADER and bytes(s[:4]) == _RESAMPLER_MAGIC and s[4] <= 1
    if not ok or (s[5] != 1 and s[5] not in TAPS) or len(s) < _state_bytes(s[4], s[5]):
        raise ValueError("bad state")
    return s[4], s[5]


def _filter_down(taps, x, start, half, ratio):
    total = taps[half] * x[start + half]
    for k in range(half):
        total += taps[k] * (x[start + k] + x[start + 2 * half - k])
    whole = (total + (1 << 14)) >> 15
    return (whole * (32768 // ratio) + (1 << 14)) >> 15


def _filter_up(taps, x, newest, phase, half, ratio):
    total = 0
    for tap in range(phase, 2 * half + 1, ratio):
        total += taps[tap if tap <= half else 2 * half - tap] * x[newest]
        newest -= 1
    return (total + (1 << 14)) >> 15


def resample(state, src, src_off, n, dst, dst_off):
    """Take n samples, write n * out_rate / in_rate and return that number."""
    t, s, d = write(state), read(src), write(dst)
    up, ratio = _load_resampler(t)
    check(_samples_fit(s, src_off, n), up or n % ratio == 0)
    count = n * ratio if up else n // ratio
    check(_samples_fit(d, dst_off, count))
    if ratio == 1:
        copy(d, dst_off, s, src_off, n)
        return n
    taps, half, past = TAPS[ratio], _half(ratio), _history(up, ratio)
    x = [_get(t, _HEADER // 2 + i) for i in range(past)]
    x.extend([_get(s, src_off + i) for i in range(n)])
    for i in range(count):
        if up:
            v = _filter_up(taps, x, past + i // ratio, i % ratio, half, ratio)
        else:
            v = _filter_down(taps, x, i * ratio, half, ratio)
        _put(d, dst_off + i, _saturate(v))
    for i in range(past):
        _put(t, _HEADER // 2 + i, x[n + i])
    return count


# --- levels ---


def _scaled(sample, gain_q12):
    return (sample * gain_q12 + 2048) >> 12


def gain(pcm, off, n, gain_q12):
    """Multiply in place by gain_q12 / 4096 (0..65535); returns how many samples clipped."""
    p = write(pcm)
    check(_samples_fit(p, off, n), 0 <= gain_q12 <= _MAX_GAIN_Q12)
    clipped = 0
    for i in range(off, off + n):
        wanted = _scaled(_get(p, i), gain_q12)
        got = _saturate(wanted)
        clipped += got != wanted
        _put(p, i, got)
    return clipped


def fade(pcm, off, n, from_q12, to_q12):
    """Multiply in place by a gain that runs linearly from from_q12 to to_q12 (0..65535)."""
    p = write(pcm)
    check(_samples_fit(p, off, n), 0 <= from_q12 <= _MAX_GAIN_Q12, 0 <= to_q12 <= _MAX_GAIN_Q12)
    for i in range(n):
        gain_q12 = from_q12 + (to_q12 - from_q12) * i // n
        _put(p, off + i, _saturate(_scaled(_get(p, off + i), gain_q12)))


def _energy(p, off, n):
    return sum(_get(p, i) ** 2 for i in range(off, off + n))


def rms(pcm, off, n):
    """Root mean square, 0..32768."""
    p = read(pcm)
    check(_samples_fit(p, off, n))
    mean = _energy(p, off, n) // n if n else 0
    root = 0
    bit = 1 << 15
    while bit:
        if (root | bit) ** 2 <= mean:
            root |= bit
        bit >>= 1
    return root


def peak(pcm, off, n):
    """Largest magnitude, 0..32768."""
    p = read(pcm)
    check(_samples_fit(p, off, n))
    return max([abs(_get(p, i)) for i in range(off, off + n)]) if n else 0


def level(pcm, off, n):
    """Level in -dBov, 0..127 with 127 = digital silence (RFC 6464)."""
    p = read(pcm)
    check(_samples_fit(p, off, n))
    total = _energy(p, off, n)
    if total == 0:
        return 127
    octaves = _log2_q12(n << 30) - _log2_q12(total)
    return 127 if octaves >= 173000 else (octaves * 12330 + (1 << 23)) >> 24


# --- moving samples ---


def mix(dst, dst_off, src, src_off, n):
    """Add n samples of src to dst, saturating."""
    d, s = write(dst), read(src)
    check(_samples_fit(d, dst_off, n), _samples_fit(s, src_off, n))
    for i in range(n):
        _put(d, dst_off + i, _saturate(_get(d, dst_off + i) + _get(s, src_off + i)))


def copy(dst, dst_off, src, src_off, n):
    """Copy n samples; the two may overlap."""
    d, s = write(dst), read(src)
    check(_samples_fit(d, dst_off, n), _samples_fit(s, src_off, n))
    d[2 * dst_off : 2 * (dst_off + n)] = bytes(s[2 * src_off : 2 * (src_off + n)])


def fill(pcm, off, n, value):
    """Set n samples to value (-32768..32767)."""
    p = write(pcm)
    check(_samples_fit(p, off, n), -32768 <= value <= 32767)
    for i in range(off, off + n):
        _put(p, i, value)


def slots32_to_16(src, src_off_bytes, dst, dst_off, n, slots, slot, shift):
    """One of `slots` (1, 2) 32-bit I2S words of n frames, >> shift (0..31), saturated."""
    s, d = read(src), write(dst)
    check(slots in (1, 2), 0 <= slot < slots, 0 <= shift <= 31)
    check(n >= 0, fits(len(s), src_off_bytes, 4 * slots * n), _samples_fit(d, dst_off, n))
    for i in range(n):
        at = src_off_bytes + 4 * (i * slots + slot)
        v = s[at] | s[at + 1] << 8 | s[at + 2] << 16 | s[at + 3] << 24
        v -= v >> 31 << 32
        _put(d, dst_off + i, _saturate(v >> shift))


def slots16_to_32(pcm, off, dst, dst_off_bytes, n, slots):
    """n samples to n I2S frames of `slots` (1, 2) equal 32-bit words."""
    p, d = read(pcm), write(dst)
    check(slots in (1, 2), _samples_fit(p, off, n), fits(len(d), dst_off_bytes, 4 * slots * n))
    for i in range(n):
        word = bytes((0, 0, p[2 * (off + i)], p[2 * (off + i) + 1])) * slots
        at = dst_off_bytes + 4 * slots * i
        d[at : at + 4 * slots] = word


# --- tones ---


def _sine_q15(turn):
    """The sine of a 16-bit angle in Q15: the polynomial of tone.c."""
    z = turn - 65536 if turn & 0x8000 else turn
    if z > 16384:
        z = 32768 - z
    elif z < -16384:
        z = -32768 - z
    z2 = z * z >> 14
    inner = 10512 - (1160 * z2 >> 14)
    return z * (25736 - (inner * z2 >> 14)) >> 13


def _word(s, i):
    return int.from_bytes(bytes(s[4 * i : 4 * i + 4]), "little")


def _put_word(s, i, v):
    s[4 * i : 4 * i + 4] = v.to_bytes(4, "little")


def tone_init(state, rate, freq1_hz, freq2_hz, amplitude):
    """Start one or two (freq2_hz > 0) tones of up to rate / 2; amplitude is the peak."""
    s = write(state)
    check(len(s) >= TONE_STATE, 1 <= rate <= _MAX_RATE, 1 <= freq1_hz <= rate // 2)
    check(0 <= freq2_hz <= rate // 2, 0 <= amplitude <= 32767)
    s[:4] = _TONE_MAGIC
    steps = [((f << 32) + rate // 2) // rate for f in (freq1_hz, freq2_hz)]
    for i, v in enumerate((0, steps[0], 0, steps[1], amplitude)):
        _put_word(s, i + 1, v)


def tone(state, pcm, off, n):
    """Write the next n samples of the tone."""
    s, p = write(state), write(pcm)
    if len(s) < TONE_STATE or bytes(s[:4]) != _TONE_MAGIC or _word(s, 5) > 32767:
        raise ValueError("bad state")
    check(_samples_fit(p, off, n))
    phase1, step1, phase2, step2, amplitude = [_word(s, i) for i in range(1, 6)]
    for i in range(off, off + n):
        total = _sine_q15(phase1 >> 16)
        total += _sine_q15(phase2 >> 16) if step2 else total
        _put(p, i, (total * amplitude + 32768) >> 16)
        phase1 = phase1 + step1 & 0xFFFFFFFF
        phase2 = phase2 + step2 & 0xFFFFFFFF
    _put_word(s, 1, phase1)
    _put_word(s, 3, phase2)
