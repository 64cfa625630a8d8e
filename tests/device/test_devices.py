"""Virtual microphones and speakers keep their own time, whatever the program does."""

import asyncio
from array import array

from media_rig import read_wav, remove, temporary, write_wav

from callboard.errors import InvalidArgument
from callboard.media.device_clock import SampleClock
from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.media.wav_devices import WavMicrophone, WavSpeaker
from callboard.port import CLOCK, ticks_diff
from support import FakeClock, heap_locked, raises, require_heap_lock


def numbered(n):
    """Samples 1, 2, 3 …"""
    return array("h", [i % 32767 + 1 for i in range(n)])


# -- the sample clock ----------------------------------------------------------


def test_sample_clock_counts_exactly():
    for rate in (8000, 16000, 48000):
        for ppm in (0, 200, -200, 1000, -1000):
            clock = FakeClock(start_ms=1073741 - 2000)  # ticks_us wraps after two seconds
            samples = SampleClock(clock, rate, ppm)
            total = 0
            for step in range(1000):
                clock.advance_us(19000 + step % 2000)
                total += samples.advance()
                assert not samples.behind
            us = 1000 * 19000 + 499500  # the sum of all steps
            expected = us * rate // 1000000 + us * rate // 1000000 * ppm // 1000000
            assert abs(total - expected) <= 1, (rate, ppm, total, expected)


def test_sample_clock_catches_up_in_seconds():
    clock = FakeClock()
    samples = SampleClock(clock, 48000, 0)
    clock.advance(2500)
    assert samples.advance() == 48000 and samples.behind
    assert samples.advance() == 48000 and samples.behind
    assert samples.advance() == 24000 and not samples.behind
    assert samples.advance() == 0


def test_sample_clock_does_not_allocate():
    require_heap_lock()
    samples = SampleClock(CLOCK, 48000, -1000)
    lock = heap_locked()
    with lock:
        for _ in range(200):
            samples.advance()


def test_limits_are_named():
    clock = FakeClock()
    for rate in (44100, 0, -8000, "8000", None):
        assert (
            "8000, 16000 or 48000" in raises(InvalidArgument, SampleClock, clock, rate, 0).message
        )
    assert "ppm" in raises(InvalidArgument, SampleClock, clock, 8000, 1001).message
    path = temporary("rate")
    write_wav(path, 44100, [0] * 10)
    try:
        raises(InvalidArgument, WavMicrophone, path, clock)
    finally:
        remove(path)


# -- microphones ---------------------------------------------------------------


def test_microphone_captures_by_itself():
    clock = FakeClock(epoch=1763640000000)
    path = temporary("mic")
    write_wav(path, 8000, numbered(1000))
    try:
        microphone = WavMicrophone(path, clock)
        frame = array("h", bytes(320))
        clock.advance(500)
        assert microphone.readinto(frame) == 0  # not started: nothing was captured, nothing lost
        microphone.start()
        assert microphone.started_us == 1763640000500000
        clock.advance(19)
        assert microphone.left_us() == 1000
        clock.advance(1)
        assert microphone.left_us() == 0
        assert microphone.readinto(frame) == 0
        assert frame[0] == 1 and frame[159] == 160 and microphone.age_us == 0
        clock.advance(65)  # three frames and a quarter
        assert microphone.readinto(frame) == 0
        assert frame[0] == 161 and microphone.age_us == 45000
        assert microphone.readinto(frame) == 0
        assert microphone.readinto(frame) == 0
        assert frame[0] == 481 and microphone.age_us == 5000
        assert microphone.left_us() == 15000
        clock.advance(
            140
        )  # seven more and a quarter; the ring holds four; the file ends in the third
        assert microphone.readinto(frame) == 3
        assert frame[0] == 0 and frame[159] == 0
        microphone.stop()
        clock.advance(100)
        microphone.start()  # from the beginning
        clock.advance(20)
        assert microphone.readinto(frame) == 0 and frame[0] == 1
        microphone.close()
    finally:
        remove(path)


def test_microphone_loops_without_a_seam():
    clock = FakeClock()
    path = temporary("loop")
    write_wav(path, 8000, numbered(250))
    try:
        microphone = WavMicrophone(path, clock, loop=True)
        microphone.start()
        frame = array("h", bytes(320))
        heard = []
        for _ in range(10):
            clock.advance(20)
            microphone.readinto(frame)
            heard += list(frame)
        microphone.close()
    finally:
        remove(path)
    assert heard == [i % 250 + 1 for i in range(1600)]


def test_drift_of_a_microphone():
    for ppm, expected in ((0, 3000), (1000, 3003), (-1000, 2997)):
        clock = FakeClock()
        microphone = NullMicrophone(16000, clock, ppm)
        frame = array("h", bytes(640))
        microphone.start()
        frames = 0
        for _ in range(6000):
            clock.advance(10)
            if microphone.left_us() <= 0:
                assert microphone.readinto(frame) == 0
                frames += 1
        assert frames == expected, (ppm, frames)


