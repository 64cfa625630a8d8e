"""The jitter buffer: order, losses, silence, delay, wraps, and that it does not allocate."""

from media_sim import Lcg, Line, steady

from callboard.errors import InvalidArgument
from callboard.media.advice import DelayAdvice, LossHabit
from callboard.media.jitter import FRAME, LOST, SILENCE, WAIT, JitterBuffer, copy_bytes
from support import heap_locked, raises, require_heap_lock

TIMEOUT_S = 120


def buffer(**options):
    options.setdefault("payload_max", 8)
    return JitterBuffer(**options)


def put(made, frame, arrival_ms, sequence=None):
    data = bytes([0, frame & 255, 1, 2])
    return made.put(
        data, 1, 3, frame, (frame if sequence is None else sequence) & 0xFFFF, arrival_ms
    )


def get(made, now_ms):
    """The frame got, or the result when it is none."""
    kind = made.get(now_ms)
    if kind == FRAME:
        assert made.length == 3 and made.payload[1] == 1
        return ("frame", made.payload[0])
    return kind


# -- one thing at a time -------------------------------------------------------


def test_frames_wait_for_the_target():
    made = buffer(target_ms=40)
    assert get(made, 0) == WAIT
    assert put(made, 0, 1000)
    assert get(made, 1000) == WAIT
    assert put(made, 1, 1020)
    assert get(made, 1039) == WAIT
    assert made.target_ms == 40 and len(made) == 2
    assert get(made, 1040) == ("frame", 0)
    assert made.delay_ms == 40
    assert get(made, 1060) == ("frame", 1)
    assert made.waits == 0  # before the first frame there is nothing to interrupt


def test_order_is_restored():
    made = buffer()
    for frame, at in ((1, 1020), (0, 1021), (3, 1060), (2, 1062)):
        assert put(made, frame, at), frame
    assert [get(made, 1070 + 20 * i) for i in range(4)] == [("frame", i) for i in range(4)]


def test_duplicates_and_late_packets():
    made = buffer()
    for frame in (0, 1, 3):
        put(made, frame, 1000 + 20 * frame)
    assert not put(made, 1, 1061)
    assert made.duplicates == 1
    got = [get(made, 1045 + 20 * i) for i in range(4)]
    assert got == [("frame", 0), ("frame", 1), LOST, ("frame", 3)]
    assert made.lost == 1
    target = made.target_ms
    assert not put(made, 2, 1130)
    assert made.late == 1
    assert not put(made, 3, 1131)
    assert made.duplicates == 2
    assert made.target_ms > target  # it learnt from the late one
    assert made.received == made.played == 3


def test_losses_and_silence_are_told_apart():
    made = buffer()
    put(made, 0, 1000, 10)
    put(made, 1, 1020, 11)
    put(made, 5, 1100, 12)  # time passed, no number is missing
    put(made, 8, 1160, 15)  # two are missing
    put(made, 11, 1220, 17)  # one is missing, and there was silence
    got = [get(made, 1045 + 20 * i) for i in range(12)]
    assert got == [
        ("frame", 0),
        ("frame", 1),
        SILENCE,
        SILENCE,
        SILENCE,
        ("frame", 5),
        LOST,
        LOST,
        ("frame", 8),
        SILENCE,
        LOST,
        ("frame", 11),
    ]
    assert made.lost == 3


def test_waiting_for_a_late_packet_shifts_time():
    made = buffer()
    put(made, 0, 1000)
    assert get(made, 1040) == ("frame", 0)
    assert get(made, 1060) == WAIT
    assert get(made, 1080) == WAIT
    assert made.waits == 0  # perhaps nothing more comes
    assert put(made, 1, 1090)  # 70 ms late, and still played
    put(made, 2, 1091)
    put(made, 3, 1092)
    assert made.target_ms >= 70
    assert [get(made, 1100 + 20 * i) for i in range(3)] == [
        ("frame", 1),
        ("frame", 2),
        ("frame", 3),
    ]
    assert made.lost == made.late == 0


