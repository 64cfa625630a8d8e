"""Every difference between MicroPython and CPython, with port_console, port_socket, port_pipe.

Time: `ticks_*` wrap at 2^30 on every Python, so that a test on a 64-bit machine meets the wrap
that a board meets. State machines do not import a clock: they are given an object like CLOCK.
"""

import asyncio
import gc
import hashlib
import io
import json
import os
import sys
import time

from .errors import InvalidArgument, TimedOut

try:
    import micropython
    from micropython import const
except ImportError:
    micropython = None

    def const(value):
        """MicroPython folds this at compile time."""
        return value


# -- JSON ----------------------------------------------------------------------

try:
    from json import JSONEncoder

    def json_text(value):
        """`value` as JSON, its characters as they are.

        Escaped (\\ud83d\\ude00), the halves of a character outside the BMP would reach a board as
        two broken ones: MicroPython's json.loads does not join them.
        """
        text = JSONEncoder(ensure_ascii=False).encode(value)
        try:
            text.encode()
        except UnicodeError:  # half a character: only its escape can be sent
            text = json.dumps(value)
        return text

except ImportError:
    json_text = json.dumps  # MicroPython's escapes nothing that it need not

# -- text ----------------------------------------------------------------------


def utf8(text):
    """The bytes of `text`, half characters (lone surrogates) included.

    What looks at each character of somebody's text looks at these: MicroPython keeps every
    character that a loop, an index or chr() makes of a text for ever, as it does names.
    """
    return text.encode("utf-8", "surrogatepass")


# -- monotonic time ------------------------------------------------------------

_TICKS_MASK = const(0x3FFFFFFF)
_TICKS_HALF = const(0x20000000)

try:
    from time import ticks_add, ticks_diff, ticks_ms, ticks_us

    _wrap_ticks = ticks_add(0, -1) != _TICKS_MASK  # a 64-bit MicroPython wraps at 2^62
    _raw_ms, _raw_us = ticks_ms, ticks_us
except ImportError:
    _wrap_ticks = True

    def _raw_ms():
        return time.monotonic_ns() // 1000000

    def _raw_us():
        return time.monotonic_ns() // 1000


if _wrap_ticks:

    def ticks_ms():
        """Monotonic milliseconds; wraps at 2^30."""
        return _raw_ms() & _TICKS_MASK

    def ticks_us():
        """Monotonic microseconds; wraps at 2^30 (every 17.9 minutes)."""
        return _raw_us() & _TICKS_MASK

    def ticks_add(ticks, delta):
        """ticks + delta, wrapped; delta below 2^29 in size."""
        return ticks + delta & _TICKS_MASK

    def ticks_diff(end, start):
        """end - start as a signed number, for ticks less than 2^29 apart."""
        return (end - start + _TICKS_HALF & _TICKS_MASK) - _TICKS_HALF


try:
    from asyncio import sleep_ms  # a singleton: await it at once; it does not allocate
except ImportError:

    def sleep_ms(ms):
        """Awaitable that sleeps `ms` milliseconds (at least one turn of the loop)."""
        return asyncio.sleep(ms / 1000 if ms > 0 else 0)


# -- wall clock ----------------------------------------------------------------

# Some ports count from 2000-01-01.
_EPOCH_OFFSET_MS = 0 if time.gmtime(0)[0] == 1970 else 946684800000
_wall_offset_ms = [_EPOCH_OFFSET_MS]


def epoch_ms():
    """Milliseconds since 1970-01-01 UTC by the wall clock, corrected by set_epoch_ms()."""
    return time.time_ns() // 1000000 + _wall_offset_ms[0]


def set_epoch_ms(ms):
    """Correct epoch_ms() to be `ms` now. The system's own clock is left alone."""
    _wall_offset_ms[0] = ms - time.time_ns() // 1000000


class Clock:
    """The real time, in the shape that state machines are given it."""

    ticks_ms = staticmethod(ticks_ms)
    ticks_us = staticmethod(ticks_us)
    sleep_ms = staticmethod(sleep_ms)
    epoch_ms = staticmethod(epoch_ms)


CLOCK = Clock()


