"""What of the log outlives the power: the last lines in flash, and how each boot began and ended.

    journal = Journal(log, ring, clock, idle)
    reason = journal.begin("watchdog", "0.1.0")   # at boot
    await journal.run()                           # a task, for ever
    journal.end("restart")

Lines go into the flash a second after they were logged, and never while `idle()` is False, as
during a call. Wear: on average the flash is given no more than one erase of each sector an hour,
so that sectors of 100 000 erases last 11 years, whatever is logged; what is beyond is counted.
"""

from collections import deque

from .errors import CallboardError, StorageError
from .flash import SECTOR
from .flash.log_ring import BOOT, END, LINES, facts
from .port import ticks_add, ticks_diff

WRITE_MS = 1000
WAITING_MAX = 4096  # bytes of lines that wait to be written
WAITING_LINES = 64
BATCH_MAX = 960  # bytes of lines in one record
FIRST_BYTES = 2048  # what each boot may write at once
SPARE_BYTES = 16384  # as much as may be saved up for a bad hour
_MINUTE_MS = 60000
PAGE_MAX = 1800  # bytes of lines that are told at once
_ABRUPT = "its power failed, or it was reset"


class NoPlace(CallboardError):
    """This board keeps no log in flash."""


class Journal:
    """`ring` a LogRing, or None where there is no place for one; `idle()`: flash may be written.

    `missed` counts lines that were not kept in flash. `reason`: why the board started.
    """

    def __init__(self, log, ring, clock, idle):
        self._log = log
        self._ring = ring
        self._clock = clock
        self._idle = idle
        self._waiting = deque((), WAITING_LINES)
        self._waiting_bytes = 0
        self._unsaid = 0
        self._allowed = FIRST_BYTES
        self._minute = clock.ticks_ms()
        self._broken = None  # why the flash was given up
        self.missed = 0
        self.reason = "unknown"

    def begin(self, cause, firmware):
        """A boot begins. `cause`: why, as the hardware tells. Returns why, as far as is known."""
        self.reason = cause
        if self._ring is None:
            return cause
        ended = (self._ring.last or {}).get("ended", "")
        if ended.startswith("crash") or ended == "restart":
            self.reason = ended
        self._guarded(self._ring.begin, {"reset": self.reason, "firmware": firmware})
        self._log.keep = self._line
        for line in self._log.recent:
            self._line(line)
        return self.reason

    def end(self, how):
        """The boot ends: "restart", "off", or "crash" and more. All lines are kept first."""
        if self._ring is not None:
            self._allowed += WAITING_MAX
            self.write()
        if self._ring is not None:
            self._guarded(self._ring.write, END, how.encode()[:200])

    async def run(self):
        """Keep what is logged, for ever."""
        while True:
            await self._clock.sleep_ms(WRITE_MS)
            if self._ring is not None and self._idle():
                self.write()
            if self._ring is not None and self._idle():
                self._guarded(self._ring.prepare)

    def _line(self, line):
        """From the log; debugging is not worth the flash."""
        if line.startswith("D"):
            return
        size = len(line.encode()) + 1
        while self._waiting and (
            self._waiting_bytes + size > WAITING_MAX or len(self._waiting) >= WAITING_LINES
        ):
            self._waiting_bytes -= len(self._waiting.popleft()) + 1
            self._miss()
        self._waiting.append(line.encode())
        self._waiting_bytes += size

    def _miss(self):
        self.missed += 1
        self._unsaid += 1

    def write(self):
        """Write what waits, as far as the wear allows."""
        self._earn()
        while self._waiting and self._ring is not None:
            batch = self._batch()
            if len(batch) > self._allowed:
                for _ in range(batch.count(b"\n") + 1):
                    self._miss()
                continue
            self._allowed -= len(batch)
            self._guarded(self._ring.write, LINES, batch)

    def _batch(self):
        parts, size = [], 0
        if self._unsaid:
            note = "W (%d) log: %d lines are missing here" % (self._clock.ticks_ms(), self._unsaid)
            parts.append(note.encode())
            size = len(note)
        while self._waiting and (not parts or size + len(self._waiting[0]) <= BATCH_MAX):
            line = self._waiting.popleft()
            self._waiting_bytes -= len(line) + 1
            size += len(line) + 1
            parts.append(line)
        self._unsaid = 0
        return b"\n".join(parts)

    def _earn(self):
        """What each minute adds to what may be written."""
        now = self._clock.ticks_ms()
        minutes = ticks_diff(now, self._minute) // _MINUTE_MS
        if minutes < 0:  # longer than ticks can tell
            self._minute, minutes = now, 1
        else:
            self._minute = ticks_add(self._minute, minutes * _MINUTE_MS)
        self._allowed += minutes * self._ring.sectors * SECTOR // 60
        self._allowed = min(self._allowed, SPARE_BYTES)

    def _guarded(self, act, *arguments):
        """Flash that fails is given up, and the board goes on without."""
        try:
            act(*arguments)
        except StorageError as error:
            self._ring = None
            self._broken = error
            self._log.keep = None
            self._log.module("log").error("nothing is kept in flash: %s", error.message)

    def check(self):
        """Write a line and read it back. Returns what to tell; raises StorageError."""
        if self._ring is not None:
            self._guarded(self._ring.write, LINES, b"D (%d) log: check" % self._clock.ticks_ms())
        if self._broken is not None:
            raise self._broken
        if self._ring is None:
            return "there is no place for a log"
        return "keeps the log, in %d sectors" % self._ring.sectors

    # --- reading ---

    def boots(self):
        """[{"boot", "reset", "firmware", "ended"}] of what is still there, the oldest first."""
        found = []
        for kind, payload in self._records():
            if kind == BOOT:
                told = facts(payload)
                if not found or found[-1]["boot"] != told["boot"]:
                    found.append(told)
            elif kind == END and found:
                found[-1]["ended"] = str(payload, "utf-8")
        for told, after in zip(found, found[1:]):
            if "ended" not in told:
                told["ended"] = "%s (%s)" % (_ABRUPT, after.get("reset"))
        return found

    def lines(self, boot, skip=0):
        """(lines of boot number `boot` from the one number `skip`, whether there are more)."""
        found, size, now = [], 0, None
        for kind, payload in self._records():
            if kind == BOOT:
                now = facts(payload)["boot"]
            elif kind == LINES and now == boot:
                for line in payload.split(b"\n"):
                    if skip:
                        skip -= 1
                        continue
                    size += len(line)
                    if found and size > PAGE_MAX:
                        return found, True
                    found.append(str(line, "utf-8"))
        return found, False

    def _records(self):
        if self._ring is None:
            raise self._broken or NoPlace("this board has no place in its flash for a log")
        return self._ring.records()
