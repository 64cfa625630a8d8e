"""Microphone and speaker at I2S, with `machine.I2S`: the same functions as in media/devices.py.

MicroPython fills, or empties, one buffer at a time in the background and calls back when that is
done; the call back gives it the next one at once. All buffers are there from the beginning. The
microphone's clock is the pipeline's tick: a full buffer is a frame.
"""

from array import array

from ..native import pcm
from ..port import const, ticks_add, ticks_diff
from .devices import Tick

_FRAME_US = const(20000)
_FRAMES = const(4)  # that a microphone keeps, one of them being filled
_QUEUE = const(2)  # frames that a speaker takes ahead of what the driver holds
_DRIVER_FRAMES = const(2)  # frames in the driver's own buffer
_POLL_US = const(1000)
_GAIN_SHIFT = const(14)  # 32-bit slots to 16-bit samples, 12 dB louder than their upper half


def _open(machine, line, mode, bits, slots, rate, frame):
    """machine.I2S for a `board.I2S_…` constant: {"i2s", "sck", "ws", "sd", …}."""
    form = machine.I2S.MONO if slots == 1 else machine.I2S.STEREO
    return machine.I2S(
        line["i2s"],
        sck=machine.Pin(line["sck"]),
        ws=machine.Pin(line["ws"]),
        sd=machine.Pin(line["sd"]),
        mode=mode,
        bits=bits,
        format=form,
        rate=rate,
        ibuf=_DRIVER_FRAMES * frame * slots * bits // 8,
    )


class I2sMicrophone:
    """Captures at `rate` Hz. `line` a board.I2S_MICROPHONE: the pins, `bits` 16 or 32 of a slot,
    `channel` "left" or "right"; `machine` the module of that name."""

    def __init__(self, line, rate, clock, machine):
        self.rate = rate
        self.frame = rate // 50
        self.age_us = 0
        self.started_us = 0
        self._line = line
        self._clock = clock
        self._machine = machine
        self._bits = line.get("bits", 32)
        self._slot = 1 if line.get("channel") == "right" else 0
        self._slots = 2 if self._slot else 1  # mono means left
        size = self.frame * self._slots * self._bits // 8
        self._ring = tuple(bytearray(size) for _ in range(_FRAMES))
        self._times = array("i", [0] * _FRAMES)  # when each was full
        self._i2s = None
        self._callback = self._full
        self._reset()
        self.tick = Tick(self, clock)

    def _reset(self):
        self._first = 0  # the oldest full buffer
        self._count = 0  # full ones
        self._lost = 0
        self._due = self._clock.ticks_us()

    def start(self):
        """Begin to capture. Raises OSError."""
        self._reset()
        mode = self._machine.I2S.RX
        self._i2s = _open(
            self._machine, self._line, mode, self._bits, self._slots, self.rate, self.frame
        )
        self.started_us = self._clock.epoch_ms() * 1000
        self._due = ticks_add(self._clock.ticks_us(), _FRAME_US)
        self._i2s.irq(self._callback)
        self._i2s.readinto(self._ring[0])

    def stop(self):
        """Stop capturing. start() begins anew."""
        i2s, self._i2s = self._i2s, None
        if i2s is not None:
            i2s.deinit()

    def _full(self, i2s):
        """The driver has filled a buffer: give it the next one, at once."""
        if self._i2s is None:
            return
        now = self._clock.ticks_us()
        self._times[(self._first + self._count) % _FRAMES] = now
        self._due = ticks_add(now, _FRAME_US)
        self._count += 1
        if self._count == _FRAMES:  # nobody took the oldest one
            self._first = (self._first + 1) % _FRAMES
            self._count -= 1
            self._lost += 1
        i2s.readinto(self._ring[(self._first + self._count) % _FRAMES])

    def left_us(self):
        """µs until a frame is likely to be there; 0 when one is."""
        if self._count:
            return 0
        left = ticks_diff(self._due, self._clock.ticks_us())
        return left if left > _POLL_US else _POLL_US

    def readinto(self, frame):
        """Take the oldest frame, or silence. Returns how many were lost before it."""
        if not self._count:
            pcm.fill(frame, 0, self.frame, 0)
            return 0
        buf = self._ring[self._first]
        if self._bits == 32:
            slots, slot = self._slots, self._slot
            pcm.slots32_to_16(buf, 0, frame, 0, self.frame, slots, slot, _GAIN_SHIFT)
        elif self._slots == 1:
            pcm.copy(frame, 0, buf, 0, self.frame)
        else:
            for i in range(self.frame):  # nobody makes such a microphone; but it would work
                pcm.copy(frame, i, buf, 2 * i + self._slot, 1)
        self.age_us = ticks_diff(self._clock.ticks_us(), self._times[self._first])
        self._first = (self._first + 1) % _FRAMES
        self._count -= 1
        lost = self._lost
        self._lost = 0
        return lost


