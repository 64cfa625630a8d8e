"""Adaptive jitter buffer: takes frames as they arrive, gives one whenever the speaker wants one.

It is keyed by frame_index, the frame's place in time (20 ms each, wraps at 2^30), in slots
allocated once. put() and get() do not allocate. What is missing at its turn is one of three
things:

1. A frame whose packet is lost or still on its way: sequence numbers have a gap too. get() says
LOST, and following() gives the frame behind it, if that is here, for its FEC data.
2. A time in which the sender was silent (DTX): timestamps have a gap, sequence numbers have none.
SILENCE.
3. The end of what is here: nothing later has come. get() says WAIT and the turn does not pass; so
a late packet
   is still played, and the delay has grown by a frame.

How long frames wait follows delay.DelayEstimator. It grows at once by waiting when nothing is
there to play or nothing would be heard of it, and otherwise by `correction`, which asks the player
to insert samples where it is not heard. It shrinks by skipping frames in which the sender was
silent or for which something was already played while waiting, and otherwise by `correction`
(negative: drop samples).
"""

from array import array

from ..errors import InvalidArgument
from ..native import pcm
from ..port import const, ticks_add, ticks_diff
from .advice import DelayAdvice, LossHabit
from .delay import DelayEstimator

FRAME = const(0)  # .payload[:.length] is the frame, until the next put()
LOST = const(1)  # conceal one frame
SILENCE = const(2)  # the sender was silent for one frame
WAIT = const(3)  # nothing to play yet; conceal or be silent, the turn does not pass

_EMPTY = const(0)
_FULL = const(1)
_PLAYED = const(2)
_FAR_TOO_LONG_MS = const(60)  # beyond this even a lost frame is rather left out than made up
_LATE_RUN = const(25)  # late packets in a row: the sender's time went back