def test_after_a_real_loss_the_delay_does_not_stay():
    made = buffer()
    put(made, 0, 1000)
    assert get(made, 1045) == ("frame", 0)
    assert [get(made, 1065 + 20 * i) for i in range(10)] == [WAIT] * 10
    put(made, 11, 1220)  # 1..10 never come
    put(made, 12, 1240)
    got = [get(made, 1265 + 20 * i) for i in range(2)]
    assert got == [("frame", 11), ("frame", 12)], got
    assert made.delay_ms <= 60
    assert made.lost == 10


def test_reset():
    made = buffer()
    put(made, 500, 1000)
    put(made, 501, 1020)
    made.reset()
    assert made.dropped == 2 and made.resets == 1 and len(made) == 0
    assert get(made, 1040) == WAIT
    assert put(made, 3, 2000)
    assert get(made, 2041) == ("frame", 3)


def test_a_sender_whose_time_jumps_is_followed():
    for jump in (1000000, -100000, 0x1FFFFFF0, -0x1FFFFFF0):
        made = buffer()
        heard = 0
        for frame in range(120):
            index = frame if frame < 40 else (frame + jump) & 0x3FFFFFFF
            put(made, index, 1000 + 20 * frame, frame)
            heard += get(made, 1045 + 20 * frame) not in (WAIT, LOST, SILENCE)
        assert made.resets == 1, jump
        assert heard >= 85, (jump, heard)


def test_long_silence():
    made = buffer()
    put(made, 0, 1000, 0)
    assert get(made, 1041) == ("frame", 0)
    for turn in range(1, 2000):
        assert get(made, 1041 + 20 * turn) == WAIT
    assert put(made, 2000, 41000, 1)
    assert get(made, 41020) == SILENCE
    assert get(made, 41041) == ("frame", 2000 & 255)
    assert made.lost == 0 and made.delay_ms == 41


def test_bad_frames_and_limits():
    made = buffer()
    assert not made.put(bytes(20), 0, 9, 0, 0, 0)
    assert not made.put(bytes(20), 0, 0, 0, 0, 0)
    assert made.refused == 2 and len(made) == 0
    for options in (
        {"frames_max": 20},
        {"frames_max": 2},
        {"min_ms": 0},
        {"min_ms": 50},
        {"max_ms": 29},
        {"max_ms": 640},
    ):
        raises(InvalidArgument, buffer, **options)


def test_copy_bytes():
    source = bytes(range(20))
    for off in range(4):
        for n in range(8):
            out = bytearray(10)
            copy_bytes(out, source, off, n)
            assert out == source[off : off + n] + bytes(10 - n), (off, n)


# -- what always holds ---------------------------------------------------------


def near(seed, frames, lost_percent, jitter_ms, duplicates_percent=0, **options):
    """A line with random losses, delays and duplicates, played to its end."""
    random = Lcg(seed)
    plan = steady(
        frames, lambda f: random.below(jitter_ms), lambda f: random.below(100) < lost_percent
    )
    again = [row for row in plan if row[3] is not None and random.below(100) < duplicates_percent]
    plan += [(sent, f, s, at + random.below(60)) for sent, f, s, at in again]
    return Line(plan, **options).run(random.below(20))


WRAPS = {"index0": (1 << 30) - 150, "sequence0": 65400, "ticks0": (1 << 30) - 3000}


def test_random_lines():
    for seed in range(12):
        for options in ({}, WRAPS):
            line = near(seed, 400, seed * 3, 1 + seed * 9, seed, **options)
            line.check().check_losses()
            assert max(line.delays) <= 280, max(line.delays)
            if seed == 0:
                assert line.buffer.lost == line.buffer.late == 0
                assert len(line.played) == 400


def test_the_wraps_change_nothing():
    for seed in (3, 8):
        plain, wrapped = near(seed, 600, 8, 70), near(seed, 600, 8, 70, **WRAPS)
        assert plain.results == wrapped.results
        assert plain.delays == wrapped.delays


