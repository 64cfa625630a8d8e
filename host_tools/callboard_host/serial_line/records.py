"""The lines of a board's log: taken apart, filtered, as text or JSON, in files that turn over."""

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from callboard_host import events
from callboard_host.errors import BadInput

LEVELS = "DIWE"
_LOG_LINE = re.compile(r"([DIWE]) \((\d+)\) ([\w.-]+): (.*)", re.S)


@dataclass(frozen=True)
class Record:
    """One line. `level` "" and `module` "" for what is no log line; `note` what we say ourselves.

    `time_s` is the host's, seconds since 1970, when its end arrived; `ms` the board's own.
    `source`: the line of source that a line of a traceback names.
    """

    time_s: float
    text: str
    level: str = ""
    module: str = ""
    ms: int | None = None
    event: dict[str, Any] | None = None
    cut: bool = False
    note: bool = False
    source: str = ""

    def json(self) -> dict[str, Any]:
        """For JSON lines: members that say nothing are left out."""
        members = {
            "time": _iso(self.time_s),
            "level": self.level,
            "module": self.module,
            "ms": self.ms,
            "text": self.text,
            "event": self.event,
            "cut": self.cut,
            "note": self.note,
            "source": self.source,
        }
        kept = ("time", "text")
        return {name: value for name, value in members.items() if value or name in kept}


def _iso(time_s: float) -> str:
    return datetime.fromtimestamp(time_s).astimezone().isoformat(timespec="milliseconds")


def parse(line: bytes, cut: bool = False, time_s: float | None = None) -> Record:
    """A Record of a line from the board."""
    now = time.time() if time_s is None else time_s
    text = line.decode("utf-8", "replace")
    found = _LOG_LINE.fullmatch(text)
    if found:
        level, ms, module, rest = found.groups()
        return Record(now, rest, level, module, int(ms), cut=cut)
    return Record(now, text, event=events.parse(text), cut=cut)


class Filter:
    """Which records pass: `level` and above, of `modules` (all when empty), matching `pattern`.

    What is no log line (a traceback, an event) has no level and no module: these two do not stop
    it. Our own notes always pass. Raises BadInput for a bad pattern.
    """

    def __init__(self, level: str = "D", modules: Iterable[str] = (), pattern: str = ""):
        if level not in LEVELS:
            raise BadInput(f"level {level!r} is not one of {', '.join(LEVELS)}")
        self._lowest = LEVELS.index(level)
        self._modules = frozenset(modules)
        try:
            self._pattern = re.compile(pattern) if pattern else None
        except re.error as error:
            raise BadInput(f"--grep is no regular expression: {error}") from error

    def passes(self, record: Record) -> bool:
        """Whether to show it."""
        if record.note:
            return True
        if record.level and LEVELS.index(record.level) < self._lowest:
            return False
        if record.module and self._modules and record.module not in self._modules:
            return False
        return self._pattern is None or bool(self._pattern.search(record.text))


class Sink(Protocol):
    """Where records go."""

    def write(self, record: Record) -> None: ...


def plain(record: Record, timestamps: bool = True) -> str:
    """A record as a line of text; with its source, two."""
    stamp = _iso(record.time_s) + " " if timestamps else ""
    if record.note:
        return f"{stamp}--- {record.text} ---"
    head = f"{record.level} ({record.ms}) {record.module}: " if record.level else ""
    line = stamp + head + record.text + (" [cut]" if record.cut else "")
    return line + f"\n{' ' * len(stamp + head)}    {record.source}" if record.source else line


class FileSink:
    """A file that is turned over at `max_bytes`: FILE, FILE.1 … FILE.`keep`, the oldest goes.

    `as_json`: JSON lines. Raises BadInput when it cannot be written.
    """

    def __init__(self, path: Path, max_bytes: int, keep: int, as_json: bool = False):
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._as_json = as_json
        self._open()

    def _open(self) -> None:
        try:
            self._file = self._path.open("ab")
        except OSError as error:
            raise BadInput(f"cannot write {self._path}: {error.strerror}") from error

    def write(self, record: Record) -> None:
        """Add a line; it is in the file when this returns."""
        text = json.dumps(record.json(), ensure_ascii=False) if self._as_json else plain(record)
        data = text.encode("utf-8", "replace") + b"\n"
        try:
            if self._file.tell() and self._file.tell() + len(data) > self._max_bytes:
                self._turn_over()
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise BadInput(f"cannot write {self._path}: {error.strerror}") from error

    def _turn_over(self) -> None:
        self._file.close()
        for number in range(self._keep, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))
        if not self._keep:
            self._path.unlink(missing_ok=True)
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def close(self) -> None:
        """Close the file."""
        self._file.close()
