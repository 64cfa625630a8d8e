"""Chirps through the codecs of a call: found again, all of them, where they are."""

import numpy as np
import pytest

from callboard_host.demo import chirp, speech
from callboard_host.demo.measure import RATE
from callboard_host.demo.reference import codec_only

STREAMS = {
    "opus": {"codec": "opus", "rate": 16000, "bitrate_bps": 24000, "fec": True, "dtx": True},
    "opus-8k": {"codec": "opus", "rate": 8000, "bitrate_bps": 24000, "fec": True, "dtx": True},
    "pcmu": {"codec": "pcmu"},
}
_CLEAR = 0.6  # the least correlation that is far from what is taken for a chirp


@pytest.fixture(params=list(STREAMS))
def stream(request):
    return STREAMS[request.param]


def through(stream, lead_s: float) -> tuple[speech.Plan, np.ndarray]:
    """A second of noise between two stretches of chirps, as the far end hears it."""
    plan = speech.Plan(speech_s=1.0, chirps_s=1.0, lead_s=lead_s)
    noise = 0.02 * np.random.default_rng(5).normal(size=RATE)
    said = speech.microphone(noise, RATE, plan)
    return plan, codec_only(said, RATE, stream, 48000)


@pytest.mark.parametrize("lead_ms", [200, 203, 207, 211, 216, 219])
def test_every_chirp_is_found_wherever_it_begins_in_a_frame(stream, lead_ms):
    plan, heard = through(stream, lead_ms / 1000)
    found = chirp.find(heard, RATE, plan.chirps)
    assert len(found) == 10
    for hit in found:
        assert hit.delay_ms == pytest.approx(0.0, abs=0.5)


def test_a_chirp_is_unlike_everything_else(stream):
    plan, heard = through(stream, 0.2)
    match = chirp._matched(heard, RATE)
    near = np.zeros(len(match), dtype=bool)
    for time_s in plan.chirps + plan.wakes:
        at = round(time_s * RATE)
        if time_s in plan.chirps:
            assert match[at - 32 : at + 32].max() > _CLEAR
        near[max(0, at - RATE // 10) : at + RATE // 10] = True
    assert match[~near].max() < chirp._MIN_CORRELATION - 0.05


def test_the_first_chirp_of_a_stretch_is_not_counted():
    plan = speech.Plan(speech_s=1.0, chirps_s=1.0)
    assert len(plan.wakes) == 2
    for wake, first in zip(plan.wakes, (plan.chirps[0], plan.chirps[5]), strict=True):
        assert 0 <= wake < first - chirp.LENGTH_S
    assert plan.wakes[1] > plan.speech_end_s


def test_a_neighbour_as_clear_is_not_taken_for_it():
    """The chirps stand 158 ms apart here; the delay grows by 40 ms after the first."""
    times = [0.5, 0.658, 0.816]
    signal = np.zeros(2 * RATE)
    chirp.mix_in(signal, RATE, [times[0] + 0.073, times[1] + 0.113, times[2] + 0.113])
    found = chirp.find(signal, RATE, times)
    assert [round(hit.delay_ms) for hit in found] == [73, 113, 113]
