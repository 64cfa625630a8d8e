"""Records on a terminal, in colour; plain lines where there is none; JSON lines for programs."""

import json
import sys

from rich.console import Console
from rich.text import Text

from .log import Record, plain

_STYLES = {"D": "dim", "I": "", "W": "yellow", "E": "bold red"}
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
