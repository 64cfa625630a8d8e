"""A clock that stands still until a test moves it; the shape of port.CLOCK, on both Pythons.

clock = FakeClock()
clock.advance(20)          # state machines that only read the time
await clock.run(20)        # tasks that sleep on it: wakes each at its time, in order
"""

import asyncio

_TICKS_MASK = 0x3FFFFFFF
_TURNS = 12  # of the event loop, for a woken task and those it wakes to come to rest


async def settle(turns=_TURNS):
    """Let every task that can run do so."""
    for _ in range(turns):
        await asyncio.sleep(0)


class FakeClock:
    """Arguments: `start_ms` where ticks_ms() starts (any size; wraps), `epoch` ms since 1970."""

    def __init__(self, start_ms=1000, epoch=1763640000000):
        self._start_us = self._now_us = start_ms * 1000
        self._epoch = epoch
        self._sleepers = []  # (deadline in us, event)

    def ticks_ms(self):
        return self._now_us // 1000 & _TICKS_MASK

    def ticks_us(self):
        return self._now_us & _TICKS_MASK

    def epoch_ms(self):
        return self._epoch + (self._now_us - self._start_us) // 1000

    async def sleep_ms(self, ms):
        if ms <= 0:
            await asyncio.sleep(0)
            return
        sleeper = (self._now_us + ms * 1000, asyncio.Event())
        self._sleepers.append(sleeper)
        try:
            await sleeper[1].wait()
        finally:
            self._sleepers.remove(sleeper)

    def advance(self, ms):
        """Move on by `ms` milliseconds and wake who slept until then."""
        self.advance_us(ms * 1000)

    def advance_us(self, us):
        """The same in microseconds."""
        self._now_us += us
        for deadline, event in self._sleepers:
            if deadline <= self._now_us:
                event.set()

    def earliest(self):
        """Microseconds until the next sleeper wakes, or None when nobody sleeps."""
        waiting = [deadline for deadline, event in self._sleepers if not event.is_set()]
        return max(0, min(waiting) - self._now_us) if waiting else None

    async def run(self, ms):
        """Move on by `ms` milliseconds, stopping at each sleeper's time so that its task runs."""
        left_us = ms * 1000
        await settle()
        while True:
            step = self.earliest()
            if step is None or step > left_us:
                break
            self.advance_us(step)
            left_us -= step
            await settle()
        self.advance_us(left_us)
        await settle()
