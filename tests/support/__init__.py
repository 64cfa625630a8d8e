"""What device tests share; runs on MicroPython and on CPython.

from support import FakeClock, SkipTest, heap_locked, raises
"""

import asyncio
import sys

from support.fake_clock import FakeClock, settle  # noqa: F401

try:
    from unittest import SkipTest  # what pytest takes for a skip
except ImportError:

    class SkipTest(Exception):
        """Raised by a test that cannot mean anything on this Python; its text says why."""


try:
    import micropython
except ImportError:
    micropython = None

# Whether small integers have 31 bits, as on a board.
IS_32_BIT = sys.maxsize < 1 << 32


def require_heap_lock():
    """SkipTest unless this Python can forbid allocation and has a board's word size.

    The 64-bit build hides allocations: integers up to 2**62 are small there (DESIGN section 7).
    """
    if micropython is None or not hasattr(micropython, "heap_lock"):
        raise SkipTest("CPython has no heap lock")
    if not IS_32_BIT:
        raise SkipTest("heap locking shows nothing on a 64-bit MicroPython")


class heap_locked:
    """`with heap_locked():` any allocation inside raises MemoryError.

    Create the object before the block that matters, it costs an allocation itself. Call
    require_heap_lock() first.
    """

    def __enter__(self):
        micropython.heap_lock()
        return self

    def __exit__(self, kind, value, trace):
        micropython.heap_unlock()
        return False


def raises(kind, function, *args, **kwargs):
    """Call `function` and return the `kind` of exception it raised; AssertionError if none."""
    try:
        result = function(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError("%s not raised, got %r" % (kind.__name__, result))


async def error_of(kind, coro):
    """Await `coro` and return the `kind` of exception it raised; AssertionError if none."""
    try:
        result = await coro
    except kind as error:
        return error
    raise AssertionError("%s not raised, got %r" % (kind.__name__, result))


async def until(condition, limit_s=15):
    """Wait until `condition()` is true; AssertionError when that takes too long."""
    for _ in range(limit_s * 200):  # looks, not seconds: a busy machine may take its time
        if condition():
            return
        await asyncio.sleep(5 / 1000)  # 0.005 is no number to an emulated CPU without floats
    raise AssertionError("not within %d s" % limit_s)


async def outcome(coro):
    """What `coro` returned, or the exception it raised."""
    try:
        return await coro
    except Exception as error:
        return error
