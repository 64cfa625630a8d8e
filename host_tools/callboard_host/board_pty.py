"""A virtual board behind a pseudo-terminal: for `callboard provision`, `log` and mpremote.

The board has the terminal's one end for its console, programs open the other end by its path. A
board that restarts itself (`reboot`) is started again, as silicon would be, and so is one that
does not feed its watchdog.
"""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import IO

from callboard.app import RESTART
from callboard_host import board
from callboard_host.errors import HostError, NotBuilt
from callboard_host.process import die_with_parent

_GOODBYE_S = 3.0
WATCHDOG_S = 30.0  # of a machine that may be busy


class PtyBoard:
    """Boots when made; use it as a context manager. `path` is what to open.

    The board dies with the thread that booted it (Linux): boot and reset it from one that stays.
    `watchdog_s`: how long its loop may hang; it is looked at by running(). `cause` is what the
    board is told of why it started. Raises NotBuilt, BadInput, and HostError where there are no
    pseudo-terminals.
    """

    def __init__(
        self,
        config: board.BoardConfig,
        errors: IO[bytes] | None = None,
        watchdog_s: float = WATCHDOG_S,
    ):
        board.write_board_py(config)
        self._argv, self._environment = board.command(config)
        self._run_dir = config.run_dir
        self._errors = errors
        self._watchdog = _Watchdog(config.run_dir.resolve() / "watchdog", watchdog_s)
        try:
            import tty

            self._board_end, self._other_end = os.openpty()
            tty.setraw(self._other_end)
        except (ImportError, AttributeError, OSError) as error:
            raise HostError(
                f"this system has no pseudo-terminal for the board: {error}"
            ) from error
        self.path = os.ttyname(self._other_end)
        self.boots = 0
        self._boot()

    def __enter__(self) -> "PtyBoard":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _boot(self, cause: str = "power on") -> None:
        parent = os.getpid()
        told = {
            "CALLBOARD_RESET_CAUSE": cause,
            "CALLBOARD_WATCHDOG": str(self._watchdog.path),
        }
        self._watchdog.start()
        try:
            self.process = subprocess.Popen(
                self._argv,
                stdin=self._board_end,
                stdout=self._board_end,
                stderr=self._errors if self._errors is not None else self._board_end,
                env={**os.environ, **self._environment, **told},
                cwd=self._run_dir,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),
            )
        except OSError as error:
            text = f"cannot start {self._argv[0]}: {error.strerror}"
            raise NotBuilt(text, "run `make setup`") from error
        self.boots += 1

    def running(self) -> bool:
        """Whether it runs; starts it again when it wanted that, or hangs."""
        status = self.process.poll()
        if status is None and self._watchdog.bites():
            self.reset("watchdog")
        elif status == RESTART:
            self._boot("soft reset")
        return self.process.poll() is None

    def wait(self) -> int:
        """Until it ends by itself; its exit status."""
        while self.running():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.2)
        return self.process.returncode

    def reset(self, cause: str = "reset pin") -> None:
        """What the reset button does: it stops at once, and boots."""
        self.process.kill()
        self.process.wait()
        self._boot(cause)

    def stop(self) -> None:
        """Switch it off and close the terminal."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_GOODBYE_S)
        self.process.kill()
        self.process.wait()
        for end in (self._board_end, self._other_end):
            with contextlib.suppress(OSError):
                os.close(end)


class _Watchdog:
    """Bites when the file that the board's beats go to does not grow for `limit_s`.

    It starts with the first beat; an R as the last one says that the application is over.
    """

    def __init__(self, path: Path, limit_s: float):
        self.path = path
        self._limit_s = limit_s

    def start(self) -> None:
        """The board boots."""
        self.path.unlink(missing_ok=True)
        self._size = 0
        self._since = time.monotonic()

    def bites(self) -> bool:
        """Whether the board hangs."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 1))
                last = file.read(1)
        except OSError:
            return False
        if size != self._size or last == b"R":
            self._size, self._since = size, time.monotonic()
        return size > 0 and time.monotonic() - self._since > self._limit_s


def run(config: board.BoardConfig, link: Path | None = None) -> int:
    """Boot it and tell where it is; `link` is made a symbolic link to that. Its exit status."""
    with PtyBoard(config) as virtual:
        if link is not None:
            link.unlink(missing_ok=True)
            link.symlink_to(virtual.path)
        print(f"board: its serial line is {link or virtual.path}", flush=True)
        try:
            return virtual.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            if link is not None:
                link.unlink(missing_ok=True)
