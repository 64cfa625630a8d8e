"""The frame path of the WebSocket allocates nothing, where boards would notice.

Over TLS: tests/host/test_websocket_interop.py. Needs the native `wire`; the pure one allocates.
"""

import asyncio

from callboard.net import websocket
from callboard.net.websocket import HEADROOM
from support import heap_locked, require_heap_lock, settle, until
from support.servers import Server, WebSocketPeer

FRAME = 186  # bytes of an RTP packet with 20 ms of PCMU


async def test_sending_media_does_not_allocate():
    require_heap_lock()
    got = []

    async def handle(reader, writer):
        peer = WebSocketPeer(reader, writer)
        await peer.accept()
        while len(got) < 40:
            got.append(await peer.recv())

    async with Server(handle) as server:
        ws = await websocket.connect("ws://127.0.0.1:%d/" % server.port)
        buf = bytearray(HEADROOM + FRAME)
        lock = heap_locked()
        for _ in range(4):
            for i in range(10):  # no turn of the loop in between: keys must not run out either
                buf[HEADROOM] = i
                with lock:
                    sent = ws.send_binary_nowait(buf, HEADROOM, FRAME)
                assert sent
            await settle()
        await until(lambda: len(got) == 40)
        assert [payload[0] for _, payload in got] == list(range(10)) * 4
        assert ws.inline_refills == 0 and ws.dropped == 0
        await ws.close()


async def test_refusing_media_does_not_allocate():
    require_heap_lock()

    async def handle(reader, writer):
        peer = WebSocketPeer(reader, writer)
        await peer.accept()
        await asyncio.sleep(10)

    async with Server(handle) as server:
        ws = await websocket.connect("ws://127.0.0.1:%d/" % server.port)
        buf = bytearray(HEADROOM + 1500)
        lock = heap_locked()
        taken = 0
        refused = 0
        while refused < 40:
            ws.refill_keys()
            with lock:  # also around the write that the system takes in part
                sent = ws.send_binary_nowait(buf, HEADROOM, 1500)
            taken += sent
            refused += not sent
        assert taken > 3 and ws.dropped == 40
        ws._stream.close()


def test_the_heap_lock_would_notice():
    require_heap_lock()
    lock = heap_locked()
    try:
        with lock:
            bytearray(16)
        raise AssertionError("an allocation went unnoticed")
    except MemoryError:
        pass
