"""The host's bridge against a scripted board: what it lets through, and what it does not."""

import asyncio
import contextlib

from callboard.port import CLOCK
from callboard.serial import bridge as wire
from callboard.serial import framing
from callboard.serial.bridge import Bridge as BoardBridge
from callboard.serial.outlet import Outlet
from callboard_host.serial_line import bridge as bridges
from callboard_host.serial_line.bridge import Bridge
from callboard_host.serial_line.port import PortFailed
from support import until


class Port(framing.Handler):
    """A port with a board's bridge at its other end."""

    def __init__(self, loop):
        self._loop = loop
        self._out = b""
        self.broken = False
        self.outlet = Outlet(None, lambda: True, CLOCK, write_part=self._board_writes)
        self.board = BoardBridge(CLOCK, self.outlet)
        self._decoder = framing.Decoder(self)
        self.closed = False

    def _board_writes(self, buf, off, n):
        self._out += bytes(buf[off : off + n])
        return n

    def on_packet(self, kind, buf, off, n):
        return self.board.packet(kind, buf, off, n)

    def read(self):
        done = asyncio.run_coroutine_threadsafe(self._take(), self._loop)
        return done.result()

    async def _take(self):
        await asyncio.sleep(0.002)
        if self.broken:
            raise PortFailed("tty went away")
        data, self._out = self._out, b""
        return data

    def write(self, data):
        if self.broken:
            raise PortFailed("tty went away")
        self._decoder.feed(data, len(data), CLOCK.ticks_ms())

    def close(self):
        self.closed = True


@contextlib.asynccontextmanager
async def bridged(relay, **options):
    port = Port(asyncio.get_running_loop())
    bridge = Bridge(lambda: port, relay, **options)
    task = asyncio.create_task(bridge.run())
    ticking = asyncio.create_task(tick(port.board))
    try:
        await asyncio.wait_for(bridge.bridged.wait(), 20)
        yield bridge, port
    finally:
        for each in (task, ticking):
            each.cancel()
        await asyncio.gather(task, ticking, return_exceptions=True)
        assert port.closed


async def tick(board):
    while True:
        board.tick()
        await asyncio.sleep(0.01)


async def read(pipe, size=100):
    buffer = bytearray(size)
    await asyncio.wait_for(pipe.readable(), 20)
    return bytes(buffer[: pipe.readinto(memoryview(buffer))])


@contextlib.asynccontextmanager
async def echo():
    """A server that sends back what it gets, in capitals."""
    seen = []

    async def serve(reader, writer):
        seen.append(writer)
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


async def test_bytes_go_both_ways_and_the_end_too():
    async with echo() as (url, seen), bridged(url) as (bridge, port):
        pipe = await port.board.open(0)
        assert pipe.write(b"hello", 0, 5) == 5
        assert await read(pipe) == b"HELLO"
        seen[0].close()  # the relay closes
        await asyncio.wait_for(pipe.readable(), 20)
        assert pipe.readinto(memoryview(bytearray(4))) == 0
        pipe.close()
        second = await port.board.open(0)
        second.close()  # the board closes
        for _ in range(2000):
            if len(port.board.pipes) == 0 and len(bridge._tasks) == 0:
                break
            await asyncio.sleep(0.01)
        counts = bridge.counts
        assert (counts.streams, counts.bytes_to_relay, counts.bytes_to_board) == (2, 5, 5)
        assert not bridge._tasks


async def test_a_large_answer_arrives_whole_in_pieces_the_board_can_take():
    async with echo() as (url, _), bridged(url) as (_, port):
        pipe = await port.board.open(0)
        data, sent, got = bytes(97 + i % 26 for i in range(6000)), 0, b""
        while len(got) < len(data):
            sent += pipe.write(data, sent, len(data) - sent) or 0 if sent < len(data) else 0
            if pipe.pending:
                got += await read(pipe, 64)
            else:
                await asyncio.sleep(0.002)
        assert got == data.upper()


async def test_tls_is_never_left_out():
    """A board that wants TLS of the host gets none of a plain relay."""
    async with echo() as (url, seen), bridged(url) as (bridge, port):
        try:
            await port.board.open(wire.HOST_TLS)
            raise AssertionError("it opened")
        except wire.NetworkError as error:
            assert "plain http://" in error.message
        assert not seen and bridge.counts.streams_refused == 1


async def test_a_board_that_connects_without_end_is_held_back(monkeypatch):
    monkeypatch.setattr(bridges, "CONNECTS_S", 600.0)
    async with echo() as (url, seen), bridged(url) as (bridge, port):
        refused = 0
        for _ in range(bridges.CONNECTS_MAX + 5):
            try:
                (await port.board.open(0)).close()
            except wire.NetworkError as error:
                assert "too many connections" in error.message
                refused += 1
        for _ in range(20):
            port.board.open_media("Mxyz")
            await asyncio.sleep(0)
        assert refused == 5 and len(seen) <= bridges.CONNECTS_MAX
        assert len(bridge._tasks) <= 4


async def test_a_port_that_goes_away_is_opened_again():
    notes = []
    async with echo() as (url, _), bridged(url, note=notes.append) as (bridge, port):
        pipe = await port.board.open(0)
        port.broken = True
        await until(lambda: "disconnected: tty went away" in notes)
        assert not bridge.bridged.is_set()
        port.broken = False
        await asyncio.wait_for(bridge.bridged.wait(), 20)
        await asyncio.wait_for(pipe.readable(), 20)
        assert pipe.gone and bridge.counts.disconnects == 1 and bridge.counts.sessions == 2


async def test_once_is_once():
    port = Port(asyncio.get_running_loop())
    bridge = Bridge(lambda: port, "http://127.0.0.1:9", reconnect=False)
    port.broken = True
    try:
        await asyncio.wait_for(bridge.run(), 20)
        raise AssertionError("it went on")
    except PortFailed:
        assert port.closed
