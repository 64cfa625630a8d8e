"""How long to wait before the next attempt: doubling, with a limit and jitter (PROTOCOL.md §2)."""

from ..port import random_bytes


class Backoff:
    """Delays first_ms, 2·first_ms, 4·first_ms … up to limit_ms, each ± jitter_percent.

    `random(n)` gives n random bytes; a test passes its own.
    """

    def __init__(self, first_ms=500, limit_ms=30000, jitter_percent=25, random=random_bytes):
        self._first_ms = first_ms
        self._limit_ms = limit_ms
        self._jitter_percent = jitter_percent
        self._random = random
        self.reset()

    def next_ms(self):
        """Milliseconds to wait now; the next answer is twice as long."""
        base = self._ms
        self._ms = min(base * 2, self._limit_ms)
        spread = base * self._jitter_percent // 100
        noise = self._random(2)
        return base - spread + (noise[0] << 8 | noise[1]) * 2 * spread // 0xFFFF

    def reset(self):
        """Begin with first_ms again: it worked."""
        self._ms = min(self._first_ms, self._limit_ms)
