"""Streams: a message is written whole or not at all, in order, whatever the system takes."""

import asyncio

from callboard import port
from callboard.errors import InvalidArgument, NetworkError, TimedOut
from callboard.net import stream as streams
from support import FakeClock, settle
from support.servers import Server


class FakeSocket:
    """Takes what `plan` says for each write: a number of bytes or None; then everything.

    With `tls` it behaves like mbedtls: what it could not send it has encrypted already, and the
    next write must offer exactly those bytes again.
    """

    def __init__(self, plan=(), tls=False):
        self.plan = list(plan)
        self.tls = tls
        self.owed = None
        self.taken = b""
        self.closed = False
        self.fails = None

    def write(self, buf, off, n):
        if self.fails:
            raise self.fails
        assert not self.closed
        data = bytes(memoryview(buf)[off : off + n])
        assert len(data) == n > 0
        if self.tls and self.owed is not None:
            assert data == self.owed, "TLS was not offered the same bytes again"
        take = self.plan.pop(0) if self.plan else n
        if take is not None and take > n:
            take = n
        self.owed = data[take or 0 :] if take != n else None
        self.taken += data[: take or 0]
        return take

    def close(self):
        self.closed = True


def make(plan=(), tls=False, limit=streams.DEFAULT_LIMIT):
    socket = FakeSocket(plan, tls)
    return socket, streams.Stream(socket, "peer:1", FakeClock(), limit)


def test_what_the_system_takes_at_once_waits_nowhere():
    socket, stream = make()
    assert stream.write_nowait(b"xxhellox", 2, 5)
    assert socket.taken == b"hello" and stream.pending == 0


def test_the_rest_waits_and_goes_first():
    for tls in (False, True):
        socket, stream = make([3, None, None, 1, None], tls)
        assert stream.write_nowait(b"hello", 0, 5) and stream.pending == 2
        assert stream.write_nowait(b" you", 0, 4)
        assert stream.write_nowait(b" there", 0, 6)
        while not stream.flush():
            pass
        assert socket.taken == b"hello you there" and stream.pending == 0


def test_every_pattern_of_partial_writes_keeps_the_bytes():
    seed = 12345
    for round_ in range(200):
        plan = []
        for _ in range(60):
            seed = (seed * 1103515 + 12345) & 0xFFFFFF
            plan.append((None, None, 1, 2, 5, 40, 300)[(seed >> 8) % 7])
        socket, stream = make(plan, tls=round_ % 2 == 0, limit=600)
        sent = b""
        for i in range(60):
            message = bytes((i,)) * (1 + (seed >> (i % 11)) % 97)
            if stream.write_nowait(message, 0, len(message)):
                sent += message
        while not stream.flush():
            pass
        assert socket.taken == sent


def test_beyond_the_limit_nothing_is_taken():
    socket, stream = make([10, None, None, None], limit=3000)
    assert stream.write_nowait(bytes(1010), 0, 1010) and stream.pending == 1000
    assert stream.write_nowait(bytes(2000), 0, 2000) and stream.pending == 3000
    assert not stream.write_nowait(b"x", 0, 1)
    assert not stream.closed and stream.pending == 3000
    while not stream.flush():
        pass
    assert socket.taken == bytes(3010)
    assert stream.write_nowait(b"x", 0, 1) and socket.taken == bytes(3010) + b"x"


def test_a_message_above_the_limit_is_refused_untouched():
    socket, stream = make(limit=3000)
    assert not stream.write_nowait(bytes(3001), 0, 3001)
    assert socket.taken == b""
    assert stream.write_nowait(bytes(3000), 0, 3000) and len(socket.taken) == 3000


def test_a_broken_connection_takes_nothing_more():
    socket, stream = make()
    socket.fails = OSError(104, "reset")
    assert not stream.write_nowait(b"x", 0, 1)
    assert stream.closed and socket.closed
    assert isinstance(stream.error, NetworkError) and "reset" in stream.error.message
    socket.fails = None
    assert not stream.write_nowait(b"x", 0, 1) and socket.taken == b""


async def test_awaited_writes_may_be_longer_than_the_limit():
    socket, stream = make([7, None, 100, None, None], tls=True, limit=2500)
    data = bytes(i & 255 for i in range(9000))
    task = asyncio.create_task(stream.write(data))
    for _ in range(100):
        await stream._clock.run(20)
        if task.done():
            break
    await task
    assert socket.taken == data


