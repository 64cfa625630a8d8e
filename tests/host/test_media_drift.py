"""Ten minutes of a call whose clocks drift apart: real voices, in simulated time.

The board's clock is 200 ppm fast, the phone's as much slow: 240 ms in ten minutes each way. The
bar is PESQ-wb within 0.1 of the same call without drift, no 20 ms missing and a bounded delay.

PESQ is taken of pieces of 4 s from all over the call, against what was said. It does not take a
pause that became longer for the same: 10 ms put into a pause of the clean original lower it by up
to 0.7, 5 ms by up to 0.25 (2026-11). Hence corrections of 5 to 6 ms, 3 s apart.
"""

import numpy as np
import pytest

from callboard import native
from support.voices import RATE, call, missing_windows, offset_of, speech, with_noise

pesq = pytest.importorskip("pesq", reason="PESQ is not installed (see LICENSES.md)").pesq

PIECE = 4 * RATE
PPM = (200, -200)
CODECS = ["pcmu"] + (["opus"] if native.opus is not None else [])
# What is inserted and left out in ten minutes, both clocks taken together.
APART_MS = 240


def tracked(said, plain, drifted):
    """Pieces (said, without drift, with drift), aligned, and where the last one begins."""
    found, near = [], 1600
    for start in range(0, min(len(plain), len(drifted)) - PIECE - RATE, PIECE):
        original = np.take(said, range(start, start + PIECE), mode="wrap")
        at, _ = offset_of(original, plain, start + 1600, 3000)
        piece = plain[at : at + PIECE]
        moved, _ = offset_of(piece, drifted, start + near, 1200)
        near = moved - start
        found.append((original, piece, drifted[moved : moved + PIECE], moved))
    return found


def moved_ms(figures):
    return (
        figures["inserted_ms"] - figures["removed_ms"] + 20 * (figures["waits"] - figures["skips"])
    )


def check(plain, drifted, said, seconds, every):
    """The two ends of one direction: `said` here, heard by these."""
    figures = drifted.session.stats()
    for name in ("frames_lost", "frames_late", "frames_dropped", "underruns", "concealed"):
        assert figures[name] == 0, (name, figures)
    assert max(drifted.delays) <= 90
    apart = APART_MS * seconds // 600
    assert abs(abs(moved_ms(figures)) - apart) <= 45, (moved_ms(figures), figures)
    pieces = tracked(said, plain.ear.heard, drifted.ear.heard)
    assert len(pieces) >= seconds // 4 - 2
    line = drifted.ear.heard
    for number, (_, piece, _, at) in enumerate(pieces):
        assert missing_windows(piece, line, at) == [], number
    scores = np.array(
        [
            (pesq(RATE, original, piece, "wb"), pesq(RATE, original, moved, "wb"))
            for original, piece, moved, _ in pieces[::every]
        ]
    )
    without, with_drift = scores.mean(axis=0)
    assert without > 2.8
    assert with_drift >= without - 0.1, (without, with_drift)
    return without, with_drift, figures


def test_a_hole_of_20_ms_is_found():
    """The test of the test."""
    voice = speech()
    loud = max(range(0, 3 * RATE, 80), key=lambda at: np.abs(voice[at : at + 320]).sum())
    line = np.concatenate([np.zeros(777, np.int16), voice])
    assert missing_windows(voice[: 4 * RATE], line, 777) == []
    line[777 + loud : 777 + loud + 320] = 0
    assert len(missing_windows(voice[: 4 * RATE], line, 777)) == 1
    cut = np.concatenate([line[: 777 + loud], voice[loud + 320 :]])
    assert len(missing_windows(voice[: 4 * RATE], cut, 777)) >= 1


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("codec", CODECS)
def test_ten_minutes(codec, record_property):
    voices = (speech(), speech(first=4))
    plain, drifted = call(codec, voices, 600), call(codec, voices, 600, ppm=PPM)
    for i in range(2):
        without, with_drift, figures = check(plain[i], drifted[i], voices[1 - i], 600, 4)
        record_property(f"pesq_{codec}_{i}", f"{without:.3f} {with_drift:.3f}")
        pieces = figures["corrections_inserted"] + figures["corrections_removed"]
        assert pieces >= 15 or figures["skips"] + figures["waits"] >= 8, figures


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_in_continuous_noise(record_property):
    """-45 dBov of noise: no pause is quiet by itself, and DTX never sets in."""
    voices = (with_noise(speech(), -45, 1, 0.7), with_noise(speech(first=4), -45, 2, 0.7))
    plain, drifted = call("pcmu", voices, 300), call("pcmu", voices, 300, ppm=PPM)
    for i in range(2):
        without, with_drift, figures = check(plain[i], drifted[i], voices[1 - i], 300, 3)
        record_property(f"pesq_{i}", f"{without:.3f} {with_drift:.3f}")
        assert figures["corrections_inserted"] + figures["corrections_removed"] >= 10


@pytest.mark.slow
def test_where_it_is_never_quiet(monkeypatch):
    """Then whole pitch periods are left out or repeated, as late as the delay allows."""
    monkeypatch.setattr("callboard.media.background.Background.observe", lambda self, level: False)
    voices = (speech(pause_s=0.0), speech(first=4, pause_s=0.0))
    plain, drifted = call("pcmu", voices, 150), call("pcmu", voices, 150, ppm=(1000, -1000))
    for i in range(2):
        figures = drifted[i].session.stats()
        assert figures["concealed"] == figures["frames_lost"] == figures["underruns"] == 0, figures
        assert max(drifted[i].delays) <= 110
        assert abs(abs(moved_ms(figures)) - 300) <= 70, figures
        pieces = tracked(voices[1 - i], plain[i].ear.heard, drifted[i].ear.heard)
        scores = [
            (pesq(RATE, original, piece, "wb"), pesq(RATE, original, moved, "wb"))
            for original, piece, moved, _ in pieces[::4]
        ]
        without, with_drift = np.array(scores).mean(axis=0)
        assert with_drift >= without - 0.35, (without, with_drift)  # five times the drift
