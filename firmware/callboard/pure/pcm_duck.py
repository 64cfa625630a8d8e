"""Ducking in pure Python: native/pcm/duck.c step by step, equal to the bit (see duck.h)."""

from callboard.pure import check, read, write
from callboard.pure.samples import get_sample, log2_q12, put_sample, samples_fit

DUCK_STATE = 220
DUCK_RETURN_DB = 0
DUCK_DEPTH_DB = 1
DUCK_ATTACK_MS = 2
DUCK_HANG_MS = 3
DUCK_DECAY_DB_S = 4
DUCK_BALANCE_DB = 5
DUCK_OPENING_DB = 6
DUCK_NEAR_MS = 7
DUCK_FLOOR_DBOV = 8
DUCK_START_DB = 9
DUCK_PATH_DB = 10
DUCK_GAIN_Q12 = 11
DUCK_NEAR = 12

_MAGIC = b"CPD1"
_RATES = (8000, 16000, 48000)
_BLOCKS_PER_S = 200
_BLOCK_MS = 5
_RING = 42
_WINDOWS = 16
_WINDOW_BLOCKS = 60
_FULL_SCALE = 7680
_MAX_LEVEL = 8192
_MIN_PATH = -5103
_MAX_PATH = 1700
_LOUD_ENOUGH = 2577
_NEAR_PEAK = 1020
_PATH_FALL = 510
_PATH_RISE = 255
_TAIL = 425
_OVER_NOISE = 510
_MIN_DECAY = 2048
_MAX_DECAY = 16384
_DECAY_LESS = 384
_DECAY_MORE = 8
_UNITY_Q15 = 32768
_OPEN = 256

