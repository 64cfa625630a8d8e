"""Keeps long-running tasks alive: restarts what fails, with back-off, and reports why."""

import asyncio

from ..port import random_bytes, ticks_diff
from .backoff import Backoff
from .scope import ended

STEADY_MS = 60000  # a task that ran this long starts its back-off anew


class Supervisor:
    """`report(name, error, delay_ms)` is called each time the task `name` failed with `error`.

    It will run again after `delay_ms` milliseconds. A task that returns has finished: it is not
    started again, and nothing is reported.
    """

    def __init__(self, clock, report, random=random_bytes):
        self._clock = clock
        self._report = report
        self._random = random
        self._tasks = {}  # name -> task
        self.restarts = {}  # name -> how often

    def start(self, name, coroutine_function):
        """Run `coroutine_function()` as the task `name`; ValueError when it runs already."""
        if name in self._tasks:
            raise ValueError("task %s runs already" % name)
        self.restarts[name] = 0
        self._tasks[name] = asyncio.create_task(self._keep(name, coroutine_function))

    async def _keep(self, name, coroutine_function):
        backoff = Backoff(random=self._random)
        while True:
            started_ms = self._clock.ticks_ms()
            try:
                await coroutine_function()
                break
            except Exception as error:
                ran_ms = ticks_diff(self._clock.ticks_ms(), started_ms)
                if not 0 <= ran_ms < STEADY_MS:  # negative: longer than ticks can tell
                    backoff.reset()
                delay_ms = backoff.next_ms()
                self.restarts[name] += 1
                self._report(name, error, delay_ms)
            await self._clock.sleep_ms(delay_ms)
        del self._tasks[name]

    def running(self):
        """Names of the tasks that run or wait to be run again."""
        return list(self._tasks)

    async def stop(self, name=None):
        """Cancel the task `name`, or all, and wait until they have ended."""
        names = list(self._tasks) if name is None else [name]
        stopped = [self._tasks.pop(each) for each in names if each in self._tasks]
        for task in stopped:
            task.cancel()
        for task in stopped:
            await ended(task)
