"""Byte streams through a channel of messages: opened, held back when nobody reads, closed.

Both ends of the bridge use this (PROTOCOL.md §9). A Pipe has what net.stream wants of a socket. No
I/O and no waiting in here but for a Pipe's readable().
"""

import asyncio

from ..port import const

# The first byte of a message; the second is the number of the stream.
OPEN = const(1)  # flags u8
OPENED = const(2)  # result u8: 0, else a text follows that says why not
DATA = const(3)  # bytes
MORE = const(4)  # u16: so many bytes were taken
END = const(5)  # no more data will come
CLOSE = const(6)  # the stream is gone at this end

WINDOW = const(1024)  # bytes on their way, and not taken yet, in each direction
PIECE = const(446)  # of data in a message: with its head four chunks
PIPES_MAX = const(4)
REASON_MAX = const(200)
_CONFIRM = const(256)
_RESET = const(104)  # ECONNRESET and EPIPE, which have other names or none on some boards
_BROKEN = const(32)


class Pipe:
    """One stream; `number` 1..255. Made by Pipes."""

    def __init__(self, pipes, number):
        self.number = number
        self.opened = None  # None: not yet; True; or the sentence that says why not
        self.ended = False  # the other end sends no more
        self.closed = False
        self.gone = False  # it broke: what was not read is void
        self.changed = asyncio.Event()
        self._pipes = pipes
        self._buffer = bytearray(WINDOW)
        self._start = self._size = 0  # of what waits to be read
        self._taken = 0  # bytes read, and the other end not told
        self._room = WINDOW  # bytes that may be sent

    # --- as a socket ---

    def readinto(self, view):
        """Bytes read, 0 at the end, None when there are none now. Raises OSError."""
        if self.gone:
            raise OSError(_RESET)
        n = min(len(view), self._size, WINDOW - self._start)
        if not n:
            return 0 if self.ended and len(view) else None
        view[:n] = self._buffer[self._start : self._start + n]
        self._start = (self._start + n) % WINDOW
        self._size -= n
        self._taken += n
        if not self.ended and (self._taken >= _CONFIRM or not self._size):
            self._pipes.say(MORE, self.number, bytes((self._taken >> 8, self._taken & 0xFF)))
            self._taken = 0
        return n

    async def readable(self):
        """Return when readinto() is worth calling, or the stream was closed."""
        while not (self.pending or self.closed):
            self.changed.clear()
            await self.changed.wait()

    def write(self, buf, off, n):
        """How many bytes were taken, or None when none. Raises OSError."""
        if self.gone or self.closed:
            raise OSError(_BROKEN)
        n = min(n, self._room, PIECE)
        if n <= 0 or not self._pipes.may_send():
            return None
        self._pipes.say(DATA, self.number, memoryview(buf)[off : off + n])
        self._room -= n
        return n

    @property
    def pending(self):
        """Whether readinto() has something to say."""
        return bool(self._size or self.ended or self.gone)

    @property
    def room(self):
        """Bytes that write() would take now."""
        return min(self._room, PIECE) if self._pipes.may_send() else 0

    def end(self):
        """Say that no more will be sent."""
        if not (self.closed or self.gone):
            self._pipes.say(END, self.number, b"")

    def close(self):
        """Close at this end, once; wakes the reader."""
        if not self.closed:
            self.closed = True
            self._pipes.forget(self, not self.gone)
            self.changed.set()

    # --- from the other end ---

    def arrived(self, data):
        """Data came. False: more than it may send."""
        n = len(data)
        if self.ended or self._size + n > WINDOW:
            return False
        at = (self._start + self._size) % WINDOW
        first = min(n, WINDOW - at)
        self._buffer[at : at + first] = data[:first]
        if n > first:
            self._buffer[: n - first] = data[first:]
        self._size += n
        return True

    def more(self, n):
        """The other end took `n` bytes. False: more than were sent."""
        self._room += n
        return self._room <= WINDOW

    def broke(self):
        """The stream is gone at the other end, or the line is."""
        if self.opened is None:
            self.opened = "the bridge went away"
        if not self._size:
            self.gone = True
        self.ended = True
        self.changed.set()


