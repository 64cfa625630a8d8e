"""Concealment by pitch repetition: the voice goes on, fades, and comes back without a click."""

import math
from array import array

from callboard import native
from callboard.media.plc import Repeater
from callboard.native import pcm
from support import heap_locked, require_heap_lock


def wave(n, period, start=0, peak=8000):
    step = 2 * math.pi / period
    return array("h", [int(peak * math.sin(step * i)) for i in range(start, start + n)])


def heard(rate, period, lost):
    """A tone of 12 frames of which those in `lost` are missing: (said, heard)."""
    n, repeater = rate // 50, Repeater(rate)
    said, out = wave(12 * n, period), array("h")
    for turn in range(12):
        frame = said[turn * n : turn * n + n]
        if turn in lost:
            assert repeater.missing(frame) == (turn - min(lost) < 3)
        else:
            repeater.good(frame)
        out.extend(frame)
    return said, out


def test_good_frames_pass_unchanged():
    for rate in (8000, 16000):
        said, out = heard(rate, 75, ())
        lead = rate // 200  # led in from silence
        assert out[lead:] == said[lead:]


def test_a_voice_goes_on():
    """Every pitch from 67 to 400 Hz, fading by a third per frame."""
    for rate, period in ((8000, 20), (8000, 57), (8000, 118), (16000, 133), (16000, 238)):
        n = rate // 50
        said, out = heard(rate, period, (5, 6))
        for i in range(5 * n, 7 * n):
            wanted = said[i] * (8 * n - i) // (3 * n)
            assert abs(out[i] - wanted) < 1300, (rate, period, i - 5 * n, out[i], wanted)


def test_no_clicks():
    """Nowhere does it jump by much more than the wave itself."""
    for period in (31, 64, 119):
        for lost in ((5,), (5, 6), (5, 6, 7), (4, 5, 6, 7, 8)):
            _, out = heard(8000, period, lost)
            steepest = 8000 * 6.3 / period
            for i in range(600, len(out) - 1):
                assert abs(out[i + 1] - out[i]) < 1.6 * steepest + 40, (period, lost, i)


def test_it_ends_in_silence():
    repeater, frame = Repeater(8000), array("h", bytes(320))
    assert not repeater.missing(frame) and not any(frame)  # nothing was heard yet
    for _ in range(3):
        repeater.good(wave(160, 50))
    rms = []
    for turn in range(5):
        assert repeater.missing(frame) == (turn < 3)
        rms.append(pcm.rms(frame, 0, 160))
    assert rms[0] > rms[1] > rms[2] > 0 and rms[3] == rms[4] == 0, rms


def test_noise_stays_noise():
    """Its level goes on, and no period stands out as a tone."""
    repeater, state = Repeater(8000), bytearray(pcm.NOISE_STATE)
    pcm.noise_init(state, 5)
    frame = array("h", bytes(320))
    for _ in range(4):
        pcm.noise(state, frame, 0, 160, 30)
        repeater.good(frame)
    repeater.missing(frame)
    assert abs(pcm.level(frame, 0, 80) - 31) <= 3


def test_no_allocation():
    require_heap_lock()
    if native.implementations()["pcm"] == "pure python":
        raise AssertionError("no native pcm here: run make natmods")
    for rate in (8000, 16000):
        repeater, frame, lock = Repeater(rate), wave(rate // 50, 60), heap_locked()
        with lock:
            for turn in range(200):
                if turn % 9 in (3, 5, 6, 8):
                    repeater.missing(frame)
                else:
                    repeater.good(frame)
