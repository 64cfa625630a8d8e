"""A TCP connection, with TLS or without, that never blocks and never splits a message it took.

What the system does not take at once waits in a bounded buffer; everything that comes after waits
behind it. So a message is written whole or refused whole, and small ones in the frame path
allocate nothing.
"""

import errno

from .. import port
from ..core.scope import run_with_timeout
from ..errors import InvalidArgument, NetworkError, TimedOut
from ..parts import optional

port_socket = optional("port_socket")  # a board's only network may be its serial line
tls_names = optional("net.tls")

RESERVE = 2048  # bytes that can always wait without allocating
DEFAULT_LIMIT = 20480  # bytes that may wait at all
WRITE_TIMEOUT_MS = 10000  # without progress, the connection is given up
_MAX_ADDRESSES = 8  # host names remembered
_MAX_TRIES = 4  # addresses of one host
_MAX_PAUSE_MS = 16

_REASONS = {
    errno.ECONNREFUSED: "nobody listens there",
    errno.ECONNRESET: "it was reset by the other end",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ETIMEDOUT: "no answer",
    # Without a name on MicroPython: EPIPE, and ENETUNREACH of Linux and of newlib
    32: "the other end has closed it",
    101: "the network cannot be reached",
    114: "the network cannot be reached",
}

_addresses = {}  # (host, port) -> [(family, address)]: no look-up stalls a board twice
_proven = set()  # (host, port) whose last connection from there brought something


async def connect(
    host,
    port_number,
    tls=None,
    server_hostname=None,
    timeout_ms=10000,
    clock=port.CLOCK,
    limit=DEFAULT_LIMIT,
    dial=None,
):
    """A Stream to host:port_number, with TLS when `tls` (net.tls.client_context()) is given.

    `server_hostname` is the name expected in the certificate (default: host), `limit` how many
    bytes may wait to be written. `dial` makes the connection instead of TCP, as _dial() does.
    Raises TimedOut, TLSError, NetworkError. On MicroPython the TLS handshake takes place in the
    first write, which then raises TLSError.
    """
    if not 0 < port_number < 65536:
        raise InvalidArgument("port must be 1 to 65535")
    peer = "%s:%d" % (host, port_number)
    socket = await run_with_timeout(
        timeout_ms,
        (dial or _dial)(host, port_number, peer, tls, server_hostname or host),
        "connecting to " + peer,
    )
    return Stream(socket, peer, clock, limit, None if dial else (host, port_number))


async def _dial(host, port_number, peer, tls, server_hostname):
    """A connected port_socket.Socket, or what can do the same. Raises NetworkError, TLSError."""
    socket = await _connect_any(host, port_number, peer)
    if tls is None:
        return socket
    try:
        await socket.start_tls(tls, server_hostname)
        return socket
    except (OSError, ValueError) as error:
        socket.close()
        raise _explain(error, peer)
    except BaseException:  # cancelled: nobody else knows the socket
        socket.close()
        raise


async def _connect_any(host, port_number, peer):
    """Connect to where it was; after any failure there, to where the name now leads.

    Somebody else may have its address now, or nobody, who does not even say so: what counts is
    that something was read. The old address is forgotten for a new one only: there may be no DNS.
    """
    if port_socket is None:
        raise NetworkError("this board has no network but the bridge")
    key = (host, port_number)
    known = key in _proven
    _proven.discard(key)
    addresses = _addresses[key] if known else await _resolve(host, port_number)
    failure = NetworkError("%s has no address" % host)
    for family, address in addresses[:_MAX_TRIES]:
        try:
            return await port_socket.Socket.connect(family, address)
        except OSError as error:
            failure = _explain(error, peer)
    if known:
        return await _connect_any(host, port_number, peer)
    raise failure


async def _resolve(host, port_number):
    key = (host, port_number)
    try:
        found = await port_socket.resolve(host, port_number)
    except OSError as error:
        if key in _addresses:
            return _addresses[key]
        raise NetworkError("host name %s is not known: %s" % (host, error))
    if len(_addresses) >= _MAX_ADDRESSES:
        _addresses.clear()
        _proven.clear()
    _addresses[key] = found
    return found


def _explain(error, peer):
    found = tls_names.explain(error, peer) if tls_names is not None else None
    if found is None:
        reason = _REASONS.get(error.errno, error)
        found = NetworkError("no connection to %s: %s" % (peer, reason))
    return found