def quiet(frame):
    """Speech with pauses: 3 of 25 frames are quiet."""
    return frame % 25 < 3


def test_no_frame_of_a_clean_line_is_lost_or_inserted():
    line = Line(steady(1000), quiet=quiet).run(7).check()
    assert len(line.played) == 1000
    assert line.buffer.lost == line.inserted == 0
    assert line.removed == 0  # a shift within speech would be for nothing
    assert max(line.delays) < 50


def test_delay_follows_the_network():
    random = Lcg(5)
    calm = (
        Line(steady(2000, lambda f: random.below(90) if f < 500 else 2), quiet=quiet)
        .run(3)
        .check()
    )
    assert max(calm.delays[300:500]) > 80
    assert calm.delays[-1] < 50
    assert calm.removed >= 2
    worse = (
        Line(steady(2000, lambda f: random.below(90) if f > 500 else 2), quiet=quiet)
        .run(3)
        .check()
    )
    assert worse.buffer.lost <= 6
    assert worse.inserted + worse.buffer.waits >= 2


def test_a_stall_of_a_second():
    stall = Line(
        steady(1200, lambda f: max(0, 1000 - 20 * (f - 250)) if f >= 250 else 0), quiet=quiet
    )
    stall.run(7).check().check_losses()
    assert max(stall.delays) <= 280
    assert (
        stall.buffer.dropped >= 30
    )  # a second of sound came at once: what is beyond 240 ms is gone
    assert stall.delays[-1] <= 60


def test_a_network_that_becomes_slower():
    line = Line(steady(1200, lambda f: 500 if f >= 250 else 0), quiet=quiet).run(7).check()
    assert line.buffer.lost == line.buffer.dropped == 0
    assert line.delays[-1] <= 60


