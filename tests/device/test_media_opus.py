"""Calls with Opus through the pipeline: DTX, FEC, mute, levels, and that nothing is allocated."""

from array import array

from media_rig import BoardClock, Pipe, Shelf, codecs_at, opus_stream, stream, talk
from media_sim import Lcg

from callboard import native
from callboard.media import rtp
from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.media.pipeline import AudioSession
from callboard.media.raw import RawSession
from callboard.native import pcm
from support import FakeClock, SkipTest, heap_locked, raises, require_heap_lock

RATES = (16000, 8000)


def require_opus():
    if native.opus is None:
        raise SkipTest("no opus here: run make native natmods")


class Talker(NullMicrophone):
    """Captures a buzz like a voice, or nothing while `silent`."""

    silent = False

    def __init__(self, rate, clock, ppm=0):
        super().__init__(rate, clock, ppm)
        period = rate // 125
        self._buzz = array("h", bytes(2 * self.frame))
        for i in range(self.frame):
            self._buzz[i] = 9000 - 18000 * (i % period) // period
        self._turn = 0

    def _fill(self, frame):
        if self.silent:
            pcm.fill(frame, 0, self.frame, 0)
            return
        pcm.copy(frame, 0, self._buzz, 0, self.frame)
        self._turn = (self._turn + 1) % 8  # syllables
        pcm.fade(frame, 0, self.frame, 1000 + 387 * self._turn, 1387 + 387 * self._turn)


class Listener(NullSpeaker):
    """Notes the level of each 20 ms it plays."""

    def __init__(self, rate, clock, ppm=0):
        super().__init__(rate, clock, ppm)
        self.levels = []

    def write(self, frame):
        self.levels.append(pcm.level(frame, 0, self.frame))
        super().write(frame)


def ends(clock, rate, there, back, make=opus_stream, ppm=0):
    """A talking board and a listening phone that code at `rate`."""
    send, receive = make(0x7FFFFFF0), make(0xFFFFFFF0)
    board = AudioSession(
        clock,
        Talker(rate, clock, ppm),
        NullSpeaker(rate, clock, ppm),
        send,
        receive,
        there,
        start=(0xFFF0, 0x7FFFFFF0),
        codecs=codecs_at(rate),
    )
    phone = AudioSession(
        clock,
        NullMicrophone(rate, clock, -ppm),
        Listener(rate, clock, -ppm),
        receive,
        send,
        back,
        start=(0x7FF0, 0xFFFFFFF0),
        codecs=codecs_at(rate),
    )
    return board, phone


def called(rate, ms, fate=None):
    """Both ends after a call of `ms`, and the line from the talker."""
    clock = FakeClock()
    there, back = Pipe(clock, fate), Pipe(clock)
    board, phone = ends(clock, rate, there, back)
    there.target, back.target = phone, board
    talk(clock, (board, phone), (there, back), ms)
    return board, phone, there


def test_a_voice_arrives():
    require_opus()
    for rate in RATES:
        board, phone, there = called(rate, 1200)
        assert board.capture._codec.rate == phone.playout._codec.rate == rate
        figures = phone.stats()
        assert figures["frames_played"] >= 54, figures
        for name in ("frames_lost", "concealed", "underruns", "packets_refused", "waits"):
            assert figures[name] == 0, (name, figures)
        loud = phone.playout.speaker.levels[20:]
        assert min(loud) < 20 and phone.receive_level > -40, loud
        assert board.stats()["frames_idle"] == 0
        assert board.stats()["frames_sent"] == there.sent >= 59
        # the other direction is silent: after a few packets hardly any
        assert phone.stats()["frames_idle"] > 35
        assert phone.stats()["send_level_dbov"] == -127


def test_losses_are_recovered():
    require_opus()
    for rate in RATES:
        _, phone, _ = called(rate, 3000, lambda n: None if n % 10 == 9 else 4)
        figures = phone.stats()
        assert figures["frames_lost"] >= 13, figures
        assert figures["recovered"] >= 8, figures
        assert figures["recovered"] + figures["concealed"] <= figures["frames_lost"] + 2
        assert max(phone.playout.speaker.levels[40:140]) < 40  # nowhere a hole