async def test_no_progress_for_too_long_ends_the_connection():
    socket, stream = make([None] * 2000)
    task = asyncio.create_task(stream.write(b"x"))
    await stream._clock.run(streams.WRITE_TIMEOUT_MS - 100)
    assert not task.done()
    await stream._clock.run(200)
    try:
        await task
        raise AssertionError("no TimedOut")
    except TimedOut as error:
        assert "peer:1" in error.message
    assert stream.closed and socket.closed


async def test_slow_progress_is_progress():
    _, stream = make([1, None, None, None, None] * 400)
    task = asyncio.create_task(stream.write(bytes(200)))
    await stream._clock.run(60000)
    await task


async def test_close_wakes_a_waiting_writer():
    _, stream = make([None] * 1000)
    task = asyncio.create_task(stream.write(b"x"))
    await settle()
    stream.close()
    await stream._clock.run(50)
    try:
        await task
        raise AssertionError("no NetworkError")
    except NetworkError as error:
        assert "closed" in error.message


# -- real sockets ----------------------------------------------------------------


async def echo(reader, writer):
    while True:
        data = await reader.read(512)
        if not data:
            return
        writer.write(data)
        await writer.drain()


async def test_connect_write_read_and_end():
    async with Server(echo) as server:
        stream = await streams.connect("127.0.0.1", server.port)
        await stream.write(b"hello")
        got = b""
        view = memoryview(bytearray(16))
        while len(got) < 5:
            got += bytes(view[: await stream.readinto(view)])
        assert got == b"hello"
        stream.close()
        await stream.wait_closed()


async def test_the_end_of_the_stream_is_zero_bytes():
    async def goodbye(reader, writer):
        writer.write(b"bye")
        await writer.drain()

    async with Server(goodbye) as server:
        stream = await streams.connect("127.0.0.1", server.port)
        view = memoryview(bytearray(16))
        got = b""
        while True:
            n = await stream.readinto(view)
            if not n:
                break
            got += bytes(view[:n])
        assert got == b"bye"
        stream.close()


async def test_more_than_the_buffers_hold_arrives_whole():
    async with Server(echo) as server:
        stream = await streams.connect("127.0.0.1", server.port)
        size = 300000
        block = bytes(i & 255 for i in range(5000))

        async def write():
            for _ in range(size // len(block)):
                await stream.write(block)

        task = asyncio.create_task(write())
        view = memoryview(bytearray(4096))
        got = 0
        while got < size:
            n = await stream.readinto(view)
            for i in range(0, n, 97):
                assert view[i] == (got + i) % 5000 & 255
            got += n
        await task
        stream.close()


async def test_close_wakes_the_reader():
    async with Server(echo) as server:
        stream = await streams.connect("127.0.0.1", server.port)
        task = asyncio.create_task(stream.readinto(memoryview(bytearray(16))))
        await port.sleep_ms(20)
        stream.close()
        try:
            await port.wait_for_ms(task, 15000)
            raise AssertionError("no NetworkError")
        except TimedOut:
            raise AssertionError("the reader still waits")
        except NetworkError as error:
            assert "closed" in error.message


async def test_a_cancelled_read_loses_nothing_and_writers_go_on():
    async with Server(echo) as server:
        stream = await streams.connect("127.0.0.1", server.port)
        view = memoryview(bytearray(16))
        for _ in range(3):
            task = asyncio.create_task(stream.readinto(view))
            await port.sleep_ms(5)
            task.cancel()
            await settle()
        await stream.write(b"still here")
        assert bytes(view[: await stream.readinto(view)]) == b"still here"
        stream.close()


async def test_nobody_listens():
    async with Server(echo) as server:
        free = server.port
    await port.sleep_ms(10)
    try:
        await streams.connect("127.0.0.1", free)
        raise AssertionError("connected")
    except NetworkError as error:
        assert "nobody listens" in error.message and str(free) in error.message


async def test_unknown_host():
    try:
        await streams.connect("no-such-host.invalid", 80, timeout_ms=15000)
        raise AssertionError("connected")
    except TimedOut:
        pass  # a resolver that is not there at all
    except NetworkError as error:
        assert "no-such-host.invalid" in error.message


async def test_port_must_be_one():
    for number in (0, 65536, -1):
        try:
            await streams.connect("127.0.0.1", number)
            raise AssertionError("connected")
        except InvalidArgument:
            pass
