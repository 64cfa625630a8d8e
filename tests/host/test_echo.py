"""Echo control measured: through echo paths, with recorded speech. Figures: build/bench/echo.json.

Returned echo: the level of what the stage sends while only the far end speaks, less the level of
what the speaker played, both in digital full scale and over the same span, onsets, pauses and
tails included. The echo paths are scaled to -12 dB for white noise; what comes back without the
stage is reported beside it, because speech does not hit a room evenly.
"""

import json
from array import array

import numpy as np
import pytest
import scipy.signal
from pystoi import stoi

from callboard.media.echo import Ducker
from support import echo_path
from support.echo_path import decibels

RATE = 16000
GAIN_DB = -12
NOISE_DB = -70  # of a microphone
LEARNT_S = 4  # of the far end's talk
FIGURES = echo_path.BUILD / "bench" / "echo.json"

FAR = (0, 1, 2, 3, 4, 5, 6, 7, 3, 1, 7, 2, 0)
NEAR = (5, 2, 6, 0, 7, 3, 4, 1, 5, 2)


def make_paths(rate):
    room, recorded = echo_path.image_source_room(rate), echo_path.recorded_room(rate)
    return {
        "delay 60 ms": echo_path.delayed(rate, 60),
        "image-source room": room,
        "image-source room, 60 ms late": echo_path.delayed(rate, 60, room),
        "recorded room": recorded,
        "recorded room, 60 ms late": echo_path.delayed(rate, 60, recorded),
    }


PATHS = make_paths(RATE)


@pytest.fixture(scope="module")
def figures():
    """What the tests measure; written when all are done."""
    found: dict = {}
    yield found
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def integers(sound):
    return np.clip(np.round(sound * 32768), -32768, 32767).astype(np.int16)