async def test_tick_on_a_fake_clock():
    clock = FakeClock()
    microphone = NullMicrophone(8000, clock)
    frame = array("h", bytes(320))
    at = []

    async def listen():
        for _ in range(4):
            await microphone.tick
            at.append(clock.ticks_ms())
            microphone.readinto(frame)

    start = clock.ticks_ms()
    microphone.start()
    task = asyncio.create_task(listen())
    await clock.run(70)
    assert [ms - start for ms in at] == [20, 40, 60]
    clock.advance(45)  # the program was held up
    await clock.run(5)
    await task
    assert len(at) == 4


async def test_tick_in_real_time_does_not_drift():
    microphone = NullMicrophone(8000, CLOCK)
    frame = array("h", bytes(320))
    microphone.start()
    start = CLOCK.ticks_us()
    lost = 0
    for _ in range(25):
        await microphone.tick
        lost += microphone.readinto(frame)
    elapsed = ticks_diff(CLOCK.ticks_us(), start)
    assert 500000 <= elapsed - lost * 20000 < 700000, (elapsed, lost)


async def test_tick_does_not_allocate():
    require_heap_lock()
    microphone = NullMicrophone(8000, CLOCK)
    frame = array("h", bytes(320))
    microphone.start()
    lock = heap_locked()
    await microphone.tick
    for _ in range(10):
        with lock:
            await microphone.tick
            microphone.readinto(frame)


# -- speakers ------------------------------------------------------------------


def test_speaker_plays_by_itself():
    clock = FakeClock(epoch=1763640000000)
    path = temporary("speaker")
    try:
        speaker = WavSpeaker(path, 8000, clock)
        speaker.start()
        assert speaker.started_us == 1763640000000000
        assert speaker.space() == 2 and speaker.queued() == 0
        clock.advance(10)  # silence: nothing was ever given, so this is no underrun
        speaker.write(array("h", [5] * 160))
        speaker.write(array("h", [6] * 160))
        assert speaker.space() == 0 and speaker.queued() == 320
        speaker.write(array("h", [7] * 160))  # 80 samples fit
        assert speaker.queued() == 400
        clock.advance(30)
        assert speaker.space() == 1 and speaker.queued() == 160
        assert speaker.underruns == 0
        clock.advance(30)  # 20 ms of sound, then 10 of silence
        assert speaker.queued() == 0
        assert speaker.underruns == 1
        clock.advance(5)
        assert speaker.space() == 2
        assert speaker.underruns == 1
        speaker.write(array("h", [8] * 160))
        clock.advance(15)
        speaker.stop()
        speaker.close()
        rate, heard = read_wav(path)
    finally:
        remove(path)
    assert rate == 8000
    expected = [0] * 80 + [5] * 160 + [6] * 160 + [7] * 80 + [0] * 120 + [8] * 120
    assert list(heard) == expected


def test_speaker_file_is_the_timeline():
    clock = FakeClock(start_ms=1073741 - 300)
    path = temporary("timeline")
    try:
        speaker = WavSpeaker(path, 16000, clock, ppm=-1000)
        speaker.start()
        clock.advance(3000)  # longer than one step of the sample clock
        assert speaker.space() == 2
        rate, heard = read_wav(path)  # valid while it plays
        assert 16000 <= len(heard) <= 47952
        speaker.stop()
        speaker.close()
        rate, heard = read_wav(path)
        assert len(heard) == 47952
        assert max(heard) == min(heard) == 0
    finally:
        remove(path)


def test_speaker_begins_anew():
    clock = FakeClock()
    path = temporary("anew")
    try:
        speaker = WavSpeaker(path, 8000, clock)
        for value in (3, 4):
            speaker.start()
            speaker.write(array("h", [value] * 160))
            clock.advance(10)
            speaker.stop()
            assert list(read_wav(path)[1]) == [value] * 80
        speaker.close()
    finally:
        remove(path)


def test_drift_of_a_speaker():
    for ppm, expected in ((200, 3000), (-200, 2999)):
        clock = FakeClock()
        speaker = NullSpeaker(48000, clock, ppm)
        frame = array("h", bytes(1920))
        speaker.start()
        taken = 0
        for _ in range(60000):
            clock.advance(1)
            if speaker.space():
                speaker.write(frame)
                taken += 1
        assert abs(taken - (expected + 2)) <= 1, (ppm, taken)
        assert speaker.underruns == 0


def test_a_longer_queue():
    clock = FakeClock()
    speaker = NullSpeaker(8000, clock, queue_ms=100)
    speaker.start()
    assert speaker.space() == 5