class Pipes:
    """The streams of one end. `send(message)` gives bytes to the channel; `may_send()` says
    whether data may be added; `on_open(pipe, flags)`, at the host, is asked for a new one, which
    it answers with accept() or refuse().
    """

    def __init__(self, send, may_send, on_open=None):
        self._send = send
        self.may_send = may_send
        self._on_open = on_open
        self._pipes = {}
        self._last = 0
        self.violations = 0  # messages that broke the rules

    def __len__(self):
        return len(self._pipes)

    def open(self, flags):
        """Ask the other end for a stream; None when there are too many. Wait for `opened`."""
        if len(self._pipes) >= PIPES_MAX:
            return None
        number = self._last % 255 + 1
        while number in self._pipes:
            number = number % 255 + 1
        self._last = number
        pipe = self._pipes[number] = Pipe(self, number)
        self.say(OPEN, number, bytes((flags,)))
        return pipe

    def accept(self, pipe):
        """The stream stands."""
        pipe.opened = True
        self.say(OPENED, pipe.number, b"\0")

    def refuse(self, pipe, why):
        """There is no such stream, and a sentence says why."""
        self.say(OPENED, pipe.number, b"\1" + why.encode()[:REASON_MAX])
        pipe.closed = pipe.gone = True
        self._pipes.pop(pipe.number, None)

    def say(self, kind, number, data):
        """Send one message about a stream."""
        self._send(bytes((kind, number)) + bytes(data))

    def forget(self, pipe, tell):
        """A stream was closed at this end."""
        if self._pipes.get(pipe.number) is pipe:
            del self._pipes[pipe.number]
            if tell:
                self.say(CLOSE, pipe.number, b"")

    def lost(self):
        """The line, or the session on it, is gone: every stream is."""
        pipes = list(self._pipes.values())
        self._pipes.clear()
        for pipe in pipes:
            pipe._size = 0
            pipe.broke()

    def message(self, message):
        """Take a message from the other end. False: it is not about a stream."""
        if len(message) < 2 or not OPEN <= message[0] <= CLOSE:
            return False
        kind, number, data = message[0], message[1], memoryview(message)[2:]
        pipe = self._pipes.get(number)
        if kind == OPEN:
            self._asked(number, data)
        elif pipe is None:
            pass  # it crossed our CLOSE
        elif kind == OPENED:
            self._answered(pipe, data)
        elif kind == CLOSE:
            del self._pipes[number]
            pipe.broke()
        elif not self._about(pipe, kind, data):
            self.violations += 1
            pipe.gone = True
            pipe.broke()
            self.forget(pipe, True)
        else:
            pipe.changed.set()
        return True

    def _about(self, pipe, kind, data):
        if kind == DATA:
            return pipe.arrived(data)
        if kind == END:
            pipe.ended = True
            return True
        return len(data) == 2 and pipe.more(data[0] << 8 | data[1])

    def _asked(self, number, data):
        if self._on_open is None or not number or len(data) != 1 or number in self._pipes:
            self.violations += 1
            return
        pipe = Pipe(self, number)
        if len(self._pipes) >= PIPES_MAX:
            self.refuse(pipe, "too many streams at once")
            return
        self._pipes[number] = pipe
        self._on_open(pipe, data[0])

    def _answered(self, pipe, data):
        if pipe.opened is not None or not len(data):
            self.violations += 1
        elif data[0] == 0:
            pipe.opened = True
        else:
            del self._pipes[pipe.number]
            pipe.opened = _sentence(data[1:])
            pipe.gone = True
        pipe.changed.set()


def _sentence(data):
    """A text of the other end's, whatever it sent."""
    return bytes([byte if 32 <= byte < 127 else 63 for byte in data[:REASON_MAX]]).decode()