class Stream:
    """Made by connect(). One task reads; any may write.

    `.pending` bytes wait to be written; `.error` is why the connection broke, or None.
    """

    def __init__(self, socket, peer, clock, limit, key=None):
        self._socket = socket
        self._socket_write = socket.write
        self._peer = peer
        self._key = key  # (host, port) until something came from there
        self._clock = clock
        self._limit = limit
        self._buffer = bytearray(RESERVE)
        self._start = 0  # of what waits in _buffer
        self.pending = 0
        self._retry = 0  # bytes of the write that the system refused last: TLS wants it repeated
        self.error = None
        self.closed = False

    # -- reading --

    async def readinto(self, view):
        """Bytes read into the memoryview `view`, at least 1; 0 at the end of the stream.

        Raises NetworkError when the connection breaks or is closed at this end. No time limit.
        """
        count = None
        while count is None:
            self._check()
            await self._socket.readable()
            self._check()
            try:
                count = self._socket.readinto(view)
            except (OSError, ValueError) as error:
                self._break(error)
        if self._key is not None and count:
            if self._key in _addresses:
                _proven.add(self._key)
            self._key = None
        return count

    # -- writing --

    def write_nowait(self, buf, off, n):
        """True when all of buf[off:off + n] was written or waits to be; False: none of it was.

        False when too much waits already or the connection is gone (see `.error`).
        """
        if self.pending or n > RESERVE or self.closed:
            return self._write_later(buf, off, n)
        try:
            done = self._socket_write(buf, off, n)
        except (OSError, ValueError) as error:
            self._give_up(error)
            return False
        if done != n:
            self._keep(buf, off + (done or 0), n - (done or 0))
        return True

    def _keep(self, buf, off, n):
        # The rest of what the system did not take, at most RESERVE. Must not run out of memory.
        for i in range(n):
            self._buffer[i] = buf[off + i]
        self._start = 0
        self.pending = self._retry = n

    def _write_later(self, buf, off, n):
        if self.closed or not self._make_room(n):
            return False
        end = self._start + self.pending
        try:
            self._buffer[end : end + n] = memoryview(buf)[off : off + n]
        except MemoryError:
            return False
        self.pending += n
        self.flush()
        return not self.closed

    def _make_room(self, n):
        """Room for n more bytes behind what waits; False beyond the limit or without memory."""
        need = self.pending + n
        if need > self._limit:
            return False
        if self._start + need <= len(self._buffer):
            return True
        try:
            buffer = bytearray(max(need, RESERVE))
            buffer[: self.pending] = memoryview(self._buffer)[
                self._start : self._start + self.pending
            ]
        except MemoryError:
            return False
        self._buffer = buffer
        self._start = 0
        return True

    def flush(self):
        """Write what waits, as far as the system takes it. True when nothing waits any more."""
        while self.pending and not self.closed:
            n = self._retry or self.pending
            try:
                done = self._socket_write(self._buffer, self._start, n)
            except (OSError, ValueError) as error:
                self._give_up(error)
                break
            if not done:
                self._retry = n
                return False
            self._start += done
            self.pending -= done
            self._retry = n - done
        if self.pending:
            return False
        self._start = self._retry = 0
        if len(self._buffer) > RESERVE:
            self._buffer = bytearray(RESERVE)
        return True

    async def write(self, buf):
        """Write all of `buf` and wait until the system has taken it.

        A `buf` of up to `limit` bytes is not torn by what others write meanwhile. Raises
        NetworkError (TLSError, TimedOut without progress for 10 s).
        """
        size = len(buf)
        off = 0
        while off < size:
            n = min(size - off, self._limit)
            while not self.write_nowait(buf, off, n):
                self._check()
                if not self.pending:
                    raise MemoryError("no memory to send %d bytes" % n)
                await self._progress(n)
            off += n
        await self.drain()

    async def drain(self):
        """Wait until nothing waits. Raises NetworkError, TimedOut without progress for 10 s."""
        await self._progress(self._limit)
        self._check()

    async def _progress(self, room):
        """Wait until `room` more bytes may be queued."""
        # Polls: an asyncio wait for "writable" dies on MicroPython when a reader is cancelled.
        pause_ms = 1
        left = self.pending
        since_ms = self._clock.ticks_ms()
        while not self.flush() and self.pending + room > self._limit:
            if self.pending != left:
                left = self.pending
                since_ms = self._clock.ticks_ms()
            elif port.ticks_diff(self._clock.ticks_ms(), since_ms) >= WRITE_TIMEOUT_MS:
                self._stop(TimedOut("%s took no data for %d ms" % (self._peer, WRITE_TIMEOUT_MS)))
            if self.closed:
                break
            await self._clock.sleep_ms(pause_ms)
            pause_ms = min(pause_ms * 2, _MAX_PAUSE_MS)

    # -- the end --

    def close(self):
        """Close at once; what waits is lost. A waiting reader gets NetworkError."""
        if not self.closed:
            self.closed = True
            self.pending = 0
            self._socket.close()

    async def wait_closed(self):
        """Let the reader see that it is closed."""
        await port.sleep_ms(0)

    def _stop(self, error):
        if self.error is None and not self.closed:
            self.error = error
        self.close()

    def _give_up(self, error):
        self._stop(_explain(error, self._peer))

    def _break(self, error):
        self._give_up(error)
        self._check()

    def _check(self):
        if self.closed:
            raise self.error or NetworkError("the connection to %s is closed" % self._peer)