def drifting(ppm, minutes):
    """A sender whose clock is `ppm` too fast, and a steady speaker, for so many minutes."""
    frames = minutes * 3000
    random = Lcg(77)
    plan = [
        (20 * f, f, f, 20 * f - 20 * f * ppm // 1000000 + random.below(12)) for f in range(frames)
    ]
    return Line(plan, quiet=quiet, ticks0=(1 << 30) - 60000).run(7).check()


def test_drift_on_the_device():
    for ppm in (200, -200):
        line = drifting(ppm, 2)
        assert line.buffer.lost == 0
        assert max(line.delays[500:]) <= 80


def test_nothing_is_allocated():
    require_heap_lock()
    made = JitterBuffer()
    packet = bytearray(200)
    random = Lcg(3)
    lock = heap_locked()
    index, now = (1 << 29) - 100, 0x3FFFFFFF - 2000
    frames = 0
    with lock:
        for turn in range(500):
            if turn == 300:
                made.reset()
            if random.below(12):
                off = random.below(3)
                made.put(packet, off, 160, index - random.below(3), turn & 0xFFFF, now)
            if made.get(now) == FRAME:
                frames += 1
            made.corrected(made.correction)
            index += 1
            if index == 1 << 29:
                index = -(1 << 29)
            now = now + 20 if now < 0x3FFFFFFF - 20 else 0
    assert frames > 300, frames


# -- losses, silence and their counts ------------------------------------------


def test_the_frame_behind_a_lost_one():
    made = buffer()
    for frame in (0, 1, 3, 6):
        put(made, frame, 1000 + 20 * frame)
    assert [get(made, 1060 + 20 * i) for i in range(3)] == [("frame", 0), ("frame", 1), LOST]
    assert made.following()
    assert made.length == 3 and made.payload[0] == 3
    assert get(made, 1120) == ("frame", 3)  # it was only looked at
    assert get(made, 1140) == LOST
    assert not made.following()  # 5 is lost, too
    assert get(made, 1160) == LOST
    assert made.following() and made.payload[0] == 6
    assert get(made, 1180) == ("frame", 6)
    assert made.lost == 3 and made.silent == made.waits == 0


def test_a_lost_frame_is_not_skipped():
    """It is made up, even when frames wait a little too long; silence may be skipped."""
    for sequence, expected in ((3, LOST), (2, ("frame", 3))):
        made = buffer(target_ms=20)
        put(made, 0, 1000, 0)
        put(made, 1, 1020, 1)
        put(made, 3, 1060, sequence)
        got = [get(made, 1050 + 20 * i) for i in range(3)]
        assert got == [("frame", 0), ("frame", 1), expected], got
        assert made.silent == (sequence == 2) and made.lost == (sequence == 3)


def test_what_was_waited_for_in_vain_is_skipped():
    """A conceal played while waiting stands for the lost frame; silence was no waiting."""
    for sequences, lost, silent in (((0, 3, 4), 2, 0), ((0, 1, 2), 0, 2)):
        made = buffer(target_ms=20)
        put(made, 0, 1000, sequences[0])
        assert get(made, 1020) == ("frame", 0)
        assert [get(made, 1040 + 20 * i) for i in range(2)] == [WAIT, WAIT]
        put(made, 3, 1061, sequences[1])
        put(made, 4, 1081, sequences[2])
        assert [get(made, 1081 + 20 * i) for i in range(2)] == [("frame", 3), ("frame", 4)]
        assert (made.lost, made.silent, made.waits) == (lost, silent, 0)


def test_frames_wait_longer_while_packets_are_lost():
    made = buffer(target_ms=20, ahead_ms=20)
    targets = []
    for frame in range(900):
        if frame > 100 and frame % 10 == 9 and frame < 180:
            pass
        else:
            put(made, frame, 1000 + 20 * frame)
        get(made, 1021 + 20 * frame)
        targets.append(made.target_ms)
    assert max(targets[:110]) == 20
    assert min(targets[140:400]) == 40  # after the third loss
    assert targets[899] == 20


def test_a_single_loss_changes_nothing():
    made = buffer(target_ms=20, ahead_ms=20)
    for frame in range(300):
        if frame % 100 != 50:
            put(made, frame, 1000 + 20 * frame)
        get(made, 1021 + 20 * frame)
        assert made.target_ms == 20


# -- advice --------------------------------------------------------------------


def advice(slack, target=30, delay=1000):
    """What is advised after a window of frames with this slack, in frames, and the excess."""
    made = DelayAdvice(20, 160)
    for _ in range(16):
        made.look(slack, delay, target)
    return made.correction // 160, made.excess_ms


def test_advice():
    assert advice(30) == (0, 0)
    assert advice(27) == (0, -3)
    assert advice(26) == (1, -4)
    assert advice(-200) == (1, -230)  # one at a time
    assert advice(63) == (0, 33)
    assert advice(64) == (-1, 34)
    assert advice(83) == (-1, 53)
    assert advice(84) == (-2, 54)
    assert advice(500, delay=64) == (-1, 34)  # no more than it really waited
    made = DelayAdvice(20, 160)
    for slack in [200] * 15 + [31]:
        assert made.correction == 0
        made.look(slack, 1000, 30)
    assert made.correction == 0  # the least counts


def test_corrections_are_taken_off():
    made = DelayAdvice(20, 160)
    for _ in range(16):
        made.look(130, 1000, 30)
    assert made.correction == -640
    made.corrected(-160)
    assert made.correction == -480
    made.corrected(-320)
    made.corrected(-320)
    assert made.correction == 0
    for _ in range(16):
        made.look(20, 1000, 30)
    assert made.correction == 160
    made.corrected(-160)  # something else happened
    assert made.correction == 0
    made.reset()
    assert made.correction == made.excess_ms == 0


def test_loss_habit():
    habit = LossHabit()
    habit.lost()
    habit.lost()
    assert not habit.habit
    habit.lost()
    assert habit.habit
    for _ in range(64 * 3 - 1):
        habit.played()
        assert habit.habit
    habit.played()
    assert not habit.habit
    for _ in range(50):
        habit.lost()
    turns = 0
    while habit.habit:
        habit.played()
        turns += 1
    assert turns == 640
