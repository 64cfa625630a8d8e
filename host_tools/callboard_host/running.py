"""Run a coroutine as a whole program: Ctrl-C, SIGTERM and SIGHUP cancel it, and it cleans up."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from callboard_host.errors import Interrupted

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T], *, fast: bool = False) -> T:
    """Run `main` to its end. `fast` prefers uvloop. Raises Interrupted when it was interrupted."""
    try:
        with asyncio.Runner(loop_factory=_fast_loop if fast else None) as runner:
            return runner.run(_cancelled_by_signals(main))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise Interrupted("interrupted") from None


def _fast_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _cancelled_by_signals(main: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, task.cancel)
    return await main
