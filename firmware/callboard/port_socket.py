"""The part of port.py that is about TCP and TLS: non-blocking sockets, alike on both Pythons.

A socket here is polled or waited for; it keeps no data of its own. net/stream.py adds the rest.
"""

import asyncio
import errno
import hashlib

try:
    import socket
except ImportError:  # a board whose only network is its serial line
    socket = None

from .errors import InvalidArgument
from .port import const

# -- sockets -------------------------------------------------------------------

_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)


def _tcp_socket(family):
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)  # a 20 ms packet must not wait for the next
    except OSError:
        pass  # a stack that lacks the option sends at once anyway
    return sock


try:
    from asyncio import core as _core

    # EISCONN has no name on MicroPython; on Linux and lwIP it is 106, in newlib 127.
    _NO_FAILURE = (106, 127, errno.EALREADY, errno.EINPROGRESS)

    async def resolve(host, port):
        """[(family, address)] of a host name. Blocks the board: never during a call."""
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        return [(entry[0], entry[-1]) for entry in found]

    class Socket:
        """A non-blocking TCP connection, with TLS or without; one task may read, one may write.

        `write(buf, off, n)` gives how many bytes the system took or None; it allocates nothing.
        """

        def __init__(self, raw):
            self._raw = self._sock = raw
            self._reader = None
            self.write = raw.write

        @classmethod
        async def connect(cls, family, address):
            """Connect. Raises OSError."""
            raw = _tcp_socket(family)
            try:
                await cls._finish_connect(raw, address)
                return cls(raw)
            except BaseException:  # cancelled too: the socket has no other owner yet
                raw.close()
                raise

        @staticmethod
        async def _finish_connect(raw, address):
            try:
                raw.connect(address)
                return
            except OSError as error:
                if error.errno != errno.EINPROGRESS:
                    raise
            await _writable(raw)
            try:
                raw.connect(address)  # asks for the outcome
            except OSError as error:
                if error.errno not in _NO_FAILURE:
                    raise

        async def start_tls(self, context, server_hostname):
            """Wrap in TLS. The handshake takes place, and is refused, in the first write."""
            self._sock = context.wrap(self._raw, server_hostname)
            self._sock.setblocking(False)
            self.write = self._sock.write

        def readinto(self, buf):
            """Bytes read, 0 at the end, None when there are none now."""
            return self._sock.readinto(buf)

        def readable(self):
            """Awaitable: readinto() is worth calling, or the socket was closed."""
            self._reader = _core.cur_task
            try:
                yield _core._io_queue.queue_read(self._sock)
            finally:
                self._reader = None

        def close(self):
            """Close; wakes the reader."""
            if self._reader is not None:
                _core._io_queue.remove(self._reader)
                _core._task_queue.push(self._reader)
                self._reader = None
            self._sock.close()
            self._raw.close()  # a failed handshake leaves it open

    def _writable(raw):
        yield _core._io_queue.queue_write(raw)

