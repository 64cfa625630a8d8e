"""The 20 ms pipeline: whole calls in simulated time, failures, and that it does not allocate."""

import asyncio
import gc
from array import array

from media_rig import (
    BoardClock,
    Pipe,
    Shelf,
    read_wav,
    remove,
    stream,
    talk,
    temporary,
    write_wav,
)
from media_sim import Lcg

from callboard import errors, native
from callboard.media import rtp
from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.media.pipeline import AudioSession
from callboard.media.wav_devices import WavMicrophone, WavSpeaker
from callboard.native import pcm
from callboard.port import heap_used
from support import FakeClock, SkipTest, heap_locked, raises, require_heap_lock, settle


def ramp(n):
    """Samples of which µ-law and back leaves every 160 recognisable: a step every 20 ms."""
    return [((i // 160) % 60 + 1) * 400 for i in range(n)]


def session(clock, microphone=None, speaker=None, transport=None, far=0, **options):
    """A session of one end; `far` tells the ends apart."""
    send, receive = stream(0x7FFFFFF0), stream(0xFFFFFFF0)
    if far:
        send, receive = receive, send
    return AudioSession(
        clock,
        microphone,
        speaker,
        send,
        receive,
        transport or Shelf(),
        start=(0xFFF0, 0xFFFFFFF0),
        **options,
    )


def first(samples, value):
    """Where `value` comes first."""
    for i in range(len(samples)):
        if samples[i] == value:
            return i
    raise AssertionError("%d was never heard" % value)


def codec_only(samples):
    """What PCMU makes of samples."""
    coded = bytearray(len(samples))
    out = array("h", bytes(2 * len(samples)))
    pcm.ulaw_encode(array("h", samples), 0, coded, 0, len(samples))
    pcm.ulaw_decode(coded, 0, out, 0, len(samples))
    return out


def test_every_sample_arrives_in_time():
    clock = FakeClock(start_ms=(1 << 30) // 1000 - 700)  # ticks_us wraps in the middle
    said = ramp(8000 * 2)
    said_path, heard_path = temporary("said"), temporary("heard")
    write_wav(said_path, 8000, said)
    try:
        there, back = Pipe(clock, lambda n: 3 + n * 7 % 5), Pipe(clock)
        speaker = WavSpeaker(heard_path, 8000, clock)
        board = session(clock, WavMicrophone(said_path, clock), NullSpeaker(8000, clock), there)
        phone = session(clock, NullMicrophone(8000, clock), speaker, back, far=1)
        there.target, back.target = phone, board
        talk(clock, (board, phone), (there, back), 2600)
        speaker.close()
        rate, heard = read_wav(heard_path)
    finally:
        remove(said_path, heard_path)
    assert rate == 8000
    expected = codec_only(said)
    begin = first(heard, expected[160]) - 160
    assert heard[begin + 40 : begin + len(said)] == expected[40:]  # 40: led in from silence
    assert 8 * 60 <= begin <= 8 * 105, begin // 8
    figures = phone.stats()
    for name in ("frames_lost", "frames_late", "frames_dropped", "underruns", "capture_lost"):
        assert figures[name] == 0, name
    assert figures["frames_played"] >= 100
    assert board.stats()["frames_sent"] >= 129


def test_rates_of_board_and_phone():
    clock = FakeClock()
    there, back = Pipe(clock, lambda n: 1), Pipe(clock, lambda n: 2)
    board = session(clock, NullMicrophone(16000, clock), NullSpeaker(16000, clock), there)
    phone = session(clock, NullMicrophone(48000, clock), NullSpeaker(48000, clock), back, far=1)
    there.target, back.target = phone, board
    talk(clock, (board, phone), (there, back), 1000)
    for end in (board, phone):
        figures = end.stats()
        assert figures["frames_played"] >= 45
        assert figures["underruns"] == 0
        assert figures["packets_refused"] == 0


def test_packet_on_the_wire():
    clock = FakeClock()
    sent = []

    class Wire:
        headroom = 14

        def send(self, buf, off, n):
            sent.append(bytes(buf[off : off + n]))
            return True

    end = session(clock, transport=Wire())
    end.start()
    for _ in range(3):
        clock.advance(20)
        end.tick()
    assert [len(packet) for packet in sent] == [180] * 3
    first = sent[0]
    assert first[0] == 0x90  # version 2, with extension
    assert first[1] == 0x80  # marker at the start of talk, payload type 0
    assert sent[1][1] == 0
    assert first[2:12] == b"\xff\xf0\xff\xff\xff\xf0\x7f\xff\xff\xf0"
    assert sent[1][2:8] == b"\xff\xf1\x00\x00\x00\x90"  # 160 later, past the wrap
    assert first[12:16] == b"\xbe\xde\x00\x01"
    assert first[16:20] == b"\x10\x7f\x20" + b"0"  # level -127 dBov, no voice; MID "0"
    assert first[20:] == b"\xff" * 160  # µ-law silence


def test_mute_sends_silence():
    clock = FakeClock()
    path = temporary("loud")
    write_wav(path, 8000, [12000, -12000] * 400)
    try:
        there = Pipe(clock)
        end = session(clock, WavMicrophone(path, clock, loop=True), None, there)
        heard = []
        there.target = Listener(heard)
        end.start()
        for mute in (False, True, False):
            end.mute = mute
            clock.advance(20)
            end.tick()
            there.deliver()
        end.capture.microphone.close()
    finally:
        remove(path)
    assert [packet[17] for packet in heard] == [0x80 | 9, 127, 0x80 | 9]
    assert heard[1][20:] == b"\xff" * 160


class Listener:
    def __init__(self, packets):
        self.packets = packets

    def receive(self, buf, off, n, arrival_ms):
        self.packets.append(bytes(buf[off : off + n]))


def test_congested_transport_drops_and_counts():
    clock = FakeClock()
    there = Pipe(clock)
    heard = []
    there.target = Listener(heard)
    end = session(clock, transport=there)
    end.start()
    for congested in (False, True, True, False):
        there.congested = congested
        clock.advance(20)
        end.tick()
        there.deliver()
    figures = end.stats()
    assert figures["frames_sent"] == 2
    assert figures["frames_send_dropped"] == 2
    assert heard[1][2:4] == b"\xff\xf1"  # numbers count what was sent
    assert heard[1][4:8] == b"\x00\x00\x01\xd0"  # time counts everything
    assert heard[1][1] == 0x80  # marked: after a gap


class FailingMicrophone(NullMicrophone):
    def readinto(self, frame):
        raise OSError(5)


class MicrophoneWhoseTickFails(NullMicrophone):
    """Fails where run() waits for it."""

    def left_us(self):
        raise OSError(5)


class FailingSpeaker(NullSpeaker):
    def write(self, frame):
        raise OSError(5)


def test_failing_devices_do_not_end_the_call():
    clock = FakeClock()
    said = []
    end = session(
        clock, FailingMicrophone(16000, clock), FailingSpeaker(16000, clock), report=said.append
    )
    end.start()
    for _ in range(10):
        clock.advance(20)
        end.tick()
    end.stop()
    assert len(said) == 2 and "microphone" in said[0] and "speaker" in said[1], said
    assert end.stats()["frames_sent"] == 9  # the frame of the failure is missing


async def test_a_microphone_that_fails_between_frames():
    clock = FakeClock()
    said = []
    end = session(clock, MicrophoneWhoseTickFails(8000, clock), report=said.append)
    task = asyncio.create_task(end.run())
    await clock.run(100)
    task.cancel()
    await settle()
    assert not end.running
    assert len(said) == 1 and "microphone" in said[0], said
    assert end.stats()["frames_sent"] >= 4


def test_lost_capture_keeps_time():
    clock = FakeClock()
    there = Pipe(clock)
    heard = []
    there.target = Listener(heard)
    end = session(clock, transport=there)
    end.start()
    clock.advance(20)
    end.tick()
    clock.advance(200)  # 10 frames, the ring holds 4
    end.tick()
    there.deliver()
    assert end.stats()["capture_lost"] == 6
    assert heard[1][2:8] == b"\xff\xf1" + b"\x00\x00\x04\x50"  # 7 frames later, the next number
    assert end.stats()["longest_stall_us"] == 60000 + 0  # three newer ones wait


def test_reference_is_what_was_played():
    clock = FakeClock()
    back = Pipe(clock)
    end = session(clock, NullMicrophone(16000, clock), NullSpeaker(16000, clock))
    far = session(clock, NullMicrophone(8000, clock), NullSpeaker(8000, clock), back, far=1)
    back.target = end
    levels = []
    number = [0]

    def speak(frame, reference):
        number[0] += 1
        pcm.fill(frame, 0, 160, 8000 if number[0] == 20 else 0)

    def stage(frame, reference):
        assert len(frame) == len(reference) == 320
        levels.append(pcm.peak(reference, 0, 320) > 3000)

    far.capture_stage = speak
    end.capture_stage = stage
    talk(clock, (end, far), (back,), 1000)
    loud = [i for i, value in enumerate(levels) if value]
    assert 1 <= len(loud) <= 2, loud  # one frame, perhaps across a boundary
    # Captured in the far end's frame 19, complete at 400 ms, played 60 to 80 ms after that.
    assert 22 <= loud[0] <= 24, loud


def test_bad_descriptions_are_refused():
    clock = FakeClock()
    good = stream()

    def make(send=good, receive=good):
        AudioSession(clock, None, None, send, receive, Shelf())

    make()
    for member, value in (
        ("payload_type", 8),
        ("clock_rate", 16000),
        ("channels", 2),
        ("frame_ms", 30),
        ("ssrc", 0),
        ("ssrc", 1 << 32),
        ("ssrc", "1"),
        ("mid", ""),
        ("mid", None),
        ("mid", "m" * 17),
    ):
        error = raises(errors.ProtocolError, make, stream(**{member: value}))
        assert member in error.message
        raises(errors.ProtocolError, make, good, stream(**{member: value}))
    raises(errors.InvalidArgument, make, stream(codec="speex"))


def state(end):
    """What packets change in a session."""
    jitter = end.jitter
    counters = jitter.received, jitter.late, jitter.duplicates, jitter.lost, jitter.dropped
    return counters + (jitter.resets, len(jitter), jitter.target_ms)


def test_hostile_packets():
    """10 000 random and mutated packets: nothing escapes, what is refused changes nothing."""
    clock = FakeClock()
    shelf = Shelf()
    far = session(clock, transport=shelf, far=1)
    end = session(clock)
    far.start()
    random = Lcg(2026)
    packet = bytearray(200)
    accepted = 0
    for turn in range(10000):
        if turn % 20 == 0:
            clock.advance(20)
            far.tick()
        n = shelf._sizes[(shelf.sent - 1) % 4]
        for i in range(n):
            packet[i] = shelf._slots[(shelf.sent - 1) % 4][i]
        if turn % 3 == 0:
            n = random.below(200)
            for i in range(n):
                packet[i] = random.below(256)
        else:
            for _ in range(1 + random.below(4)):
                packet[random.below(24)] = random.below(256)
            if turn % 3 == 1:
                n = random.below(n + 20)
        before, refused = state(end), end.playout.refused + end.playout.rtcp
        if end.receive(packet, 0, n, clock.ticks_ms()):
            accepted += 1
        elif end.playout.refused + end.playout.rtcp > refused:
            assert state(end) == before
    assert accepted > 0
    figures = end.stats()
    assert figures["packets_refused"] > 5000, figures
    assert far.stats()["frames_sent"] == 500


def _require_native():
    require_heap_lock()
    if "pure python" in native.implementations().values():
        raise SkipTest("needs the native modules: run make natmods")


def test_frame_path_does_not_allocate():
    """400 ticks and receives under heap_lock, WAV devices, all numbers near their wraps."""
    _require_native()
    clock = BoardClock()
    said_path, heard_path = temporary("said"), temporary("heard")
    write_wav(said_path, 16000, [(i % 400) * 50 for i in range(16000)])
    try:
        microphone = WavMicrophone(said_path, clock, loop=True)
        speaker = WavSpeaker(heard_path, 16000, clock)
        shelf = Shelf()
        near = session(clock, microphone, speaker, shelf)
        echo = Shelf()
        far = session(clock, NullMicrophone(48000, clock), NullSpeaker(48000, clock), echo, far=1)
        references = [0]

        def stage(frame, reference):
            references[0] += 1

        near.capture_stage = stage
        near.start()
        far.start()
        lock = heap_locked()
        with lock:
            for turn in range(400):
                clock.advance_us(20000)
                near.tick()
                far.tick()
                if turn % 10 != 3:  # lost
                    shelf.hand_last(far, clock.ticks_ms())
                echo.hand_last(near, clock.ticks_ms())
                if turn % 10 == 5:
                    echo.hand_last(near, clock.ticks_ms())  # twice
                near.mute = turn % 50 > 25
        near.stop()
        far.stop()
        speaker.close()
    finally:
        remove(said_path, heard_path)
    assert references[0] == 400
    assert near.stats()["frames_played"] > 380, near.stats()
    assert far.stats()["frames_lost"] >= 39, far.stats()
    assert near.stats()["duplicates"] == 40


def test_nothing_is_kept():
    """After a second of warming up, ten more leave the heap as it was."""
    if heap_used() is None:
        raise SkipTest("CPython does not tell its heap")
    clock = BoardClock()
    shelf = Shelf()
    near = session(clock, transport=shelf)
    far = session(clock, NullMicrophone(48000, clock), NullSpeaker(48000, clock), Shelf(), far=1)
    near.start()
    far.start()
    used = []
    for seconds in (1, 10):
        for turn in range(50 * seconds):
            clock.advance_us(20000)
            near.tick()
            far.tick()
            if turn % 9:
                shelf.hand_last(far, clock.ticks_ms())
        gc.collect()
        used.append(heap_used())
    assert used[1] <= used[0] + 64, used  # 64: the list
    assert far.stats()["frames_played"] > 400


def test_rtp_is_rtcp():
    assert rtp.is_rtcp(b"\x80\xc8", 0, 2)
    assert not rtp.is_rtcp(b"\x80\xc8", 0, 1)
    assert not rtp.is_rtcp(b"\x80\x80\xc8", 0, 3)


class Quiet(NullMicrophone):
    """Captures noise of -50 dBov."""

    def __init__(self, clock):
        super().__init__(8000, clock)
        self._noise = bytearray(pcm.NOISE_STATE)
        pcm.noise_init(self._noise, 3)

    def _fill(self, frame):
        pcm.noise(self._noise, frame, 0, self.frame, 50)


class Levels(NullSpeaker):
    """Notes how loud each frame is."""

    def write(self, frame):
        self.levels.append(pcm.level(frame, 0, self.frame))
        super().write(frame)


def heard_around_a_pause(pause, lost):
    """The levels a phone plays when a PCMU sender is silent (or lost) from frame 100 on."""
    clock = FakeClock()
    shelf = Shelf()
    board = session(clock, Quiet(clock), None, shelf)
    speaker = Levels(8000, clock)
    speaker.levels = []
    phone = session(clock, None, speaker, Shelf(), far=1)
    board.start()
    phone.start()
    for turn in range(200):
        clock.advance(20)
        if 100 <= turn < 100 + pause and not lost:
            board.capture._sender.advance(0)  # time passes, no number does
            board.capture.microphone.readinto(board.capture._frame)
        else:
            board.tick()
            if not 100 <= turn < 100 + pause:
                shelf.hand_last(phone, clock.ticks_ms())
        phone.tick()
    return speaker.levels, phone.stats()


def test_comfort_noise_fills_what_is_missing():
    for pause, lost in ((20, False), (60, False), (10, True), (30, True)):
        levels, figures = heard_around_a_pause(pause, lost)
        middle = levels[60 : 120 + pause // 2]
        assert all(45 <= level <= 55 for level in middle), (pause, lost, middle)
        if lost:
            assert figures["frames_lost"] == pause and figures["frames_silent"] == 0, figures
            assert abs(figures["concealed"] - pause) <= 1, figures
        else:
            assert figures["frames_lost"] == figures["concealed"] == 0, figures
            assert figures["frames_silent"] == pause, figures
        assert figures["underruns"] == 0
