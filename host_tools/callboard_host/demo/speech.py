"""What the two ends say: recorded voices or the user's file, with chirps before and after."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile

from callboard_host.demo import chirp
from callboard_host.demo.chirp import Samples
from callboard_host.errors import BadInput, NotBuilt

# Debian's alsa-utils: the two ends say different phrases.
BOARD_PHRASES = ("Front_Center", "Front_Left", "Side_Right", "Rear_Center")
PHONE_PHRASES = ("Rear_Left", "Side_Left", "Front_Right", "Rear_Right")

_PAUSE_S = 0.12  # between two recordings
_MIN_S = 0.2  # less than that is not speech
_LOUDNESS = 0.08  # RMS of full scale: about −22 dB, as telephone speech is usually set
_PEAK = 0.9
_GUARD_S = 0.35  # silence between chirps and speech, longer than any delay's change


@dataclass(frozen=True)
class Plan:
    """When an end says what, in seconds from the first sample of its microphone."""

    speech_s: float = 6.6  # length of the speech
    chirps_s: float = 2.4  # length of each of the two stretches of chirps
    lead_s: float = 0.2

    @property
    def speech_start_s(self) -> float:
        """First sample of the speech."""
        return self.lead_s + self.chirps_s + _GUARD_S

    @property
    def speech_end_s(self) -> float:
        """End of the speech."""
        return self.speech_start_s + self.speech_s

    @property
    def _stretches(self) -> tuple[list[float], list[float]]:
        after_s = self.speech_end_s + _GUARD_S
        return (
            chirp.positions(self.lead_s, self.chirps_s),
            chirp.positions(after_s, self.chirps_s),
        )

    @property
    def chirps(self) -> list[float]:
        """When the chirps sound."""
        before, after = self._stretches
        return before + after

    @property
    def wakes(self) -> list[float]:
        """When the chirps sound that nobody looks for."""
        before, after = self._stretches
        return chirp.wake(before) + chirp.wake(after)

    @property
    def total_s(self) -> float:
        """Length of everything."""
        return self.speech_end_s + _GUARD_S + self.chirps_s


def load(path: Path) -> tuple[Samples, int]:
    """Read an audio file of any rate and channel count: mono samples and the rate in Hz.

    Raises BadInput, saying what is wrong with it.
    """
    hint = "give a WAV, FLAC or Ogg file with at least 0.2 s of sound"
    try:
        frames, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError, TypeError) as error:
        reason = "no such file" if not path.exists() else str(error)
        raise BadInput(f"cannot read speech from {path}: {reason}", hint) from error
    mono = frames.mean(axis=1)
    if not np.all(np.isfinite(mono)):
        raise BadInput(f"cannot use {path}: it has samples that are not numbers", hint)
    if len(mono) < _MIN_S * rate:
        raise BadInput(f"cannot use {path}: it has only {len(mono)} samples", hint)
    if np.max(np.abs(mono)) < 1e-3:
        raise BadInput(f"cannot use {path}: it is silent", hint)
    return mono, rate


def resample(samples: Samples, rate: int, new_rate: int) -> Samples:
    """The same sound at another rate (zero delay)."""
    if rate == new_rate:
        return samples
    divisor = np.gcd(rate, new_rate)
    return scipy.signal.resample_poly(samples, new_rate // divisor, rate // divisor)


def phrases(folder: Path, names: tuple[str, ...]) -> tuple[Samples, int]:
    """The recorded voices, one after the other. Raises NotBuilt when they are not there."""
    parts: list[Samples] = []
    rate = 48000
    for name in names:
        path = folder / f"{name}.wav"
        if not path.exists():
            raise NotBuilt(
                f"the recorded voices are not in {folder}",
                "run `make speech`, or give --speech FILE",
            )
        samples, file_rate = load(path)
        parts += [trim(resample(samples, file_rate, rate), rate), np.zeros(round(_PAUSE_S * rate))]
    return np.concatenate(parts), rate


def trim(samples: Samples, rate: int) -> Samples:
    """Without the silence at both ends: it would say nothing about the call."""
    window = max(1, rate // 100)
    level = np.sqrt(np.convolve(samples**2, np.ones(window) / window, "same"))
    loud = np.flatnonzero(level > 0.01 * level.max())
    return samples[max(0, loud[0] - window) : loud[-1] + window]


def fit(samples: Samples, rate: int, length_s: float, skip_s: float = 0.0) -> Samples:
    """Exactly `length_s` of it from `skip_s` on, looped if too short, at the usual loudness."""
    length = round(length_s * rate)
    skip = round(skip_s * rate) % len(samples)
    repeats = (skip + length) // len(samples) + 1
    cut = np.tile(samples, repeats)[skip : skip + length].copy()
    fade = min(length // 2, round(0.010 * rate))
    ramp = np.linspace(0.0, 1.0, fade, endpoint=False)
    cut[:fade] *= ramp
    cut[length - fade :] *= ramp[::-1]
    loudness = np.sqrt(np.mean(cut**2))
    if loudness == 0:
        return cut
    return cut * min(_LOUDNESS / loudness, _PEAK / np.max(np.abs(cut)))


def microphone(speech: Samples, rate: int, plan: Plan) -> Samples:
    """All that a microphone hears: chirps, `speech` (at `rate`, plan.speech_s long), chirps."""
    signal = np.zeros(round(plan.total_s * rate))
    at = round(plan.speech_start_s * rate)
    signal[at : at + len(speech)] += speech
    chirp.mix_in(signal, rate, plan.wakes + plan.chirps)
    return signal


def write(path: Path, samples: Samples, rate: int) -> None:
    """Write a 16-bit mono WAV."""
    soundfile.write(path, np.clip(samples, -1.0, 1.0), rate, subtype="PCM_16")