class Tap:
    """A transport that keeps the header of each packet."""

    headroom = 14

    def __init__(self):
        self.headers = []

    def send(self, buf, off, n):
        marker, sequence = buf[off + 1] >> 7, buf[off + 2] << 8 | buf[off + 3]
        time = int.from_bytes(bytes(buf[off + 4 : off + 8]), "big")
        self.headers.append((marker, sequence, time, n))
        return True


def test_nothing_is_sent_in_silence():
    require_opus()
    for rate in RATES:
        clock, tap = FakeClock(), Tap()
        board, _ = ends(clock, rate, tap, Shelf())
        board.start()
        sent_after = []
        for turn in range(100):
            board.capture.microphone.silent = 20 <= turn < 80
            clock.advance(20)
            board.tick()
            sent_after.append(len(tap.headers))
        assert sent_after[19] == 20 and sent_after[99] - sent_after[80] >= 18
        assert sent_after[79] - sent_after[19] < 30
        assert board.stats()["frames_idle"] == 100 - len(tap.headers) > 30
        before = None
        for marker, sequence, time, n in tap.headers:
            if before is None:
                assert (marker, sequence, time) == (1, 0xFFF0, 0x7FFFFFF0)
            else:
                passed = time - before[1]
                assert sequence == (before[0] + 1) & 0xFFFF
                assert passed % 960 == 0 and passed > 0
                assert marker == (passed > 960)
            assert n > 20
            before = sequence, time
        assert before[1] == 0x7FFFFFF0 + 99 * 960  # past 2^31


def test_silence_is_told_from_loss():
    """DTX is no loss, is not concealed, and the background stays."""
    require_opus()
    clock = FakeClock()
    there, back = Pipe(clock), Pipe(clock)
    board, phone = ends(clock, 16000, there, back)
    there.target, back.target = phone, board
    board.start()
    phone.start()
    for ms in range(3000):
        board.capture.microphone.silent = 800 <= ms < 2400
        clock.advance(1)
        there.deliver()
        back.deliver()
        for end in (board, phone):
            if end.capture.microphone.left_us() <= 0:
                end.tick()
    figures = phone.stats()
    assert figures["frames_silent"] > 30, figures
    for name in ("frames_lost", "concealed", "recovered", "waits", "underruns", "frames_late"):
        assert figures[name] == 0, (name, figures)
    levels = phone.playout.speaker.levels
    assert max(levels[15:38]) < 50 and min(levels[70:115]) > 50
    assert phone.receive_level > -40  # it talks again


def test_mute():
    require_opus()
    clock, tap = FakeClock(), Tap()
    board, _ = ends(clock, 16000, tap, Shelf())
    board.start()
    for turn in range(60):
        board.mute = 10 <= turn < 50
        clock.advance(20)
        board.tick()
        expected = board.mute and -127
        assert (board.send_level == -127) == bool(expected), turn
    assert board.stats()["frames_idle"] > 20
    assert tap.headers[-1][1] == (0xFFF0 + len(tap.headers) - 1) & 0xFFFF


def test_hostile_packets():
    """2000 mutated packets in a running stream, played as they are: nothing escapes."""
    require_opus()
    random = Lcg(7)
    for rate in RATES:
        clock, shelf = FakeClock(), Shelf(size=400)
        board, phone = ends(clock, rate, shelf, Shelf())
        board.start()
        phone.start()
        packet = bytearray(400)
        for turn in range(1000):
            clock.advance(20)
            board.tick()
            slot = (shelf.sent - 1) % 4
            n = shelf._sizes[slot]
            for i in range(n):
                packet[i] = shelf._slots[slot][i]
            for _ in range(random.below(4)):
                packet[20 + random.below(n - 20)] = random.below(256)
            if turn % 5 == 4:
                n = 20 + random.below(n)
            phone.receive(packet, 0, n, clock.ticks_ms())
            phone.tick()
        figures = phone.stats()
        assert figures["frames_played"] > 700, figures
        assert phone.playout._codec.refused > 0


