"""pcm on CPython: native/pcm/pcm.h and duck.h describe the calls. Offsets, counts: samples."""

from ._arguments import Buffers, call
from ._pcm import ffi, lib

IMPLEMENTATION = "cffi"
TONE_STATE = lib.PCM_TONE_STATE
NOISE_STATE = lib.PCM_NOISE_STATE
DUCK_STATE = lib.PCM_DUCK_STATE
DUCK_RETURN_DB = lib.PCM_DUCK_RETURN_DB
DUCK_DEPTH_DB = lib.PCM_DUCK_DEPTH_DB
DUCK_ATTACK_MS = lib.PCM_DUCK_ATTACK_MS
DUCK_HANG_MS = lib.PCM_DUCK_HANG_MS
DUCK_DECAY_DB_S = lib.PCM_DUCK_DECAY_DB_S
DUCK_BALANCE_DB = lib.PCM_DUCK_BALANCE_DB
DUCK_OPENING_DB = lib.PCM_DUCK_OPENING_DB
DUCK_NEAR_MS = lib.PCM_DUCK_NEAR_MS
DUCK_FLOOR_DBOV = lib.PCM_DUCK_FLOOR_DBOV
DUCK_START_DB = lib.PCM_DUCK_START_DB
DUCK_PATH_DB = lib.PCM_DUCK_PATH_DB
DUCK_GAIN_Q12 = lib.PCM_DUCK_GAIN_Q12
DUCK_NEAR = lib.PCM_DUCK_NEAR

_buffers = Buffers(ffi)
_read = _buffers.read
_write = _buffers.write


def ulaw_encode(pcm, pcm_off, out, out_off, n):
    """Encode n samples to n bytes of µ-law; returns n."""
    p, o = _read(pcm), _write(out)
    return call(lib.pcm_ulaw_encode, p, len(p), pcm_off, o, len(o), out_off, n)


def ulaw_decode(data, off, pcm, pcm_off, n):
    """Decode n bytes of µ-law to n samples; returns n."""
    d, p = _read(data), _write(pcm)
    return call(lib.pcm_ulaw_decode, d, len(d), off, p, len(p), pcm_off, n)


def alaw_encode(pcm, pcm_off, out, out_off, n):
    """Encode n samples to n bytes of A-law; returns n."""
    p, o = _read(pcm), _write(out)
    return call(lib.pcm_alaw_encode, p, len(p), pcm_off, o, len(o), out_off, n)


def alaw_decode(data, off, pcm, pcm_off, n):
    """Decode n bytes of A-law to n samples; returns n."""
    d, p = _read(data), _write(pcm)
    return call(lib.pcm_alaw_decode, d, len(d), off, p, len(p), pcm_off, n)


def resampler_size(in_rate, out_rate):
    """Bytes of state for rates out of 8000, 16000, 48000 Hz."""
    return call(lib.pcm_resampler_size, in_rate, out_rate)


def resampler_delay(in_rate, out_rate):
    """Group delay in output samples."""
    return call(lib.pcm_resampler_delay, in_rate, out_rate)


def resampler_init(state, in_rate, out_rate):
    """Start a resampler in state, a writable buffer of resampler_size(in_rate, out_rate) bytes."""
    s = _write(state)
    call(lib.pcm_resampler_init, s, len(s), in_rate, out_rate)


def resample(state, src, src_off, n, dst, dst_off):
    """Take n samples, write n * out_rate / in_rate and return that number."""
    t, s, d = _write(state), _read(src), _write(dst)
    return call(lib.pcm_resample, t, len(t), s, len(s), src_off, n, d, len(d), dst_off)


def gain(pcm, off, n, gain_q12):
    """Multiply in place by gain_q12 / 4096 (0..65535); returns how many samples clipped."""
    p = _write(pcm)
    return call(lib.pcm_gain, p, len(p), off, n, gain_q12)


def fade(pcm, off, n, from_q12, to_q12):
    """Multiply in place by a gain that runs linearly from from_q12 to to_q12 (0..65535)."""
    p = _write(pcm)
    call(lib.pcm_fade, p, len(p), off, n, from_q12, to_q12)


def rms(pcm, off, n):
    """Root mean square, 0..32768."""
    p = _read(pcm)
    return call(lib.pcm_rms, p, len(p), off, n)


def peak(pcm, off, n):
    """Largest magnitude, 0..32768."""
    p = _read(pcm)
    return call(lib.pcm_peak, p, len(p), off, n)


