"""One board to flash: what is wanted, what is told while it happens, how long a step may take."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from callboard_host.errors import EXIT_FAILED, EXIT_NO_BOARD, EXIT_REFUSED, HostError

# Seconds for each step. Writing takes longer the more there is; see write_limit().
LIMITS = {
    "connect": 30.0,
    "check": 20.0,
    "read keys": 30.0,
    "write": 60.0,
    "verify": 30.0,
    "start": 60.0,
}
_SLOWEST = 6000  # bytes in a second: 115200 baud with everything repeated once

ADVICE = {
    "connect": "hold BOOT, tap RESET, let BOOT go, and run the same command again",
    "check": "reset the board and run the same command again",
    "read keys": "try --baud 115200, another cable or another USB port",
    "write": "try --baud 115200, another cable or another USB port; then run it again",
    "verify": "run the same command again; the flash may be worn out if that does not help",
    "start": "press RESET; `callboard log PORT` shows what it says",
}


class FlashFailed(HostError):
    """Writing or verifying failed; the board may not start until it is flashed again."""

    exit_code = EXIT_FAILED


class NoBoard(HostError):
    """No board, or one that does not answer."""

    exit_code = EXIT_NO_BOARD


class Refused(HostError):
    """The image and the board do not fit together. Nothing was written."""

    exit_code = EXIT_REFUSED


class TooLate(HostError):
    """A step took longer than it may."""

    exit_code = EXIT_NO_BOARD


@dataclass(frozen=True)
class Job:
    """What is wanted of one worker. `port`: a serial port, or "" when `drive` alone is known."""

    image: str
    port: str
    drive: str = ""
    baud: int = 460800
    erase: bool = False
    skip_flashed: bool = False
    other_board: bool = False
    stub: bool = True
    hello: bool = True
    backups: str = ""
    drives: tuple[str, ...] = ()  # folders in which drives are mounted; (): the system's own
    limits: dict[str, float] = field(default_factory=dict)

    def json(self) -> str:
        """For the worker's standard input."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """What json() made."""
        facts = json.loads(text)
        return cls(**{**facts, "drives": tuple(facts["drives"])})

    @property
    def name(self) -> str:
        """For people."""
        return self.port or self.drive


@dataclass
class Result:
    """What became of one board."""

    port: str
    board: str = ""
    chip: str = ""
    firmware: str = ""  # what the board said after its start
    keys: str = ""  # "kept", "new", "erased", "untouched"
    skipped: bool = False
    written: int = 0
    seconds: float = 0.0


class Reporter:
    """The worker's side: lines of JSON on standard output."""

    def __init__(self, limits: dict[str, float], write: Callable[[str], Any] = sys.stdout.write):
        self._limits = limits
        self._write = write
        self._shown = -1
        self.step_now = ""

    def step(self, name: str, size: int = 0) -> None:
        """A new step begins; `size` bytes to write."""
        self.step_now = name
        self._shown = -1
        limit = self._limits.get(name) or LIMITS[name] + size / _SLOWEST
        self._say({"step": name, "limit_s": limit, "total": size})

    def progress(self, done: int, total: int) -> None:
        """Bytes done of the step; told in hundredths."""
        part = 100 * done // max(total, 1)
        if part != self._shown:
            self._shown = part
            self._say({"done": done, "total": total})

    def note(self, text: str) -> None:
        """Something that a person should know."""
        self._say({"note": text})

    def result(self, result: Result) -> None:
        """The end."""
        self._say({"result": asdict(result)})

    def error(self, error: HostError) -> None:
        """The other end."""
        self._say({"error": error.message, "hint": error.hint, "status": error.exit_code})

    def _say(self, message: dict[str, Any]) -> None:
        self._write(json.dumps(message) + "\n")
        sys.stdout.flush()
