"""What the system tests share: `callboard` as a process of its own, and what it leaves behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

from callboard_host import paths

MARK = "CALLBOARD_TEST_RUN"


class Program:
    """`callboard ARGUMENTS` in its own session; every process it starts inherits a mark."""

    def __init__(self, *arguments: str | Path, keyboard: bool = False):
        self.mark = uuid.uuid4().hex
        self.lines: list[str] = []
        environment = {**os.environ, MARK: self.mark, "PYTHONPATH": paths.python_path()}
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "callboard_host", *map(str, arguments)],
            stdin=subprocess.PIPE if keyboard else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,
        )

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):  # it ended with the one before
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        if self.process.stdin:
            self.process.stdin.close()

    @property
    def output(self) -> str:
        """What it printed so far, as far as it was read."""
        return "".join(self.lines)

    def type(self, text: str) -> None:
        """Type on its console."""
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def wait_line(self, text: str) -> str:
        """Read its output up to the line with `text` in it."""
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"it ended before it said {text!r}:\n{self.output}")

    def finish(self, timeout_s: float = 60) -> int:
        """Read the rest of its output; its exit status."""
        self.lines += self.process.stdout.readlines()
        return self.process.wait(timeout_s)

    def until_it_has(self, path: str | Path, within_s: float = 60.0) -> None:
        """Wait until it has a file or a port open, and a moment for what it does first."""
        wanted, deadline = os.path.realpath(path), time.monotonic() + within_s
        while wanted not in map(_target, Path(f"/proc/{self.process.pid}/fd").glob("*")):
            assert time.monotonic() < deadline and self.process.poll() is None, self.output
            time.sleep(0.05)
        time.sleep(0.5)

    def family(self) -> list[int]:
        """Every living process that it or a child of it started, itself included."""
        wanted = f"{MARK}={self.mark}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue  # it has just ended, or is not ours
        return found

    def left_behind(self, within_s: float = 20.0) -> list[int]:
        """Processes of it that still live after a grace period."""
        deadline = time.monotonic() + within_s
        while (family := self.family()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return family


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""  # it was closed


def run(*arguments: str | Path, timeout_s: float = 60) -> tuple[int, str]:
    """(exit status, output) of `callboard ARGUMENTS`."""
    with Program(*arguments) as program:
        return program.finish(timeout_s), program.output
