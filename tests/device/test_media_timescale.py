"""The elastic line: pieces left out or played twice, no seam, no sample too many."""

import math
from array import array

from callboard import native
from callboard.media.timescale import ElasticLine
from callboard.native import pcm
from support import heap_locked, require_heap_lock


def wave(n, period, peak=8000, start=0):
    """n samples of a tone with an overtone, period in samples."""
    step = 2 * math.pi / period
    return array(
        "h",
        [
            int(peak * 0.6 * math.sin(step * i) + peak * 0.3 * math.sin(3 * step * i + 1))
            for i in range(start, start + n)
        ],
    )


def fill(line, samples, at):
    """Append the frame of `samples` at `at`."""
    line.append(samples[at : at + line.frame])


def test_unchanged_without_corrections():
    for rate in (8000, 16000):
        line, said, heard = ElasticLine(rate), wave(rate // 5, 91), array("h")
        frame = array("h", bytes(2 * line.frame))
        for at in range(0, len(said), line.frame):
            fill(line, said, at)
            assert line.pending == line.frame
            line.take(frame)
            heard.extend(frame)
        assert heard == said and line.pending == 0


def corrected(rate, period, change):
    """What is heard of a tone when change(line) is called once, and how many samples it made."""
    line, heard, made = ElasticLine(rate), array("h"), 0
    said = wave(rate // 2, period)
    frame, at = array("h", bytes(2 * line.frame)), 0
    for turn in range(20):
        while line.pending < line.frame:
            fill(line, said, at)
            at += line.frame
        if turn == 8:
            made = change(line)
            while line.pending < line.frame:
                fill(line, said, at)
                at += line.frame
        line.take(frame)
        heard.extend(frame)
    return heard, made, line


def roughest(samples):
    """The largest second difference: what a seam makes large."""
    return max([abs(samples[i - 1] - 2 * samples[i] + samples[i + 1]) for i in range(1, 3000)])


def test_whole_periods_are_left_out_and_inserted():
    for rate, period in ((8000, 71), (16000, 160), (16000, 113)):
        plain, _, _ = corrected(rate, period, lambda line: 0)
        for change in (
            lambda line: -line.leave_out(line.longest, 20),
            lambda line: line.insert(line.longest, 20),
        ):
            heard, made, line = corrected(rate, period, change)
            assert made % period == 0 or abs(made) % period in (1, period - 1), (period, made)
            assert rate // 200 <= abs(made) <= rate * 3 // 200
            assert roughest(heard) <= roughest(plain) * 5 // 4 + 8
            assert line.samples_in - line.samples_out == made
            assert line.pieces_in + line.pieces_out == 1
            assert line.pending == made % line.frame


def test_what_does_not_fit_is_passed_over():
    """5 ms out of a wave of 10 Hz: its value moves by a tenth of its peak, but not at once."""
    for change in (
        lambda line: -line.leave_out(line.shortest, 256),
        lambda line: line.insert(line.shortest, 256),
    ):
        heard, made, _ = corrected(16000, 1600, change)
        assert abs(made) == 80
        steps = [abs(heard[i + 1] - heard[i]) for i in range(5000)]
        assert max(steps) < 100, max(steps)


def test_nothing_is_done_where_it_would_be_heard():
    """A sweep looks like itself nowhere within 15 ms."""
    line = ElasticLine(16000)
    said = array("h", [int(9000 * math.sin(i * i / 9000)) for i in range(960)])
    frame = array("h", bytes(640))
    fill(line, said, 0)
    line.take(frame)
    fill(line, said, 320)
    before = line.pending
    assert line.insert(line.longest, 20) == 0 and line.leave_out(line.longest, 20) == 0
    assert line.pending == before and line.pieces_in == line.pieces_out == 0
    line.take(frame)
    assert frame == said[320:640]
    fill(line, said, 640)
    assert line.leave_out(line.longest, 256) > 0


def test_limits():
    line = ElasticLine(8000)
    silence = array("h", bytes(320))
    line.append(silence)
    assert line.leave_out(39, 256) == 0  # less than the shortest piece
    assert line.leave_out(120, 256) == 40  # the first of equals: the shortest
    assert line.leave_out(120, 256) == 40
    assert line.leave_out(120, 256) == 40
    assert line.pending == 40 and line.leave_out(120, 256) == 0  # none of 5 ms, 5 ms behind it
    line.append(silence)
    added = 0
    while line.pending < 320:
        added += line.insert(120, 256)
    assert added == 120 and line.pending == 320
    assert line.insert(120, 256) == 0


def test_pieces_are_no_longer_than_wanted():
    for most in (40, 48, 64, 119):
        line = ElasticLine(8000)
        said = wave(480, 118)
        fill(line, said, 0)
        line.take(array("h", bytes(320)))
        fill(line, said, 160)
        assert 40 <= line.insert(most, 256) <= most
        assert 40 <= line.leave_out(most, 256) <= most


def test_an_insertion_hardly_exceeds_two_frames():
    line = ElasticLine(16000)
    said = wave(3200, 150)
    for at in range(0, 2000, 320):
        fill(line, said, at)
        while line.pending < 640 and line.insert(240, 256):
            pass
        assert 640 <= line.pending < 640 + line.shortest
        line.take(array("h", bytes(640)))
        line.take(array("h", bytes(640)))


def test_no_allocation():
    require_heap_lock()
    if native.implementations()["pcm"] == "pure python":
        raise AssertionError("no native pcm here: run make natmods")
    for rate in (8000, 16000):
        line, lock = ElasticLine(rate), heap_locked()
        frame = wave(line.frame, 77)
        inserted = 0
        with lock:
            for turn in range(300):
                while line.pending < line.frame:
                    line.append(frame)
                    if turn % 3 == 0:
                        inserted += line.insert(line.longest, 256)
                    elif turn % 3 == 1:
                        inserted -= line.leave_out(line.longest, 256)
                line.take(frame)
        assert line.samples_in - line.samples_out == inserted
        assert line.pieces_in > 50 and line.pieces_out > 50
        assert pcm.peak(frame, 0, line.frame) > 1000
