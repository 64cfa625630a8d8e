"""The far end's background: what counts as quiet there, and noise that sounds like it.

The quietest frame of the last five seconds is the floor, so a place full of noise has quiet
moments too. All levels in -dBov, as of pcm.level: larger is quieter.
"""

from array import array

from ..native import pcm
from ..port import const

_BLOCK = const(32)  # frames to one minimum; the window has _BLOCKS of them
_BLOCKS = const(8)
_ABOVE_FLOOR_DB = const(6)  # what is quiet is at most this much louder than the floor
_ALWAYS_QUIET = const(60)
_SILENT = const(127)
_LOUDEST_NOISE = const(45)  # a floor louder than that is a tone or a machine: noise is no likeness
_FADE_Q12 = const(1366)  # comfort noise comes in within three frames
_UNITY_Q12 = const(4096)


class Background:
    """Arguments: `frame_samples`; `noise`: whether add_noise() is going to be called. `level`: of
    comfort noise. Nothing here allocates afterwards."""

    def __init__(self, frame_samples, noise=True):
        self.level = _SILENT
        self._n = frame_samples
        if noise:
            self._noise = array("h", bytes(2 * frame_samples))
            self._state = bytearray(pcm.NOISE_STATE)
            pcm.noise_init(self._state, 1)
        self._gain_q12 = 0  # of the noise, at the end of the last frame
        self._floors = bytearray(_BLOCKS)  # of each block, the quietest frame
        self._level_q4 = 16 * _SILENT
        self.reset()

    def reset(self):
        """Forget everything: a new stream."""
        for i in range(_BLOCKS):
            self._floors[i] = 0
        self._block = 0
        self._seen = 0
        self._floor = 0  # the quietest of them all
        self._before_quiet = False
        self._level_q4 = 16 * _SILENT
        self.level = _SILENT

    def observe(self, level):
        """Learn from a received frame. Returns True when it and the one before are quiet."""
        if level > self._floors[self._block]:
            self._floors[self._block] = level
            if level > self._floor:
                self._floor = level
        quiet = level >= _ALWAYS_QUIET or level >= self._floor - _ABOVE_FLOOR_DB
        if quiet:
            self._level_q4 += (16 * level - self._level_q4) >> 2
            self.level = self._level_q4 + 8 >> 4
            if self.level < _LOUDEST_NOISE:
                self.level = _LOUDEST_NOISE
        self._seen += 1
        if self._seen == _BLOCK:
            self._next_block()
        both = quiet and self._before_quiet
        self._before_quiet = quiet
        return both

    def _next_block(self):
        """Begin a new block in place of the oldest."""
        self._seen = 0
        self._block = (self._block + 1) % _BLOCKS
        self._floors[self._block] = 0
        self._floor = 0
        for level in self._floors:
            if level > self._floor:
                self._floor = level

    def add_noise(self, frame):
        """Mix comfort noise into a frame that was made up; it comes in within 60 ms."""
        if self.level == _SILENT:
            return
        before = self._gain_q12
        after = before + _FADE_Q12
        if after > _UNITY_Q12:
            after = _UNITY_Q12
        self._mix(frame, before, after)

    def fade_noise(self, frame):
        """Let comfort noise go out under a frame that came."""
        if self._gain_q12:
            self._mix(frame, self._gain_q12, 0)

    def _mix(self, frame, from_q12, to_q12):
        self._gain_q12 = to_q12
        pcm.noise(self._state, self._noise, 0, self._n, self.level)
        if from_q12 != to_q12:
            pcm.fade(self._noise, 0, self._n, from_q12, to_q12)
        pcm.mix(frame, 0, self._noise, 0, self._n)
