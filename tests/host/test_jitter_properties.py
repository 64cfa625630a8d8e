"""What a jitter buffer promises, whatever the network does, and ten minutes of drift."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from media_sim import Lcg, Line, steady

from callboard.media.jitter import FRAME, LOST, SILENCE, WAIT, JitterBuffer

WRAPS = st.sampled_from(
    [
        {},
        {"index0": (1 << 30) - 40, "sequence0": 65500, "ticks0": (1 << 30) - 700},
        {"index0": (1 << 29) - 40, "sequence0": 32760, "ticks0": (1 << 29) - 700},
    ]
)


PACKETS = st.lists(
    st.tuples(
        st.sampled_from([1] * 12 + [2, 5, 30]),  # frames since the one before: silence in between
        st.integers(0, 9),  # 0: lost
        st.integers(0, 100),  # its delay, in percent of the worst
        st.sampled_from([None] * 8 + [0, 50, 100]),  # how much later it comes a second time
    ),
    min_size=1,
    max_size=120,
)


@st.composite
def networks(draw):
    """A plan for media_sim.Line: each packet lost, or late by its own amount, perhaps doubled."""
    worst = draw(st.sampled_from([1, 15, 40, 120, 400]))
    plan = []
    frame = 0
    for sequence, (step, fate, delay, again) in enumerate(draw(PACKETS)):
        frame += step
        arrival = 20 * frame + delay * worst // 100 if fate else None
        plan.append((20 * frame, frame, sequence, arrival))
        if fate and again is not None:
            plan.append((20 * frame, frame, sequence, arrival + again * worst // 100))
    return plan


@settings(max_examples=300, deadline=None)
@given(networks(), WRAPS, st.integers(0, 19), st.sampled_from([0, 500, -500]))
def test_order_and_accounts(plan, wraps, phase, ppm):
    line = Line(plan, quiet=lambda frame: frame % 7 == 0, ppm=ppm, **wraps).run(phase).check()
    if not line.played:
        assert not line.accepted
        return
    line.check_losses()
    assert len(line.buffer) == 0
    assert line.buffer.resets == 0


@settings(max_examples=200, deadline=None)
@given(networks(), WRAPS, st.integers(0, 19))
def test_delay_is_bounded(plan, wraps, phase):
    line = Line(plan, **wraps).run(phase)
    assert all(delay <= 260 + 20 for delay in line.delays), max(line.delays)


@settings(max_examples=100, deadline=None)
@given(networks(), st.integers(0, 19))
def test_wraps_change_nothing(plan, phase):
    shifted = {"index0": (1 << 30) - 40, "sequence0": 65500, "ticks0": (1 << 30) - 700}
    plain, wrapped = Line(plan).run(phase), Line(plan, **shifted).run(phase)
    assert plain.results == wrapped.results
    assert plain.delays == wrapped.delays


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 200), st.integers(0, 19), st.integers(0, 19))
def test_a_line_within_the_target_loses_and_adds_nothing(frames, jitter_ms, phase):
    random = Lcg(frames)
    line = Line(steady(frames, lambda f: random.below(jitter_ms + 1) if f else jitter_ms)).run(
        phase
    )
    line.check()
    assert line.played == list(range(frames))
    kinds = [kind for kind, _ in line.results]
    first = kinds.index(FRAME)
    assert kinds[first : first + frames] == [FRAME] * frames


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(2, 100), unique=True, max_size=12), st.integers(1, 19))
def test_losses_are_reported_for_exactly_the_missing_ones(lost, phase):
    line = (
        Line(steady(104, None, lambda f: f in lost), target_ms=200)
        .run(phase)
        .check()
        .check_losses()
    )
    played = []
    position = None
    for kind, frame in line.results:
        if kind == FRAME:
            position = frame
            played.append(frame)
        elif position is not None and position < 103:
            position += 1
            assert kind == LOST and position in lost, (kind, position)
    assert line.buffer.lost == len(lost)
    assert sorted([*played, *lost]) == list(range(104))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-(1 << 29), (1 << 29) - 1),
            st.integers(0, 65535),
            st.integers(0, (1 << 30) - 1),
            st.integers(0, 12),
        ),
        max_size=60,
    )
)
def test_nonsense_breaks_nothing(packets):
    """Any indexes, sequence numbers and times, in any order."""
    buffer = JitterBuffer(payload_max=8)
    for index, sequence, at, n in packets:
        buffer.put(bytes(12), 0, n, index, sequence, at)
        for _ in range(2):
            kind = buffer.get(at)
            assert kind in (FRAME, LOST, SILENCE, WAIT)
    assert buffer.received == buffer.played + buffer.dropped + len(buffer)
    assert 0 <= len(buffer) <= 32
    assert 20 <= buffer.target_ms <= 240


@pytest.mark.parametrize("speaker_ppm", [0, 200, -200])
@pytest.mark.parametrize("sender_ppm", [200, -200])
def test_ten_minutes_of_drift(sender_ppm, speaker_ppm):
    """Up to 400 ppm apart: 240 ms in ten minutes, corrected in quiet frames, none lost."""
    random = Lcg(31)
    plan = [
        (20 * f, f, f, 20 * f - 20 * f * sender_ppm // 1000000 + random.below(10))
        for f in range(30000)
    ]
    line = Line(plan, quiet=lambda f: f % 50 < 5, ppm=speaker_ppm, ticks0=(1 << 30) - 300000)
    line.run(11).check().check_losses()
    buffer = line.buffer
    assert buffer.lost == buffer.dropped == buffer.late == 0
    assert max(line.delays[500:]) <= 70
    apart_ms = abs(sender_ppm - speaker_ppm) * 600 // 1000
    assert abs(abs(line.inserted - line.removed) * 20 - apart_ms) <= 60, (
        line.inserted,
        line.removed,
    )
    assert buffer.waits <= 1
