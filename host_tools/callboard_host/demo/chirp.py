"""Chirps: sounds that are found again to a fraction of a millisecond, after any codec.

What they must be for that: longer than Opus' frames and slow, as its speech model follows what
changes within 5 ms only roughly; and not the first sound after silence, of which codecs cut off
the beginning until they take it for a voice. So each stretch begins with one that is not counted.
"""

from dataclasses import dataclass

import numpy as np
import scipy.signal

Samples = np.ndarray  # float64, full scale ±1

LENGTH_S = 0.080
LOW_HZ, HIGH_HZ = 600.0, 2200.0
SPACING_S = 0.200  # five a second
AMPLITUDE = 0.3
# Not quite evenly spaced, so that a delay of one spacing is not taken for none.
_WOBBLE_S = (0.0, 0.017, -0.011, 0.023, -0.019, 0.007, 0.029, -0.005)

_WAKE_S = 0.150  # how long before the first chirp the one that wakes the codec sounds

MAX_DELAY_S = 1.5
_NEAR_S = 0.120  # how far one chirp's delay may lie from that of the whole stretch
_MIN_CORRELATION = 0.35  # of 1 = nothing but this chirp; noise and voices stay below 0.25


def sweep(rate: int) -> Samples:
    """One chirp: a linear sweep with softened ends."""
    t = np.arange(round(LENGTH_S * rate)) / rate
    tone = scipy.signal.chirp(t, LOW_HZ, LENGTH_S, HIGH_HZ, method="linear")
    return AMPLITUDE * tone * scipy.signal.windows.tukey(len(t), 0.2)


def positions(start_s: float, length_s: float) -> list[float]:
    """Capture times, in seconds from the start of the recording, of the chirps of a stretch."""
    count = round(length_s / SPACING_S)
    first = start_s + 0.025
    return [first + i * SPACING_S + _WOBBLE_S[i % len(_WOBBLE_S)] for i in range(count)]


def wake(positions_s: list[float]) -> list[float]:
    """When the chirp sounds that only wakes the codec, for the chirps of a stretch."""
    return [positions_s[0] - _WAKE_S] if positions_s else []


def mix_in(signal: Samples, rate: int, times_s: list[float]) -> None:
    """Add a chirp at each of these times, in place."""
    wave = sweep(rate)
    for time_s in times_s:
        at = round(time_s * rate)
        part = signal[at : at + len(wave)]
        part += wave[: len(part)]


@dataclass(frozen=True)
class Found:
    """A chirp said at `said_s` that was heard `delay_ms` later, or None: not heard."""

    said_s: float
    delay_ms: float | None


def find(heard: Samples, rate: int, times_s: list[float]) -> list[Found]:
    """Where each chirp that was said at `times_s` is in `heard`: both on one time line.

    First the whole stretch is looked for within MAX_DELAY_S, then each chirp near that delay.
    """
    if not times_s:
        return []
    match = _matched(heard, rate)
    rough = _rough_delay(match, rate, times_s)
    return [Found(said, _delay_ms(match, rate, said, rough)) for said in times_s]


def _matched(heard: Samples, rate: int) -> Samples:
    """The envelope of the normalised correlation: 1 where nothing but the chirp sounds."""
    wave = sweep(rate)
    analytic = scipy.signal.hilbert(wave)
    padded = np.concatenate([heard, np.zeros(len(wave))])
    correlation = np.abs(scipy.signal.correlate(padded, analytic, "valid", "fft"))
    energy = np.concatenate([[0.0], np.cumsum(padded**2)])
    window = np.maximum(energy[len(wave) :] - energy[: -len(wave)], 1e-6)
    return correlation / np.sqrt(window * np.sum(wave**2))


def _rough_delay(match: Samples, rate: int, times_s: list[float]) -> int:
    """The delay in samples at which most of the chirps' places correlate."""
    span = round(MAX_DELAY_S * rate)
    total = np.zeros(span)
    for time_s in times_s:
        part = match[max(0, round(time_s * rate)) :][:span]
        total[: len(part)] += part
    # Delays wander by some milliseconds during a call: sum over 10 ms.
    return int(np.argmax(np.convolve(total, np.ones(round(0.010 * rate)), "same")))


def _delay_ms(match: Samples, rate: int, said_s: float, rough: int) -> float | None:
    start = round(said_s * rate)
    low = max(0, start + rough - round(_NEAR_S * rate))
    near = match[low : start + rough + round(_NEAR_S * rate)]
    if len(near) == 0:
        return None
    # The neighbours may lie within reach, too, and be as clear: the nearer one is meant.
    away = np.abs(np.arange(low, low + len(near)) - (start + rough)) / (_NEAR_S * rate)
    peak = int(np.argmax(near * (1 - 0.5 * away)))
    if near[peak] < _MIN_CORRELATION:
        return None
    return ((low + peak + _vertex(near, peak)) / rate - said_s) * 1000


def _vertex(values: Samples, peak: int) -> float:
    """Where the maximum lies between samples: the vertex of a parabola through three."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    left, middle, right = values[peak - 1 : peak + 2]
    curvature = left - 2 * middle + right
    return 0.0 if curvature == 0 else float(0.5 * (left - right) / curvature)
