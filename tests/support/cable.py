"""A serial cable that misbehaves on demand, between a board's terminal and a tool's."""

import contextlib
import os
import random
import select
import threading
import time
import tty
from collections import deque
from pathlib import Path

TO_BOARD, TO_TOOL = "to the board", "to the tool"
UART = 11520  # bytes/s of 115200 baud
_STEP_S = 0.002
_PIECE = 512


class Damage:
    """Drops, repeats and delays pieces of what passes, each with a probability; repeatable."""

    def __init__(self, seed, drop=0.0, flip=0.0, repeat=0.0, late=0.0, late_s=0.4, piece=40):
        self._random = random.Random(seed)
        self._odds = drop, flip, repeat, late
        self._late_s = late_s
        self.piece = piece
        self.done = 0

    def treat(self, data):
        """What becomes of a piece: [(delay in s, bytes)]."""
        drop, flip, repeat, late = self._odds
        chance = self._random.random
        if chance() < drop:
            self.done += 1
            at = self._random.randrange(len(data))
            return [(0, data[:at] + data[at + 1 :])]
        if chance() < flip:
            self.done += 1
            at = self._random.randrange(len(data))
            return [(0, data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :])]
        if chance() < repeat:
            self.done += 1
            return [(0, data), (0, data)]
        if chance() < late:
            self.done += 1
            return [(self._late_s, data)]
        return [(0, data)]


class Cable:
    """`path` is what a tool opens. Use it as a context manager.

    `rate` bytes/s in each direction, None as fast as it goes; `ring` the board's input buffer in
    bytes, from which the board takes everything each `ring_s` seconds, what does not fit is lost
    and counted in `overflowed`; `damage` a Damage.
    """

    def __init__(self, board_path, path: Path, rate=None, ring=None, ring_s=0.03, damage=None):
        self.path = path
        self.overflowed = 0
        self.passed = {TO_BOARD: 0, TO_TOOL: 0}
        self._rate = rate
        self._ring_size = ring
        self._ring_s = ring_s
        self._damage = damage
        self._board = os.open(board_path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._tool = self._tool_end = None
        self._waiting = {TO_BOARD: deque(), TO_TOOL: deque()}  # (due, bytes)
        self._budget = {TO_BOARD: 0.0, TO_TOOL: 0.0}
        self._ring = b""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.connect()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(5)
        self.disconnect()
        os.close(self._board)

    def connect(self):
        """Plug it in: the port appears."""
        with self._lock:
            self._tool, self._tool_end = os.openpty()
            tty.setraw(self._tool_end)
            os.set_blocking(self._tool, False)
            self.path.symlink_to(os.ttyname(self._tool_end))

    def disconnect(self):
        """Pull it: the port is gone, and what was on its way with it."""
        with self._lock:
            if self._tool is None:
                return
            self.path.unlink(missing_ok=True)
            for end in (self._tool, self._tool_end):
                with contextlib.suppress(OSError):
                    os.close(end)
            self._tool = None
            for waiting in self._waiting.values():
                waiting.clear()

    def _run(self):
        last = emptied = time.monotonic()
        while not self._stop.is_set():
            with self._lock:
                ends = [self._board] + ([self._tool] if self._tool is not None else [])
                ready = select.select(ends, [], [], 0)[0]
                self._take(self._board, ready, TO_TOOL)
                if self._tool is not None:
                    self._take(self._tool, ready, TO_BOARD)
                now = time.monotonic()
                self._give(TO_TOOL, now, now - last)
                self._give(TO_BOARD, now, now - last)
                last = now
                if self._ring and now - emptied >= self._ring_s:
                    emptied = now
                    self._ring = self._ring[self._write(self._board, self._ring) :]
            time.sleep(0 if ready and not self._rate else _STEP_S)

    def _take(self, end, ready, direction):
        """Read from an end, unless much is on its way already: then it must wait, as on a UART."""
        waiting = self._waiting[direction]
        if end not in ready or sum(len(data) for _, data in waiting) > 4 * _PIECE:
            return
        try:
            data = os.read(end, _PIECE)
        except OSError:
            return
        now = time.monotonic()
        if self._damage is None:
            waiting.append((now, data))
            return
        for at in range(0, len(data), self._damage.piece):
            for delay, piece in self._damage.treat(data[at : at + self._damage.piece]):
                waiting.append((now + delay, piece))

    def _give(self, direction, now, elapsed):
        waiting = self._waiting[direction]
        if self._rate is None:
            budget = 1 << 30
        else:
            self._budget[direction] = min(
                self._budget[direction] + elapsed * self._rate, self._rate * 0.02
            )
            budget = int(self._budget[direction])
        while waiting and waiting[0][0] <= now and budget > 0:
            due, data = waiting.popleft()
            piece = data[:budget]
            sent = self._deliver(direction, piece)
            budget -= sent
            self._budget[direction] -= sent
            self.passed[direction] += sent
            if sent < len(data):
                waiting.appendleft((due, data[sent:]))
                break

    def _deliver(self, direction, data):
        if direction == TO_TOOL:
            return len(data) if self._tool is None else self._write(self._tool, data)
        if self._ring_size is None:
            return self._write(self._board, data)
        room = self._ring_size - len(self._ring)
        self._ring += data[:room]
        self.overflowed += max(0, len(data) - room)
        return len(data)

    @staticmethod
    def _write(end, data):
        try:
            return os.write(end, data)
        except OSError:
            return 0
