"""What an application is told of the line: it is full, it recovered, it could take more (V-54)."""

from ..codes import EVENT_CONGESTION_HIGH, EVENT_CONGESTION_LOW, EVENT_CONGESTION_NORMAL
from ..port import const

_NORMAL_TICKS = const(150)  # of 20 ms without a drop: 3 s
_LOW_TICKS = const(1000)  # 20 s


class Congestion:
    """Counts what had to be dropped. `event`: codes.EVENT_CONGESTION_*, normal at first."""

    def __init__(self):
        self.event = EVENT_CONGESTION_NORMAL
        self._dropped = 0
        self._quiet = 0

    def tick(self, dropped):
        """Every 20 ms with what was dropped so far; True when `event` has changed."""
        before = self.event
        if dropped != self._dropped:
            self._dropped = dropped
            self._quiet = 0
            self.event = EVENT_CONGESTION_HIGH
        elif self._quiet < _LOW_TICKS:
            self._quiet += 1
            if self._quiet == _LOW_TICKS:
                self.event = EVENT_CONGESTION_LOW
            elif self._quiet == _NORMAL_TICKS:
                self.event = EVENT_CONGESTION_NORMAL
        return self.event != before