def ducked(stage, capture, reference, rate=RATE):
    """What a capture stage makes of a capture, frame by frame. (sound, gain of each frame)."""
    n, length = rate // 50, len(capture)
    frames = -(-len(capture) // n)
    capture, reference = (
        np.pad(integers(x), (0, frames * n - len(capture))) for x in (capture, reference)
    )
    out, gains = [], []
    for i in range(frames):
        part = slice(i * n, (i + 1) * n)
        frame = array("h", capture[part].tobytes())
        stage(frame, array("h", reference[part].tobytes()))
        out.append(np.array(frame))
        gains.append(stage.gain_q12)
    return np.concatenate(out)[:length] / 32768, np.array(gains)


def echo_of(far, response, gain_db=GAIN_DB):
    return scipy.signal.fftconvolve(far, echo_path.with_energy(response, gain_db))[: len(far)]


def noise(n, level_db=NOISE_DB, seed=1):
    return np.random.default_rng(seed).normal(0, 10 ** (level_db / 20), n)


def rounded(value, digits=1):
    return round(float(value), digits)


def single_talk(rate, response, gain_db=GAIN_DB, far_db=-26.0, order=FAR):
    """The figures of the far end talking alone, in dB relative to what the speaker played."""
    far = echo_path.talk(rate, order, 0.35, far_db)
    echo = echo_of(far, response, gain_db)
    sound, gains = ducked(Ducker(rate), echo, far, rate)
    learnt = slice(LEARNT_S * rate, None)
    seconds = [sound[at : at + rate] for at in range(0, len(sound) - rate, rate // 4)]
    loudest = max(seconds, key=decibels)
    return {
        "returned_db": rounded(decibels(sound[learnt]) - decibels(far[learnt])),
        "returned_from_the_start_db": rounded(decibels(sound) - decibels(far)),
        "returned_loudest_second_db": rounded(decibels(loudest) - decibels(far)),
        "without_stage_db": rounded(decibels(echo[learnt]) - decibels(far[learnt])),
    }


@pytest.mark.parametrize("name", PATHS)
def test_single_talk(name, figures):
    """At most -40 dB comes back, from the first word on, and 40 dB less than without the stage."""
    found = single_talk(RATE, PATHS[name])
    figures.setdefault("single_talk", {})[name] = found
    assert found["returned_db"] <= -48, found
    assert found["returned_from_the_start_db"] <= -48, found
    assert found["returned_loudest_second_db"] <= -40, found
    assert found["returned_db"] <= found["without_stage_db"] - 40, found


@pytest.mark.parametrize("rate", [8000, 48000])
def test_single_talk_at_other_rates(rate, figures):
    found = single_talk(rate, echo_path.recorded_room(rate))
    figures.setdefault("single_talk", {})[f"recorded room at {rate} Hz"] = found
    assert found["returned_db"] <= -45, found
    assert found["returned_from_the_start_db"] <= -45, found


@pytest.mark.parametrize("gain_db", [6, 0, -24, -40])
def test_single_talk_of_other_couplings(gain_db, figures):
    """From a microphone that the speaker drowns, to one that hardly hears it."""
    found = single_talk(RATE, PATHS["recorded room"], gain_db)
    figures.setdefault("single_talk", {})[f"recorded room, {gain_db} dB"] = found
    assert found["returned_db"] <= -45, found
    assert found["returned_from_the_start_db"] <= -45, found


@pytest.mark.parametrize("far_db", [-16, -36])
def test_single_talk_of_loud_and_quiet_voices(far_db, figures):
    found = single_talk(RATE, PATHS["recorded room"], far_db=far_db)
    figures.setdefault("single_talk", {})[f"recorded room, voice at {far_db} dBov"] = found
    assert found["returned_db"] <= -40, found


@pytest.mark.parametrize("rt60_s", [0.6, 0.8, 1.5, 2.5])
def test_single_talk_in_halls(rt60_s, figures):
    """Where sound decays more slowly than was assumed, that is learnt in the first seconds."""
    found = single_talk(RATE, echo_path.hall(RATE, rt60_s))
    figures.setdefault("single_talk", {})[f"hall, RT60 {rt60_s} s"] = found
    assert found["returned_db"] <= -45, found


def test_single_talk_across_a_room(figures):
    """A microphone 1 m from the speaker hears more of the room than of the speaker."""
    room = echo_path.image_source_room(
        RATE, (7.0, 6.0, 3.0), (2.0, 2.0, 1.2), (3.0, 2.0, 1.2), rt60_s=0.6
    )
    found = single_talk(RATE, room)
    figures.setdefault("single_talk", {})["image-source room, across 1 m"] = found
    assert found["returned_db"] <= -45, found


def test_near_voice_alone_is_unchanged():
    """To the bit, when the far end is silent."""
    near = echo_path.talk(RATE, NEAR, 0.25) + noise(len(echo_path.talk(RATE, NEAR, 0.25)))
    sound, gains = ducked(Ducker(RATE), near, np.zeros(len(near)))
    assert set(gains) == {4096}
    assert np.array_equal(integers(sound), integers(near))


@pytest.mark.parametrize("hiss_db", [-75, -65, -55])
@pytest.mark.parametrize("learnt", [False, True])
def test_near_voice_with_hiss_from_the_far_end(hiss_db, learnt, figures):
    """The far end is never quite silent: that alone must not take anything from the near voice."""
    near = echo_path.talk(RATE, NEAR, 0.25, pitch=0.8)
    hiss = noise(len(near), hiss_db, seed=2)
    capture = near + echo_of(hiss, PATHS["recorded room"]) + noise(len(near))
    stage = Ducker(RATE, {"start_db": -8} if learnt else None)
    sound, _ = ducked(stage, capture, hiss)
    score = stoi(capture, sound, RATE)
    figures.setdefault("near_alone_stoi", {})[f"far hiss {hiss_db} dBov, learnt {learnt}"] = (
        rounded(score, 4)
    )
    assert score >= 0.99


def test_near_voice_after_the_far_end(figures):
    """Turns taken quickly: an answer 0.2 s after the question is heard from its first word."""
    pause = np.zeros(RATE // 5)
    far = [echo_path.talk(RATE, FAR[:6], 0.2)]
    near = [np.zeros(len(far[0]))]
    spans = []
    for number in range(6):
        question = echo_path.talk(RATE, (FAR[number],), 0.0)
        answer = echo_path.talk(RATE, (NEAR[number],), 0.0, pitch=0.8)
        begin = sum(map(len, near)) + len(question) + len(pause)
        far += [question, np.zeros(2 * len(pause) + len(answer))]
        near += [np.zeros(len(question) + len(pause)), answer, pause]
        spans.append(slice(begin, begin + len(answer)))
    far, near = np.concatenate(far), np.concatenate(near)
    capture = near + echo_of(far, PATHS["recorded room"]) + noise(len(far))
    sound, _ = ducked(Ducker(RATE), capture, far)
    said, heard = (np.concatenate([x[span] for span in spans]) for x in (near, sound))
    figures["answer_after_200_ms_stoi"] = rounded(stoi(said, heard, RATE), 3)
    assert figures["answer_after_200_ms_stoi"] >= 0.97


@pytest.mark.parametrize("near_db", [-20, -26, -32])
@pytest.mark.parametrize("name", ["delay 60 ms", "image-source room", "recorded room"])
def test_double_talk(name, near_db, figures):
    """Both talk at once, after the path was learnt: the near voice remains understandable."""
    alone = echo_path.talk(RATE, FAR[:8], 0.35)
    both = echo_path.talk(RATE, FAR[5:], 0.35)
    far = np.concatenate([alone, both])
    voice = echo_path.talk(RATE, NEAR, 0.25, near_db, pitch=0.8)[: len(both)]
    near = np.concatenate([np.zeros(len(alone)), voice, np.zeros(len(both) - len(voice))])
    capture = near + echo_of(far, PATHS[name]) + noise(len(far))
    sound, _ = ducked(Ducker(RATE), capture, far)
    span = slice(len(alone), len(alone) + len(voice))
    score, without = (stoi(near[span], x[span], RATE) for x in (sound, capture))
    figures.setdefault("double_talk_stoi", {}).setdefault(name, {})[f"near {near_db} dBov"] = {
        "stoi": rounded(score, 3),
        "without_stage": rounded(without, 3),
    }
    assert score >= {-20: 0.88, -26: 0.8, -32: 0.65}[near_db], (score, without)
    assert score <= without + 0.02  # nothing here can make it better


def test_path_that_changes(figures):
    """The path's gain rises by 10 dB (a box is opened): learnt anew within seconds of talk."""
    far = np.tile(echo_path.talk(RATE, FAR, 0.35), 2)
    echo = echo_of(far, PATHS["recorded room"], -20)
    change = len(far) // 2
    echo[change:] *= 10 ** (10 / 20)
    sound, _ = ducked(Ducker(RATE), echo, far)
    seconds = range(change, len(sound) - RATE, RATE // 2)
    late = [at for at in seconds if decibels(sound[at : at + RATE]) - decibels(far) > -40]
    figures["echo_heard_after_10_dB_more_s"] = rounded((max(late) - change) / RATE + 1)
    assert figures["echo_heard_after_10_dB_more_s"] <= 12


def test_gain_has_no_steps():
    """The largest step of the gain in a conversation: the ramp of 4 ms, and nothing faster."""
    far = echo_path.talk(RATE, FAR, 0.35)
    near = np.roll(echo_path.talk(RATE, FAR[::-1], 0.5)[: len(far)], RATE)
    near = np.pad(near, (0, len(far) - len(near)))
    offset = 0.5  # a constant is no sound to the stage, and shows its gain
    capture = echo_of(far, PATHS["recorded room"]) + near
    sound, gains = ducked(Ducker(RATE), capture * 0.9 + 1e-9, far)
    shown, _ = ducked(Ducker(RATE), capture * 0.9 + offset, far)
    gain = (shown - sound) / offset
    assert gains.min() < 20 and gains.max() == 4096
    assert np.abs(np.diff(gain)).max() <= 1 / (0.004 * RATE) + 0.001
