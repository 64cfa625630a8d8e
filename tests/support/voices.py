"""Whole calls between two audio sessions with recorded voices, in simulated time."""

import random
from array import array
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.media.pipeline import AudioSession

SPEECH = Path(__file__).parents[2] / "build" / "speech"
RATE = 16000
_PAUSE_S = 0.35


def speech(rate=RATE, first=0, pause_s=_PAUSE_S, loudness_db=-26.0):
    """All recorded voices from number `first` on, pauses between them: int16 at `rate`."""
    paths = sorted(SPEECH.glob("*.wav"))
    if not paths:
        pytest.fail("the recorded voices are missing: run make speech")
    parts = []
    for path in paths[first:] + paths[:first]:
        samples, file_rate = soundfile.read(path)
        samples = scipy.signal.resample_poly(samples, rate, file_rate)
        parts += [samples, np.zeros(round(pause_s * rate))]
    voice = np.concatenate(parts)
    voice *= 10 ** (loudness_db / 20) / np.sqrt(np.mean(voice**2))
    return np.clip(np.round(voice * 32768), -32768, 32767).astype(np.int16)


def with_noise(voice, dbov, seed=1, colour=0.0):
    """`voice` in a continuous noise of that level; colour 0..1: from white to a low rumble."""
    noise = np.random.default_rng(seed).standard_normal(len(voice))
    noise = scipy.signal.lfilter([1.0], [1.0, -colour], noise)
    noise *= 10 ** (dbov / 20) * 32768 / np.sqrt(np.mean(noise**2))
    return np.clip(np.round(voice + noise), -32768, 32767).astype(np.int16)


class SimulatedClock:
    """Time that stands still until advanced, as fast as can be."""

    def __init__(self, start_us=1_000_000_000):
        self.us = start_us

    def ticks_us(self):
        return self.us & 0x3FFFFFFF

    def ticks_ms(self):
        return self.us // 1000 & 0x3FFFFFFF

    def epoch_ms(self):
        return self.us // 1000


