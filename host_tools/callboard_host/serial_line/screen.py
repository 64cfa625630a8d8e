"""Records on a terminal, in colour; plain lines where there is none; JSON lines for programs."""

import json
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.status import Status
from rich.text import Text

from .records import Record, plain

_STYLES = {"D": "dim", "I": "", "W": "yellow", "E": "bold red"}
_OF_REPORT = {"head": "bold", "ok": "", "wrong": "bold red", "advice": "yellow"}
_TRACEBACK = ("Traceback ", "  File ")


class ScreenSink:
    """Lines for a person. `colour` None: where the output is a terminal."""

    def __init__(self, colour: bool | None = None, timestamps: bool = True, events: bool = False):
        self._console = Console(force_terminal=colour, no_color=colour is False, highlight=False)
        self._timestamps = timestamps
        self._events = events

    def write(self, record: Record) -> None:
        """Print one record; events only when they are wanted."""
        if record.event is not None and not self._events:
            return
        line = plain(record, self._timestamps)
        if not self._console.is_terminal:
            print(line, flush=True)
            return
        self._console.print(Text(line, style=_style(record)), soft_wrap=True)


def _style(record: Record) -> str:
    if record.note:
        return "bold cyan"
    if record.event is not None:
        return "magenta"
    if record.text.startswith(_TRACEBACK):
        return "red"
    return _STYLES.get(record.level, "")


class JsonSink:
    """JSON lines on standard output."""

    def write(self, record: Record) -> None:
        """Print one record."""
        sys.stdout.write(json.dumps(record.json(), ensure_ascii=False) + "\n")
        sys.stdout.flush()


def show(lines: Iterable[tuple[str, str]]) -> None:
    """Print lines, each behind its kind (see doctor.lines()), in colour on a terminal."""
    console = Console(highlight=False)
    for kind, line in lines:
        console.print(Text(line, style=_OF_REPORT[kind]), soft_wrap=True)


class Steps:
    """Tells a person what is being done, on stderr: `with Steps() as say: say("…")`.

    On a terminal the last step is marked by a spinner until the next one; else they are plain
    lines.
    """

    def __init__(self, quiet: bool = False):
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False)
        self._status = Status("", console=self._console) if self._console.is_terminal else None
        self._now = ""

    def __enter__(self) -> "Steps":
        return self

    def __exit__(self, *_: object) -> None:
        self.pause()

    def __call__(self, text: str) -> None:
        """The next step begins."""
        if self._quiet:
            return
        self.pause()
        self._now = text
        if self._status is None:
            print(text, file=sys.stderr, flush=True)
        else:
            self._status.update(Text(text))
            self._status.start()

    def pause(self) -> None:
        """The step is over, or something else is to be printed."""
        if self._status is not None and self._now:
            self._status.stop()
            self._console.print(Text(self._now), soft_wrap=True)
        self._now = ""