class I2sSpeaker:
    """Plays at `rate` Hz, 16 bits. `line` a board.I2S_SPEAKER; `machine` the module."""

    def __init__(self, line, rate, clock, machine):
        self.rate = rate
        self.frame = rate // 50
        self.loudspeaker = True
        self.underruns = 0
        self.silent = 0
        self.started_us = 0
        self._line = line
        self._clock = clock
        self._machine = machine
        self._ring = tuple(array("h", bytes(2 * self.frame)) for _ in range(_QUEUE + 1))
        self._held = _DRIVER_FRAMES * self.frame
        self._i2s = None
        self._callback = self._taken
        self._reset()

    def _reset(self):
        self._first = 0
        self._count = 0  # frames that the driver has not taken as a whole
        self._driver = 0  # samples it held
        self._at = self._clock.ticks_us()  # then
        self._dry = True

    def start(self):
        """Begin to play: silence, until something is written. Raises OSError."""
        self._reset()
        mode = self._machine.I2S.TX
        self._i2s = _open(self._machine, self._line, mode, 16, 1, self.rate, self.frame)
        self.started_us = self._clock.epoch_ms() * 1000
        self._i2s.irq(self._callback)

    def stop(self):
        """Stop playing; what is queued is not heard."""
        i2s, self._i2s = self._i2s, None
        if i2s is not None:
            i2s.deinit()

    def _left(self):
        """Samples that the driver still holds, by the clock."""
        passed = ticks_diff(self._clock.ticks_us(), self._at) * (self.rate // 1000) // 1000
        return self._driver - passed

    def _taken(self, i2s):
        """The driver has copied a frame: it has been waiting for room, and is full now."""
        if self._i2s is None or not self._count:
            return
        left = self._left() + self.frame
        self._driver = self._held if left > self._held or self._count > 1 else left
        self._at = self._clock.ticks_us()
        self._first = (self._first + 1) % len(self._ring)
        self._count -= 1
        if self._count:
            i2s.write(self._ring[self._first])

    def space(self):
        """Whole frames it would take now."""
        return _QUEUE - self._count

    def queued(self):
        """Samples that are not yet played, as far as is known."""
        left = self._left()
        return self._count * self.frame + (left if left > 0 else 0)

    def write(self, frame):
        """Queue one frame; without space it is dropped."""
        if self._count >= _QUEUE or self._i2s is None:
            return
        if not self._count:
            self._catch_up()
        last = self._ring[(self._first + self._count) % len(self._ring)]
        pcm.copy(last, 0, frame, 0, self.frame)
        self._count += 1
        if self._count == 1:
            self._i2s.write(self._ring[self._first])

    def _catch_up(self):
        """Nothing waits: has the driver played all it held, and silence since?"""
        left = self._left()
        if left <= 0:
            if not self._dry:
                self.underruns += 1
            self.silent = ticks_add(self.silent, -left & 0xFFFFFFF)
            self._driver = 0
            self._at = self._clock.ticks_us()
        self._dry = False