def test_raw_frames():
    """The application's own Opus packets: any size that an Opus frame may have."""
    require_opus()
    shelf, got = Shelf(size=400), []
    near = RawSession(opus_stream(1), opus_stream(2), shelf, start=(0xFFFF, 0xFFFFFFF0))
    far = RawSession(
        opus_stream(2),
        opus_stream(1),
        Shelf(),
        on_receive=lambda buf, off, n, index: got.append((bytes(buf[off : off + n]), index)),
    )
    for turn in range(4):
        assert near.send_audio(bytes([0x48 + turn]) * (turn + 1), 0, turn + 1)
        assert shelf.hand_last(far, 1000 + 20 * turn)
        near.skip(2)
    assert got == [(bytes([0x48 + turn]) * (turn + 1), 3 * turn) for turn in range(4)]
    raises(Exception, near.send_audio, bytes(400), 0, 321)


def _require_native():
    require_heap_lock()
    require_opus()
    if "pure python" in native.implementations().values():
        raise SkipTest("needs the native modules: run make natmods")


def _all_that_happens(make, rate, start):
    """600 turns under heap_lock: voice, silence, mute, losses, duplicates, drift both ways."""
    clock = BoardClock()
    shelf, echo = Shelf(size=400), Shelf(size=400)
    sessions = []
    for ppm, ssrcs, out in (
        (1000, (0x7FFFFFF0, 0xFFFFFFF0), shelf),
        (-1000, (0xFFFFFFF0, 0x7FFFFFF0), echo),
    ):
        sessions.append(
            AudioSession(
                clock,
                Talker(rate, clock, ppm),
                NullSpeaker(rate, clock, ppm),
                make(ssrcs[0]),
                make(ssrcs[1]),
                out,
                start=(0xFFF0, start),
                codecs=codecs_at(rate),
            )
        )
        sessions[-1].start()
    near, far = sessions
    handed, outs = [0, 0], (shelf, echo)
    lock, level = heap_locked(), 0
    with lock:
        for turn in range(600 * 4):
            clock.advance_us(5000)
            for i in range(2):
                end, other, out = sessions[i], sessions[1 - i], outs[i]
                if end.capture.microphone.left_us() > 0:
                    continue
                end.capture.microphone.silent = turn % 640 > 440
                end.mute = turn % 1800 > 1600
                end.tick()
                level += end.send_level + end.receive_level
                if out.sent == handed[i]:
                    continue
                handed[i] = out.sent
                if turn % 90 >= 11:  # the others are lost
                    out.hand_last(other, clock.ticks_ms())
                if turn % 70 == 5:
                    out.hand_last(other, clock.ticks_ms())
    assert level < 0
    return near, far


def test_the_frame_path_does_not_allocate():
    """Opus at both rates and PCMU, with timestamps and SSRCs around 2^31 and 2^32."""
    _require_native()
    for make, rate in ((opus_stream, 16000), (opus_stream, 8000), (stream, 8000), (stream, 16000)):
        for start in (0x7FFFFFF0, 0xFFFFFFF0):
            near, far = _all_that_happens(make, rate, start)
            for end in (near, far):
                figures = end.stats()
                assert figures["frames_played"] > 300, figures
                assert figures["frames_lost"] > 30, figures
                if make is opus_stream:
                    assert figures["recovered"] > 5 and figures["frames_silent"] > 50, figures
                else:
                    assert figures["concealed"] > 30, figures
            inserted = near.stats()["inserted_ms"], far.stats()["inserted_ms"]
            removed = near.stats()["removed_ms"], far.stats()["removed_ms"]
            if make is stream:
                assert max(inserted) >= 5 or max(removed) >= 5, (inserted, removed)


def test_levels_are_those_of_rfc_6464():
    require_opus()
    clock, tap = FakeClock(), Tap()
    board, _ = ends(clock, 8000, tap, Shelf(), stream)
    board.start()
    for _ in range(8):
        clock.advance(20)
        board.tick()
        assert -60 < board.send_level < -5
        assert board.stats()["send_level_dbov"] == board.send_level
    assert board.receive_level == -127
    assert rtp.LEVEL_SILENCE == 127
