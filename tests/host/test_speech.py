"""What is said: the user's file in any form, looped or cut, with chirps around it."""

import numpy as np
import pytest
import soundfile

from callboard_host.demo import chirp, speech
from callboard_host.errors import EXIT_FILE, BadInput, NotBuilt, exit_code


def tone(rate: int, seconds: float, channels: int = 1) -> np.ndarray:
    t = np.arange(round(rate * seconds)) / rate
    return np.stack([0.3 * np.sin(2 * np.pi * 440 * t)] * channels, axis=1)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channel_count_becomes_mono_of_the_device(tmp_path, rate, channels):
    path = tmp_path / "in.wav"
    soundfile.write(path, tone(rate, 0.5, channels), rate)
    mono, file_rate = speech.load(path)
    assert file_rate == rate
    sound = speech.resample(mono, rate, 16000)
    assert sound.ndim == 1
    assert len(sound) == pytest.approx(8000, abs=2)
    spectrum = np.abs(np.fft.rfft(sound[:8000]))
    assert np.argmax(spectrum) * 16000 / 8000 == pytest.approx(440, abs=4)


def test_downmix_keeps_what_only_one_channel_says(tmp_path):
    path = tmp_path / "in.wav"
    stereo = tone(16000, 0.5, 2)
    stereo[:, 0] = 0
    soundfile.write(path, stereo, 16000)
    mono, _ = speech.load(path)
    assert np.max(mono) == pytest.approx(0.15, abs=0.01)


def write_text(path):
    path.write_text("this is no sound")


def write_short(path):
    soundfile.write(path, tone(16000, 0.1), 16000)


def write_silence(path):
    soundfile.write(path, np.zeros(16000), 16000)


def write_nothing(path):
    soundfile.write(path, np.zeros((0, 1)), 16000)


def write_nan(path):
    soundfile.write(path, np.full(16000, np.nan), 16000, subtype="FLOAT")


@pytest.mark.parametrize(
    "write", [write_text, write_short, write_silence, write_nothing, write_nan]
)
def test_a_file_that_is_no_speech_is_refused_with_its_name(tmp_path, write):
    path = tmp_path / "in.wav"
    write(path)
    with pytest.raises(BadInput, match=r"in\.wav") as raised:
        speech.load(path)
    assert raised.value.hint
    assert exit_code(raised.value) == EXIT_FILE


def test_a_missing_file_and_a_directory_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        speech.load(tmp_path / "none.wav")
    with pytest.raises(BadInput):
        speech.load(tmp_path)


def test_missing_voices_say_how_to_get_them(tmp_path):
    with pytest.raises(NotBuilt) as raised:
        speech.phrases(tmp_path, speech.BOARD_PHRASES)
    assert "make speech" in raised.value.hint


def test_the_two_ends_say_different_phrases():
    assert not set(speech.BOARD_PHRASES) & set(speech.PHONE_PHRASES)


def test_too_short_speech_is_looped_and_too_long_is_cut():
    sound = np.random.default_rng(2).normal(size=8000) * 0.1
    looped = speech.fit(sound, 16000, 3.0)
    assert len(looped) == 48000
    assert np.allclose(looped[8000 + 200 : 16000], looped[200:8000])
    assert len(speech.fit(sound, 16000, 0.25)) == 4000


def test_speech_has_the_usual_loudness_and_never_clips():
    quiet = speech.fit(np.random.default_rng(2).normal(size=16000) * 1e-3, 16000, 1.0)
    assert np.sqrt(np.mean(quiet**2)) == pytest.approx(0.08, abs=0.005)
    click = np.zeros(16000)
    click[8000] = 0.5
    assert np.max(np.abs(speech.fit(click, 16000, 1.0))) <= 0.9 + 1e-9


@pytest.mark.parametrize("speech_s", [0.5, 3.0, 6.6])
def test_chirps_lie_outside_the_speech_that_is_scored(speech_s):
    plan = speech.Plan(speech_s=speech_s)
    guard = 0.3
    for time_s in plan.chirps:
        before = time_s + chirp.LENGTH_S + guard < plan.speech_start_s
        after = plan.speech_end_s + guard < time_s
        assert before or after
        assert 0 <= time_s < plan.total_s - chirp.LENGTH_S
    assert len(plan.chirps) == 24


def test_chirps_come_five_a_second_on_average():
    times = speech.chirp.positions(1.0, 2.4)
    assert len(times) == 12
    assert np.mean(np.diff(times)) == pytest.approx(0.2, abs=0.01)


def test_chirps_stay_in_the_telephone_band():
    spectrum = np.abs(np.fft.rfft(chirp.sweep(16000), 16000)) ** 2
    assert spectrum[250:3450].sum() > 0.99 * spectrum.sum()
