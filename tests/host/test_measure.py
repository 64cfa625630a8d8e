"""The measuring of a call, against delays and losses made on purpose."""

import numpy as np
import pytest
import scipy.signal

from callboard_host.demo import chirp, measure, speech

RATE = measure.RATE
PLAN = speech.Plan(speech_s=3.0, chirps_s=1.0)


def voice(seconds: float, rate: int = RATE) -> np.ndarray:
    """Noise with the syllables and pauses of speech, from a fixed seed."""
    noise = np.random.default_rng(7).normal(size=round(seconds * rate))
    low, high = scipy.signal.butter(2, [300, 3000], "band", fs=rate)
    t = np.arange(len(noise)) / rate
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * t) + 0.4, 0, None) * (
        np.sin(2 * np.pi * 0.4 * t + 1) > -0.7
    )
    return speech.fit(scipy.signal.lfilter(low, high, noise) * syllables, rate, seconds)


def said() -> measure.Recording:
    """What the microphone of these tests took, from time 1 000 000 µs on."""
    return measure.Recording(speech.microphone(voice(PLAN.speech_s), RATE, PLAN), RATE, 1_000_000)


def heard_after(delay_ms: float, rate: int = 48000, started_us: int = 1_250_000, damage=None):
    """What a speaker at `rate`, started at another time, plays `delay_ms` later."""
    samples = said().samples.copy()
    if damage:
        samples = damage(samples)
    samples = speech.resample(samples, RATE, rate)
    shift = delay_ms / 1000 - (started_us - 1_000_000) / 1e6
    line = np.zeros(len(samples) + rate)
    spectrum = np.fft.rfft(line.copy() + np.pad(samples, (0, rate)))
    frequency = np.fft.rfftfreq(len(line), 1 / rate)
    line = np.fft.irfft(spectrum * np.exp(-2j * np.pi * frequency * shift), len(line))
    return measure.Recording(line, rate, started_us)


def quality(heard: measure.Recording) -> measure.Quality:
    return measure.quality(said(), heard, said().samples, PLAN)


@pytest.mark.parametrize("delay_ms", [73.0, 0.4, 412.3])
@pytest.mark.parametrize("rate", [16000, 48000, 8000])
def test_a_known_delay_is_found_within_a_millisecond(delay_ms, rate):
    result = quality(heard_after(delay_ms, rate))
    assert result.chirps_heard == result.chirps_said == 10
    for value in result.mouth_to_ear_ms.values():
        assert value == pytest.approx(delay_ms, abs=1.0)
    assert result.speech_delay_ms == pytest.approx(delay_ms, abs=1.0)


def test_an_undamaged_call_is_as_intelligible_as_the_codec_alone():
    result = quality(heard_after(73.0))
    assert result.stoi >= result.stoi_codec_only - 0.001
    assert result.stoi_codec_only > 0.99
    assert result.missing_at_s == []
    assert result.missing_windows == 0


def middle_of_a_syllable() -> int:
    """Where the speech is loud, in samples."""
    part = slice(round(PLAN.speech_start_s * RATE), round(PLAN.speech_end_s * RATE))
    window = np.ones(480) / 480
    return part.start + int(np.argmax(np.convolve(said().samples[part] ** 2, window, "same")))


@pytest.mark.parametrize("offset", [0, 37, 160, 301])
def test_one_zeroed_window_is_reported_wherever_it_begins(offset):
    at = middle_of_a_syllable() + offset

    def zero(samples):
        samples[at : at + 320] = 0
        return samples

    result = quality(heard_after(73.0, damage=zero))
    assert result.missing_windows == 1
    assert result.missing_at_s[0] == pytest.approx(at / RATE, abs=0.005)


def test_a_quieter_window_is_not_a_missing_one():
    at = middle_of_a_syllable()

    def duck(samples):
        samples[at : at + 320] *= 0.25  # 12 dB
        return samples

    assert quality(heard_after(73.0, damage=duck)).missing_windows == 0


def test_a_hole_of_60_ms_counts_as_three_windows():
    at = middle_of_a_syllable() - 480

    def zero(samples):
        samples[at : at + 960] = 0
        return samples

    assert quality(heard_after(73.0, damage=zero)).missing_windows == 3


def test_silence_put_in_between_shifts_the_rest_and_is_reported():
    at = middle_of_a_syllable()

    def insert(samples):
        return np.insert(samples, at, np.zeros(640))[: len(samples)]

    result = quality(heard_after(73.0, damage=insert))
    assert result.missing_windows >= 1
    assert result.mouth_to_ear_ms["p50"] == pytest.approx(93.0, abs=21.0)
    assert result.mouth_to_ear_ms["max"] == pytest.approx(113.0, abs=1.0)