class JitterBuffer:
    """A buffer for one stream.

    Arguments: `frames_max`, slots, a power of two that holds more than max_ms; `payload_max`,
    bytes of one frame; `frame_ms` and `frame_samples`, a frame's length; `target_ms`, what it
    starts with; `min_ms`, `max_ms`, limits; `ahead_ms`, by how much longer frames should wait
    while packets are being lost, so that the packet with FEC data for a lost one is here.

    Counters: `received` (stored), `played`, `lost`, `silent` (the sender had nothing to say),
    `late` (came after their turn), `duplicates`, `refused` (too large), `dropped` (the delay had
    to be cut), `waits` (frames inserted because nothing was there), `skips` (missing frames left
    out, which shortens the delay), `resets`.
    """

    def __init__(
        self,
        frames_max=16,
        payload_max=160,
        frame_ms=20,
        frame_samples=160,
        target_ms=30,
        min_ms=20,
        max_ms=240,
        ahead_ms=0,
    ):
        if frames_max < 4 or frames_max & (frames_max - 1):
            raise InvalidArgument("frames_max must be a power of two, at least 4")
        if not 0 < min_ms <= target_ms <= max_ms < (frames_max - 2) * frame_ms:
            raise InvalidArgument("min_ms <= target_ms <= max_ms must fit into frames_max")
        self._slots = frames_max
        self._payload_max = payload_max
        self._frame_ms = frame_ms
        self._max_ms = max_ms
        self._ahead_ms = ahead_ms
        self._payloads = tuple(bytearray(payload_max) for _ in range(frames_max))
        self._lengths = array("H", [0] * frames_max)
        self._indexes = array("i", [0] * frames_max)
        self._sequences = array("H", [0] * frames_max)
        self._arrivals = array("i", [0] * frames_max)
        self._states = bytearray(frames_max)
        self._estimator = DelayEstimator(frame_ms, target_ms, min_ms, max_ms)
        self._advice = DelayAdvice(frame_ms, frame_samples)
        self._losses = LossHabit()
        self.received = self.played = self.lost = self.silent = self.late = 0
        self.duplicates = self.refused = self.dropped = self.resets = 0
        self.waits = self.skips = 0
        self.payload = None
        self.length = 0
        self._clear()

    def _clear(self):
        for slot in range(self._slots):
            self._states[slot] = _EMPTY
        self._count = 0  # full slots
        self._next = 0  # the index whose turn it is
        self._last_sequence = 0  # of the frame passed last
        self._turns = 0  # turns passed since then without a frame
        self._counted = 0  # how many of them were taken for losses
        self._open = False  # a first packet is here
        self._started = False  # a first frame was played since
        self._gap = False  # the last get() gave no frame
        self._starved = False  # … because nothing was here
        self._waiting = 0  # turns that did not pass since the last frame
        self._late_run = 0
        self.delay_ms = 0
        self._advice.reset()

    @property
    def target_ms(self):
        """The slack that frames should have, in ms."""
        target = self._estimator.target_ms
        if self._losses.habit:
            target += self._ahead_ms
        return target if target < self._max_ms else self._max_ms

    @property
    def correction(self):
        """Samples by which the delay should grow (> 0) or shrink (< 0): whole frames."""
        return self._advice.correction

    @property
    def excess_ms(self):
        """By how much frames wait too long (< 0: too short), by the last look."""
        return self._advice.excess_ms

    def corrected(self, samples):
        """The player has made the delay longer (> 0) or shorter (< 0) by so many samples."""
        self._advice.corrected(samples)

    def __len__(self):
        return self._count

    def reset(self):
        """Start anew, with another stream (RTP_RESET): what waits is thrown away."""
        self.dropped += self._count
        self.resets += 1
        self._clear()
        self._estimator.reset()

    # -- in --------------------------------------------------------------------

    def put(self, buf, off, n, frame_index, sequence, arrival_ms):
        """Store a frame of n bytes at buf[off:]. True: it will be played; else a counter tells.

        frame_index: any integer within ±2^29, taken modulo 2^30. sequence: of its packet,
        0..65535. arrival_ms: ticks.
        """
        if not 0 < n <= self._payload_max:
            self.refused += 1
            return False
        frame_index = ticks_add(frame_index, 0)
        if self._open and (
            self._late_run >= _LATE_RUN or not self._estimator.plausible(frame_index, arrival_ms)
        ):
            self.reset()
        if not self._open:
            self._begin(frame_index, sequence)
        ahead = ticks_diff(frame_index, self._next)
        slot = frame_index & (self._slots - 1)
        if self._states[slot] != _EMPTY and self._indexes[slot] == frame_index:
            self.duplicates += 1
            return False
        if ahead < 0 and not self._reopen(ahead, frame_index, sequence):
            self.late += 1
            self._late_run += 1
            self._estimator.missed(self._estimator.observe(frame_index, arrival_ms))
            return False
        self._late_run = 0
        lateness = self._estimator.observe(frame_index, arrival_ms)
        if self._starved and lateness > self.target_ms:
            self._estimator.missed(lateness)
        if ahead >= self._slots:
            self._make_room(frame_index, sequence)
        self._store(slot, buf, off, n, frame_index, sequence, arrival_ms)
        return True

    def _begin(self, frame_index, sequence):
        self._open = True
        self._next = frame_index
        self._last_sequence = (sequence - 1) & 0xFFFF
        self._turns = self._counted = 0

    def _reopen(self, ahead, frame_index, sequence):
        """Before anything was played, an earlier frame may still become the first one."""
        if self._started or self._latest_ahead() - ahead >= self._slots:
            return False
        self._begin(frame_index, sequence)
        return True

    def _latest_ahead(self):
        """How far the latest full slot lies ahead of the turn."""
        for ahead in range(self._slots - 1, 0, -1):
            if self._is_full(ticks_add(self._next, ahead)):
                return ahead
        return 0

    def _make_room(self, frame_index, sequence):
        """Pass turns until frame_index fits."""
        first = ticks_add(frame_index, 1 - self._slots)
        while self._count and ticks_diff(first, self._next) > 0:
            self._pass_next()
        passed = ticks_diff(first, self._next)
        if passed > 0:  # nothing is here any more: all at once
            after = self._slots - 1
            lost = self._missing(sequence, passed + after) - after
            self._pass_turns(passed, lost if lost > 0 else 0)
            self._left_out(passed)

    def _store(self, slot, buf, off, n, frame_index, sequence, arrival_ms):
        copy_bytes(self._payloads[slot], buf, off, n)
        self._lengths[slot] = n
        self._indexes[slot] = frame_index
        self._sequences[slot] = sequence
        self._arrivals[slot] = arrival_ms
        self._states[slot] = _FULL
        self._count += 1
        self.received += 1

    # -- out -------------------------------------------------------------------

    def get(self, now_ms):
        """What to play next: FRAME (.payload[:.length] until the next put), LOST, SILENCE or WAIT.

        Call it once for each frame that the speaker takes: so the buffer follows the speaker's
        clock. now_ms: ticks, on the clock of arrival_ms.
        """
        if not self._count:
            return self._starve()
        slack = self._estimator.slack_ms(self._next, now_ms)
        if not self._started:
            if slack < self.target_ms:
                return WAIT
            self._started = True
        self._starved = False
        while not self._is_full(self._next):
            ahead = self._find_full()
            sequence = self._sequence_at(ahead)
            if not self._may_skip(slack, sequence, ahead):
                return self._report_missing(slack, sequence, ahead)
            self._pass_missing(sequence, ahead)
            self._left_out(1)
            slack -= self._frame_ms
        slack = self._cut(slack)
        if self._gap and slack + self._frame_ms <= self.target_ms:
            self._waiting += 1  # nothing is being heard: the moment to let the delay grow
            return WAIT
        self._take(now_ms)
        self._advice.look(slack, self.delay_ms, self.target_ms)
        return FRAME

    def following(self):
        """After LOST: True when the frame behind the lost one is here: .payload[:.length]."""
        if not self._is_full(self._next):
            return False
        self._show(self._next & (self._slots - 1))
        return True

    def _may_skip(self, slack, sequence, ahead):
        """Whether a missing frame may be left out, which shortens the delay by one."""
        too_long = slack - self.target_ms - self._frame_ms
        if too_long < 0:
            return False
        if self._waiting or too_long >= _FAR_TOO_LONG_MS:
            return True
        return self._missing(sequence, ahead) < ahead

    def _show(self, slot):
        self.payload = self._payloads[slot]
        self.length = self._lengths[slot]

    def _cut(self, slack):
        """Drop frames while the delay is beyond its bound. Returns the slack of what is next."""
        limit = self._max_ms + self._frame_ms
        while slack > limit and self._count * self._frame_ms > self.target_ms:
            self._pass_next()
            slack -= self._frame_ms
        while not self._is_full(self._next):
            self._pass_next()
            slack -= self._frame_ms
        return slack

    def _starve(self):
        if self._started:
            self._starved = True
            self._gap = True
            self._waiting += 1
        return WAIT

    def _report_missing(self, slack, sequence, ahead):
        self._gap = True
        if slack + self._frame_ms <= self.target_ms:
            self._waiting += 1  # early: it may still come
            return WAIT
        if self._pass_missing(sequence, ahead):
            return LOST
        return SILENCE

    def _take(self, now_ms):
        slot = self._next & (self._slots - 1)
        self._show(slot)
        self.delay_ms = ticks_diff(now_ms, self._arrivals[slot])
        self._gap = False
        self.waits += self._waiting
        self._waiting = 0
        self.played += 1
        self._losses.played()
        self._pass_full()

    # -- turns -----------------------------------------------------------------

    def _is_full(self, frame_index):
        slot = frame_index & (self._slots - 1)
        return self._states[slot] == _FULL and self._indexes[slot] == frame_index

    def _find_full(self):
        """How many turns the next full slot is away. Call it only while there is one."""
        ahead = 0
        while not self._is_full(ticks_add(self._next, ahead)):
            ahead += 1
        return ahead

    def _sequence_at(self, ahead):
        return self._sequences[ticks_add(self._next, ahead) & (self._slots - 1)]

    def _between(self, sequence):
        """How many packets there are between the frame passed last and the packet `sequence`."""
        between = (sequence - self._last_sequence - 1) & 0xFFFF
        return between if between < 0x8000 else 0

    def _missing(self, sequence, ahead):
        """How many of the `ahead` turns before the packet `sequence` are of packets not come."""
        missing = self._between(sequence) - self._counted
        if missing < 0:
            return 0
        return missing if missing < ahead else ahead

    def _pass_turns(self, turns, lost):
        """Pass turns without a frame, `lost` of them of packets not come."""
        self._next = ticks_add(self._next, turns)
        self._turns += turns
        self._counted += lost
        self.lost += lost
        self.silent += turns - lost

    def _pass_missing(self, sequence, ahead):
        """Pass a turn nobody fills, `ahead` before the packet `sequence`. True if one was lost.

        Where both silence and losses lie before a packet, the losses are taken for the later ones.
        """
        lost = self._missing(sequence, ahead) >= ahead
        self._pass_turns(1, 1 if lost else 0)
        if lost:
            self._losses.lost()
        return lost

    def _left_out(self, turns):
        """Turns were passed for which nothing is played, except what was while waiting."""
        waited = self._waiting if self._waiting < turns else turns
        self._waiting -= waited
        self.skips += turns - waited

    def _pass_full(self):
        slot = self._next & (self._slots - 1)
        self._states[slot] = _PLAYED
        self._count -= 1
        self._next = ticks_add(self._next, 1)
        self._settle(self._sequences[slot])

    def _settle(self, sequence):
        """A frame is passed: now its number tells how many really were lost before it."""
        lost = self._between(sequence)
        if lost > self._turns:
            lost = self._turns
        self.lost += lost - self._counted
        self.silent -= lost - self._counted
        self._last_sequence = sequence
        self._turns = self._counted = 0

    def _pass_next(self):
        """Pass a turn without playing it: a frame is dropped. Call it only while there is one."""
        if self._is_full(self._next):
            self.dropped += 1
            self._pass_full()
        else:
            ahead = self._find_full()
            self._pass_missing(self._sequence_at(ahead), ahead)
            self._left_out(1)


def copy_bytes(out, buf, off, n):
    """out[:n] = buf[off : off + n] without allocating; fast when off is even."""
    if off & 1:
        for i in range(n):
            out[i] = buf[off + i]
        return
    pcm.copy(out, 0, buf, off >> 1, n >> 1)
    if n & 1:
        out[n - 1] = buf[off + n - 1]
