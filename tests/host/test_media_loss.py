"""Lost packets on real voices: FEC beats concealment beats silence; the delay is bounded."""

import functools

import numpy as np
import pystoi
import pytest

from callboard import native
from callboard.native import pcm
from support.voices import RATE, bursty_loss, call, offset_of, random_loss, speech

pesq = pytest.importorskip("pesq", reason="PESQ is not installed (see LICENSES.md)").pesq

SECONDS = 20
PIECE = 4 * RATE
needs_opus = pytest.mark.skipif(native.opus is None, reason="no opus here: run make native")


def without_fec(*ends):
    """Lost frames are concealed, not recovered."""
    for end in ends:
        end.session.jitter.following = lambda: False


def with_silence(*ends):
    """Lost frames are silence, and nothing smooths their edges."""
    without_fec(*ends)
    for end in ends:
        playout = end.session.playout
        codec = playout._codec

        def silence(frame, n=codec.frame_samples):
            pcm.fill(frame, 0, n, 0)
            return False

        codec.conceal = silence
        playout._background.add_noise = lambda frame: None
        if codec.name == "pcmu":
            codec.decode = lambda buf, off, n, frame: pcm.ulaw_decode(buf, off, frame, 0, n)


@functools.lru_cache
def voices():
    return speech(), speech(first=4)


def quality(said, heard):
    """Mean (PESQ-wb, STOI) of pieces of 4 s against what was said."""
    scores, near = [], 1600
    for start in range(0, len(heard) - PIECE - RATE // 2, PIECE):
        original = np.take(said, range(start, start + PIECE), mode="wrap")
        at, _ = offset_of(original, heard, start + near, 1600)
        near = at - start
        piece = heard[at : at + PIECE]
        stoi = pystoi.stoi(original.astype(float), piece.astype(float), RATE)
        scores.append((pesq(RATE, original, piece, "wb"), stoi))
    assert len(scores) >= 3
    return np.array(scores).mean(axis=0)


def lossy(codec, loss, percent, prepare):
    """(PESQ, STOI) over both ends of a lossy call, and the ends; what always holds is checked."""
    fates = loss(percent, 11), loss(percent, 12)
    ends = call(codec, voices(), SECONDS, fates=fates, prepare=prepare)
    for end in ends:
        figures = end.session.stats()
        assert 0.4 * percent < figures["frames_lost"] / 10 < 1.6 * percent, figures
        for name in ("underruns", "packets_refused", "frames_dropped", "stream_resets"):
            assert figures[name] == 0, (name, figures)
        made_up = figures["concealed"] + figures["recovered"]
        assert abs(made_up - figures["frames_lost"]) <= 6, figures
        assert max(end.delays) <= 110 and np.percentile(end.delays, 95) <= 80
    scores = [quality(voices()[1 - i], ends[i].ear.heard) for i in range(2)]
    return np.mean(scores, axis=0), ends


LOSSES = [(random_loss, 5), (random_loss, 10), (random_loss, 20), (bursty_loss, 10)]


@needs_opus
@pytest.mark.slow
@pytest.mark.parametrize("loss, percent", [*LOSSES, (bursty_loss, 20)])
def test_opus(loss, percent, record_property):
    fec, ends = lossy("opus", loss, percent, None)
    plc, _ = lossy("opus", loss, percent, without_fec)
    nothing, _ = lossy("opus", loss, percent, with_silence)
    record_property("pesq_stoi", str([np.round(s, 3).tolist() for s in (fec, plc, nothing)]))
    for end in ends:
        assert end.session.stats()["recovered"] > 5
    gain = 0.3 if loss is random_loss else 0.1  # FEC reaches one packet back
    assert fec[0] > plc[0] + gain and plc[0] > nothing[0] + 0.25, (fec, plc, nothing)
    assert fec[1] > nothing[1] + 0.01 and plc[1] > nothing[1] + 0.01, (fec, plc, nothing)


@pytest.mark.slow
@pytest.mark.parametrize("loss, percent", [*LOSSES, (bursty_loss, 20)])
def test_pcmu(loss, percent, record_property):
    plc, _ = lossy("pcmu", loss, percent, None)
    nothing, _ = lossy("pcmu", loss, percent, with_silence)
    record_property("pesq_stoi", str([np.round(s, 3).tolist() for s in (plc, nothing)]))
    assert plc[0] > nothing[0] + 0.15, (plc, nothing)
    assert plc[1] > nothing[1] + 0.015, (plc, nothing)


def test_a_line_that_stops_and_goes_on():
    """Half a second of nothing, three times: bounded delay, the voice goes on."""

    def stops(number):
        return None if number % 250 > 225 else 5

    for codec in ("pcmu", "opus") if native.opus is not None else ("pcmu",):
        for end in call(codec, voices(), 16, fates=(stops, stops)):
            figures = end.session.stats()
            assert figures["frames_lost"] >= 40, figures
            assert figures["frames_dropped"] == figures["underruns"] == 0, figures
            assert end.delays[-1] <= 80 and max(end.delays) <= 120


def test_jitter_and_loss_together():
    """Up to 80 ms of jitter, 5 % lost: few come too late, and the delay follows the jitter."""
    fates = random_loss(5, 3, jitter_ms=80), random_loss(5, 4, jitter_ms=80)
    for codec in ("pcmu", "opus") if native.opus is not None else ("pcmu",):
        for end in call(codec, voices(), SECONDS, fates=fates):
            figures = end.session.stats()
            assert figures["frames_late"] <= 12, figures
            assert max(end.delays) <= 170, max(end.delays)
            assert figures["underruns"] == 0
