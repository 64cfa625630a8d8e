"""pcm's C core (cffi) against independent references: G.711 tables, numpy, scipy."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from callboard.pure import pcm as pure
from callboard.pure.taps import TAPS
from callboard_native import pcm

RATES = (8000, 16000, 48000)
PAIRS = [(a, b) for a in RATES for b in RATES if a != b]
ALL_SAMPLES = np.arange(-32768, 32768).astype("<i2")


def encoded(law):
    out = bytearray(65536)
    getattr(pcm, f"{law}_encode")(ALL_SAMPLES.tobytes(), 0, out, 0, 65536)
    return np.frombuffer(out, np.uint8)


def decoded(law, codes=bytes(range(256))):
    out = bytearray(2 * len(codes))
    getattr(pcm, f"{law}_decode")(codes, 0, out, 0, len(codes))
    return np.frombuffer(out, "<i2").astype(int)


@pytest.mark.parametrize(("law", "bias", "finest"), [("ulaw", 132, 4), ("alaw", 0, 8)])
def test_g711_error_is_within_half_an_interval(law, bias, finest):
    """Monotonic, and at most 1/32 of the (biased) magnitude off: 16 intervals to the octave."""
    x = ALL_SAMPLES.astype(int)
    y = decoded(law)[encoded(law)]
    assert np.all(np.diff(y) >= 0)
    inside = np.abs(x) <= np.max(y)
    limit = np.maximum((np.abs(x) + bias) / 32, finest)
    assert np.all(np.abs(y - x)[inside] <= limit[inside])


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_codes_survive_a_round_trip(law):
    codes = encoded(law)[decoded(law) + 32768]
    differ = np.flatnonzero(codes != np.arange(256))
    assert list(differ) == ([0x7F] if law == "ulaw" else [])  # µ-law has two zeros


def test_g711_decoders_equal_audioop():
    audioop = pytest.importorskip("audioop")  # gone in Python 3.13
    codes = bytes(range(256))
    assert audioop.ulaw2lin(codes, 2) == decoded("ulaw").astype("<i2").tobytes()
    assert audioop.alaw2lin(codes, 2) == decoded("alaw").astype("<i2").tobytes()


def test_g711_encoders_equal_audioop():
    """µ-law: where audioop keeps to the tables; it rounds negative samples away from zero."""
    audioop = pytest.importorskip("audioop")
    raw = ALL_SAMPLES.tobytes()
    assert bytes(encoded("alaw")) == audioop.lin2alaw(raw, 2)
    ours, theirs = encoded("ulaw"), np.frombuffer(audioop.lin2ulaw(raw, 2), np.uint8)
    assert np.array_equal(ours[32768:], theirs[32768:])
    assert np.max(np.abs(ours[:32768].astype(int) - theirs[:32768])) <= 1


# --- resampler ---


def resample(x, a, b):
    """The int16 samples x at rate a, through a fresh resampler, at rate b."""
    state = bytearray(pcm.resampler_size(a, b))
    pcm.resampler_init(state, a, b)
    out = bytearray(2 * len(x) * b // a)
    assert pcm.resample(state, x.astype("<i2").tobytes(), 0, len(x), out, 0) == len(out) // 2
    return np.frombuffer(out, "<i2").astype(float)


def impulse_response(a, b):
    """The prototype filter at the higher rate, as an impulse shows it, at unity gain.

    Going down an impulse meets only every ratio-th tap, so each position in a block is tried.
    """
    low, ratio = min(a, b), max(a, b) // min(a, b)
    height = 32000
    if b > a:
        x = np.zeros(low // 25)
        x[0] = height
        return resample(x, a, b) / height / ratio
    response = np.zeros(a // 25)
    for position in range(ratio):
        x = np.zeros(a // 25)
        x[position] = height
        y = resample(x, a, b) / height
        at = np.arange(len(y)) * ratio - position
        response[at[at >= 0]] = y[at >= 0]
    return response


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_resampler_frequency_response(a, b):
    """Ripple below 0.2 dB to 0.85 of the lower Nyquist frequency, 60 dB down beyond that one."""
    frequency, response = signal.freqz(impulse_response(a, b), worN=1 << 14, fs=max(a, b))
    gain_db = 20 * np.log10(np.maximum(np.abs(response), 1e-6))
    nyquist = min(a, b) / 2
    assert np.max(np.abs(gain_db[frequency <= 0.85 * nyquist])) < 0.2
    assert np.max(gain_db[frequency >= nyquist]) < -60


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_resampler_delay_is_as_announced(a, b):
    delay = pcm.resampler_delay(a, b)
    assert delay / b <= 0.003
    t_in, t_out = np.arange(a // 5) / a, np.arange(b // 5) / b
    y = resample(np.rint(10000 * np.sin(2 * np.pi * 1000 * t_in)), a, b)
    wanted = 10000 * np.sin(2 * np.pi * 1000 * (t_out - delay / b))
    settled = slice(b // 50, None)
    assert np.max(np.abs(y[settled] - wanted[settled])) < 200  # 0.17 dB and rounding


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_resampler_keeps_tones_and_drops_aliases(a, b):
    """Speech-band tones pass clean; going down, one above the new Nyquist frequency vanishes."""
    t = np.arange(a) / a
    y = resample(np.rint(16000 * np.sin(2 * np.pi * 440 * t)), a, b)[b // 2 :]
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
    at = 440 * len(y) // b
    assert 10 * np.log10(spectrum[at - 3 : at + 4].sum() / spectrum.sum()) > -0.001
    rest = spectrum.sum() - spectrum[at - 3 : at + 4].sum()
    assert 10 * np.log10(rest / spectrum.sum()) < -55
    if a > b:
        alias = resample(np.rint(32000 * np.sin(2 * np.pi * (b / 2 + 100) * t)), a, b)[b // 2 :]
        assert np.max(np.abs(alias)) < 32000 * 10 ** (-60 / 20) + 1


@settings(max_examples=60, deadline=None)
@given(
    pair=st.sampled_from(PAIRS), blocks=st.lists(st.integers(0, 25), max_size=4), data=st.data()
)
def test_resampler_equals_pure_python(pair, blocks, data):
    a, b = pair
    step = max(a // b, 1)
    outputs = []
    chunks = [data.draw(st.binary(min_size=2 * n * step, max_size=2 * n * step)) for n in blocks]
    for module in (pcm, pure):
        state, got = bytearray(module.resampler_size(a, b)), b""
        module.resampler_init(state, a, b)
        for chunk in chunks:
            out = bytearray(len(chunk) * b // a)
            module.resample(state, chunk, 0, len(chunk) // 2, out, 0)
            got += out
        outputs.append(got)
    assert outputs[0] == outputs[1]


def test_committed_taps_are_the_same_in_c_and_python_and_meet_the_limits():
    folder = Path(__file__).parents[2] / "native" / "pcm"
    script = runpy.run_path(str(folder / "generate_taps.py"))
    text = (folder / "taps.h").read_text()
    for ratio, half in TAPS.items():
        numbers = re.search(rf"pcm_taps_{ratio}\[.*?\] = {{(.*?)}};", text, re.DOTALL).group(1)
        assert tuple(int(v) for v in numbers.replace(",", " ").split()) == half
        ripple_db, stop_db = script["measure"](np.array(half), ratio)
        assert ripple_db <= script["MAX_RIPPLE_DB"] and stop_db >= script["MIN_STOP_DB"]


# --- levels and tones ---

SAMPLES = st.lists(
    st.one_of(st.integers(-32768, 32767), st.integers(-3, 3)), min_size=1, max_size=400
)


@settings(deadline=None)
@given(SAMPLES)
def test_meters_equal_numpy(values):
    x = np.array(values, "<i2")
    raw, n = x.tobytes(), len(x)
    mean = np.mean(x.astype(float) ** 2)
    assert pcm.rms(raw, 0, n) == int(np.sqrt(np.sum(x.astype(int) ** 2) // n))
    assert pcm.peak(raw, 0, n) == np.max(np.abs(x.astype(int)))
    exact = 127.0 if mean == 0 else -10 * np.log10(mean / 2**30)
    assert abs(pcm.level(raw, 0, n) - exact) < 0.51
    assert pcm.level(raw, 0, n) == pure.level(raw, 0, n)


@settings(deadline=None)
@given(SAMPLES, st.integers(0, 65535), st.integers(0, 65535))
def test_gain_and_fade_equal_numpy(values, first, last):
    x = np.array(values, "<i2")
    wanted = np.floor((x.astype(int) * first + 2048) / 4096)
    buffer = bytearray(x.tobytes())
    clipped = pcm.gain(buffer, 0, len(x), first)
    assert np.array_equal(np.frombuffer(buffer, "<i2"), np.clip(wanted, -32768, 32767))
    assert clipped == np.sum((wanted < -32768) | (wanted > 32767))
    ramp = first + np.floor((last - first) * np.arange(len(x)) / len(x))
    wanted = np.clip(np.floor((x * ramp + 2048) / 4096), -32768, 32767)
    buffer = bytearray(x.tobytes())
    pcm.fade(buffer, 0, len(x), first, last)
    assert np.array_equal(np.frombuffer(buffer, "<i2"), wanted)


@pytest.mark.parametrize("freq_hz", [100, 425, 1004, 3333])
def test_tone_is_a_clean_sine(freq_hz):
    """Right frequency and amplitude, everything else at least 60 dB (0.1 %) below."""
    n = 8000
    state, out = bytearray(pcm.TONE_STATE), bytearray(2 * n)
    pcm.tone_init(state, n, freq_hz, 0, 20000)
    pcm.tone(state, out, 0, n)
    y = np.frombuffer(out, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(y)) * 2 / n
    assert abs(spectrum[freq_hz] - 20000) < 20
    spectrum[freq_hz] = 0
    assert np.sqrt(np.sum(spectrum**2)) < 20


def test_dtmf_shares_the_amplitude():
    n = 8000
    state, out = bytearray(pcm.TONE_STATE), bytearray(2 * n)
    pcm.tone_init(state, n, 697, 1209, 30000)
    pcm.tone(state, out, 0, n)
    spectrum = np.abs(np.fft.rfft(np.frombuffer(out, "<i2").astype(float))) * 2 / n
    assert abs(spectrum[697] - 15000) < 20 and abs(spectrum[1209] - 15000) < 20
