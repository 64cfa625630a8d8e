"""How late packets come, and hence how long frames should wait: the jitter buffer's sense of time.

A packet's *transit* is its arrival time minus its frame's place in the stream, up to a constant.
The least transit of the last 2.5 seconds is the *base*: what the network needs at best (the window
lets it follow clocks that drift apart). A packet's *lateness* is its transit minus the base. A
frame that is played when its own transit would be base + x has *slack* x: packets up to x late are
in time.

All times are ticks in ms, all frame numbers wrap at 2^30 as ticks do, so port.ticks_* do the
arithmetic.
"""

from array import array

from ..port import const, ticks_add, ticks_diff

_BLOCK = const(16)  # packets to one minimum; the window has _BLOCKS of them
_BLOCKS = const(8)
_HISTORY = const(256)  # packets that the percentile looks at (5 s)
_BIN_MS = const(4)
_BINS = const(64)
_PERCENT_BEYOND = const(3)  # the target is late for this share of packets
_GUARD_MS = const(4)
_NEVER = const(0x1FFFFFFF)
_FARTHEST = const(0x1000000)  # frames; keeps milliseconds in a small integer
_EARLIEST_MS = const(2000)
_STEP_MS = const(40)  # a base that rises this much at once: the network became slower for good
_REVIEW = const(15)  # the target is reviewed each 16 packets


class DelayEstimator:
    """Learns from arrivals, tells `target_ms`, the slack that frames should have.

    Arguments in ms: `frame_ms`, `start_ms` the target until something is known, `min_ms` and
    `max_ms` its limits.
    """

    def __init__(self, frame_ms, start_ms, min_ms, max_ms):
        self._frame_ms = frame_ms
        self._start_ms = start_ms
        self._min_ms = min_ms
        self._max_ms = max_ms
        self._blocks = array("i", [0] * _BLOCKS)
        self._history = bytearray(_HISTORY)
        self._counts = array("i", [0] * _BINS)
        self.reset()

    def reset(self):
        """Forget everything: a new stream."""
        for i in range(_BLOCKS):
            self._blocks[i] = _NEVER
        self._seen = 0  # packets, wrapping from 2 * _HISTORY to _HISTORY
        self._hold_ms = 0  # a floor of the target that decays
        self._forget()
        self._base = _NEVER
        self._block = 0
        self._ref_index = 0
        self._ref_ms = 0
        self.target_ms = self._start_ms

    def plausible(self, frame_index, arrival_ms):
        """False for a frame further ahead than any network explains: the sender's time jumped."""
        ahead = ticks_diff(frame_index, self._ref_index)
        if not -_FARTHEST < ahead < _FARTHEST:
            return False
        return self._transit(frame_index, arrival_ms) > self._base - _EARLIEST_MS

    def slack_ms(self, frame_index, now_ms):
        """The slack of a frame that is played now."""
        return self._transit(frame_index, now_ms) - self._base

    def observe(self, frame_index, arrival_ms):
        """Learn from a packet; returns its lateness in ms (0 or more)."""
        if self._base == _NEVER:
            self._ref_index = frame_index
            self._ref_ms = arrival_ms
        transit = self._transit(frame_index, arrival_ms)
        self._track_base(transit)
        lateness = transit - self._base
        self._count(lateness)
        self._move_reference(frame_index)
        if self._seen & _REVIEW == 0:
            self._review()
        return lateness

    def missed(self, lateness_ms):
        """A packet came too late for its turn: raise the target at once; it decays in seconds."""
        hold = lateness_ms + _GUARD_MS
        if hold > self._max_ms:
            hold = self._max_ms
        if hold > self._hold_ms:
            self._hold_ms = hold
        if hold > self.target_ms:
            self.target_ms = hold

    def _transit(self, frame_index, at_ms):
        ahead = ticks_diff(frame_index, self._ref_index)
        return ticks_diff(at_ms, self._ref_ms) - self._frame_ms * ahead

    def _move_reference(self, frame_index):
        """Keep the reference near, so that differences stay small; transits stay as they are."""
        ahead = ticks_diff(frame_index, self._ref_index)
        if ahead > 0:
            self._ref_index = frame_index
            self._ref_ms = ticks_add(self._ref_ms, self._frame_ms * ahead)

    def _track_base(self, transit):
        block = self._block
        if transit < self._blocks[block]:
            self._blocks[block] = transit
            if transit < self._base:
                self._base = transit
        if self._seen % _BLOCK == _BLOCK - 1:
            self._next_block()

    def _next_block(self):
        """Begin a new block in place of the oldest."""
        if self._blocks[self._block] - self._base >= _STEP_MS:
            self._forget_older_blocks()
        self._block = (self._block + 1) % _BLOCKS
        self._blocks[self._block] = _NEVER
        base = _NEVER
        for i in range(_BLOCKS):
            if self._blocks[i] < base:
                base = self._blocks[i]
        if base - self._base >= _STEP_MS:  # what was late by the old base is not by the new one
            self._forget()
        self._base = base

    def _forget_older_blocks(self):
        """A whole block was late: the network became slower, the past tells nothing."""
        for i in range(_BLOCKS):
            if i != self._block:
                self._blocks[i] = _NEVER

    def _forget(self):
        for i in range(_BINS):
            self._counts[i] = 0
        self._seen = 0
        self._hold_ms = self._start_ms

    def _count(self, lateness):
        slot = self._seen % _HISTORY
        if self._seen >= _HISTORY:
            self._counts[self._history[slot]] -= 1
        bin_number = lateness // _BIN_MS
        if bin_number >= _BINS:
            bin_number = _BINS - 1
        self._history[slot] = bin_number
        self._counts[bin_number] += 1
        self._seen += 1
        if self._seen >= 2 * _HISTORY:
            self._seen = _HISTORY

    def _review(self):
        """Set the target from the recent past's percentile and the decaying memory of misses."""
        total = self._seen if self._seen < _HISTORY else _HISTORY
        beyond = total * _PERCENT_BEYOND // 100
        bin_number = _BINS - 1
        while bin_number > 0 and self._counts[bin_number] <= beyond:
            beyond -= self._counts[bin_number]
            bin_number -= 1
        target = (bin_number + 1) * _BIN_MS + _GUARD_MS
        if self._hold_ms > target:
            self._hold_ms -= 1 + (self._hold_ms - target) // 8
        if self._hold_ms > target:
            target = self._hold_ms
        if target < self._min_ms:
            target = self._min_ms
        elif target > self._max_ms:
            target = self._max_ms
        self.target_ms = target
