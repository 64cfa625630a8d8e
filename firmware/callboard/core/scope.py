"""Waits with a limit that say what they waited for, and groups of tasks that end together."""

import asyncio

from .. import port
from ..errors import TimedOut


async def run_with_timeout(ms, coro, what):
    """Result of `coro`; cancelled after `ms`, which raises TimedOut("<what> took longer …")."""
    try:
        return await port.wait_for(coro, ms / 1000)
    except asyncio.TimeoutError:
        raise TimedOut("%s took longer than %d ms" % (what, ms))


class Scope:
    """Tasks that do not outlive a block: `async with Scope() as scope: scope.start(coro)`.

    Leaving the block cancels those that still run and waits for them. The first error that ended
    a task is raised there, unless the block itself raises; `.failed()` tells before that.
    """

    def __init__(self):
        self._tasks = []
        self._error = None

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, value, trace):
        await self.cancel()
        if kind is None and self._error is not None:
            raise self._error
        return False

    def start(self, coro):
        """Run a coroutine as a task of this scope; returns the task."""
        task = asyncio.create_task(self._guard(coro))
        self._tasks.append(task)
        return task

    async def _guard(self, coro):
        try:
            return await coro
        except Exception as error:
            if self._error is None:
                self._error = error

    def failed(self):
        """The first error that ended a task so far, or None."""
        return self._error

    async def cancel(self):
        """Cancel what still runs and wait until it has ended."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            await ended(task)


async def ended(task):
    """Wait until a cancelled task has ended, however it does."""
    try:
        await task
    except asyncio.CancelledError:
        if not task.done():
            raise  # it is we who are cancelled
