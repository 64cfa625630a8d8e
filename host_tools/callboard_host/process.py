"""Programs that we start: each in its own process group, killed with us, its events awaited."""

import asyncio
import collections
import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from callboard_host import events
from callboard_host.errors import NotBuilt, ProgramFailed

_PR_SET_PDEATHSIG = 1
_LINE_LIMIT = 1 << 18  # bytes; a stats event is below 4 kB
_EVENTS_LIMIT = 20_000  # a call of minutes; the oldest go
_LINES_KEPT = 30  # for error messages
_STOP_S = 3.0


class Child:
    """A running program. Make one with `await Child.start(…)`; use it as an async context manager.

    `events` holds the event lines so far (bounded), each with `received_us`, our time when we
    read it; `last_lines` the end of what else it printed.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path | None):
        self.name = name
        self.events: collections.deque[events.Event] = collections.deque(maxlen=_EVENTS_LIMIT)
        self.last_lines: collections.deque[str] = collections.deque(maxlen=_LINES_KEPT)
        self.on_event: Callable[[events.Event], None] | None = None
        self.on_line: Callable[[str], None] | None = None
        self._process = process
        self._log = log.open("w", encoding="utf-8") if log else None
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name=f"read {name}")

    @classmethod
    async def start(
        cls,
        name: str,
        argv: Sequence[str | os.PathLike[str]],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path | None = None,
        stdin: bool = False,
    ) -> "Child":
        """Start `argv`. `env` is added to our environment; `log` gets a copy of its output.

        Raises NotBuilt when there is no such program.
        """
        parent = os.getpid()
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                limit=_LINE_LIMIT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),
            )
        except (FileNotFoundError, PermissionError) as error:
            raise NotBuilt(
                f"cannot start {argv[0]}: {error.strerror}", "run `make setup`"
            ) from error
        return cls(name, process, log)

    async def __aenter__(self) -> "Child":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        """Also the id of its process group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while True:
            try:
                raw = await self._process.stdout.readline()
            except ValueError:
                self._line(f"({self.name}: a line longer than {_LINE_LIMIT} bytes was dropped)")
                continue
            if not raw:
                break
            self._line(raw.decode("utf-8", "replace").rstrip("\r\n"))
        await self._process.wait()
        self._changed.set()

    def _line(self, line: str) -> None:
        if self._log:
            self._log.write(line + "\n")
            self._log.flush()
        event = events.parse(line)
        if event is not None:
            event["received_us"] = time.time_ns() // 1000
            event.setdefault("t_us", event["received_us"])
            self.events.append(event)
            self._changed.set()
            if self.on_event:
                self.on_event(event)
        elif line:
            self.last_lines.append(line)
            if self.on_line:
                self.on_line(line)

    async def write_line(self, line: str) -> None:
        """Type a line on its console. Raises ProgramFailed when it is gone."""
        assert self._process.stdin is not None, "started without stdin"
        try:
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._failure(f"ended before it was told `{line}`") from error

    async def wait_event(
        self,
        *names: str,
        timeout_s: float,
        after_us: int = 0,
        hint: str = "",
        match: Mapping | None = None,
    ) -> events.Event:
        """The first event with one of these names, not before `after_us`, that has `match` in it.

        Raises ProgramFailed, with the end of its output, when the program ends or time is up.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self._changed.clear()
            ended = self._reader.done()
            for event in self.events:
                fits = event["event"] in names and event.get("t_us", 0) >= after_us
                if fits and all(event.get(key) == value for key, value in (match or {}).items()):
                    return event
            wanted = " or ".join(f"`{name}`" for name in names)
            if ended:
                raise self._failure(f"ended (status {self.returncode}) before {wanted}", hint)
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise self._failure(f"gave no {wanted} within {timeout_s:g} s", hint)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(remaining, 0.5)):
                    await self._changed.wait()

    async def wait(self, timeout_s: float | None) -> int:
        """Wait until it ends by itself; its exit status. Raises ProgramFailed when it does not."""
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._reader)
        except TimeoutError:
            raise self._failure(f"was still running after {timeout_s:g} s") from None
        assert self._process.returncode is not None
        return self._process.returncode

    def _failure(self, what: str, hint: str = "") -> ProgramFailed:
        errors = [event for event in self.events if event["event"] == "error"]
        said = "; ".join(self.last_lines_of_interest())
        if errors:
            last = errors[-1]
            said = f"{last.get('message', '')} (code {last.get('code')})"
        message = f"the {self.name} {what}" + (f". It said: {said}" if said else "")
        where = f"its output is in {self._log.name}" if self._log else ""
        failure = ProgramFailed(message, hint or where)
        if errors and isinstance(errors[-1].get("code"), int):
            failure.code = errors[-1]["code"]
        return failure

    def last_lines_of_interest(self) -> list[str]:
        """The end of its output, for an error message."""
        return list(self.last_lines)[-4:]

    def kill(self, signal_number: int = signal.SIGKILL) -> None:
        """Send a signal to its whole group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal_number)

    async def stop(self, timeout_s: float = _STOP_S) -> None:
        """Ask it to end (SIGTERM to its group), then kill what is left."""
        try:
            if self._process.returncode is None:
                self.kill(signal.SIGTERM)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(timeout_s):
                        await asyncio.shield(self._reader)
        finally:
            self.kill()
            self._reader.cancel()
            await asyncio.gather(self._reader, self._process.wait(), return_exceptions=True)
            if self._process.stdin:
                self._process.stdin.close()
            if self._log:
                self._log.close()


_prctl = getattr(ctypes.CDLL(None), "prctl", None)


def die_with_parent(parent: int) -> None:
    """Runs in the child before exec: the kernel kills it when we die, however (Linux)."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