except ImportError:

    async def resolve(host, port):
        """[(family, address)] of a host name."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(entry[0], entry[-1]) for entry in found]

    class Socket:
        """A non-blocking TCP connection, with TLS or without; one task may read, one may write."""

        def __init__(self, raw):
            self._sock = raw
            self._waiter = None

        @classmethod
        async def connect(cls, family, address):
            """Connect. Raises OSError."""
            raw = _tcp_socket(family)
            try:
                await asyncio.get_running_loop().sock_connect(raw, address)
                return cls(raw)
            except BaseException:  # cancelled too: the socket has no other owner yet
                raw.close()
                raise

        async def start_tls(self, context, server_hostname):
            """Wrap in TLS, shake hands, check the peer. Raises OSError, ValueError or TLSError."""
            self._sock = context.wrap(self._sock, server_hostname)
            while True:
                try:
                    self._sock.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await self.readable()
                except ssl.SSLWantWriteError:
                    await asyncio.sleep(0.002)
            context.check_peer(self._sock)

        def readinto(self, buf):
            """Bytes read, 0 at the end, None when there are none now."""
            try:
                return self._sock.recv_into(buf)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None

        def write(self, buf, off, n):
            """How many bytes the system took, or None when none."""
            try:
                return self._sock.send(memoryview(buf)[off : off + n])
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return None

        async def readable(self):
            """Return when readinto() is worth calling, or the socket was closed."""
            if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
                await asyncio.sleep(0)
                return
            loop = asyncio.get_running_loop()
            fd = self._sock.fileno()
            self._waiter = loop.create_future()
            loop.add_reader(fd, _set_result, self._waiter)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if self._sock.fileno() == fd:
                    loop.remove_reader(fd)

        def close(self):
            """Close; wakes the reader."""
            if self._waiter is not None:
                asyncio.get_running_loop().remove_reader(self._sock.fileno())
                _set_result(self._waiter)
            self._sock.close()

    def _set_result(future):
        if not future.done():
            future.set_result(None)


# -- TLS -----------------------------------------------------------------------

# Our callback refuses with this code of mbedtls; CERT_OPTIONAL would ignore some others.
_X509_FATAL_ERROR = const(-0x3000)


def is_leaf_refused(error):
    """True when an exception from a Socket says that check_leaf() refused the certificate."""
    return isinstance(error, OSError) and error.errno == _X509_FATAL_ERROR


try:
    import tls

    _CONNECTION_EOF = const(-0x7280)  # TCP ended without TLS ending first

    def is_tls_error(error):
        """True when an exception from a Socket is about TLS."""
        return isinstance(error, ValueError) or error.errno < -255

    def is_tls_eof(error):
        """True when it says that TCP ended before TLS did."""
        return isinstance(error, OSError) and error.errno == _CONNECTION_EOF

    class TLSContext:
        """What a client trusts; see net/tls.py, which makes it."""

        def __init__(self, ca_der, check_leaf):
            if ca_der is None and check_leaf is None:
                raise InvalidArgument("a board knows no public CAs: give a CA or a fingerprint")
            self._check_leaf = check_leaf
            self._context = context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
            if ca_der is None:
                # Not CERT_NONE: that connects even when the callback refuses.
                context.verify_mode = tls.CERT_OPTIONAL
            else:
                context.load_verify_locations(ca_der)
            if check_leaf is not None:
                context.verify_callback = self._verify

        def _verify(self, certificate, depth):
            if depth == 0 and not self._check_leaf(hashlib.sha256(certificate).digest()):
                return _X509_FATAL_ERROR
            return 0

        def wrap(self, raw, server_hostname):
            """A TLS socket over `raw` that has not shaken hands."""
            return self._context.wrap_socket(
                raw, server_hostname=server_hostname, do_handshake_on_connect=False
            )

except ImportError:
    try:
        import ssl
    except ImportError:  # a board without a network
        ssl = None

    def is_tls_error(error):
        """True when an exception from a Socket is about TLS."""
        if ssl is None:
            return False
        return isinstance(error, ssl.SSLError) or error.errno == _X509_FATAL_ERROR

    def is_tls_eof(error):
        """True when it says that TCP ended before TLS did."""
        return ssl is not None and isinstance(error, ssl.SSLEOFError)

    class TLSContext:
        """What a client trusts; see net/tls.py, which makes it."""

        def __init__(self, ca_der, check_leaf):
            if ssl is None:
                raise InvalidArgument("this board has no TLS")
            self._check_leaf = check_leaf
            self._context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if ca_der is not None:
                context.load_verify_locations(cadata=bytes(ca_der))
            elif check_leaf is None:
                context.load_default_certs()
            else:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE  # check_peer() decides, before a byte is sent

        def wrap(self, raw, server_hostname):
            """A TLS socket over `raw` that has not shaken hands."""
            return self._context.wrap_socket(
                raw,
                server_hostname=server_hostname,
                do_handshake_on_connect=False,
                suppress_ragged_eofs=False,
            )

        def wrap_bio(self, incoming, outgoing, server_hostname):
            """TLS between two ssl.MemoryBIO that has not shaken hands."""
            return self._context.wrap_bio(incoming, outgoing, server_hostname=server_hostname)

        def check_peer(self, sock):
            """Raises OSError(_X509_FATAL_ERROR), as mbedtls does, when the leaf is refused."""
            if self._check_leaf is None:
                return
            digest = hashlib.sha256(sock.getpeercert(True)).digest()
            if not self._check_leaf(digest):
                raise OSError(_X509_FATAL_ERROR, "certificate refused by fingerprint")
