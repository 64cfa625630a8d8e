"""Two audio sessions in real time, with a line between that delays, mixes up and loses."""

import asyncio

from media_rig import Pipe, read_wav, remove, stream, temporary, write_wav
from media_sim import Lcg
from patient_clock import PatientClock

from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.media.pipeline import AudioSession
from callboard.media.wav_devices import WavMicrophone, WavSpeaker


async def carry(clock, pipes):
    """Deliver packets as a network does, every ms."""
    while True:
        for pipe in pipes:
            pipe.deliver()
        await clock.sleep_ms(1)


async def call(clock, board, phone, there, back, ms):
    """Run both sessions for `ms`."""
    there.target, back.target = phone, board
    tasks = [
        asyncio.create_task(board.run()),
        asyncio.create_task(phone.run()),
        asyncio.create_task(carry(clock, (there, back))),
    ]
    await clock.sleep_ms(ms)
    for task in tasks:
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass


def bursts(rate, seconds, frequency_samples):
    """A square tone, 60 ms of each 200 ms."""
    samples = []
    for i in range(rate * seconds):
        on = i % (rate // 5) < rate * 3 // 50
        samples.append(
            (6000 if i % frequency_samples * 2 < frequency_samples else -6000) if on else 0
        )
    return samples


def loud_bursts(samples, rate):
    """When bursts begin, in samples: loud after 50 ms of near silence."""
    starts = []
    quiet = 0
    for i in range(len(samples)):
        if abs(samples[i]) > 2500:
            if quiet > rate // 20:
                starts.append(i)
            quiet = 0
        else:
            quiet += 1
    return starts


async def test_two_ends_over_a_bad_line():
    random, clock = Lcg(7), PatientClock()

    def weather(number):
        return None if random.below(20) == 0 else random.below(25)  # 5 % lost, reordered

    said_path, heard_path = temporary("said"), temporary("heard")
    write_wav(said_path, 16000, bursts(16000, 2, 32))
    there, back = Pipe(clock, weather), Pipe(clock, weather)
    speaker = WavSpeaker(heard_path, 48000, clock)
    try:
        board = AudioSession(
            clock,
            WavMicrophone(said_path, clock, ppm=200),
            NullSpeaker(16000, clock),
            stream(1),
            stream(2),
            there,
        )
        phone = AudioSession(
            clock, NullMicrophone(48000, clock), speaker, stream(2), stream(1), back
        )
        first = []
        phone.on_first_audio = lambda: first.append(clock.ticks_ms())
        await call(clock, board, phone, there, back, 2400)
        speaker.close()
        rate, heard = read_wav(heard_path)
    finally:
        remove(said_path, heard_path)
    figures = phone.stats()
    assert len(first) == 1
    assert 110 <= board.stats()["frames_sent"] <= 121, board.stats()
    assert figures["frames_played"] >= 85, figures
    assert figures["frames_lost"] >= 1
    assert figures["capture_lost"] <= 5
    assert figures["frame_cpu_us"]["max"] >= figures["frame_cpu_us"]["p50"] > 0
    assert not phone.running and not board.running
    assert rate == 48000 and 2.2 < len(heard) / 48000 < 2.6, len(heard)
    # Ten bursts were said; most begin at their time, 200 ms apart, all by the same delay.
    starts = loud_bursts(heard, rate)
    assert len(starts) >= 7, starts
    delays = sorted((start // 48 - 0) % 200 for start in starts)
    assert delays[len(delays) // 2] - delays[1] <= 40, delays


async def test_a_clean_line_is_quick_and_whole():
    clock = PatientClock()
    said_path, heard_path = temporary("said"), temporary("heard")
    write_wav(said_path, 16000, bursts(16000, 1, 32))
    there, back = Pipe(clock), Pipe(clock)
    speaker = WavSpeaker(heard_path, 48000, clock)
    try:
        microphone = WavMicrophone(said_path, clock)
        board = AudioSession(
            clock, microphone, NullSpeaker(16000, clock), stream(1), stream(2), there
        )
        phone = AudioSession(
            clock, NullMicrophone(48000, clock), speaker, stream(2), stream(1), back
        )
        await call(clock, board, phone, there, back, 1300)
        microphone.close()
        speaker.close()
        _, heard = read_wav(heard_path)
    finally:
        remove(said_path, heard_path)
    figures = phone.stats()
    assert figures["frames_lost"] == 0, figures
    assert figures["frames_received"] >= 60
    assert figures["allocated_bytes_per_s"] is None or figures["allocated_bytes_per_s"] >= 0
    starts = loud_bursts(heard, 48000)
    assert len(starts) == 5, starts
    late_ms = starts[0] // 48 + speaker.started_us // 1000 - microphone.started_us // 1000
    assert 40 <= late_ms <= 140, (late_ms, figures)