class Mouth(NullMicrophone):
    """Says samples over and over."""

    def __init__(self, samples, rate, clock, ppm=0):
        self._said = array("h", np.concatenate([samples, samples[: rate // 50]]).tobytes())
        self._length = len(samples)
        self._place = 0
        super().__init__(rate, clock, ppm)

    def _fill(self, frame):
        frame[:] = self._said[self._place : self._place + self.frame]
        self._place = (self._place + self.frame) % self._length


class Ear(NullSpeaker):
    """Keeps all it plays, silence included."""

    def __init__(self, rate, clock, ppm=0):
        self.kept = array("h")
        super().__init__(rate, clock, ppm)

    def _hear(self, samples, offset, n):
        self.kept.extend(samples[offset : offset + n])

    def _hear_silence(self, n):
        self.kept.extend(array("h", bytes(2 * n)))

    @property
    def heard(self):
        """int16 samples since start()."""
        return np.array(self.kept, dtype=np.int16)


class Network:
    """A transport in one direction: `fate(number)` gives a packet's delay in ms, None: lost."""

    headroom = 14

    def __init__(self, clock, fate):
        self.target = None
        self.sent = self.lost = self.bytes = 0
        self._clock = clock
        self._fate = fate
        self._flying = []

    def send(self, buf, off, n):
        fate = self._fate(self.sent)
        self.sent += 1
        self.bytes += n
        if fate is None:
            self.lost += 1
        else:
            self._flying.append(
                (self._clock.us + 1000 * fate, self.sent, bytes(buf[off : off + n]))
            )
        return True

    def next_us(self):
        """When the next packet arrives, or None."""
        return min(self._flying)[0] if self._flying else None

    def deliver(self):
        """Hand over what has arrived."""
        while self._flying:
            first = min(self._flying)
            if first[0] > self._clock.us:
                return
            self._flying.remove(first)
            self.target.receive(first[2], 0, len(first[2]), self._clock.ticks_ms())


def stream(codec, ssrc):
    """A stream description of PROTOCOL.md §4."""
    payload_type, clock_rate = {"pcmu": (0, 8000), "opus": (111, 48000)}[codec]
    return {
        "codec": codec,
        "payload_type": payload_type,
        "clock_rate": clock_rate,
        "ssrc": ssrc,
        "mid": "0",
        "channels": 1,
        "frame_ms": 20,
    }


class End:
    """One end: what it says, what it hears, its session."""

    def __init__(self, clock, codec, said, network, ssrcs, ppm=0, rate=RATE):
        self.mouth = Mouth(said, rate, clock, ppm)
        self.ear = Ear(rate, clock, ppm)
        send, receive = (stream(codec, ssrc) for ssrc in ssrcs)
        self.network = network
        self.session = AudioSession(
            clock,
            self.mouth,
            self.ear,
            send,
            receive,
            network,
            start=(65000, 0xFFFF0000),
        )
        self.delays = []

    def tick(self):
        played = self.session.jitter.played
        self.session.tick()
        if self.session.jitter.played != played:
            self.delays.append(self.session.jitter.delay_ms)


def call(codec, said, seconds, ppm=(0, 0), fates=None, rate=RATE, prepare=None):
    """A call of so many seconds; returns both ends (stopped). said, ppm, fates: of each."""
    clock = SimulatedClock()
    fates = fates or (lambda number: 5, lambda number: 5)
    networks = [Network(clock, fate) for fate in fates]
    ends = [
        End(clock, codec, said[i], networks[i], (1 + i, 2 - i), ppm[i], rate) for i in range(2)
    ]
    networks[0].target, networks[1].target = ends[1].session, ends[0].session
    if prepare:
        prepare(*ends)
    for i, end in enumerate(ends):
        clock.us += 7000 * i  # the two ends' frames do not begin together
        end.session.start()
    stop_us = clock.us + round(seconds * 1_000_000)
    while clock.us < stop_us:
        dues = [clock.us + max(0, end.mouth.left_us()) for end in ends]
        dues += [due for due in (network.next_us() for network in networks) if due is not None]
        clock.us = max(clock.us, min(dues))
        for network in networks:
            network.deliver()
        for end in ends:
            if end.mouth.left_us() <= 0:
                end.tick()
    for end in ends:
        end.session.stop()
    return ends


def random_loss(percent, seed, jitter_ms=10):
    """A fate for Network: independent losses, up to jitter_ms of jitter on 5 ms."""
    dice = random.Random(seed)

    def fate(number):
        lost = dice.random() < percent / 100
        delay = 5 + dice.randrange(jitter_ms + 1)
        return None if lost and number > 20 else delay

    return fate


def bursty_loss(percent, seed, burst=2.5, jitter_ms=10):
    """Losses in bursts (Gilbert): `burst` packets on average."""
    dice = random.Random(seed)
    leave = 1 / burst
    enter = percent / 100 * leave / (1 - percent / 100)
    bad = [False]

    def fate(number):
        bad[0] = dice.random() >= leave if bad[0] else dice.random() < enter
        delay = 5 + dice.randrange(jitter_ms + 1)
        return None if bad[0] and number > 20 else delay

    return fate


def offset_of(piece, line, near, reach):
    """Where in `line` (within `reach` of `near`) `piece` fits best, and how well (0..1)."""
    low = max(0, near - reach)
    area = line[low : near + reach + len(piece)].astype(float)
    correlation = scipy.signal.correlate(area, piece.astype(float), "valid", "fft")
    energy = np.cumsum(np.concatenate([[0.0], area**2]))
    energy = energy[len(piece) :] - energy[: -len(piece)]
    score = correlation / np.sqrt(
        np.maximum(energy, 1.0) * max(1.0, np.sum(piece.astype(float) ** 2))
    )
    best = int(np.argmax(score))
    return low + best, float(score[best])


_BLOCK, _INNER, _NEAR = round(0.320 * RATE), round(0.016 * RATE), round(0.025 * RATE)


def missing_windows(reference, line, at):
    """Where in `reference` 20 ms are missing in `line`, in which it begins at `at`: in samples.

    A window is missing when its inner 16 ms are 20 dB too quiet, with the delay of its own block
    of 320 ms and those of the blocks beside it (corrections shift what follows by some ms).
    """
    line = np.concatenate([np.zeros(_NEAR), line, np.zeros(len(reference))])[at:]
    starts = range(0, len(reference) - _BLOCK + 1, _BLOCK // 2)
    blocks = [reference[start : start + _BLOCK] for start in starts]
    shifts = [
        offset_of(b, line, i + _NEAR, _NEAR)[0] - i for i, b in zip(starts, blocks, strict=True)
    ]
    wanted, heard = _power(reference), _power(line)
    voice = np.flatnonzero(wanted > max(wanted.max() / 3000, 3000.0))
    missing = np.ones(len(voice), dtype=bool)
    own = np.clip(voice // (_BLOCK // 2), 0, len(shifts) - 1)
    for beside in (-1, 0, 1):
        shift = np.array(shifts)[np.clip(own + beside, 0, len(shifts) - 1)]
        missing &= heard[np.clip(voice + shift, 0, len(heard) - 1)] < wanted[voice] / 100
    places = voice[missing]
    return [int(place) for place in places[np.diff(places, prepend=-_BLOCK) > _INNER]]


def _power(samples):
    """Of the inner window that begins at each sample."""
    total = np.cumsum(np.concatenate([[0.0], samples.astype(float) ** 2]))
    return (total[_INNER:] - total[:-_INNER]) / _INNER
