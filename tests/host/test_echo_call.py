"""Echo in a whole call, in simulated time: codecs, jitter, two wrong clocks and a recorded room.

What the far end says is played by the board's speaker, heard by its microphone through the room,
and what comes back is measured at the far end's own speaker, in dB below what the board played.
"""

import json

import numpy as np
import pytest
from media_rig import Pipe, opus_stream, stream
from pystoi import stoi

from callboard.media.pipeline import AudioSession
from support import FakeClock, echo_path
from support.echo_path import HeardSpeaker, RoomMicrophone, SoundMicrophone, decibels

RATE = 16000
FAR = (0, 1, 2, 3, 4, 5, 6, 7, 3, 1)
NEAR = (5, 2, 6, 0)
LEARNT_S = 4
FIGURES = echo_path.BUILD / "bench" / "echo_call.json"
STREAMS = {"pcmu": stream, "opus": opus_stream}


@pytest.fixture(scope="module")
def figures():
    found: dict = {}
    yield found
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def call(codec, far, near, response, loudspeaker=True, ppm=0):
    """Let both ends talk. Returns (what the board played, what the far end heard, lost frames)."""
    clock = FakeClock()
    make = STREAMS[codec]
    there = Pipe(clock, lambda number: 25 + number * 7 % 30)
    back = Pipe(clock, lambda number: 25 + number * 11 % 30)
    board_speaker = HeardSpeaker(RATE, clock, ppm=-ppm)
    board_speaker.loudspeaker = loudspeaker
    board_ears = RoomMicrophone(RATE, clock, near, board_speaker, response, ppm)
    far_speaker = HeardSpeaker(RATE, clock)
    far_end = AudioSession(
        clock, SoundMicrophone(RATE, clock, far), far_speaker, make(7), make(8), there
    )
    board = AudioSession(clock, board_ears, board_speaker, make(8), make(7), back)
    there.target, back.target = board, far_end
    for end in (far_end, board):
        end.start()
    for _ in range(round(1000 * len(far) / RATE)):
        clock.advance(1)
        there.deliver()
        back.deliver()
        for end in (far_end, board):
            if end.capture.microphone.left_us() <= 0:
                end.tick()
    lost = sum(end.stats()["frames_lost"] for end in (far_end, board))
    return (
        board_speaker.samples[: board_speaker.count],
        far_speaker.samples[: far_speaker.count],
        lost,
    )


def room(late_ms=0.0):
    response = echo_path.with_energy(echo_path.recorded_room(RATE), -12)
    return echo_path.delayed(RATE, late_ms, response)


@pytest.mark.parametrize("codec", STREAMS)
@pytest.mark.parametrize(("late_ms", "ppm"), [(0, 0), (60, 200)])
def test_returned_echo(codec, late_ms, ppm, figures):
    """Far below -40 dB in single talk, from the first word; plain to hear without the stage."""
    far = echo_path.talk(RATE, FAR, 0.35)
    played, heard, lost = call(codec, far, np.zeros(0), room(late_ms), ppm=ppm)
    assert lost == 0
    level = decibels(played)
    learnt = LEARNT_S * RATE
    returned = decibels(heard[learnt:]) - level
    from_the_start = decibels(heard) - level
    figures.setdefault("returned_db", {})[f"{codec}, {late_ms} ms late, {ppm} ppm"] = {
        "learnt": round(returned, 1),
        "from_the_start": round(from_the_start, 1),
    }
    assert -35 < level < -20  # there was something to hear
    assert returned <= -45 and from_the_start <= -45, (returned, from_the_start)


def test_headset_has_no_stage(figures):
    """The same call with a board that says its microphone cannot hear the speaker."""
    far = echo_path.talk(RATE, FAR[:4], 0.35)
    played, heard, _ = call("pcmu", far, np.zeros(0), room(), loudspeaker=False)
    returned = decibels(heard) - decibels(played)
    figures["returned_without_stage_db"] = round(returned, 1)
    assert -16 < returned < -4


@pytest.mark.parametrize("codec", STREAMS)
def test_near_voice_comes_through(codec, figures):
    """After the far end has spoken, the near voice arrives as in a call without the stage.

    But for Opus' own noise, which depends on what it had to encode before.
    """
    far = echo_path.talk(RATE, FAR[:4], 0.35)
    voice = echo_path.talk(RATE, NEAR, 0.25, pitch=0.8)
    near = np.concatenate([np.zeros(len(far) + RATE // 4), voice])
    silence = np.zeros(len(near) + RATE // 2 - len(far))
    with_stage, without = (
        call(codec, np.concatenate([far, silence]), near, room(), loudspeaker)[1]
        for loudspeaker in (True, False)
    )
    span = slice(len(far), None)
    score = stoi(without[span], with_stage[span], RATE)
    figures.setdefault("near_voice_stoi", {})[codec] = round(float(score), 4)
    assert decibels(without[span]) > -35
    assert score >= {"pcmu": 0.999, "opus": 0.98}[codec]
