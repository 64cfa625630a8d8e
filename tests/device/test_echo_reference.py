"""The playback reference lies where the sound was, whatever clocks, queues and stalls do."""

from array import array

from echo_rig import HeardSpeaker, RoomMicrophone
from implementations import Random
from media_rig import Pipe, Shelf, stream

from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.media.pipeline import AudioSession
from callboard.media.reference import PlaybackReference
from support import FakeClock, heap_locked, require_heap_lock

FARTHEST = 6  # samples that lags are looked for


class NoiseMicrophone(NullMicrophone):
    """Captures noise of 8 bits, the same on every Python."""

    def _fill(self, frame):
        if not hasattr(self, "random"):
            self.random = Random(3)
        for i in range(self.frame):
            frame[i] = (self.random.below(255) - 127) * 100


class Lags:
    """A capture stage that finds how much later than its reference each frame is, in samples."""

    def __init__(self):
        self.found = []

    def __call__(self, frame, reference):
        if max(reference) - min(reference) > 2000:
            best = min([(difference(frame, reference, lag), abs(lag), lag) for lag in WINDOW])
            self.found.append((best[2], best[0]))

    def worst(self):
        return max([abs(lag) for lag, _ in self.found])


WINDOW = range(-FARTHEST, FARTHEST + 1)


def difference(frame, reference, lag):
    """Mean distance of frame[i] and reference[i - lag]."""
    n = len(frame)
    total = 0
    for i in range(FARTHEST, n - FARTHEST):
        total += abs(frame[i] - reference[i - lag])
    return total // (n - 2 * FARTHEST)


def call(microphone_rate, speaker_rate, microphone_ppm=0, speaker_ppm=0, stalls=(), ms=1500):
    """The lags of a call in which the far end sends noise. `stalls`: (from, to) in ms without a
    tick. Returns (Lags, session)."""
    clock = FakeClock(start_ms=(1 << 30) // 1000 - 300)  # ticks_us wraps in the middle
    speaker = HeardSpeaker(speaker_rate, clock, speaker_ppm)
    microphone = RoomMicrophone(microphone_rate, clock, speaker, microphone_ppm)
    line = Pipe(clock)
    there = NoiseMicrophone(8000, clock)
    far = AudioSession(clock, there, NullSpeaker(8000, clock), stream(7), stream(8), line)
    board = AudioSession(clock, microphone, speaker, stream(8), stream(7), Shelf())
    line.target = board
    board.capture_stage = Lags()
    board.start()
    clock.advance_us(7300)  # the two ends have nothing in common
    far.start()
    for now in range(ms):
        clock.advance(1)
        line.deliver()
        if far.capture.microphone.left_us() <= 0:
            far.tick()
        if any(begin <= now < end for begin, end in stalls):
            continue
        if board.capture.microphone.left_us() <= 0:
            board.tick()
    return board.capture_stage, board


def test_same_rate_is_exact():
    for rate in (8000, 16000):
        lags, session = call(rate, rate, ms=900)
        assert session.stats()["underruns"] == 0
        assert len(lags.found) > 35
        assert lags.found == [(0, 0)] * len(lags.found), (rate, lags.found)


def test_clocks_apart():
    """Both clocks wrong in opposite directions: a sample is a sample, no more."""
    for ppm in (200, -1000):
        lags, _ = call(16000, 16000, ppm, -ppm)
        assert len(lags.found) > 60
        assert lags.worst() <= 2, (ppm, lags.found)


def test_stalls_and_underruns():
    """The board does nothing for a while: frames pile up, the speaker runs dry, it goes on."""
    lags, session = call(8000, 8000, 100, 0, ((500, 570), (800, 1000)))
    stats = session.stats()
    assert stats["underruns"] >= 2 and stats["capture_lost"] > 0, stats
    assert len(lags.found) > 50
    assert lags.worst() <= 2, lags.found


def test_other_rates():
    """Between two rates the filter's delay is taken back."""
    for microphone_rate, speaker_rate in ((8000, 16000), (16000, 8000), (16000, 48000)):
        lags, _ = call(microphone_rate, speaker_rate, 50, -50, ms=900)
        assert len(lags.found) > 30
        allowed = 1 + microphone_rate // speaker_rate
        assert lags.worst() <= allowed, (microphone_rate, speaker_rate, lags.found)


class Ahead:
    """A microphone whose frame was complete `age_us` ago."""

    def __init__(self, rate, age_us):
        self.rate = rate
        self.age_us = age_us


def test_what_is_too_old_is_silence():
    clock = FakeClock()
    speaker = NullSpeaker(8000, clock)
    reference = PlaybackReference(speaker)
    speaker.start()
    out = array("h", [9] * 160)
    for _ in range(12):
        speaker.write(array("h", [5] * 160))
        reference.played(array("h", [5] * 160))
        clock.advance(20)
    reference.read(out, Ahead(8000, 0))
    assert list(out) == [5] * 160
    reference.read(out, Ahead(8000, 150000))  # half of it is older than 160 ms
    assert list(out) == [0] * 80 + [5] * 80, out
    reference.read(out, Ahead(8000, 1000000))
    assert list(out) == [0] * 160
    clock.advance(10)  # the queue is dry for 10 ms
    reference.read(out, Ahead(8000, 0))
    assert list(out) == [5] * 80 + [0] * 80
    clock.advance(60000)
    reference.read(out, Ahead(8000, 0))
    assert list(out) == [0] * 160


def test_reading_does_not_allocate():
    require_heap_lock()
    clock, lock = FakeClock(), heap_locked()
    for rate, microphone_rate in ((8000, 8000), (48000, 16000)):
        speaker = NullSpeaker(rate, clock)
        speaker.silent = 0x3FFFFF00  # about to wrap
        reference, microphone = PlaybackReference(speaker), Ahead(microphone_rate, 80000)
        frame, out = array("h", bytes(rate // 25)), array("h", bytes(microphone_rate // 25))
        speaker.start()
        reference.read(out, microphone)
        clock.advance(30)
        with lock:
            for _ in range(20):
                speaker.write(frame)
                reference.played(frame)
                reference.read(out, microphone)