def longest_pause() -> int:
    """The middle of the longest pause, in samples."""
    part = slice(round(PLAN.speech_start_s * RATE), round(PLAN.speech_end_s * RATE))
    loud = np.flatnonzero(np.abs(said().samples[part]) > 0.01)
    gap = int(np.argmax(np.diff(loud)))
    return part.start + int(loud[gap] + loud[gap + 1]) // 2


@pytest.mark.parametrize("ms", [20, 60])
@pytest.mark.parametrize("longer", [True, False])
def test_a_delay_that_changes_in_a_pause_harms_nothing(ms, longer):
    at, n = longest_pause(), ms * RATE // 1000

    def shift(samples):
        if longer:
            return np.insert(samples, at, np.zeros(n))[: len(samples)]
        return np.append(np.delete(samples, slice(at, at + n)), np.zeros(n))

    result = quality(heard_after(93.0, damage=shift))
    assert result.missing_at_s == []
    assert result.stoi >= result.stoi_codec_only - 0.002
    after = 93.0 + (ms if longer else -ms)
    assert result.mouth_to_ear_ms["max"] == pytest.approx(max(93.0, after), abs=1.0)


def test_a_short_word_at_the_end_has_a_delay_of_its_own():
    """150 ms of quiet sound, cut off by the end of the speech, 20 ms later than the rest."""
    plan = speech.Plan(speech_s=3.0, chirps_s=1.0)
    voiced = voice(3.0)
    voiced[round(2.5 * RATE) :] = 0
    voiced[round(2.85 * RATE) :] = 0.1 * voiced[RATE : RATE + len(voiced) - round(2.85 * RATE)]
    before = measure.Recording(speech.microphone(voiced, RATE, plan), RATE, 0)
    at = round((plan.speech_start_s + 2.7) * RATE)
    after = measure.Recording(np.insert(before.samples, at, np.zeros(320)), RATE, 0)
    result = measure.quality(before, after, before.samples, plan)
    assert result.missing_at_s == []
    late = [delay for at, delay in result.delay_track if delay > 10 and at < plan.speech_end_s]
    assert late and all(delay == pytest.approx(20.0, abs=0.1) for delay in late)


def test_a_delay_that_changes_within_a_syllable_costs_intelligibility():
    at = middle_of_a_syllable()

    def shift(samples):
        return np.append(np.delete(samples, slice(at, at + 320)), np.zeros(320))

    result = quality(heard_after(73.0, damage=shift))
    assert result.stoi < result.stoi_codec_only - 0.002


def test_utterances_are_the_whole_speech_cut_in_its_pauses():
    part = slice(round(PLAN.speech_start_s * RATE), round(PLAN.speech_end_s * RATE))
    pieces = measure.utterances(said().samples, part)
    assert len(pieces) > 2
    assert (pieces[0].start, pieces[-1].stop) == (part.start, part.stop)
    for one, next_one in zip(pieces, pieces[1:], strict=False):
        assert one.stop == next_one.start
        assert np.max(np.abs(said().samples[one.stop - 800 : one.stop + 800])) < 0.02
    silence = np.zeros(RATE)
    assert measure.utterances(silence, slice(100, RATE)) == [slice(100, RATE)]


def test_intelligibility_falls_when_a_third_of_the_frames_is_lost():
    def lose(samples):
        frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
        frames[np.random.default_rng(1).random(len(frames)) < 0.33] = 0
        return samples

    result = quality(heard_after(73.0, damage=lose))
    assert result.stoi < result.stoi_codec_only - 0.05
    assert result.missing_windows > 10


def test_a_lost_chirp_is_missing_and_the_others_are_found():
    gone = PLAN.chirps[2]

    def lose(samples):
        at = round(gone * RATE)
        samples[at - 32 : at + round(chirp.LENGTH_S * RATE) + 32] = 0
        return samples

    found = chirp.find(heard_after(73.0, damage=lose).seen_from(1_000_000), RATE, PLAN.chirps)
    assert [hit.said_s for hit in found if hit.delay_ms is None] == [gone]
    assert all(abs(hit.delay_ms - 73.0) < 1 for hit in found if hit.delay_ms is not None)


def test_nothing_heard_gives_no_delays_and_every_window_missing():
    silence = measure.Recording(np.zeros(RATE * 6), RATE, 1_000_000)
    result = quality(silence)
    assert result.mouth_to_ear_ms == {"p50": None, "p95": None, "max": None}
    assert result.chirps_heard == 0
    assert result.missing_windows > 50
    assert result.stoi < 0.1


def test_noise_alone_is_not_taken_for_chirps():
    noise = np.random.default_rng(3).normal(scale=0.1, size=RATE * 6)
    assert all(hit.delay_ms is None for hit in chirp.find(noise, RATE, PLAN.chirps))


def test_percentiles():
    assert measure.percentiles([float(n) for n in range(1, 102)]) == {
        "p50": 51.0,
        "p95": 96.0,
        "max": 101.0,
    }
