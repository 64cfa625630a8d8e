"""Ducking (pcm.duck): what it does to echo, to voices, and to both."""

from array import array

from echo_sounds import ALL, QUICK, RATES, UNITY, Noise, Same, ducker, noise, power, run
from implementations import Random


def test_without_far_end_nothing_changes():
    random = Random(1)
    for pcm in ALL:
        for rate in RATES:
            state, n = ducker(pcm, rate), rate // 50
            silence = array("h", bytes(2 * n))
            for peak in (1, 300, 32767):
                near = noise(random, n, peak)
                before = bytes(near)
                assert pcm.duck(state, near, 0, silence, 0, n) == UNITY
                assert bytes(near) == before
            extremes = array("h", [-32768, 32767] * (n // 2))
            assert pcm.duck(state, extremes, 0, silence, 0, n) == UNITY
            assert list(extremes) == [-32768, 32767] * (n // 2)


def test_echo_is_turned_down_by_what_it_needs():
    """60 dB below what was played: 48 dB more than the path's 12."""
    for pcm in ALL:
        state = ducker(pcm, 8000, -12)
        frames = run(pcm, state, 12, Noise(2, 160, 8000))
        for before, after, gain in frames[1:]:
            assert 15 <= gain <= 17, gain
            assert power(after) * 50000 < power(before)
        assert pcm.duck_get(state, pcm.DUCK_GAIN_Q12) == frames[-1][2]


def test_the_first_frame_is_not_heard_either():
    """The gain falls in 4 ms, before the sound when that begins later in the frame."""
    for pcm in ALL:
        state = ducker(pcm, 16000, -12)
        run(pcm, state, 2, Same(320))
        late = array("h", bytes(640))
        pcm.copy(late, 90, noise(Random(3), 320, 9000), 0, 230)
        before, after, _ = run(pcm, state, 1, Same(late))[0]
        assert power(after) * 20000 < power(before)
        state = ducker(pcm, 16000, -12)
        before, after, _ = run(pcm, state, 1, Noise(3, 320, 9000))[0]
        assert max(after[64:]) <= max(before) // 100  # after 4 ms


def test_depth_and_return_are_limits():
    pcm = QUICK
    for name, value, gain_db in ((pcm.DUCK_DEPTH_DB, 20, 20), (pcm.DUCK_RETURN_DB, 40, 28)):
        state = ducker(pcm, 8000, -12)
        pcm.duck_set(state, name, value)
        gain = run(pcm, state, 10, Noise(4, 160, 8000))[-1][2]
        assert abs(gain - UNITY * 10 ** (-gain_db / 20)) < 8, (value, gain)
    state = ducker(pcm, 8000)
    pcm.duck_set(state, pcm.DUCK_DEPTH_DB, 0)
    for before, after, gain in run(pcm, state, 10, Noise(4, 160, 8000)):
        assert gain == UNITY and before == after


def test_quiet_echo_is_left_alone():
    """What arrives below -78 dBov nobody hears."""
    for pcm in ALL:
        state = ducker(pcm, 8000, -60)
        frames = run(pcm, state, 6, Noise(5, 160, 3000), shift=10)
        assert [gain for _, _, gain in frames] == [UNITY] * 6


def test_hang_time_and_decay():
    """After the far end the gain waits for HANG_MS, then rises as the room decays, to 1."""
    pcm = QUICK
    for hang_ms, decay in ((80, 150), (200, 95), (0, 40)):
        state = ducker(pcm, 16000, -12)
        pcm.duck_set(state, pcm.DUCK_HANG_MS, hang_ms)
        pcm.duck_set(state, pcm.DUCK_DECAY_DB_S, decay)
        loud = run(pcm, state, 10, Noise(6, 320, 8000))
        gains = [gain for _, _, gain in run(pcm, state, 100, Same(320))]
        assert gains[: hang_ms // 20] == [loud[-1][2]] * (hang_ms // 20), gains
        assert gains == sorted(gains) and gains[-1] == UNITY
        full_ms = 20 * gains.index(UNITY) - hang_ms
        assert 40 * 1000 // decay < full_ms < 65 * 1000 // decay + 25, (decay, full_ms)


def test_near_voice_passes():
    """20 dB louder than the echo: unchanged but for the first moment. As loud: held back."""
    for pcm in ALL:
        state, far = ducker(pcm, 8000, -12), Noise(7, 160, 3000)
        run(pcm, state, 3, far)
        for before, after, gain in run(pcm, state, 6, far, Noise(8, 160, 9000))[1:]:
            assert gain == UNITY and before == after
        assert pcm.duck_get(state, pcm.DUCK_NEAR) == 256
        state = ducker(pcm, 8000, -12)
        frames = run(pcm, state, 6, far, Noise(8, 160, 700))
        assert max([gain for _, _, gain in frames]) < 40


def test_near_voice_partly():
    """Between BALANCE_DB and BALANCE_DB + OPENING_DB above the echo it passes in part."""
    pcm = QUICK
    gains = []
    for peak in (700, 1450, 1650, 2600):  # with the echo 3, 8, 9, 12 dB above it
        state = ducker(pcm, 48000, -12)  # long blocks, so that their levels are alike
        frames = run(pcm, state, 6, Noise(9, 960, 3000), Noise(10, 960, peak))
        gains.append(frames[-1][2])
    assert gains[0] < 40 < gains[1] < gains[2] - 100 < gains[3] - 500, gains
    assert gains[3] == UNITY


def test_balance():
    """The same voice passes or not, as BALANCE_DB says."""
    pcm = QUICK
    for balance_db, passes in ((0, True), (6, True), (20, False), (40, False)):
        state = ducker(pcm, 16000, -12)
        pcm.duck_set(state, pcm.DUCK_BALANCE_DB, balance_db)
        gain = run(pcm, state, 8, Noise(11, 320, 3000), Noise(12, 320, 3500))[-1][2]
        assert (gain == UNITY) == passes, (balance_db, gain)


def test_near_voice_is_not_cut_between_words():
    """NEAR_MS of open gain after a word, then it closes in steps, not at once."""
    pcm = QUICK
    state, far = ducker(pcm, 16000, -12), Noise(13, 320, 3000)
    run(pcm, state, 5, far, Noise(14, 320, 9000))
    gains = [gain for _, _, gain in run(pcm, state, 40, far)]
    assert gains[:12] == [UNITY] * 12, gains
    closing = gains[12:25]
    assert closing == sorted(closing, reverse=True) and closing[0] < UNITY, gains
    assert closing[3] > 400 and max(gains[26:]) < 40, gains


def test_path_is_learnt():
    """From the cautious +10 dB down to the truth, up again when the speaker gets louder."""
    pcm = QUICK
    state, far = ducker(pcm, 8000), Noise(15, 160, 3000)
    assert pcm.duck_get(state, pcm.DUCK_PATH_DB) == 10 - 1  # rounded down
    run(pcm, state, 100, far, shift=3)
    learnt = pcm.duck_get(state, pcm.DUCK_PATH_DB)
    assert -20 <= learnt <= -15, learnt
    run(pcm, state, 20, Noise(15, 160, 2), shift=0)  # too quiet to learn from
    assert pcm.duck_get(state, pcm.DUCK_PATH_DB) == learnt
    run(pcm, state, 300, far, shift=1)
    assert -7 <= pcm.duck_get(state, pcm.DUCK_PATH_DB) <= -3
    pcm.duck_set(state, pcm.DUCK_START_DB, 0)
    assert pcm.duck_get(state, pcm.DUCK_PATH_DB) == 0


class Words:
    """A voice that speaks for 1.2 s and pauses for 0.8 s."""

    def __init__(self, seed, n, peak):
        self._voice = Noise(seed, n, peak)
        self._pause = Same(n)

    def __call__(self, frame):
        return (self._pause if frame % 100 > 60 else self._voice)(frame)


class Hall:
    """What a hall adds: the sound of Words again and again, `fall_db` quieter each 20 ms."""

    def __init__(self, seed, n, peak, fall_db):
        self._sound = Noise(seed, n, peak)
        self._quieter = 10 ** (-fall_db / 20)
        self._gain = 0.0

    def __call__(self, frame):
        self._gain *= self._quieter
        if frame % 60 < 30:
            self._gain = 1.0
        gain = self._gain
        return array("h", [int(v * gain) for v in self._sound(frame)])


class Bursts:
    """0.6 s of sound, 0.6 s of silence."""

    def __init__(self, seed, n, peak):
        self._sound = Noise(seed, n, peak)
        self._pause = Same(n)

    def __call__(self, frame):
        return (self._sound if frame % 60 < 30 else self._pause)(frame)


def test_decay_of_a_hall_is_learnt():
    """An echo that falls 0.7 dB in 20 ms (RT60 1.7 s) is let through first, then not any more."""
    pcm = QUICK
    state = ducker(pcm, 8000, -12)
    far, hall = Bursts(21, 160, 6000), Hall(22, 160, 1000, 0.7)
    loudest = []
    for _ in range(8):
        frames = run(pcm, state, 120, far, hall, shift=15)
        loudest.append(max([power(after) for _, after, _ in frames]))
    assert loudest[0] > 5000 > 1000 > max(loudest[3:]), loudest
    assert pcm.duck_get(state, pcm.DUCK_PATH_DB) < -10


def test_a_near_voice_does_not_unlearn_the_path():
    """Talk at both ends for 10 s, here with the pauses that speech has."""
    pcm = QUICK
    state, far = ducker(pcm, 8000), Noise(16, 160, 3000)
    run(pcm, state, 100, far)
    before = pcm.duck_get(state, pcm.DUCK_PATH_DB)
    run(pcm, state, 500, far, Words(17, 160, 9000))
    assert pcm.duck_get(state, pcm.DUCK_PATH_DB) <= before + 1


def test_no_clicks():
    """On a constant (which is no sound: it is filtered out) the gain itself can be seen."""
    pcm = QUICK
    for rate in RATES:
        for attack_ms in (1, 4, 5):
            random = Random(18)
            state = ducker(pcm, rate, -12)
            pcm.duck_set(state, pcm.DUCK_ATTACK_MS, attack_ms)
            n, shape = rate // 50, array("h", [])
            for i in range(64):
                loud = random.pick((3000, 32767)) if i % 32 > 27 else 1
                far = noise(random, n, loud)
                capture = array("h", [-32768] * n)
                pcm.duck(state, capture, 0, far, 0, n)
                shape.extend(capture)
            rise = fall = 0  # without a list: a small heap has no room for it in one piece
            for i in range(1, len(shape)):
                step = shape[i] - shape[i - 1]
                if step > rise:
                    rise = step
                elif step < fall:
                    fall = step
            assert rise <= 32768 * 1000 // (rate * attack_ms) + 2
            assert -fall <= 32768 * 1000 // (rate * 5) + 2
            assert max(shape) > -200 and min(shape) == -32768  # both were seen