class Pacer:
    """Sleeps until absolute deadlines, so that a period does not drift; allocates nothing there.

        pacer = Pacer(clock)
        await pacer.until(deadline_us)   # await it at once

    Wakes up to 1 ms after the deadline (plus what other tasks hold the loop), at once when past.
    """

    def __init__(self, clock):
        self._clock = clock

    def until(self, deadline_us):
        """Awaitable that completes when clock.ticks_us() reaches `deadline_us` (< 2^29 away)."""
        left_us = ticks_diff(deadline_us, self._clock.ticks_us())
        return self._clock.sleep_ms((left_us + 999) // 1000 if left_us > 0 else 0)


# -- asyncio -------------------------------------------------------------------


if hasattr(asyncio, "timeout"):

    async def wait_for(awaitable, s):
        """As asyncio.wait_for, which in CPython 3.11 may lose a cancellation to a result."""
        async with asyncio.timeout(s):
            return await awaitable

else:
    from asyncio import wait_for


async def wait_for_ms(awaitable, ms):
    """Result of a coroutine or task, which is cancelled after `ms` milliseconds: TimedOut then."""
    try:
        return await wait_for(awaitable, ms / 1000)
    except asyncio.TimeoutError:
        raise TimedOut("no answer within %d ms" % ms)


def stepwise_loop():
    """run(coro): runs the event loop until `coro` is done and gives its result.

    Other tasks stay where they are, and go on with the next run().
    """
    if micropython is not None:
        return asyncio.get_event_loop().run_until_complete
    return asyncio.new_event_loop().run_until_complete


try:
    from asyncio import ThreadSafeFlag
except ImportError:

    class ThreadSafeFlag:
        """May be set from outside the loop (interrupt, thread); the one waiter clears it."""

        def __init__(self):
            self._event = asyncio.Event()
            self._loop = None

        def set(self):
            """Wake the waiter, now or when it comes."""
            if self._loop is None:
                self._event.set()
            else:
                self._loop.call_soon_threadsafe(self._event.set)

        def clear(self):
            """Forget a set()."""
            self._event.clear()

        async def wait(self):
            """Wait for set(), then clear."""
            self._loop = asyncio.get_running_loop()
            await self._event.wait()
            self._event.clear()


# -- random numbers, hashes ----------------------------------------------------


def random_bytes(count):
    """`count` bytes from the system's cryptographic generator."""
    return os.urandom(count)


def hmac_sha256(key, message):
    """HMAC-SHA-256 of `message` under `key`, both bytes; 32 bytes (RFC 2104)."""
    if len(key) > 64:
        key = hashlib.sha256(key).digest()
    key = bytes(key) + bytes(64 - len(key))
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key))
    inner.update(message)
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in key))
    outer.update(inner.digest())
    return outer.digest()


def constant_time_equal(a, b):
    """True when two byte strings are equal; takes as long when they differ early as late."""
    if len(a) != len(b):
        return False
    difference = 0
    for i in range(len(a)):
        difference |= a[i] ^ b[i]
    return difference == 0


# -- files, memory, who we are -------------------------------------------------


def sync_file(file):
    """Make what was written to an open file survive a power cut."""
    file.flush()  # on MicroPython this reaches the disk or the flash
    if hasattr(os, "fsync"):
        os.fsync(file.fileno())


def replace_file(source, target):
    """Rename `source` to `target`, replacing it in one step; durable when this returns."""
    if not hasattr(os, "fsync"):
        os.rename(source, target)
        return
    os.replace(source, target)
    folder = os.open(os.path.dirname(target) or ".", os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def heap_used():
    """Bytes of heap in use, or None where the Python does not tell."""
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else None


def collect_every(n):
    """Collect garbage whenever n bytes were allocated (-1: only when there is no room).

    Small steps while a program starts keep the heap from being fragmented. Nothing on CPython.
    """
    if hasattr(gc, "threshold"):
        gc.threshold(n)


def implementation():
    """Which Python runs us: {"implementation", "version", "bits"}."""
    return {
        "implementation": sys.implementation.name,
        "version": ".".join(str(part) for part in sys.implementation.version[:3]),
        "bits": 64 if sys.maxsize > 0x7FFFFFFF else 32,
    }


def mpy_format():
    """The .mpy that this MicroPython loads: version, sub-version << 8, CPU << 10. 0: none."""
    return getattr(sys.implementation, "_mpy", 0)


def exception_text(error):
    """An exception with its traceback, in lines; that of a .mpy file names source and line."""
    if hasattr(sys, "print_exception"):
        text = io.StringIO()
        sys.print_exception(error, text)
        return text.getvalue()
    import traceback

    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def has_tls():
    """Whether this Python can make TLS connections."""
    for name in ("tls", "ssl"):
        try:
            __import__(name)
            return True
        except ImportError:
            pass
    return False


def tls_client_context(ca_der=None, leaf_sha256=None, check_leaf=None):
    """Trust for TLS connections: a CA (DER bytes), a leaf's SHA-256 (32 bytes) or both.

    `check_leaf(sha256)` decides instead of `leaf_sha256` when given. Without any, CPython trusts
    the system's CAs and MicroPython raises InvalidArgument. A leaf that is pinned without a CA is
    trusted whatever its dates and names say.
    """
    try:
        from .port_socket import TLSContext
    except ImportError:  # left out, see parts.py
        raise InvalidArgument("this board has no TLS")
    if leaf_sha256 is not None:
        if len(leaf_sha256) != 32:
            raise InvalidArgument("leaf_sha256 must be 32 bytes")
        pinned = bytes(leaf_sha256)
        check_leaf = lambda digest: constant_time_equal(digest, pinned)  # noqa: E731
    return TLSContext(ca_der, check_leaf)
