"""What the jitter buffer sees from turn to turn: frames wait too long, losses go on."""

from ..port import const

_WINDOW = const(16)  # turns between two looks at the slack
_TOO_SHORT_MS = const(4)  # slack below the target by this much: insert
_TOO_LONG_MS = const(14)  # slack above the target by a frame and this much: drop
_NEVER = const(0x1FFFFFFF)
_LOSS = const(64)  # a loss is forgotten after so many frames,
_HABIT = const(150)  # three at a time mean that there will be more,
_LIMIT = const(640)  # for so many frames at most


class DelayAdvice:
    """Advises the player to lengthen or shorten the delay, a frame or several at a time.

    Arguments: `frame_ms` and `frame_samples`, a frame's length. `correction`: samples by which the
    delay should grow (> 0) or shrink (< 0). `excess_ms`: slack less target by the last look.

    The least slack of a window of frames counts, because a tick that came late makes slack look
    larger; and no more than the longest any of them was here, because after the network became
    slower the slack's base is of the past.
    """

    def __init__(self, frame_ms, frame_samples):
        self._frame_ms = frame_ms
        self._frame_samples = frame_samples
        self.reset()

    def reset(self):
        """Forget everything: a new stream."""
        self.correction = 0
        self.excess_ms = 0
        self._restart()

    def corrected(self, samples):
        """The delay was changed by so many samples: what is left, and the slack seen anew."""
        left = self.correction - samples
        self.correction = left if (left > 0) == (samples > 0) else 0
        self._restart()

    def _restart(self):
        self._turns = 0
        self._least_slack = _NEVER
        self._most_delay = 0

    def look(self, slack, delay_ms, target_ms):
        """A frame is played that has this slack, and was here for delay_ms. All in ms."""
        if slack < self._least_slack:
            self._least_slack = slack
        if delay_ms > self._most_delay:
            self._most_delay = delay_ms
        self._turns += 1
        if self._turns < _WINDOW:
            return
        least = self._least_slack
        if self._most_delay < least:
            least = self._most_delay
        self.excess_ms = least - target_ms
        self.correction = self._frames() * self._frame_samples
        self._restart()

    def _frames(self):
        if self.excess_ms <= -_TOO_SHORT_MS:
            return 1  # then look again: the base may be of the past, too
        if self.excess_ms >= self._frame_ms + _TOO_LONG_MS:
            return -((self.excess_ms - _TOO_LONG_MS) // self._frame_ms)
        return 0


class LossHabit:
    """Tells by `habit` whether packets are being lost: several within seconds, not just one."""

    def __init__(self):
        self.habit = False
        self._losses = 0  # rises with each, falls with time

    def lost(self):
        """A turn has no frame because its packet was lost."""
        self._losses += _LOSS
        if self._losses > _LIMIT:
            self._losses = _LIMIT
        if self._losses > _HABIT:
            self.habit = True

    def played(self):
        """A turn had its frame."""
        if self._losses:
            self._losses -= 1
            if not self._losses:
                self.habit = False
