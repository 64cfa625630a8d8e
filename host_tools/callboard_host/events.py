"""The machine-readable lines of a board or a phone: `@{"event": name, "t_us": epoch µs, …}`."""

import json
import sys
import time
from typing import Any

Event = dict[str, Any]

MARK = "@"


def parse(line: str) -> Event | None:
    """The event in a line of output, or None for any other line (log, LED)."""
    if not line.startswith(MARK):
        return None
    try:
        event = json.loads(line[len(MARK) :])
    except ValueError:
        return None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return None
    return event


def emit(name: str, **fields: Any) -> None:
    """Print one event with the time now, unless nobody reads any more."""
    line = MARK + json.dumps({"event": name, "t_us": time.time_ns() // 1000, **fields})
    try:
        print(line, flush=True)
    except BrokenPipeError:
        sys.stdout = None
