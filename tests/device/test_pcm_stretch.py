"""pcm's time-scaling and comfort noise: definitions, bad arguments, agreement."""

from array import array

from implementations import Random, agreed, implementations, refuses

from support import heap_locked, raises, require_heap_lock

ALL = implementations("pcm")


def noise(random, n, peak=32768):
    return array("h", [random.below(2 * peak) - peak for _ in range(n)])


def triangle(n, period, peak):
    return array("h", [abs(i % period * 4 * peak // period - 2 * peak) - peak for i in range(n)])


# -- likeness ------------------------------------------------------------------


def test_mismatch_of_known_pieces():
    same = array("h", [5, -7, 9, 5, -7, 9])
    opposite = array("h", [32767, -32768, -32767, 32767])
    for pcm in ALL:
        assert pcm.mismatch(same, 0, 3, 3) == 0
        assert pcm.mismatch(array("h", [0] * 8), 0, 4, 4) == 0
        assert pcm.mismatch(array("h", [100, 50]), 0, 1, 1) == 256 * 50 // 150
        assert pcm.mismatch(array("h", [100, 0]), 0, 1, 1) == 256
        assert pcm.mismatch(opposite, 0, 2, 2) == 256
        assert pcm.mismatch(same, 0, 1, 0) == 0


def test_mismatch_of_noise_and_of_large_sums():
    random = Random(1)
    both = noise(random, 2 * 512)
    loud = array("h", [32767] * 600 + [-32768] * 600)
    for pcm in ALL:
        assert 150 <= pcm.mismatch(both, 0, 512, 512) <= 190
        assert pcm.mismatch(loud, 0, 600, 600) in (255, 256)


def test_the_period_is_found():
    for period in (40, 57, 113):
        wave = triangle(400, period, 9000)
        for pcm in ALL:
            found = pcm.best_match(wave, 200, 40, 200 - 120, 200 - 40)
            assert (200 - found) % period == 0, (period, found)
            assert pcm.mismatch(wave, 200, found, 40) == 0


def test_the_first_of_equals_is_found():
    silence = array("h", bytes(400))
    for pcm in ALL:
        assert pcm.best_match(silence, 0, 20, 30, 100) == 30
        assert pcm.best_match(silence, 0, 0, 30, 100) == 30
        assert pcm.best_match(silence, 100, 20, 0, 0) == 0


# -- passing over --------------------------------------------------------------


def test_crossfade_is_linear():
    for pcm in ALL:
        low, high = array("h", [-30000] * 12), array("h", [30000] * 12)
        pcm.crossfade(low, 1, high, 2, 10)
        assert low[0] == low[11] == -30000
        assert [round(v / 1000) for v in low[1:11]] == [6 * i - 27 for i in range(10)]
        steady = array("h", [-32768] * 8)
        pcm.crossfade(steady, 0, steady, 4, 4)
        assert steady == array("h", [-32768] * 8)


def test_crossfade_from_behind_overlaps():
    for pcm in ALL:
        wave = triangle(100, 25, 5000)
        whole = array("h", wave)
        pcm.crossfade(wave, 0, wave, 25, 60)
        assert wave == whole


# -- noise ---------------------------------------------------------------------


def test_noise_has_its_level():
    for pcm in ALL:
        state, out = bytearray(pcm.NOISE_STATE), array("h", bytes(2 * 2000))
        pcm.noise_init(state, 7)
        for level in (12, 30, 45, 60, 75):
            pcm.noise(state, out, 0, 2000, level)
            assert abs(pcm.level(out, 0, 2000) - level) <= 1, (level, pcm.level(out, 0, 2000))
        pcm.noise(state, out, 0, 2000, 127)
        assert not any(out)


def test_noise_goes_on_over_calls():
    for pcm in ALL:
        whole, parts = array("h", bytes(400)), array("h", bytes(400))
        for out, sizes in ((whole, (200,)), (parts, (1, 80, 119))):
            state, at = bytearray(pcm.NOISE_STATE), 0
            pcm.noise_init(state, (1 << 30) - 1)
            for n in sizes:
                pcm.noise(state, out, at, n, 40)
                at += n
        assert whole == parts and len(set(whole)) > 100


# -- all of them ---------------------------------------------------------------


def _bytes(samples):
    return bytearray(bytes(samples))


def test_implementations_agree():
    random = Random(11)
    for _ in range(60):
        samples = _bytes(noise(random, 120, random.pick((2, 300, 32768))))
        other = _bytes(noise(random, 60))
        n, a, b = random.below(50), random.below(90), random.below(90)
        agreed(ALL, "mismatch", (samples, a, b, n))
        agreed(ALL, "best_match", (samples, a, n, b, b + random.below(40)))
        agreed(ALL, "crossfade", (samples, a, other, random.below(30), n))
        state = bytearray(ALL[0].NOISE_STATE)
        ALL[0].noise_init(state, random.below(1 << 24))
        agreed(ALL, "noise", (state, samples, a, n, random.below(129)))
        state[random.below(12)] ^= 1 << random.below(8)
        agreed(ALL, "noise", (state, samples, a, n, 3))


def test_bad_arguments():
    for pcm in ALL:
        samples, state = bytearray(200), bytearray(pcm.NOISE_STATE)
        pcm.noise_init(state, 1)
        good = (samples, 0, 10, 20)
        for index, bad in ((1, -1), (1, 81), (2, 1 << 31), (3, 4097), (3, -1), (3, 91)):
            refuses(pcm, "mismatch", good, index, bad, ValueError)
        good = (samples, 0, 20, 30, 60)
        for index, bad in ((1, 81), (2, 41), (2, 5000), (3, 61), (3, -1), (4, 81), (4, 29)):
            refuses(pcm, "best_match", good, index, bad, ValueError)
        good = (samples, 0, bytearray(80), 0, 40)
        for index, bad in ((1, 61), (3, 1), (4, 41), (4, -1)):
            refuses(pcm, "crossfade", good, index, bad, ValueError)
        good = (state, samples, 0, 100, 127)
        for index, bad in ((0, bytearray(11)), (0, bytearray(12)), (2, 1), (3, 101), (4, 128)):
            refuses(pcm, "noise", good, index, bad, ValueError)
        for name, args in (("mismatch", (5, 0, 0, 0)), ("noise", (bytes(12), samples, 0, 1, 1))):
            raises(TypeError, getattr(pcm, name), *args)
        raises(TypeError, pcm.mismatch, samples, 0, None, 4)
        raises(ValueError, pcm.noise_init, state, -1)
        raises(ValueError, pcm.noise_init, state, 1 << 30)
        raises(ValueError, pcm.noise_init, bytearray(11), 1)


def test_long_pieces_are_refused():
    long = bytearray(2 * 5000)
    for pcm in ALL:
        assert pcm.mismatch(long, 0, 0, 4096) == 0
        raises(ValueError, pcm.mismatch, long, 0, 0, 4097)
        raises(ValueError, pcm.crossfade, long, 0, long, 0, 4097)


def test_no_allocation():
    require_heap_lock()
    pcm, lock = ALL[0], heap_locked()
    if pcm.IMPLEMENTATION == "pure python":
        raise AssertionError("no native module here: run make natmods")
    wave, state = triangle(600, 77, 20000), bytearray(pcm.NOISE_STATE)
    pcm.noise_init(state, 12345)
    with lock:
        for _ in range(20):
            at = pcm.best_match(wave, 300, 80, 60, 220)
            pcm.mismatch(wave, 300, at, 80)
            pcm.crossfade(wave, 300, wave, at, 80)
            pcm.noise(state, wave, 0, 100, 45)
