"""From a speaker to the microphone beside it: impulse responses, a room in simulated time, levels.

Paths, each at the sample rate asked for: a plain delay, a room by the image-source method, a hall
by statistics, a recorded room (`make room`). Signals are numpy arrays of floats, 1.0 is digital
full scale.
"""

from itertools import product
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile

from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.port import ticks_diff

BUILD = Path(__file__).parents[2] / "build"
SOUND_M_S = 343.0
SMALL_SPEAKER_HZ = 150  # nothing below comes out of it


def decibels(x):
    """The mean power of x in dB relative to full scale (dBov less 0: a square wave is 0)."""
    return 10 * np.log10(np.mean(np.square(x)) + 1e-20)


def with_energy(response, gain_db):
    """A response scaled so that white noise comes out gain_db louder than it goes in."""
    return response * 10 ** (gain_db / 20) / np.sqrt(np.sum(np.square(response)))


# --- impulse responses ---


def delayed(rate, delay_ms, response=(1.0,)):
    """A response behind a pure delay: what converters, buffers or a wrong reference may add."""
    return np.concatenate([np.zeros(round(rate * delay_ms / 1000)), response])


def image_source_room(
    rate,
    size_m=(4.2, 3.4, 2.6),
    speaker_m=(1.2, 1.0, 1.1),
    microphone_m=(1.28, 1.0, 1.16),
    rt60_s=0.4,
):
    """A shoebox room by the image-source method (Allen and Berkley 1979), walls alike.

    The walls' absorption follows from the reverberation time by Eyring's formula. Images lie
    between samples by a windowed sinc. By default speaker and microphone are 10 cm apart, as on a
    board.
    """
    size = np.array(size_m)
    surface = 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    absorption = 1 - np.exp(-0.161 * np.prod(size) / (surface * rt60_s))
    reflection = np.sqrt(1 - absorption)
    length_s = 1.1 * rt60_s
    orders = [range(-n, n + 1) for n in np.ceil(length_s * SOUND_M_S / (2 * size)).astype(int)]
    grid = np.array(list(product(*orders)))
    response = np.zeros(round(length_s * rate) + 64)
    for side in product((0, 1), repeat=3):
        mirrored = np.array(side)
        images = (1 - 2 * mirrored) * speaker_m + 2 * grid * size
        distance = np.linalg.norm(images - microphone_m, axis=1)
        bounces = np.abs(grid - mirrored).sum(axis=1) + np.abs(grid).sum(axis=1)
        _add_images(response, distance * rate / SOUND_M_S, reflection**bounces / distance)
    return _through_small_speaker(response[: round(length_s * rate)], rate)


def _add_images(response, places, amplitudes, half=8):
    inside = places < len(response) - half - 1
    places, amplitudes = places[inside], amplitudes[inside]
    whole = np.floor(places).astype(int)
    for k in range(-half + 1, half + 1):
        at = whole + k
        distance = at - places
        tap = np.sinc(distance) * (0.5 + 0.5 * np.cos(np.pi * distance / half))
        heard = at >= 0
        np.add.at(response, at[heard], (amplitudes * tap)[heard])


def hall(rate, rt60_s, direct_db=14.0):
    """The direct sound and noise that decays exponentially: a large room, by statistics only."""
    noise = np.random.default_rng(5).normal(size=round(1.1 * rt60_s * rate))
    tail = noise * 10 ** (-3 * np.arange(len(noise)) / (rt60_s * rate))
    tail[0] = 10 ** (direct_db / 20) * np.sqrt(np.sum(np.square(tail)))
    return _through_small_speaker(tail, rate)


