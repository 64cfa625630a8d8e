"""The part of port.py that is about TLS over what is no socket: the bridge's byte streams.

    socket = TlsPipe(pipe, context, server_hostname)
    await socket.start()

Afterwards it is to net.stream what a port_socket.Socket is. On MicroPython the handshake takes
place, and is refused, in the first write.
"""

from .port import const

_CHUNK = const(512)
_POLL = const(3)  # MicroPython's stream ioctls
_CLOSE = const(4)
_READABLE, _WRITABLE = const(1), const(4)


try:
    import io

    import tls  # noqa: F401  MicroPython's, so that this half is for it

    class _Raw(io.IOBase):
        """A pipe as a stream of MicroPython's, which mbedtls reads and writes."""

        def __init__(self, pipe):
            self._pipe = pipe

        def readinto(self, buf):
            try:
                return self._pipe.readinto(buf)
            except OSError as error:
                return -error.errno

        def write(self, buf):
            try:
                return self._pipe.write(buf, 0, len(buf))
            except OSError as error:
                return -error.errno

        def setblocking(self, flag):
            pass

        def ioctl(self, request, argument):
            if request == _POLL:
                pipe = self._pipe
                return argument & (
                    (_READABLE if pipe.pending else 0) | (_WRITABLE if pipe.room else 0)
                )
            if request == _CLOSE:
                self._pipe.close()
            return 0

    class TlsPipe:
        """TLS over a Pipe."""

        def __init__(self, pipe, context, server_hostname):
            self._pipe = pipe
            self._more = False  # the last record may not be read to its end
            self._sock = context.wrap(_Raw(pipe), server_hostname)
            self._sock.setblocking(False)

        async def start(self):
            """Nothing: the first write shakes hands."""

        def readinto(self, view):
            """As Socket.readinto()."""
            n = self._sock.readinto(view)
            self._more = n == len(view)
            return n

        async def readable(self):
            """As Socket.readable()."""
            if not self._more:
                await self._pipe.readable()

        def write(self, buf, off, n):
            """As Socket.write()."""
            return self._sock.write(buf, off, n)

        def close(self):
            """Close; wakes the reader."""
            try:
                self._sock.close()
            except OSError:
                pass  # it broke before, and is closed all the same
            self._pipe.close()

except ImportError:
    try:
        import ssl
    except ImportError:  # a board without TLS, where nobody makes a TLSContext
        ssl = None

    class TlsPipe:
        """TLS over a Pipe."""

        def __init__(self, pipe, context, server_hostname):
            self._pipe = pipe
            self._context = context
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname)
            self._rest = b""  # for the pipe, which did not take it yet
            self._buffer = bytearray(_CHUNK)
            self._more = False

        async def start(self):
            """Shake hands, check the peer. Raises OSError."""
            from .port import sleep_ms

            while True:
                try:
                    self._tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    while not self._flush():
                        await sleep_ms(2)
                    await self._pipe.readable()
                    self._fetch()
            while not self._flush():
                await sleep_ms(2)
            self._context.check_peer(self._tls)

        def _fetch(self):
            """Take what the pipe has. False: there was nothing."""
            n = self._pipe.readinto(memoryview(self._buffer))
            if n == 0:
                self._incoming.write_eof()
            elif n:
                self._incoming.write(self._buffer[:n])
            return n is not None

        def _flush(self):
            """Give the pipe what waits. True: all of it."""
            self._rest += self._outgoing.read()
            while self._rest:
                n = self._pipe.write(self._rest, 0, len(self._rest))
                if not n:
                    return False
                self._rest = self._rest[n:]
            return True

        def readinto(self, view):
            """As Socket.readinto()."""
            while True:
                try:
                    n = self._tls.read(len(view), view)
                    self._more = True  # perhaps; the next one will tell
                    return n
                except ssl.SSLWantReadError:
                    self._more = False
                    if not self._fetch():
                        return None
                except ssl.SSLZeroReturnError:
                    return 0

        async def readable(self):
            """As Socket.readable()."""
            self._flush()
            if not self._more:
                await self._pipe.readable()

        def write(self, buf, off, n):
            """As Socket.write()."""
            if not self._flush():
                return None
            try:
                n = self._tls.write(memoryview(buf)[off : off + n])
            except ssl.SSLWantReadError:
                return None
            self._flush()
            return n

        def close(self):
            """Close; wakes the reader."""
            self._pipe.close()
