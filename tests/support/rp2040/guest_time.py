"""An event loop whose time is an emulated board's, so that both ends of a call are equally fast.

    with GuestTime(chip, host) as loop:
        loop.run_until_complete(...)     # relay, phone, bridge: programs of ours as they are

The board runs whenever nothing else can: it is slower than silicon, and whatever waits for a time
here waits until the board's clock says so. `time.monotonic()`, `time.time()` and their kin tell
the board's time meanwhile. Nothing is sped up: a board that idles waits for our time.
"""

import asyncio
import queue
import selectors
import time
from unittest import mock

from support.rp2040.chip import Chip
from support.rp2040.sound import Sound
from support.rp2040.usb_host import UsbHost

_SLICE_US = 500
_HAND_OVER_S = 0.002  # a thread takes so long, at most, to pass on what it has
_READ_S = 0.05
_real_monotonic = time.monotonic


class _Selector(selectors.DefaultSelector):
    """Runs the board where another would sleep."""

    chip: Chip
    port: "ChipPort | None" = None
    sound: Sound | None = None
    origin = 0.0  # our time when the board's was 0

    def select(self, timeout=None):
        events = super().select(0)
        if events or timeout is not None and timeout <= 0:
            return events
        chip = self.chip
        deadline = None if timeout is None else chip.now_us + timeout * 1e6
        while True:
            left = _SLICE_US if deadline is None else min(_SLICE_US, deadline - chip.now_us)
            if left <= 0:
                return []
            chip.step(int(left) + 1)
            if self.sound is not None:
                self.sound.look()
            ahead = chip.now_us / 1e6 - (_real_monotonic() - self.origin)
            if ahead < 0:
                self.origin -= ahead
            handing = self.port is not None and self.port.take_handing()
            events = super().select(max(ahead, _HAND_OVER_S if handing else 0.0, 0.0))
            if events:
                return events


class GuestTime:
    """The loop, while the block lasts. `port`: what a Bridge opens; `sound` is served."""

    def __init__(self, chip: Chip, host: UsbHost, sound: Sound | None = None):
        self._chip = chip
        self._epoch_ns = time.time_ns()
        selector = _Selector()
        selector.chip = chip
        selector.sound = sound
        selector.origin = _real_monotonic() - chip.now_us / 1e6
        self.port = selector.port = ChipPort(host)
        self.loop = asyncio.SelectorEventLoop(selector)
        self.loop.time = lambda: chip.now_us / 1e6  # type: ignore[method-assign]
        self._patches = [
            mock.patch("time.monotonic", lambda: chip.now_us / 1e6),
            mock.patch("time.monotonic_ns", lambda: chip.now_us * 1000),
            mock.patch("time.time", lambda: self._now_ns() / 1e9),
            mock.patch("time.time_ns", self._now_ns),
        ]

    @property
    def epoch_us(self) -> int:
        """What time.time() told when the board's clock was 0, in µs."""
        return self._epoch_ns // 1000

    def _now_ns(self) -> int:
        return self._epoch_ns + self._chip.now_us * 1000

    def __enter__(self) -> asyncio.AbstractEventLoop:
        asyncio.set_event_loop(self.loop)
        for patch in self._patches:
            patch.start()
        return self.loop

    def __exit__(self, *_: object) -> None:
        try:
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            for patch in self._patches:
                patch.stop()
            asyncio.set_event_loop(None)
            self.loop.close()


class ChipPort:
    """A board's serial line as serial_line.port.SerialPort: read() in a thread, write() here."""

    def __init__(self, host: UsbHost):
        self._host = host
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._handing = False

    def open(self) -> "ChipPort":
        """What a Bridge calls."""
        assert self._host.serial is not None
        self._host.serial.on_data = self._arrived
        return self

    def _arrived(self, data: bytes) -> None:
        self._handing = True
        self._queue.put(data)

    def take_handing(self) -> bool:
        """Whether data was put for the thread since the last time."""
        handing, self._handing = self._handing, False
        return handing

    def read(self) -> bytes:
        """What came, or nothing after a moment."""
        try:
            data = self._queue.get(timeout=_READ_S)
        except queue.Empty:
            return b""
        while True:
            try:
                data += self._queue.get_nowait()
            except queue.Empty:
                return data

    def write(self, data: bytes) -> None:
        """To the board."""
        if self._host.serial is not None:
            self._host.serial.write(bytes(data))

    def close(self) -> None:
        """Nothing is to be closed."""
