"""Log lines: their form, their levels, and that one message is one line."""

from callboard.errors import InvalidArgument
from callboard.log import LINE_MAX, MODULES_MAX, RECENT_MAX, TRACE_MAX, Log, printable
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


def test_levels_of_modules():
    lines = []
    log = Log(lines.append, FakeClock())
    log.set_level("D", "net")
    log.set_level("E", "app")
    for name in ("net", "app", "other"):
        module = log.module(name)
        module.debug("d")
        module.info("i")
        module.error("e")
    assert [line.split(") ")[1] for line in lines] == [
        "net: d",
        "net: i",
        "net: e",
        "app: e",
        "other: i",
        "other: e",
    ]
    assert log.levels() == {"level": "I", "modules": {"net": "D", "app": "E"}}
    log.set_level(None, "net")
    log.set_level("W")
    assert log.levels() == {"level": "W", "modules": {"app": "E"}}
    for wrong in (("X",), (None,), ("",), ("DI",), (5,), ("D", ""), ("D", "x" * 33), ("D", 5)):
        raises(InvalidArgument, log.set_level, *wrong)
    for number in range(MODULES_MAX - 1):
        log.set_level("D", "m%d" % number)
    raises(InvalidArgument, log.set_level, "D", "one too many")


def test_the_last_lines_are_kept_and_bounded():
    log = Log(lambda line: None, FakeClock())
    module = log.module("app")
    for number in range(200):
        module.info("%d %s", number, "\u00e9" * 30)
    size = sum(len(line.encode()) for line in log.recent)
    assert RECENT_MAX - 100 < size <= RECENT_MAX
    numbers = [int(line.split(": ")[1].split()[0]) for line in log.recent]
    assert numbers == list(range(200 - len(numbers), 200))


def test_secrets_are_never_shown():
    lines, clock, log = made("D")
    log.hide(["hunter2 hunter2", "T" + "0" * 40, "", "abc"])
    module = log.module("m")
    module.info("joining with %s", "hunter2 hunter2")
    module.error("x" * 230 + "hunter2 hunter2")  # not half of it at the end either
    module.exception(ValueError("T" + "0" * 40))
    module.debug("abc is too short to be told from a word")
    everything = repr(lines) + repr(log.recent)
    assert "hunter2" not in everything and "T0000" not in everything
    assert "joining with ***" in lines[0] and "abc" in lines[-1]
    log.hide([])
    module.info("hunter2 hunter2")
    assert lines[-1].endswith("hunter2 hunter2")


def test_a_traceback_is_a_line_each():
    lines, clock, log = made("E")

    def deep(n):
        if n:
            deep(n - 1)
        raise ValueError("at the bottom")

    for depth in (1, 60):
        lines.clear()
        try:
            deep(depth)
        except ValueError as error:
            log.module("app").exception(error)
        assert all(line.startswith("E (1234) app: ") for line in lines)
        texts = [line[len("E (1234) app: ") :] for line in lines]
        assert texts[0].startswith("Traceback") and texts[-1] == "ValueError: at the bottom"
        assert sum(text.endswith(" in deep") for text in texts) >= min(depth, 3)
        assert any('test_log.py", line ' in text for text in texts) and len(texts) <= TRACE_MAX + 1
