"""The relay's two clocks, so that tests can stand still or leap."""

import time


class Clock:
    """`monotonic_ms` for durations and timers, `epoch_ms` for what people and the database see."""

    def monotonic_ms(self) -> int:
        """Milliseconds that never run backwards."""
        return time.monotonic_ns() // 1_000_000

    def epoch_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000


class FakeClock(Clock):
    """A clock that moves only by `advance`."""

    def __init__(self, epoch_ms: int = 1_800_000_000_000):
        self._elapsed_ms = 0
        self._epoch_ms = epoch_ms

    def advance(self, ms: int) -> None:
        """Let `ms` milliseconds pass."""
        self._elapsed_ms += ms

    def monotonic_ms(self) -> int:
        return self._elapsed_ms

    def epoch_ms(self) -> int:
        return self._epoch_ms + self._elapsed_ms