_DEFAULTS = (60, 70, 4, 80, 95, 6, 4, 250, -78, 10)
# Words of the state behind the magic and the rate.
_P = 2
_CAPTURE_LOW, _REFERENCE_LOW, _SOUND, _PEAK, _PATH, _LENGTH, _MAX = 12, 13, 14, 15, 16, 17, 18
_INDEX, _NEAR, _HOLD, _GAIN, _RING_INDEX, _DECAY, _NOISE = 19, 20, 21, 22, 23, 24, 25
_RING_AT = 52  # in samples from the beginning
_WINDOWS_AT = _RING_AT + _RING
_LIMITS = (
    (20, 80),
    (0, 80),
    (1, _BLOCK_MS),
    (0, 200),
    (20, 150),
    (0, 40),
    (1, 40),
    (0, 1000),
    (-90, -30),
    (-60, 20),
    (-(1 << 23), (1 << 23) - 1),
    (-(1 << 23), (1 << 23) - 1),
    (0, _MAX_LEVEL),
    (0, _MAX_LEVEL),
    (_MIN_PATH, _MAX_PATH),
    (0, _WINDOW_BLOCKS - 1),
    (_MIN_PATH, _MAX_PATH),
    (0, _WINDOWS - 1),
    (0, _OPEN),
    (0, 1000 // _BLOCK_MS),
    (0, _UNITY_Q15),
    (0, _RING - 1),
    (_MIN_DECAY, _MAX_DECAY),
    (0, _MAX_LEVEL),
)


def _word(s, i):
    v = s[4 * i] | s[4 * i + 1] << 8 | s[4 * i + 2] << 16 | s[4 * i + 3] << 24
    return v - (v >> 31 << 32)


def _put_word(s, i, v):
    put_sample(s, 2 * i, v)
    put_sample(s, 2 * i + 1, v >> 16)


def _from_db(db):
    return db * 21771 >> 8


def _between(v, low, high):
    return low if v < low else high if v > high else v


def _all_between(s, first, count, low, high):
    return all(low <= get_sample(s, i) <= high for i in range(first, first + count))


def _check_state(s):
    ok = len(s) >= DUCK_STATE and bytes(s[:4]) == _MAGIC and _word(s, 1) in _RATES
    for i in range(len(_LIMITS)):
        ok = ok and _LIMITS[i][0] <= _word(s, _P + i) <= _LIMITS[i][1]
    ok = ok and _all_between(s, _RING_AT, _RING, 0, _MAX_LEVEL)
    if not (ok and _all_between(s, _WINDOWS_AT, _WINDOWS, _MIN_PATH, _MAX_PATH)):
        raise ValueError("bad state")


def _begin_with_decay(s):
    _put_word(s, _DECAY, _from_db(_word(s, _P + DUCK_DECAY_DB_S)) * 256 // _BLOCKS_PER_S)


def _begin_with_path(s):
    path = _between(_from_db(_word(s, _P + DUCK_START_DB)), _MIN_PATH, _MAX_PATH)
    _put_word(s, _PATH, path)
    _put_word(s, _LENGTH, 0)
    _put_word(s, _MAX, _MIN_PATH)
    for i in range(_WINDOWS):
        put_sample(s, _WINDOWS_AT + i, path)


def duck_init(state, rate):
    """Start ducking in state, a writable buffer of DUCK_STATE bytes; rate 8000, 16000 or 48000."""
    s = write(state)
    if not isinstance(rate, int):
        raise TypeError("integer expected")
    check(len(s) >= DUCK_STATE, rate in _RATES)
    s[:DUCK_STATE] = bytes(DUCK_STATE)
    s[:4] = _MAGIC
    _put_word(s, 1, rate)
    for i in range(len(_DEFAULTS)):
        _put_word(s, _P + i, _DEFAULTS[i])
    _put_word(s, _GAIN, _UNITY_Q15)
    _put_word(s, _NOISE, _MAX_LEVEL)
    _begin_with_decay(s)
    _begin_with_path(s)


def duck_set(state, parameter, value):
    """Set a parameter, DUCK_RETURN_DB to DUCK_START_DB; duck.h has limits, units and meaning."""
    s = write(state)
    if not (isinstance(parameter, int) and isinstance(value, int)):
        raise TypeError("integer expected")
    _check_state(s)
    check(0 <= parameter <= DUCK_START_DB)
    check(_LIMITS[parameter][0] <= value <= _LIMITS[parameter][1])
    _put_word(s, _P + parameter, value)
    if parameter == DUCK_START_DB:
        _begin_with_path(s)
    elif parameter == DUCK_DECAY_DB_S:
        _begin_with_decay(s)


def duck_get(state, parameter):
    """A parameter, or DUCK_PATH_DB, DUCK_GAIN_Q12, DUCK_NEAR: what was learnt and is going on."""
    s = read(state)
    if not isinstance(parameter, int):
        raise TypeError("integer expected")
    _check_state(s)
    if parameter == DUCK_PATH_DB:
        return _word(s, _PATH) * 771 >> 16
    if parameter == DUCK_GAIN_Q12:
        return _word(s, _GAIN) >> 3
    if parameter == DUCK_NEAR:
        return _word(s, _NEAR)
    check(0 <= parameter <= DUCK_START_DB)
    return _word(s, _P + parameter)


def _block_level(s, low, pcm, off, block):
    shift = 3 if block == 40 else 4 if block == 80 else 6
    slow = _word(s, low)
    total = 0
    for i in range(off, off + block):
        x = get_sample(pcm, i)
        quick = x - (slow >> 8)
        total += quick * quick
        slow += (x * 256 - slow) >> shift
    _put_word(s, low, slow)
    return 0 if total < block else (log2_q12(total) - log2_q12(block)) >> 4


def _follow_reference(s, level):
    index = _word(s, _RING_INDEX)
    recent = 0
    put_sample(s, _RING_AT + index, level)
    for back in range(_word(s, _P + DUCK_HANG_MS) // _BLOCK_MS + 1):
        recent = max(recent, get_sample(s, _RING_AT + (index - back) % _RING))
    _put_word(s, _RING_INDEX, (index + 1) % _RING)
    return recent


def _follow_sound(s, recent):
    sound = max(recent, _word(s, _SOUND) - ((_word(s, _DECAY) + 128) >> 8))
    _put_word(s, _SOUND, sound)
    _put_word(s, _PEAK, max(_word(s, _PEAK) - 1, sound))
    return sound


def _close_window(s):
    index = _word(s, _INDEX)
    put_sample(s, _WINDOWS_AT + index, _word(s, _MAX))
    _put_word(s, _INDEX, (index + 1) % _WINDOWS)
    _put_word(s, _LENGTH, 0)
    _put_word(s, _MAX, _MIN_PATH)
    second = sorted([get_sample(s, _WINDOWS_AT + i) for i in range(_WINDOWS)])[1]
    path = _word(s, _PATH)
    _put_word(s, _PATH, path + _between(second - path, -_PATH_FALL, _PATH_RISE))


def _learn_path(s, recent, heard):
    if recent <= _LOUD_ENOUGH or recent <= _word(s, _PEAK) - _NEAR_PEAK:
        return
    ratio = _between(heard - recent, _MIN_PATH, _MAX_PATH)
    _put_word(s, _MAX, max(_word(s, _MAX), ratio))
    _put_word(s, _LENGTH, _word(s, _LENGTH) + 1)
    if _word(s, _LENGTH) == _WINDOW_BLOCKS:
        _close_window(s)


def _learn_decay(s, decaying, heard, echo):
    noise = min(heard, _word(s, _NOISE) + 1)
    _put_word(s, _NOISE, noise)
    if not decaying or heard <= noise + _OVER_NOISE or _word(s, _NEAR) > 0:
        return
    decay = _word(s, _DECAY)
    if heard <= echo:
        decay += _DECAY_MORE
    elif heard < echo + _from_db(_word(s, _P + DUCK_BALANCE_DB)):
        decay -= _DECAY_LESS
    _put_word(s, _DECAY, _between(decay, _MIN_DECAY, _MAX_DECAY))


def _attenuation_for(s, echo):
    wanted = _from_db(_word(s, _P + DUCK_RETURN_DB))
    floor = max(
        _FULL_SCALE + _from_db(_word(s, _P + DUCK_FLOOR_DBOV)), _word(s, _PEAK) - wanted - _TAIL
    )
    depth = _between(_word(s, _PATH) + wanted, 0, _from_db(_word(s, _P + DUCK_DEPTH_DB)))
    return _between(echo - floor, 0, depth)


def _follow_near(s, excess):
    above = excess - _from_db(_word(s, _P + DUCK_BALANCE_DB))
    span = _from_db(_word(s, _P + DUCK_OPENING_DB))
    now = 0 if above <= 0 else _OPEN if above >= span else above * _OPEN // span
    near, hold = _word(s, _NEAR), _word(s, _HOLD)
    blocks = _word(s, _P + DUCK_NEAR_MS) // _BLOCK_MS
    if now > 0 and now >= near:
        near = now
        hold = blocks
    elif hold > 0:
        hold -= 1
    else:
        near = max(now, near - _OPEN // max(blocks, 1))
    _put_word(s, _NEAR, near)
    _put_word(s, _HOLD, hold)
    return near


def _gain_of(attenuation):
    part = attenuation & 511
    mantissa = _UNITY_Q15 - (22036 * part >> 9) + (5652 * part * part >> 18)
    return mantissa >> (attenuation >> 9)


def _apply(pcm, off, block, start, end, ramp):
    if start == _UNITY_Q15 and end == _UNITY_Q15:
        return
    gain = start
    for i in range(block):
        if i < ramp:
            gain = start + (end - start) * (i + 1) // ramp
        put_sample(pcm, off + i, (get_sample(pcm, off + i) * gain + (1 << 14)) >> 15)


def _duck_block(s, capture, off, block, level):
    heard = _block_level(s, _CAPTURE_LOW, capture, off, block)
    recent = _follow_reference(s, level)
    sound = _follow_sound(s, recent)
    echo = sound + _word(s, _PATH)
    _learn_path(s, recent, heard)
    _learn_decay(s, sound > recent, heard, echo)
    attenuation = _attenuation_for(s, echo)
    near = _follow_near(s, heard - echo if attenuation else 0)
    start = _word(s, _GAIN)
    end = _gain_of(attenuation - (attenuation * near >> 8))
    attack = block * _word(s, _P + DUCK_ATTACK_MS) // _BLOCK_MS
    _apply(capture, off, block, start, end, attack if end < start else block)
    _put_word(s, _GAIN, end)


def duck(state, capture, capture_off, reference, reference_off, n):
    """Attenuate n samples (whole 5 ms) of capture while they hold echo of reference.

    Returns the gain at the end in Q12, 0..4096.
    """
    s, c, r = write(state), write(capture), read(reference)
    inside = samples_fit(c, capture_off, n), samples_fit(r, reference_off, n)
    _check_state(s)
    block = _word(s, 1) // _BLOCKS_PER_S
    check(inside[0], inside[1], n % block == 0)
    following = _block_level(s, _REFERENCE_LOW, r, reference_off, block) if n else 0
    for done in range(0, n, block):
        level = following
        if done + block < n:
            following = _block_level(s, _REFERENCE_LOW, r, reference_off + done + block, block)
            level = max(level, following)
        _duck_block(s, c, capture_off + done, block, level)
    return _word(s, _GAIN) >> 3
