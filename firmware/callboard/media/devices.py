"""Virtual microphones and speakers that behave like I2S with DMA: they run by themselves.

A microphone fills a frame every 20 ms, whether or not anybody reads; a speaker plays, and plays
silence when it was given nothing. Both: rate, frame, started_us, start, stop; perhaps pause and
resume (media/half_duplex.py). Microphone: age_us, left_us, tick, readinto. Speaker: loudspeaker,
underruns, silent, space, write, queued. Frames are array('h') of `frame` samples, 20 ms of mono.
"""

from array import array

from ..native import pcm
from ..port import const, ticks_add
from .device_clock import SampleClock

CAPTURE_FRAMES = const(4)  # finished frames that a microphone keeps
QUEUE_MS = const(50)  # what a speaker takes ahead: 2 frames, and half a one against late ticks


class Tick:
    """`await microphone.tick` sleeps until a frame is there, at least one turn of the loop.

    It allocates nothing on a board.
    """

    def __init__(self, microphone, clock):
        self._microphone = microphone
        self._clock = clock
        self._slept = False
        self._done = StopIteration()

    def __iter__(self):  # MicroPython awaits by iterating
        self._slept = False
        return self

    def __next__(self):
        left_us = self._microphone.left_us()
        if self._slept and left_us <= 0:
            self._done.__traceback__ = None
            raise self._done
        self._slept = True
        return next(self._clock.sleep_ms((left_us + 999) // 1000))

    def __await__(self):  # CPython
        return self._sleep().__await__()

    async def _sleep(self):
        left_us = self._microphone.left_us()
        while True:
            await self._clock.sleep_ms((left_us + 999) // 1000)
            left_us = self._microphone.left_us()
            if left_us <= 0:
                return


class NullMicrophone:
    """Captures silence. With it a clock stands in where there is no microphone.

    Arguments: `rate` 8000, 16000 or 48000 Hz; `clock`; `ppm`, how much too fast its clock is.
    """

    def __init__(self, rate, clock, ppm=0):
        self.rate = rate
        self.frame = rate // 50
        self.age_us = 0  # how long ago the frame of the last readinto() was complete
        self.started_us = 0
        self._clock = clock
        self._samples = SampleClock(clock, rate, ppm)
        self._ring = tuple(array("h", bytes(2 * self.frame)) for _ in range(CAPTURE_FRAMES))
        self._running = False
        self._reset()
        self.tick = Tick(self, clock)

    def _reset(self):
        self._partial = 0  # samples of the frame being captured
        self._first = 0  # slot of the oldest finished frame
        self._finished = 0  # finished frames in the ring
        self._lost = 0

    def start(self):
        """Begin to capture: `started_us` is the epoch time of the first sample in µs."""
        self._reset()
        self._rewind()
        self._samples.start()
        self.started_us = self._clock.epoch_ms() * 1000
        self._running = True

    def stop(self):
        """Stop capturing. start() begins anew."""
        self._running = False

    def pause(self):
        """Be off until resume(): time passes, nothing is captured."""
        self._running = False

    def resume(self):
        """Go on where it was."""
        self._finished = self._partial = self._lost = 0
        self._samples.start()
        self._running = True

    def left_us(self):
        """µs until a frame is there; 0 or less when one is."""
        self._capture()
        if self._finished:
            return 0
        return self._samples.us(self.frame - self._partial)

    def readinto(self, frame):
        """Take the oldest finished frame, or silence. Returns how many were lost before it."""
        self._capture()
        if not self._finished:
            pcm.fill(frame, 0, self.frame, 0)
            return 0
        pcm.copy(frame, 0, self._ring[self._first], 0, self.frame)
        self.age_us = self._samples.us((self._finished - 1) * self.frame + self._partial)
        self._first = (self._first + 1) % CAPTURE_FRAMES
        self._finished -= 1
        lost = self._lost
        self._lost = 0
        return lost

    def _capture(self):
        """Let the clock fill the ring; the oldest frame gives way."""
        while self._running:
            self._partial += self._samples.advance()
            while self._partial >= self.frame:
                self._partial -= self.frame
                self._finish_frame()
            if not self._samples.behind:
                return

    def _finish_frame(self):
        if self._finished == CAPTURE_FRAMES:
            self._first = (self._first + 1) % CAPTURE_FRAMES
            self._finished -= 1
            self._lost += 1
        self._fill(self._ring[(self._first + self._finished) % CAPTURE_FRAMES])
        self._finished += 1

    def _rewind(self):
        pass

    def _fill(self, frame):
        """Capture one frame (silence here)."""


class NullSpeaker:
    """Plays to nobody.

    Arguments: `rate` 8000, 16000 or 48000 Hz; `clock`; `ppm`, how much too fast its clock is;
    `queue_ms`, what it takes ahead, at least 20. Who makes it sets `loudspeaker` when the board's
    microphone can hear it: then calls have echo control.
    """

    def __init__(self, rate, clock, ppm=0, queue_ms=QUEUE_MS):
        self.rate = rate
        self.frame = rate // 50
        self.loudspeaker = False
        self.underruns = 0  # how often it had played all it had been given
        self.silent = 0  # samples of silence it played because of that; wraps as ticks do
        self.started_us = 0
        self._clock = clock
        self._samples = SampleClock(clock, rate, ppm)
        self._capacity = queue_ms * (rate // 1000)
        self._ring = array("h", bytes(2 * self._capacity))
        self._running = False
        self._reset()

    def _reset(self):
        self._head = 0  # the sample to be played next
        self._queued = 0
        self._dry = True  # playing silence because there is nothing else

    def start(self):
        """Begin to play: `started_us` is the epoch time of the first sample in µs."""
        self._reset()
        self._samples.start()
        self.started_us = self._clock.epoch_ms() * 1000
        self._running = True

    def stop(self):
        """Stop playing; what is queued is not heard."""
        if self._running:
            self._play()
        self._running = False

    def pause(self):
        """Be silent until resume(); what is queued is not heard."""
        self._play()
        self._reset()

    def resume(self):
        """Play again. There was silence meanwhile."""
        self._play()

    def space(self):
        """Whole frames it would take now."""
        self._play()
        return (self._capacity - self._queued) // self.frame

    def queued(self):
        """Samples that are not yet played."""
        self._play()
        return self._queued

    def write(self, frame):
        """Queue one frame; what does not fit is cut off."""
        self._play()
        n = self._capacity - self._queued
        if n > self.frame:
            n = self.frame
        tail = (self._head + self._queued) % self._capacity
        first = self._capacity - tail
        if first > n:
            first = n
        pcm.copy(self._ring, tail, frame, 0, first)
        pcm.copy(self._ring, 0, frame, first, n - first)
        self._queued += n
        self._dry = False

    def _play(self):
        """Let the clock take samples out of the ring."""
        while self._running:
            passed = self._samples.advance()
            heard = self._queued if self._queued < passed else passed
            self._take(heard)
            if passed > heard:
                if not self._dry:
                    self._dry = True
                    self.underruns += 1
                self.silent = ticks_add(self.silent, passed - heard)
                self._hear_silence(passed - heard)
            if not self._samples.behind:
                return

    def _take(self, n):
        while n:
            part = self._capacity - self._head
            if part > n:
                part = n
            self._hear(self._ring, self._head, part)
            self._head = (self._head + part) % self._capacity
            self._queued -= part
            n -= part

    def _hear(self, samples, offset, n):
        """n samples are being played (to nobody here)."""

    def _hear_silence(self, n):
        """n samples of silence are being played (to nobody here)."""
