"""Echo control in a call: when there is one, what comes back, and that it does not allocate."""

from echo_rig import HeardSpeaker, RoomMicrophone
from implementations import Random
from media_rig import Pipe, Shelf, stream

from callboard import native
from callboard.errors import InvalidArgument
from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.media.echo import PARAMETERS, Ducker
from callboard.media.pipeline import AudioSession
from support import FakeClock, SkipTest, heap_locked, raises, require_heap_lock


def session(clock, microphone, speaker, transport=None):
    return AudioSession(clock, microphone, speaker, stream(8), stream(7), transport or Shelf())


def loud(speaker):
    speaker.loudspeaker = True
    return speaker


def test_only_with_a_loudspeaker():
    clock = FakeClock()
    for rate in (8000, 16000, 48000):
        microphone = NullMicrophone(rate, clock)
        assert session(clock, microphone, NullSpeaker(rate, clock)).capture_stage is None
        made = session(clock, microphone, loud(NullSpeaker(48000, clock)))
        assert isinstance(made.capture_stage, Ducker)
        made.capture_stage = None  # an application may think otherwise
        made.tick()
    assert session(clock, None, None).capture_stage is None


def test_parameters():
    stage = Ducker(16000, {"hang_ms": 200, "balance_db": 9})
    assert stage.get("hang_ms") == 200 and stage.get("balance_db") == 9
    defaults = Ducker(8000)
    for name in PARAMETERS:
        assert name in ("hang_ms", "balance_db") or stage.get(name) == defaults.get(name)
    for name, value in (("hang_ms", 201), ("depth_db", None), ("depth_db", -1), ("volume", 1)):
        error = raises(InvalidArgument, stage.set, name, value)
        assert name in error.message, error.message
        raises(InvalidArgument, Ducker, 8000, {name: value})
    assert stage.get("hang_ms") == 200
    assert stage.report() == {"path_db": 9, "gain_q12": 4096, "near_percent": 0}


class BurstMicrophone(NullMicrophone):
    """0.6 s of noise, 0.4 s of silence, again and again; the same on every Python."""

    frames = 0

    def _fill(self, frame):
        if not self.frames:
            self.random = Random(5)
        peak = 100 if self.frames % 50 < 30 else 0
        for i in range(self.frame):
            frame[i] = (self.random.below(2 * peak + 1) - peak) * 80
        self.frames += 1


class Meter:
    """A capture stage around another one: the power of the reference, and what it lets through."""

    def __init__(self, stage):
        self.stage = stage
        self.reset()

    def reset(self):
        self.played = self.heard = self.sent = 0

    def __call__(self, frame, reference):
        self.played += sum([v * v for v in reference])
        self.heard += sum([v * v for v in frame])
        self.stage(frame, reference)
        self.sent += sum([v * v for v in frame])


def call_in_a_room(late_ms, microphone_ppm, speaker_ppm, ms):
    """The meter of a call with a far end that makes noise, from its second second on."""
    clock = FakeClock()
    speaker = loud(HeardSpeaker(8000, clock, speaker_ppm))
    microphone = RoomMicrophone(8000, clock, speaker, microphone_ppm, shift=2, late_ms=late_ms)
    line = Pipe(clock, lambda number: 20 + number * 7 % 23)
    far = AudioSession(
        *(clock, BurstMicrophone(8000, clock), NullSpeaker(8000, clock), stream(7), stream(8)),
        line,
    )
    board = session(clock, microphone, speaker)
    meter = board.capture_stage = Meter(board.capture_stage)
    line.target = board
    far.start()
    board.start()
    for now in range(ms):
        clock.advance(1)
        line.deliver()
        for end in (far, board):
            if end.capture.microphone.left_us() <= 0:
                end.tick()
        if now == 1500:
            meter.reset()
    return meter


def test_a_call_returns_no_echo():
    """-12 dB from speaker to microphone, at once or 60 ms late, clocks apart: below -45 dB."""
    for late_ms, microphone_ppm, speaker_ppm in ((0, 0, 0), (60, 200, -200)):
        meter = call_in_a_room(late_ms, microphone_ppm, speaker_ppm, 3700)
        assert meter.played > 0
        assert meter.played // 20 < meter.heard < meter.played // 12, meter.heard  # 12 dB below
        assert meter.sent < meter.played // 30000, (late_ms, meter.sent, meter.played)
        path_db = meter.stage.report()["path_db"]
        assert -14 <= path_db <= -11, path_db


class BoardClock(FakeClock):
    """A fake clock whose ticks do not allocate: it stays below 2^29 µs."""

    def __init__(self):
        super().__init__()
        self._now_us = 1000


def test_does_not_allocate():
    """The frame path with the stage, under heap_lock: equal rates and different ones."""
    require_heap_lock()
    if "pure python" in native.implementations().values():
        raise SkipTest("needs the native modules: run make natmods")
    clock, lock = BoardClock(), heap_locked()
    for microphone_rate, speaker_rate in ((16000, 16000), (16000, 48000)):
        shelf = Shelf()
        board = session(
            *(clock, NullMicrophone(microphone_rate, clock)),
            loud(NullSpeaker(speaker_rate, clock)),
        )
        far = AudioSession(
            *(clock, BurstMicrophone(8000, clock), NullSpeaker(8000, clock)),
            *(stream(7), stream(8), shelf),
        )
        board.start()
        far.start()
        ducked = 0
        for turn in range(200):
            clock.advance_us(20000)
            far.tick()
            if turn > 2:  # by now everything has been made
                with lock:
                    board.tick()
                    shelf.hand_last(board, clock.ticks_ms())
            else:
                board.tick()
            ducked += board.capture_stage.gain_q12 < 100
        assert ducked > 60, ducked
        assert board.stats()["frames_played"] > 150
