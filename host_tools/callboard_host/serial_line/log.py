"""What a board says, through resets and pulled cables; what it said before.

capture("/dev/ttyUSB0", sinks, Filter(level="W"))
"""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from callboard.core.backoff import Backoff
from callboard.serial import framing
from callboard_host.errors import BadInput

from .kept import last_boot
from .link import SerialLink
from .port import BAUD, PortFailed, SerialPort
from .records import LEVELS, Filter, Record, Sink, parse
from .traces import source_of

_LINE_MAX = 65536
_LOST = re.compile(r"(\d+) lines lost here")
_FLUSH_S = 0.5  # a line without an end is shown after this long


@dataclass
class Counts:
    """What a capture saw. `lost` lines are those the board says it had no room for."""

    lines: int = 0
    shown: int = 0
    boots: int = 0
    disconnects: int = 0
    lost: int = 0
    damaged: int = 0


class Capture(framing.Handler):
    """Reads one port until told to stop; opens it again when it went away.

    `open_port()` opens it, as SerialPort does; `sinks` get what `keep` lets pass. While it cannot
    be opened, it is tried again after 0.1 s, later every 2 s.
    """

    def __init__(
        self,
        open_port: Callable[[], Any],
        sinks: Iterable[Sink],
        keep: Filter,
        reconnect: bool = True,
    ):
        self._open_port = open_port
        self._sinks = list(sinks)
        self._filter = keep
        self._reconnect = reconnect
        self.counts = Counts()
        self._decoder = framing.Decoder(self, _LINE_MAX, salvage=True)
        self._heard = 0.0
        self._most: int | None = None
        self._first_port: Any = None
        self._already: set[bytes] = set()  # lines of the history that may come once more
        self._firmware: str | None = None  # the board's, as far as it said
        self._shows_source = False  # the board's own tracebacks do

    def run(self, seconds: float | None = None, lines: int | None = None) -> Counts:
        """Until `seconds` are over or `lines` were shown; for ever when both are None.

        Raises PortFailed when it cannot be opened at first, or went away and is not to be
        opened again.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        self._most = lines
        port = self._first_port or self._open_port()
        self._first_port = None
        try:
            while not self._over(deadline, lines):
                try:
                    self._read(port)
                except PortFailed as error:
                    port.close()
                    self._finish_line()
                    if not self._reconnect:
                        raise
                    port = self._again(error, deadline)
                    if port is None:
                        break
        finally:
            if port is not None:
                port.close()
            self._finish_line()
            self.counts.damaged = self._decoder.damaged
        return self.counts

    def begin_with_history(self, port: Any) -> None:
        """Show what the board on an open port has in memory; run() then goes on with this port.

        Log lines that come before the answer are in it, and those in it that come later, too, are
        not shown twice. Raises BoardSilent, and closes the port.
        """
        after: list[tuple[bytes, bool]] = []
        link = SerialLink(port, lambda line, cut: after.append((line, cut)))
        try:
            answer = link.request("log.recent")["lines"]
        except BaseException:
            port.close()
            raise
        kept = [str(line).encode("utf-8", "replace") for line in answer]
        self._note(f"{len(kept)} lines from the board's memory")
        for line in kept:
            self.on_line(line, False)
        self._note("from now on as they come")
        self._already = set(kept)
        for line, cut in after:
            self.on_line(line, cut)
        rest = link.decoder.partial
        self._decoder.feed(rest, len(rest), int(time.monotonic() * 1000) & 0x3FFFFFFF)
        self._first_port = port

    def last_boot(self, port: Any) -> bool:
        """Show what the board on an open port kept of its last boot, and close the port.

        False when there is none. Raises as kept.last_boot().
        """
        with SerialLink(port) as link:
            boot = last_boot(link)
        if boot is None:
            self._note("nothing is kept of an earlier boot")
            return False
        self._firmware = boot.firmware
        self._note(f"boot {boot.number}, callboard {boot.firmware}; it started: {boot.reset}")
        for line in boot.lines:
            self.on_line(line.encode(), False)
        self._note(f"boot {boot.number} ended: {boot.ended}")
        return True

    def _over(self, deadline: float | None, lines: int | None) -> bool:
        if lines is not None and self.counts.shown >= lines:
            return True  # what else came with the last one was not shown
        return deadline is not None and time.monotonic() >= deadline

    def _read(self, port: Any) -> None:
        data = port.read()
        now = time.monotonic()
        if data:
            self._heard = now
            self._decoder.feed(data, len(data), int(now * 1000) & 0x3FFFFFFF)
        elif self._decoder.partial and now - self._heard > _FLUSH_S:
            self._finish_line()

    def _finish_line(self) -> None:
        """A line that got no end is shown as far as it came."""
        partial = self._decoder.partial
        self._decoder = _fresh(self, self._decoder)
        if partial:
            self.on_line(partial, True)

    def _again(self, why: PortFailed, deadline: float | None) -> Any:
        """The port, opened again; None when the time is over."""
        self.counts.disconnects += 1
        self._note(f"disconnected: {why.message}")
        gone = time.monotonic()
        backoff = Backoff(first_ms=100, limit_ms=2000)
        while deadline is None or time.monotonic() < deadline:
            time.sleep(backoff.next_ms() / 1000)
            try:
                port = self._open_port()
            except PortFailed:
                continue
            self._note(f"connected again after {time.monotonic() - gone:.1f} s; lines are missing")
            return port
        return None

    # --- from the decoder ---

    def on_line(self, line: bytes, cut: bool) -> None:
        if (not line and not cut) or line in self._already:
            self._already.discard(line)
            return
        record = parse(line, cut)
        self.counts.lines += 1
        if record.event and record.event["event"] == "boot":
            self.counts.boots += 1
            reason = record.event.get("reset", "reason unknown")
            self._firmware = record.event.get("firmware")
            self._shows_source = record.event.get("implementation") == "cpython"
            self._note(f"the board started ({reason})")
        if record.module == "log" and (found := _LOST.fullmatch(record.text)):
            self.counts.lost += int(found[1])
        if not self._shows_source and (source := source_of(record.text, self._firmware)):
            record = replace(record, source=source)
        self._show(record)

    def _note(self, text: str) -> None:
        self._show(Record(time.time(), text, note=True))

    def _show(self, record: Record) -> None:
        if not self._filter.passes(record):
            return
        if self._most is not None and self.counts.shown >= self._most:
            return
        if not record.note:
            self.counts.shown += 1
        for sink in self._sinks:
            sink.write(record)


def _fresh(handler: framing.Handler, old: framing.Decoder) -> framing.Decoder:
    """A decoder in the middle of nothing that goes on counting."""
    new = framing.Decoder(handler, _LINE_MAX, salvage=True)
    new.damaged, new.lost = old.damaged, old.lost
    return new


def capture(
    url: str,
    sinks: Iterable[Sink],
    keep: Filter,
    *,
    baud: int = BAUD,
    reconnect: bool = True,
    seconds: float | None = None,
    lines: int | None = None,
    history: bool = False,
) -> Counts:
    """Capture what the board on the port `url` says: see Capture.run().

    `history`: ask it first for the lines that it still has in memory. Raises BoardSilent when it
    does not answer.
    """
    watch = Capture(lambda: SerialPort(url, baud), sinks, keep, reconnect)
    if history:
        watch.begin_with_history(SerialPort(url, baud))
    return watch.run(seconds, lines)


def show_last_boot(url: str, sinks: Iterable[Sink], keep: Filter, baud: int = BAUD) -> bool:
    """Show what the board on the port `url` kept in flash of its last boot: False if nothing.

    Raises BoardSilent, PortFailed; RemoteError when it has no place for that, or is in a call.
    """
    watch = Capture(lambda: SerialPort(url, baud), sinks, keep)
    return watch.last_boot(SerialPort(url, baud))


def set_levels(url: str, levels: Iterable[str], baud: int = BAUD) -> None:
    """Tell the board on the port `url` what to log: "D", or "net=D" for one module.

    Raises BadInput, RemoteError; BoardSilent, PortFailed.
    """
    asked = []
    for text in levels:
        module, _, level = text.rpartition("=")
        if level not in tuple(LEVELS):
            names = ", ".join(LEVELS)
            raise BadInput(f"--set-level {text}: say one of {names}, or MODULE=LEVEL")
        asked.append({"level": level, "module": module or None})
    with SerialLink.open(url, baud) as link:
        for params in asked:
            link.request("log.level", params)
