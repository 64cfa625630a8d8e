"""The part of port.py that is about standard input and output: a board's console."""

import asyncio
import os
import select
import sys

from .port import const, micropython

try:
    from callboard_line import take as take_line  # our own firmware for boards: firmware/rp2
except ImportError:
    take_line = None

_CTRL_C = const(3)
WINDOW_MS = 0 if sys.platform in ("linux", "darwin", "win32") else 2000


async def stdin_functions():
    """(read, take). `n = await read(buf)` reads what there is, at least one byte; 0 at the end.
    `n = take(buf)` neither waits nor allocates; None on CPython."""
    if not hasattr(asyncio, "StreamReaderProtocol"):
        stdin = _PolledStdin()
        return stdin.read, stdin.take
    return await _awaited_stdin(), None


async def _awaited_stdin():
    reader = asyncio.StreamReader()
    about, null = os.fstat(0), os.stat(os.devnull)
    if about.st_mode & 0o170000 == 0o100000 or about.st_rdev == null.st_rdev != 0:
        reader.feed_data(sys.stdin.buffer.read())  # a file never blocks, and cannot be waited for
        reader.feed_eof()
    else:
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def read(buf):
        try:
            data = await reader.read(len(buf))
        except OSError:  # a terminal that was closed
            data = b""
        buf[: len(data)] = data
        return len(data)

    return read


class _PolledStdin:
    """MicroPython's standard input. A read() of more than there is would block the board.

    It stops after each Ctrl-C, and after the byte behind it: what follows may be for Python's
    prompt, as mpremote's Ctrl-A.
    """

    def __init__(self):
        self._stream = sys.stdin.buffer
        self._reader = asyncio.StreamReader(self._stream)
        self._last = 0  # the byte that was read
        if take_line is not None:
            return
        self._one = bytearray(1)
        self._poll = select.poll()
        self._poll.register(self._stream, select.POLLIN)
        for _ in self._poll.ipoll(0):  # the first time it allocates
            break

    async def read(self, buf):
        try:
            data = await self._reader.read(1)
        except OSError:
            return 0
        if not data:
            return 0
        buf[0] = data[0]
        return 1 if self._ends(data[0]) else 1 + max(0, self._more(buf, 1))

    def take(self, buf):
        """What there is now, without waiting: 0 for nothing, -1 at the end. Does not allocate."""
        return self._more(buf, 0)

    def _more(self, buf, at):
        n = at
        if take_line is not None:
            n += take_line(buf, at, 1 if self._last == _CTRL_C else len(buf) - at)
            if n > at:
                self._last = buf[n - 1]
            return n - at
        while n < len(buf) and self._waits():
            try:
                if not self._stream.readinto(self._one):
                    return n - at or -1
            except OSError:
                return n - at or -1
            buf[n] = self._one[0]
            n += 1
            if self._ends(buf[n - 1]):
                break
        return n - at

    def _waits(self):
        for _ in self._poll.ipoll(0):
            return True
        return False

    def _ends(self, byte):
        """Whether to stop behind this one."""
        last, self._last = self._last, byte
        return byte == _CTRL_C or last == _CTRL_C


class Stdout:
    """Standard output in bytes, without waiting for whoever reads it."""

    def __init__(self):
        self._poll = select.poll()
        self._poll.register(sys.stdout, select.POLLOUT)
        self._stream = getattr(sys.stdout, "buffer", None)
        self.ready()  # the first time it allocates

    def ready(self):
        """Whether some bytes could be written now (64, as a rule). No allocation on a board."""
        if not hasattr(self._poll, "ipoll"):
            return bool(self._poll.poll(0))
        for _ in self._poll.ipoll(0):
            return True
        return False

    def write_part(self, buf, off, n):
        """write(buf[off:off + n]) without allocating on a board."""
        if hasattr(os, "write"):
            return self.write(memoryview(buf)[off : off + n])
        return self._stream.write(buf, off, n) or 0

    def write(self, data):
        """Write bytes; returns how many were taken, perhaps 0. Raises OSError."""
        if hasattr(os, "write"):
            try:
                return os.write(sys.stdout.fileno(), data)
            except BlockingIOError:
                return 0
        return sys.stdout.buffer.write(data) or 0


def typed_byte(ms):
    """A byte from the console that comes within `ms`, bytes; b"" at the end of the input; None
    when nothing came. Blocks: not for use beside a loop."""
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)
    if not poll.poll(ms):
        return None
    return os.read(0, 1) if hasattr(os, "read") else sys.stdin.buffer.read(1)


def own_ctrl_c(own):
    """Take byte 0x03 on the console from MicroPython, which raises KeyboardInterrupt for it, or
    give it back. Where there is an operating system below, that decides."""
    if hasattr(micropython, "kbd_intr") and sys.platform not in ("linux", "darwin"):
        micropython.kbd_intr(-1 if own else 3)
