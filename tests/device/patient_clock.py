"""The real clock, which stands still while the machine is busy with something else; both Pythons.

clock = PatientClock()                 # the shape of port.CLOCK
clock.ticks_us(), await clock.sleep_ms(20), await clock.wait_for_ms(coro, 500)

Where nobody looked at it for long, only a few ms have passed: a program that was held up sees no
jump. So what takes its time from here works in real time, and a busy machine spoils no figure.
"""

import asyncio

from callboard.errors import TimedOut
from callboard.port import epoch_ms, sleep_ms, ticks_diff, ticks_us
from support import outcome

_LONGEST_US = 5000  # from one look to the next
_TICKS_MASK = 0x3FFFFFFF


class PatientClock:
    def __init__(self):
        self._seen = ticks_us()
        self._us = 0
        self._epoch = epoch_ms()

    def _look(self):
        now = ticks_us()
        self._us += min(ticks_diff(now, self._seen), _LONGEST_US)
        self._seen = now
        return self._us

    def ticks_us(self):
        return self._look() & _TICKS_MASK

    def ticks_ms(self):
        return self._look() // 1000 & _TICKS_MASK

    def epoch_ms(self):
        return self._epoch + self._look() // 1000

    async def sleep_ms(self, ms):
        end_us = self._look() + 1000 * ms
        await sleep_ms(min(ms, 1))
        while self._look() < end_us:
            await sleep_ms(1)

    async def wait_for_ms(self, coro, ms):
        """As port.wait_for_ms, of a coroutine."""
        task = asyncio.create_task(outcome(coro))
        end_us = self._look() + 1000 * ms
        while not task.done() and self._look() < end_us:
            await sleep_ms(1)
        if not task.done():
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
            raise TimedOut("no answer within %d ms" % ms)
        result = await task
        if isinstance(result, Exception):
            raise result
        return result