def level(pcm, off, n):
    """Level in -dBov, 0..127 with 127 = digital silence (RFC 6464)."""
    p = _read(pcm)
    return call(lib.pcm_level, p, len(p), off, n)


def mix(dst, dst_off, src, src_off, n):
    """Add n samples of src to dst, saturating."""
    d, s = _write(dst), _read(src)
    call(lib.pcm_mix, d, len(d), dst_off, s, len(s), src_off, n)


def copy(dst, dst_off, src, src_off, n):
    """Copy n samples; the two may overlap."""
    d, s = _write(dst), _read(src)
    call(lib.pcm_copy, d, len(d), dst_off, s, len(s), src_off, n)


def fill(pcm, off, n, value):
    """Set n samples to value (-32768..32767)."""
    p = _write(pcm)
    call(lib.pcm_fill, p, len(p), off, n, value)


def slots32_to_16(src, src_off_bytes, dst, dst_off, n, slots, slot, shift):
    """One of `slots` (1, 2) 32-bit I2S words of n frames, >> shift (0..31), saturated."""
    s, d = _read(src), _write(dst)
    call(
        lib.pcm_slots32_to_16,
        *(s, len(s), src_off_bytes, d, len(d), dst_off, n, slots, slot, shift),
    )


def slots16_to_32(pcm, off, dst, dst_off_bytes, n, slots):
    """n samples to n I2S frames of `slots` (1, 2) equal 32-bit words."""
    p, d = _read(pcm), _write(dst)
    call(lib.pcm_slots16_to_32, p, len(p), off, d, len(d), dst_off_bytes, n, slots)


def tone_init(state, rate, freq1_hz, freq2_hz, amplitude):
    """Start one or two (freq2_hz > 0) tones of up to rate / 2; amplitude is the peak."""
    s = _write(state)
    call(lib.pcm_tone_init, s, len(s), rate, freq1_hz, freq2_hz, amplitude)


def tone(state, pcm, off, n):
    """Write the next n samples of the tone."""
    s, p = _write(state), _write(pcm)
    call(lib.pcm_tone, s, len(s), p, len(p), off, n)


def duck_init(state, rate):
    """Start ducking in state, a writable buffer of DUCK_STATE bytes; rate 8000, 16000 or 48000."""
    s = _write(state)
    call(lib.pcm_duck_init, s, len(s), rate)


def duck_set(state, parameter, value):
    """Set a parameter, DUCK_RETURN_DB to DUCK_START_DB; duck.h has limits, units and meaning."""
    s = _write(state)
    call(lib.pcm_duck_set, s, len(s), parameter, value)


def duck_get(state, parameter):
    """A parameter, or DUCK_PATH_DB, DUCK_GAIN_Q12, DUCK_NEAR: what was learnt and is going on."""
    s = _read(state)
    return call(lib.pcm_duck_get, s, len(s), parameter)


def duck(state, capture, capture_off, reference, reference_off, n):
    """Attenuate n samples (whole 5 ms) of capture while they hold echo of reference.

    Returns the gain at the end in Q12, 0..4096.
    """
    s, c, r = _write(state), _write(capture), _read(reference)
    return call(lib.pcm_duck, s, len(s), c, len(c), capture_off, r, len(r), reference_off, n)


def mismatch(pcm, a_off, b_off, n):
    """How unlike two pieces of n samples (up to 4096) are: 0 the same … 256 opposite."""
    p = _read(pcm)
    return call(lib.pcm_mismatch, p, len(p), a_off, b_off, n)


def best_match(pcm, off, n, first_off, last_off):
    """The offset first_off..last_off whose n samples (up to 4096) are most like those at off."""
    p = _read(pcm)
    return call(lib.pcm_best_match, p, len(p), off, n, first_off, last_off)


def crossfade(dst, dst_off, src, src_off, n):
    """Pass from dst to src within n samples (up to 4096), in place of dst."""
    d, s = _write(dst), _read(src)
    call(lib.pcm_crossfade, d, len(d), dst_off, s, len(s), src_off, n)


def noise_init(state, seed):
    """Start comfort noise in state, NOISE_STATE bytes; any seed 0..2^30-1."""
    s = _write(state)
    call(lib.pcm_noise_init, s, len(s), seed)


def noise(state, pcm, off, n, level):
    """Write n samples of noise of level -dBov (0..127), duller than white."""
    s, p = _write(state), _write(pcm)
    call(lib.pcm_noise, s, len(s), p, len(p), off, n, level)