def recorded_room(rate):
    """A living room of the Open AIR Library (University of York; public domain), RT60 near 0.25 s.

    Cut after 0.4 s, where it becomes noise, and freed of what no small speaker plays: rumble.
    """
    path = BUILD / "room" / "living_room.wav"
    assert path.exists(), f"{path} is missing: run make room"
    response, recorded_rate = soundfile.read(path)
    response = _through_small_speaker(response, recorded_rate)[: round(0.4 * recorded_rate)]
    common = np.gcd(rate, recorded_rate)
    return scipy.signal.resample_poly(response, rate // common, recorded_rate // common)


def _through_small_speaker(response, rate):
    sections = scipy.signal.butter(2, SMALL_SPEAKER_HZ, "high", fs=rate, output="sos")
    return scipy.signal.sosfilt(sections, response)


# --- speech ---


def phrases(rate):
    """The recorded voices of alsa-utils, one array each."""
    paths = sorted((BUILD / "speech").glob("*_*.wav"))
    assert len(paths) == 8, "the voices are missing: run make speech"
    found = []
    for path in paths:
        sound, recorded_rate = soundfile.read(path)
        common = np.gcd(rate, recorded_rate)
        found.append(scipy.signal.resample_poly(sound, rate // common, recorded_rate // common))
    return found


def talk(rate, order, pause_s, level_db=-26.0, pitch=1.0):
    """Phrases one after another; what is not pause has level_db. pitch 0.8: a deeper voice."""
    parts = []
    voices = phrases(round(rate / pitch))
    for number in order:
        parts += [voices[number], np.zeros(round(rate * pause_s))]
    sound = np.concatenate(parts)
    spoken = sound[np.abs(sound) > 0.003]
    return sound * 10 ** (level_db / 20) / np.sqrt(np.mean(np.square(spoken)))


# --- devices in simulated time ---


class HeardSpeaker(NullSpeaker):
    """A speaker that remembers all it played, its own silence included."""

    def __init__(self, rate, clock, ppm=0, seconds=60):
        self.samples = np.zeros(rate * seconds)
        self.count = 0
        self.ppm = ppm
        super().__init__(rate, clock, ppm)

    def start(self):
        """Begin to play."""
        super().start()
        self.start_us = self._clock.ticks_us()

    def played_until_now(self):
        """Let its clock run."""
        self._play()

    def _hear(self, samples, offset, n):
        self.samples[self.count : self.count + n] = np.array(samples[offset : offset + n]) / 32768
        self.count += n

    def _hear_silence(self, n):
        self.count += n


class SoundMicrophone(NullMicrophone):
    """Captures `sound`, then silence."""

    def __init__(self, rate, clock, sound, ppm=0):
        super().__init__(rate, clock, ppm)
        self.captured = 0
        self._sound = sound

    def _heard(self, first, n):
        part = self._sound[first : first + n]
        return np.pad(part, (0, n - len(part)))

    def _fill(self, frame):
        heard = self._heard(self.captured, self.frame)
        self.captured += self.frame
        frame[:] = type(frame)(
            "h", np.clip(np.round(heard * 32768), -32768, 32767).astype("<h").tobytes()
        )


class RoomMicrophone(SoundMicrophone):
    """Captures `sound` and what `speaker` (of the same nominal rate) played, through `response`.

    By the true time of both clocks, which may be wrong by `ppm`: no queue of ours is involved.
    """

    def __init__(self, rate, clock, sound, speaker, response, ppm=0):
        super().__init__(rate, clock, sound, ppm)
        self._speaker = speaker
        self._response = response
        self._ppm = ppm

    def start(self):
        """Begin to capture."""
        super().start()
        self.captured = 0
        self._offset_us = ticks_diff(self._clock.ticks_us(), self._speaker.start_us)

    def _heard(self, first, n):
        speaker = self._speaker
        speaker.played_until_now()
        time_s = first / (self.rate * (1 + self._ppm * 1e-6)) + self._offset_us * 1e-6
        at = round(time_s * speaker.rate * (1 + speaker.ppm * 1e-6))
        begin = at - len(self._response) + 1
        played = speaker.samples[max(begin, 0) : at + n]
        played = np.pad(played, (max(-begin, 0), 0))
        echo = scipy.signal.fftconvolve(played, self._response)[len(self._response) - 1 :][:n]
        return super()._heard(first, n) + echo
