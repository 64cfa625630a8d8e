"""One device works at a time: microphone and speaker in turn, as on boards with one I2S."""

from array import array

from media_rig import Shelf, stream

from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.media.half_duplex import HalfDuplex
from callboard.media.pipeline import AudioSession
from callboard.native import pcm
from support import FakeClock, heap_locked, require_heap_lock

LOUD = 9000


class Peripheral:
    """The one I2S of a chip."""

    user = None
    log = ""
    broken = ""

    def take(self, who):
        assert self.user is None, who + " while it belongs to " + str(self.user)
        if who in self.broken:
            raise OSError(5)
        self.user = who
        self.log += who

    def leave(self, who):
        if self.user == who:
            self.user = None


class Part:
    """A device that needs the peripheral while it works. It cannot pause."""

    def __init__(self, peripheral, name, device):
        self._line, self._name, self._device = peripheral, name, device
        self.rate, self.frame = device.rate, device.frame
        self.started_us = 0
        self.written = 0

    def start(self):
        self._line.take(self._name)
        self._device.start()

    def stop(self):
        self._line.leave(self._name)
        self._device.stop()

    @property
    def age_us(self):
        return self._device.age_us

    @property
    def underruns(self):
        return self._device.underruns

    def left_us(self):
        return self._device.left_us()

    def readinto(self, frame):
        assert self._line.user == self._name
        lost = self._device.readinto(frame)
        pcm.fill(frame, 0, self.frame, LOUD)
        return lost

    def space(self):
        return self._device.space()

    def queued(self):
        return self._device.queued()

    def write(self, frame):
        assert self._line.user == self._name
        self.written += 1
        self._device.write(frame)


def a_board(clock, rate=8000):
    """(peripheral, speaker, HalfDuplex)"""
    line = Peripheral()
    microphone = Part(line, "m", NullMicrophone(rate, clock))
    speaker = Part(line, "s", NullSpeaker(rate, clock))
    return line, speaker, HalfDuplex(microphone, speaker, clock)


def a_session(clock, duplex, told=None):
    shelf = Shelf()
    parts = duplex.microphone, duplex.speaker, stream(1), stream(2, "1"), shelf
    return AudioSession(clock, *parts, report=told), shelf


def frames(clock, session, count):
    """So many ticks; the levels of what was sent."""
    levels = []
    for _ in range(count):
        clock.advance(20)
        session.tick()
        levels.append(session.send_level)
    return levels


def test_one_after_the_other_in_a_call():
    clock = FakeClock()
    line, speaker, duplex = a_board(clock)
    session, shelf = a_session(clock, duplex)
    session.start()
    assert line.log == "s" and not duplex.talk
    assert frames(clock, session, 10) == [-127] * 10 and speaker.written >= 10
    duplex.talk = True
    heard = speaker.written
    assert line.user == "m" and max(frames(clock, session, 10)) > -20
    assert speaker.written == heard
    duplex.talk = False
    assert line.user == "s" and frames(clock, session, 10) == [-127] * 10
    assert speaker.written > heard and line.log == "sms"
    assert shelf.sent == 30  # the far end's clock goes on
    duplex.talk = True
    session.mute = True
    assert frames(clock, session, 3) == [-127] * 3
    session.stop()
    assert line.user is None
    duplex.talk = False
    session.start()  # the next call
    assert line.user == "s"
    session.stop()
    assert line.user is None


def test_turns_outside_a_call_start_nothing():
    clock = FakeClock()
    line, _speaker, duplex = a_board(clock)
    for on in (True, True, False, True, False, False):
        duplex.talk = on
        assert duplex.talk == on and line.log == ""
    duplex.microphone.stop()
    duplex.speaker.stop()
    assert line.log == ""


def test_a_device_that_does_not_start_is_told_and_the_call_goes_on():
    for broken, text in (("m", "microphone failed"), ("s", "speaker failed")):
        clock, told = FakeClock(), []
        line, speaker, duplex = a_board(clock)
        session, _shelf = a_session(clock, duplex, told.append)
        session.start()
        frames(clock, session, 3)
        line.broken = broken
        duplex.talk = True
        frames(clock, session, 3)
        duplex.talk = False
        frames(clock, session, 3)
        assert len(told) == 1 and text in told[0], told
        session.stop()
        assert line.user is None
        line.broken = ""
        session, _shelf = a_session(clock, duplex, told.append)
        session.start()  # the next call has another try
        assert line.user == "s" and len(told) == 1
        session.stop()


def test_what_can_pause_is_not_started_anew():
    clock = FakeClock()

    class Film(NullMicrophone):
        starts = 0

        def start(self):
            self.starts += 1
            super().start()

    microphone, speaker = Film(8000, clock), NullSpeaker(8000, clock)
    duplex = HalfDuplex(microphone, speaker, clock)
    session, _shelf = a_session(clock, duplex)
    session.start()
    for _ in range(3):
        duplex.talk = True
        frames(clock, session, 5)
        assert microphone.left_us() > 0 or microphone.age_us < 20000
        duplex.talk = False
        frames(clock, session, 5)
    assert microphone.starts == 1
    session.stop()
    session, _shelf = a_session(clock, duplex)
    session.start()
    duplex.talk = True
    assert microphone.starts == 2
    session.stop()


def test_the_self_test_gives_the_microphone_its_turn():
    clock = FakeClock()
    line, _speaker, duplex = a_board(clock)
    assert duplex.microphone.duplex is duplex
    duplex.microphone.duplex.talk = True
    duplex.microphone.start()
    frame = array("h", bytes(2 * duplex.microphone.frame))
    duplex.microphone.readinto(frame)
    assert pcm.peak(frame, 0, 160) == LOUD
    duplex.microphone.stop()
    assert line.user is None


def test_a_tick_does_not_allocate():
    require_heap_lock()
    clock = FakeClock()
    microphone, speaker = NullMicrophone(8000, clock), NullSpeaker(8000, clock)
    duplex = HalfDuplex(microphone, speaker, clock)
    frame = array("h", bytes(320))
    duplex.microphone.start()
    duplex.speaker.start()
    for on in (False, True):
        duplex.talk = on
        with heap_locked():
            for _ in range(3):
                duplex.microphone.left_us()
                duplex.microphone.readinto(frame)
                while duplex.speaker.space() > 0:
                    duplex.speaker.write(frame)
