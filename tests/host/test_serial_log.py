"""The log of a board: lines taken apart, filtered, kept in files that turn over."""

import io
import json

import pytest

import callboard
from callboard_host.errors import BadInput
from callboard_host.serial_line import log, records, screen
from callboard_host.serial_line.port import PortFailed

LINES = (
    b"I (1000) app: online\r\n"
    b"W (1500) net: no answer: again in 500 ms\n"
    b'@{"event": "boot", "t_us": 1, "reset": "watchdog"}\n'
    b"Traceback (most recent call last):\n"
    b'  File "callboard/app.py", line 7, in main\n'
    b"\x00\x07O\x124\x01\x35>\x00"
    b"E (2000) app: ungl\xc3\xbccklich (code 3)\n"
    b"W (2100) log: 12 lines lost here\n"
    b"half a line"
)


class Port:
    """Gives pieces, then goes away."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def read(self):
        if not self.pieces:
            raise PortFailed("it went away")
        return self.pieces.pop(0)

    def close(self):
        pass


class Kept:
    def __init__(self):
        self.records = []

    def write(self, record):
        self.records.append(record)


def captured(data=LINES, step=7, **options):
    """The records of `data` that comes in pieces, and the counts."""
    kept = Kept()
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    capture = log.Capture(
        lambda: Port(*pieces), [kept], records.Filter(**options), reconnect=False
    )
    with pytest.raises(PortFailed):
        capture.run()
    return kept.records, capture.counts


def test_lines_are_taken_apart():
    records, counts = captured()
    first = records[0]
    assert (first.level, first.ms, first.module, first.text) == ("I", 1000, "app", "online")
    assert records[1].text == "no answer: again in 500 ms"
    texts = [record.text for record in records]
    assert "unglücklich (code 3)" in texts
    assert records[-1].cut and records[-1].text == "half a line"
    (note,) = [record for record in records if record.note]
    assert note.text == "the board started (watchdog)"
    assert (counts.boots, counts.lost, counts.damaged, counts.lines) == (1, 12, 0, 8)
    for step in (1, 3, 1000):
        assert [record.text for record in captured(step=step)[0]] == texts


def test_filters():
    texts = [record.text for record in captured(level="W")[0]]
    assert "online" not in texts and "unglücklich (code 3)" in texts
    assert "Traceback (most recent call last):" in texts  # what has no level always passes
    assert [r.text for r in captured(modules=["net"])[0] if r.level] == [
        "no answer: again in 500 ms"
    ]
    shown = captured(pattern="on.?line$")[0]
    assert [record.text for record in shown if not record.note] == ["online"]
    for wrong in ({"level": "X"}, {"pattern": "("}):
        with pytest.raises(BadInput):
            records.Filter(**wrong)


def test_a_port_that_comes_back():
    ports = [Port(b"I (1) a: one\nI (2) a: tw"), Port(b"I (9) a: three\n")]
    tries = []

    def open_port():
        tries.append(1)
        if len(tries) in (2, 3):
            raise PortFailed("not yet")
        return ports.pop(0)

    kept = Kept()
    counts = log.Capture(open_port, [kept], records.Filter()).run(lines=3)
    assert [r.text for r in kept.records if not r.note] == ["one", "tw", "three"]
    assert kept.records[1].cut and counts.disconnects == 1
    notes = [r.text for r in kept.records if r.note]
    assert "disconnected" in notes[0] and "lines are missing" in notes[1]


def test_a_port_that_never_was_is_an_error_at_once():
    def open_port():
        raise PortFailed("there is no port")

    with pytest.raises(PortFailed):
        log.Capture(open_port, [], records.Filter()).run(seconds=5)


def test_a_file_turns_over_and_keeps_so_many(tmp_path):
    path = tmp_path / "board.log"
    sink = records.FileSink(path, max_bytes=200, keep=2)
    for number in range(30):
        sink.write(records.parse(b"I (%d) app: number" % number))
    sink.close()
    files = sorted(each.name for each in tmp_path.iterdir())
    assert files == ["board.log", "board.log.1", "board.log.2"]
    assert all(each.stat().st_size <= 200 for each in tmp_path.iterdir())
    text = "".join((tmp_path / name).read_text() for name in reversed(files))
    numbers = [int(line.split("(")[1].split(")")[0]) for line in text.splitlines()]
    assert numbers == list(range(numbers[0], 30)) and len(numbers) >= 6


def test_a_file_without_old_ones_and_one_that_cannot_be(tmp_path):
    sink = records.FileSink(tmp_path / "l", max_bytes=100, keep=0, as_json=True)
    for number in range(9):
        sink.write(records.parse(b"I (%d) app: number" % number))
    sink.close()
    (only,) = tmp_path.iterdir()
    entry = json.loads(only.read_text().splitlines()[-1])
    assert (entry["level"], entry["module"], entry["text"]) == ("I", "app", "number")
    assert "cut" not in entry and entry["time"].startswith("20")
    with pytest.raises(BadInput):
        records.FileSink(tmp_path / "no" / "l", 100, 0)


def test_the_screen(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")  # a dumb one has no colours
    monkeypatch.delenv("NO_COLOR", raising=False)
    sink = screen.ScreenSink(colour=None, timestamps=False)
    for record in captured()[0]:
        sink.write(record)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "I (1000) app: online" and "--- the board started (watchdog) ---" in lines
    assert not any(line.startswith("@") for line in lines)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    loud = screen.ScreenSink(colour=True, timestamps=True, events=True)
    for record in captured()[0]:
        loud.write(record)
    import sys

    assert "\x1b[" in sys.stdout.getvalue() and "watchdog" in sys.stdout.getvalue()


def test_json_lines(capsys):
    sink = screen.JsonSink()
    for record in captured()[0]:
        sink.write(record)
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert entries[0]["ms"] == 1000 and any(e.get("event") for e in entries)


def test_a_traceback_is_joined_with_its_source():
    import inspect

    from callboard import upkeep
    from callboard_host.serial_line.traces import source_of

    lines, first = inspect.getsourcelines(upkeep.Upkeep.scan)
    number = first + len(lines) - 1
    text = f'  File "callboard/upkeep.py", line {number}, in scan'
    source = lines[-1].strip()
    assert source_of(text, callboard.__version__) == source_of(text, None) == source
    for place in ("/lib/callboard/upkeep.mpy", "C:\\board\\callboard\\upkeep.py"):
        assert source_of(text.replace("callboard/upkeep.py", place), None) == source
    for other in (
        text.replace("scan", "join"),  # another version: the line is not in that function
        text.replace(str(number), "99999"),
        text.replace(str(number), "0"),
        text.replace("upkeep", "nothing"),
        text.replace("callboard/upkeep", "callboard/../../../etc/passwd"),
        text.replace("callboard/upkeep.py", "main.py"),
        "ValueError: " + text,
    ):
        assert source_of(other, None) == ""
    assert source_of(text, "9.9.9") == ""
    data = f"E (1) app: {text}\n".encode()
    (record,) = captured(data)[0]
    assert record.source == source and record.text == text
    assert records.plain(record, False).splitlines()[1].strip() == source
    boot = b'@{"event": "boot", "t_us": 1, "firmware": "9.9.9", "implementation": "micropython"}\n'
    assert not captured(boot + data)[0][-1].source
    boot = boot.replace(b"9.9.9", callboard.__version__.encode())
    assert captured(boot + data)[0][-1].source
    assert not captured(boot.replace(b"micropython", b"cpython") + data)[0][-1].source
