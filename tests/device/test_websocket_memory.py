"""A WebSocket client that connects again needs no new large piece of memory."""

import asyncio
import gc
import sys

from websocket_rig import CLOSE, TEXT, echo, open_to, received, serve

from callboard import port
from callboard.errors import NetworkError
from support import error_of, until
from support.servers import Server, WebSocketPeer


def crumbs():
    """What keeps the heap in such a state that there is nothing of 8 kB in one piece."""
    held = [None] * 8192
    made = 0
    try:
        while True:
            held[made] = bytearray(4000)
            made += 1
    except MemoryError:
        pass
    for at in range(0, made, 2):
        held[at] = None
    return held


async def test_reconnecting_needs_no_large_piece_of_memory():
    """The first connection's buffer serves the next, on a heap that has become crumbs."""
    peers = [WebSocketPeer(None, None) for _ in range(2)]

    async def handle(reader, writer):
        peer = peers.pop()
        peer._reader, peer._writer = reader, writer
        await peer.accept()
        await echo(peer)

    memory, held = [], None
    async with Server(handle) as server:
        for _ in range(2):
            ws = await open_to(server, memory=memory)
            assert len(memory[0]) > 16384 and ws._parser.buffer is memory[0]
            await ws.send_text("0123456789abcdef" * 60)
            assert await received(ws) == (TEXT, b"0123456789abcdef" * 60)
            await ws.close()
            ws = None
            if sys.implementation.name == "micropython" and held is None:
                held = crumbs()
                await error_of(MemoryError, open_to(server))  # as it would be without
        held = None


async def test_what_comes_after_the_end_is_kept_out_of_the_next_ones_memory():
    """A server that goes on sending after the close, while the next connection stands."""
    go_on = asyncio.Event()

    async def chatty(peer):
        await peer.recv()
        await peer.send(CLOSE, b"\x03\xe8")
        await go_on.wait()
        await peer.send_raw(b"x" * 4000)
        await asyncio.sleep(0.3)

    memory = []
    async with serve(chatty) as server, serve(echo) as other:
        old = await open_to(server, memory=memory)
        await old.close()
        ws = await open_to(other, memory=memory)
        await ws.send_text("y" * 9000)
        assert await received(ws) == (TEXT, b"y" * 9000)
        go_on.set()
        await asyncio.sleep(0.2)
        assert b"x" not in memory[0]
        await ws.close()


async def test_connecting_again_and_again_leaves_nothing_behind():
    async with serve(echo) as server:
        used = []
        for round_ in range(30):
            ws = await open_to(server)
            await ws.send_text("hello")
            assert await received(ws) == (TEXT, b"hello")
            if round_ % 3 == 0:
                ws._stream.close()  # the network is gone
                await error_of(NetworkError, ws.recv())
            else:
                await ws.close()
            del ws
            await until(lambda: server.served == server.connections)  # the other end is gone, too
            if hasattr(asyncio, "all_tasks"):
                assert len(asyncio.all_tasks()) < 8, asyncio.all_tasks()
            else:
                gc.collect()
                used.append(port.heap_used())
        assert not used or used[-1] - used[9] < 2000, used
