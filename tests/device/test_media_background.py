"""The far end's background: what is quiet, and comfort noise in its place."""

from array import array

from callboard import native
from callboard.media.background import Background
from callboard.native import pcm
from support import heap_locked, require_heap_lock


def learnt(levels, times=1):
    background = Background(160)
    for _ in range(times):
        for level in levels:
            background.observe(level)
    return background


def quiet(background, *levels):
    """What observe() says of the last of these."""
    said = False
    for level in levels:
        said = background.observe(level)
    return said


def test_quiet_is_relative_to_the_floor():
    for floor in (20, 35, 50):
        background = learnt([floor - 12] * 5 + [floor] * 3, 10)
        assert quiet(background, floor, floor)
        assert quiet(background, floor - 6, floor - 6)
        assert not quiet(background, floor - 7, floor - 7)
        assert not quiet(background, floor - 12, floor)  # the end of a word
        assert not quiet(background, floor, floor - 12)  # the beginning of one


def test_very_quiet_is_quiet_whatever_the_floor():
    background = learnt([127] * 20)
    assert quiet(background, 60, 60)
    assert not quiet(background, 59, 59)


def test_the_floor_is_forgotten_within_five_seconds():
    background = learnt([55] * 20)
    turns = 0
    while not quiet(background, 30):
        turns += 1
    assert 224 <= turns <= 257, turns
    assert learnt([30] * 300).observe(30)


def noise_level(background):
    """The level of the comfort noise after it has come in."""
    frame = array("h", bytes(320))
    total = 0
    for turn in range(12):
        pcm.fill(frame, 0, 160, 0)
        background.add_noise(frame)
        if turn >= 4:
            total += pcm.level(frame, 0, 160)
    return total / 8


def test_noise_is_as_loud_as_the_background():
    for level in (48, 55, 70):
        background = learnt([level] * 5 + [22] * 20, 10)
        assert abs(background.level - level) <= 1, (level, background.level)
        assert abs(noise_level(background) - level) <= 2


def test_noise_is_never_loud():
    assert learnt([10] * 400).level == 45


def test_no_noise_where_there_was_none():
    for background in (Background(160), learnt([127] * 50)):
        frame = array("h", [7] * 160)
        background.add_noise(frame)
        background.fade_noise(frame)
        assert frame == array("h", [7] * 160)


def test_noise_comes_and_goes_slowly():
    background = learnt([46] * 50)
    rms = []
    for _ in range(5):
        frame = array("h", bytes(320))
        background.add_noise(frame)
        rms.append(pcm.rms(frame, 0, 160))
    assert rms[0] * 4 < rms[4] and rms[1] * 4 < rms[4] * 3, rms
    last = array("h", bytes(320))
    background.fade_noise(last)
    assert pcm.rms(last, 0, 40) > 2 * pcm.rms(last, 120, 40) > 0
    again = array("h", bytes(320))
    background.fade_noise(again)
    assert not any(again)


def test_reset_forgets():
    background = learnt([50] * 300)
    background.reset()
    assert background.level == 127
    assert quiet(background, 20, 20)  # all it knows


def test_no_allocation():
    require_heap_lock()
    if native.implementations()["pcm"] == "pure python":
        raise AssertionError("no native pcm here: run make natmods")
    background, frame, lock = Background(160), array("h", bytes(320)), heap_locked()
    with lock:
        for turn in range(600):
            background.observe(50 if turn % 9 else 20)
            background.add_noise(frame)
            background.fade_noise(frame)
        background.reset()
