"""Figures of a running call in fixed memory: a histogram, and what the heap does."""

import gc
from array import array

from ..port import const, heap_used, ticks_diff

_FINE = const(128)  # buckets of `step`, for ordinary values
_COARSE = const(128)  # buckets of 8 * step behind them; the last one takes all that is larger
LOOKS = const(3)  # of KeptMeter


class Histogram:
    """Counts values 0, 1, 2 … so that percentiles can be told; `add` does not allocate.

    Arguments: `step`, the width of a bucket; `coarse`, how many are eight times as wide. Values up
    to 128 * step are told to one step, up to 1144 * step to eight, larger ones only by `max`.
    """

    def __init__(self, step, coarse=_COARSE):
        self.step = step
        self._coarse = coarse
        self._buckets = array("i", bytes(4 * (_FINE + coarse)))
        self.clear()

    def clear(self):
        """Forget everything."""
        for i in range(len(self._buckets)):
            self._buckets[i] = 0
        self.count = 0
        self.max = 0

    def add(self, value):
        """Count one value; a negative one counts as 0."""
        if value < 0:
            value = 0
        bucket = value // self.step
        if bucket >= _FINE:
            bucket = _FINE + (bucket - _FINE) // 8
            if bucket >= _FINE + self._coarse:
                bucket = _FINE + self._coarse - 1
        self._buckets[bucket] += 1
        self.count += 1
        if value > self.max:
            self.max = value

    def percentile(self, percent):
        """The upper edge of the bucket in which `percent` (0..100) of the values end."""
        wanted = (self.count * percent + 99) // 100
        seen = 0
        for bucket in range(len(self._buckets)):
            seen += self._buckets[bucket]
            if seen >= wanted and seen:
                return min(self._edge(bucket), self.max)
        return self.max

    def _edge(self, bucket):
        if bucket < _FINE:
            return (bucket + 1) * self.step
        if bucket == len(self._buckets) - 1:
            return self.max
        return (_FINE + (bucket - _FINE + 1) * 8) * self.step

    def report(self):
        """{"p50", "p95", "max"} in the unit of the values; all 0 when there are none."""
        return {"p50": self.percentile(50), "p95": self.percentile(95), "max": self.max}


class HeapMeter:
    """Bytes the program allocates per second; intervals with a collection are left out."""

    def __init__(self, clock):
        self._clock = clock
        self._used = heap_used()
        self._at_ms = clock.ticks_ms()
        self._bytes = 0
        self._ms = 0

    def sample(self):
        """Look at the heap. Call it about once a second, outside the frame path."""
        used = heap_used()
        now_ms = self._clock.ticks_ms()
        if used is not None and used >= self._used:  # less: the collector ran in between
            self._bytes += used - self._used
            self._ms += ticks_diff(now_ms, self._at_ms)
        self._used = used
        self._at_ms = now_ms

    def collected(self, used):
        """The collector has just run and left `used` bytes: count from here."""
        self._used = used
        self._at_ms = self._clock.ticks_ms()

    def bytes_per_s(self):
        """Allocated bytes per second; None where the Python does not tell, or too early."""
        if self._used is None or self._ms <= 0:
            return None
        return self._bytes * 1000 // self._ms


class KeptMeter:
    """Bytes that the heap keeps more and more of, seen from the same place at each look.

    Between two packets other tasks hold some objects for a moment: so the least of the last
    LOOKS looks is compared with the least of the first.
    """

    def __init__(self):
        self._first = [0] * LOOKS
        self._last = [0] * LOOKS
        self._looks = 0

    def look(self):
        """Collect garbage, then look. Call it about once a second, outside the frame path.

        Returns the bytes in use, None on CPython.
        """
        if not hasattr(gc, "mem_alloc"):
            return None
        gc.collect()
        used = heap_used()
        if self._looks < LOOKS:
            self._first[self._looks] = used
        self._last[self._looks % LOOKS] = used
        self._looks += 1
        return used

    def growth(self):
        """Bytes, negative when less is kept; None on CPython, and before LOOKS + 1 looks."""
        if self._looks <= LOOKS:
            return None
        return min(self._last) - min(self._first)
