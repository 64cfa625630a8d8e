"""Ducking (pcm.duck) on every implementation there is: equal to the bit, and hard to misuse."""

from array import array

from echo_sounds import ALL, QUICK, RATES, UNITY, ducker, noise
from implementations import Random, agreed, outcome, refuses

from support import heap_locked, raises, require_heap_lock


def tone(amplitude, i):
    return (i * 37 % 41 - 20) * amplitude // 20


def wild(random, n):
    """A frame of any kind: silence, noise, square wave, offset, one click."""
    kind = random.below(6)
    peak = random.pick((1, 20, 400, 6000, 32767))
    if kind == 0:
        return array("h", bytes(2 * n))
    if kind == 1:
        return array("h", [random.pick((-32768, 32767))] * n)
    if kind == 2:
        return array("h", [32767 if i // 7 % 2 else -32768 for i in range(n)])
    if kind == 3:
        click = array("h", bytes(2 * n))
        click[random.below(n)] = peak
        return click
    return noise(random, n, peak)


def test_all_agree_on_anything():
    random = Random(19)
    for rate in RATES:
        states = [ducker(pcm, rate) for pcm in ALL]
        for _ in range(25):
            n = rate // 200 * random.below(6)
            reference = wild(random, n or 1)
            capture = wild(random, n or 1)
            if random.below(2):  # or an echo
                capture = array("h", [v >> 2 for v in reference])
            parameter, value = random.below(10), random.below(100) - 20
            got = []
            for pcm, state in zip(ALL, states):
                heard = array("h", capture)
                gain = pcm.duck(state, heard, 0, reference, 0, n)
                outcome_of_set = outcome(pcm.duck_set, (state, parameter, value))
                state[:] = outcome_of_set[1][0]
                got.append((gain, bytes(heard), bytes(state), outcome_of_set[0]))
                assert 0 <= gain <= UNITY
            assert got.count(got[0]) == len(got), (rate, n)


def test_all_agree_on_damaged_states():
    """Any byte of a state may be wrong: refused by all, or the same sound from all."""
    random = Random(20)
    refused = 0
    for i in range(400):
        state = ducker(QUICK, random.pick(RATES), random.pick((None, -12, -60, 20)))
        for _ in range(1 + random.below(2)):
            at = random.below(len(state))
            state[at] = random.pick((0, 1, 127, 128, 255, random.below(256)))
        n = 40 * random.below(4)
        capture = bytearray(bytes(wild(random, n or 1)))
        reference = bytes(wild(random, n or 1))
        result, _ = agreed(ALL, "duck", (state, capture, 0, reference, 0, n))
        refused += result == "ValueError"
        for name, args in (("duck_set", (state, i % 12, 5)), ("duck_get", (state, i % 14))):
            agreed(ALL, name, args)
    assert 50 < refused < 350, refused


def test_parameters():
    limits = (
        (QUICK.DUCK_RETURN_DB, 20, 80, 60),
        (QUICK.DUCK_DEPTH_DB, 0, 80, 70),
        (QUICK.DUCK_ATTACK_MS, 1, 5, 4),
        (QUICK.DUCK_HANG_MS, 0, 200, 80),
        (QUICK.DUCK_DECAY_DB_S, 20, 150, 95),
        (QUICK.DUCK_BALANCE_DB, 0, 40, 6),
        (QUICK.DUCK_OPENING_DB, 1, 40, 4),
        (QUICK.DUCK_NEAR_MS, 0, 1000, 250),
        (QUICK.DUCK_FLOOR_DBOV, -90, -30, -78),
        (QUICK.DUCK_START_DB, -60, 20, 10),
    )
    for pcm in ALL:
        for parameter, low, high, default in limits:
            state = ducker(pcm, 8000)
            assert pcm.duck_get(state, parameter) == default
            for value in (low, high):
                pcm.duck_set(state, parameter, value)
                assert pcm.duck_get(state, parameter) == value
            for value in (low - 1, high + 1, 1 << 40):
                refuses(pcm, "duck_set", (state, parameter, low), 2, value, ValueError)
        for read_only in (pcm.DUCK_PATH_DB, pcm.DUCK_GAIN_Q12, pcm.DUCK_NEAR, -1, 13, 1 << 31):
            refuses(pcm, "duck_set", (state, 0, 5), 1, read_only, ValueError)
        refuses(pcm, "duck_get", (state, 0), 1, 13, ValueError)


def test_constants_are_the_same():
    for name in dir(QUICK):
        if name.startswith("DUCK_"):
            for pcm in ALL:
                assert getattr(pcm, name) == getattr(QUICK, name), name


def test_bad_arguments_touch_nothing():
    for pcm in ALL:
        state = ducker(pcm, 8000)
        good = (state, bytearray(82), 1, bytearray(84), 2, 40)
        for i in (0, 1, 3):
            for bad in (None, 7):
                refuses(pcm, "duck", good, i, bad, TypeError)
            refuses(pcm, "duck", good, i, good[i][:-1], ValueError)
        for i in (2, 4, 5):
            refuses(pcm, "duck", good, i, "1", TypeError)
            for bad in (-1, 1 << 30, (1 << 31) - 1, 1 << 32, 1 << 70):
                refuses(pcm, "duck", good, i, bad, ValueError)
        for n in (1, 39, 41):  # not whole blocks
            refuses(
                pcm,
                "duck",
                good[:1] + (bytearray(500), 0, bytearray(500), 0, 40),
                5,
                n,
                ValueError,
            )
        raises(TypeError, pcm.duck, state, bytes(80), 0, bytes(80), 0, 40)
        raises(TypeError, pcm.duck, bytes(state), bytearray(80), 0, bytes(80), 0, 40)
        start = (bytearray(pcm.DUCK_STATE), 8000)
        refuses(pcm, "duck_init", start, 0, bytearray(pcm.DUCK_STATE - 1), ValueError)
        for bad in (0, -8000, 44100, 1 << 40):
            refuses(pcm, "duck_init", start, 1, bad, ValueError)
        refuses(pcm, "duck_init", start, 1, None, TypeError)


def test_nothing_is_allocated():
    require_heap_lock()
    lock = heap_locked()
    if QUICK.IMPLEMENTATION == "pure python":
        return
    for rate in RATES:
        state, n = ducker(QUICK, rate), rate // 50
        far = array("h", [tone(32767, i) for i in range(n)])
        capture = array("h", bytes(2 * n))
        with lock:
            for i in range(60):
                QUICK.mix(capture, 0, far, 0, n)
                QUICK.duck(state, capture, 0, far, 0, n)
                QUICK.duck_set(state, QUICK.DUCK_HANG_MS, i)
                QUICK.duck_get(state, QUICK.DUCK_FLOOR_DBOV)
