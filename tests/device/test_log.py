"""Log lines: their form, their levels, and that one message is one line."""

from callboard.log import LINE_MAX, Log, printable
from support import FakeClock, raises


def made(level="I"):
    lines = []
    clock = FakeClock(start_ms=1234)
    return lines, clock, Log(lines.append, clock, level)


def test_form():
    lines, clock, log = made()
    log.module("net").warn("no answer in %d ms from %s", 500, "relay")
    clock.advance(6)
    log.module("app").info("100 %")
    assert lines == ["W (1234) net: no answer in 500 ms from relay", "I (1240) app: 100 %"]


def test_levels():
    for lowest, expected in (("D", 4), ("I", 3), ("W", 2), ("E", 1)):
        lines, clock, log = made(lowest)
        module = log.module("m")
        for write in (module.debug, module.info, module.warn, module.error):
            write("text")
        assert len(lines) == expected
        assert [line[0] for line in lines] == list("DIWE"[4 - expected :])
        assert log.counts == [1, 1, 1, 1]
    raises(ValueError, made, "X")


def test_one_message_is_one_line():
    lines, clock, log = made()
    log.module("m").error("a\nE (0) fake: b\r\x1b[31m\x00\x7f\x9b")
    assert lines == ["E (1234) m: a.E (0) fake: b..[31m..."]
    assert printable("Tür ☎") == "Tür ☎" and printable("") == ""


def test_line_is_bounded():
    lines, clock, log = made()
    log.module("m").info("x" * 10000)
    assert len(lines[0]) < LINE_MAX + 20 and lines[0].endswith("...")
