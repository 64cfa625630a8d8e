"""What goes out on the serial line: lines, and frames, each whole, never faster than the line.

A line that found no room is dropped and counted; how many were lost is said as soon as there is
room again. Frames (answers to tools) go before lines, but never into the middle of one.
"""

import asyncio
from collections import deque

from ..port import ticks_diff

CHUNK = 64  # bytes written at once
BYTES_MAX = 6144  # that wait to be written; the longest line is below 4 kB
ITEMS_MAX = 128
CALL_PAUSE_MS = 20  # between chunks while a call runs: one for each frame of audio
FULL_PAUSE_MS = 5  # before looking again whether the line takes more


class Outlet:
    """`write(bytes)` takes some of at most CHUNK bytes and returns how many; `ready()` says if it
    would not block. `end` closes a line.

    `gentle`: a call runs, so write slowly. `dropped` counts lost lines and frames.
    """

    def __init__(self, write, ready, clock, end=b"\n"):
        self._write = write
        self._ready = ready
        self._clock = clock
        self._end = end
        self._lines = deque((), ITEMS_MAX)
        self._frames = deque((), ITEMS_MAX)
        self._waiting = 0  # bytes
        self._current = b""
        self._at = 0
        self._news = asyncio.Event()
        self._unsaid = 0  # lines dropped since the last note about it
        self.gentle = False
        self.dropped = 0

    def line(self, text):
        """Print a line. False: it was dropped."""
        data = text.encode() + self._end
        if self._unsaid:
            data = self._note() + data
        if self._put(self._lines, data):
            self._unsaid = 0
            return True
        self._unsaid += 1
        return False

    def _note(self):
        note = "W (%d) log: %d lines lost here" % (self._clock.ticks_ms(), self._unsaid)
        return note.encode() + self._end

    def frame(self, data):
        """Send bytes as they are: a frame or an Improv packet. False: they were dropped."""
        return self._put(self._frames, data)

    def _put(self, queue, data):
        if self._waiting + len(data) > BYTES_MAX or len(queue) >= ITEMS_MAX:
            self.dropped += 1
            return False
        queue.append(data)
        self._waiting += len(data)
        self._news.set()
        return True

    async def run(self):
        """Write what there is, for ever."""
        while True:
            if not self._next():
                self._news.clear()
                await self._news.wait()
            elif not self._ready():
                await self._clock.sleep_ms(FULL_PAUSE_MS)
            else:
                self._chunk()
                await self._clock.sleep_ms(CALL_PAUSE_MS if self.gentle else 0)

    def flush(self, limit_ms):
        """Write everything now, for at most about `limit_ms`: at the end, when no loop runs."""
        started = self._clock.ticks_ms()
        while self._next() and ticks_diff(self._clock.ticks_ms(), started) < limit_ms:
            if self._ready():
                self._chunk()

    def _next(self):
        """Whether something is to be written; takes the next line or frame when one is done."""
        if self._at < len(self._current):
            return True
        self._at = 0
        self._current = b""
        if self._frames:
            self._current = self._frames.popleft()
        elif self._lines:
            self._current = self._lines.popleft()
        elif self._unsaid:
            self._current = self._note()
            self._waiting += len(self._current)
            self._unsaid = 0
        self._waiting -= len(self._current)
        return bool(self._current)

    def _chunk(self):
        chunk = self._current[self._at : self._at + CHUNK]
        try:
            self._at += self._write(chunk)
        except OSError:  # the cable was pulled: this line is lost
            self._at = len(self._current)
            self.dropped += 1
