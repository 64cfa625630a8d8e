"""The `websockets` package as a client: what RFC 6455 allows, and what it does not."""

import asyncio

import pytest
from websockets.frames import Frame, Opcode

from callboard_host.relay.config import MAX_BINARY, MAX_TEXT

REPORT = '{"jsonrpc": "2.0", "id": 1, "method": "dm.report", "params": {"properties": {}}}'


def is_answer(message):
    return message.get("id") == 1 and message.get("result") == {}


@pytest.mark.parametrize("size", [1, 7, 40])
async def test_fragmented_text(world, size):
    device = await world.device()
    await device.socket.send([REPORT[i : i + size] for i in range(0, len(REPORT), size)])
    await device.wait_for(is_answer)


async def test_a_ping_between_two_fragments(world):
    device = await world.device()

    async def pieces():
        yield REPORT[:10]
        await asyncio.wait_for(await device.socket.ping(b"in between"), 20)
        yield REPORT[10:]

    await device.socket.send(pieces())
    await device.wait_for(is_answer)


async def test_pings_are_answered_with_their_payload(world):
    device = await world.device()
    for payload in (b"", b"x" * 125):
        await asyncio.wait_for(await device.socket.ping(payload), 20)


async def test_the_longest_text_is_taken(world):
    device = await world.device()
    await device.socket.send(REPORT + " " * (MAX_TEXT - len(REPORT)))
    await device.wait_for(is_answer)


@pytest.mark.parametrize(
    "message",
    [REPORT + " " * (MAX_TEXT - len(REPORT) + 1), bytes(MAX_BINARY + 1), bytes(1_000_000)],
)
async def test_what_is_too_long_closes_with_1009(world, message):
    device = await world.device()
    await device.socket.send(message)
    assert await device.closed() == 1009


async def test_fragments_that_are_too_long_together_close_with_1009(world):
    device = await world.device()
    await device.socket.send(["x" * 1000] * 17)
    assert await device.closed() == 1009


async def test_text_that_is_not_utf_8_closes_with_1007(world):
    device = await world.device()
    await device.socket.send(b"\xff\xfe{}", text=True)
    assert await device.closed() == 1007


@pytest.mark.parametrize("frame", [b"\x83\x80\0\0\0\0", b"\xc1\x80\0\0\0\0", b"\x80\x80\0\0\0\0"])
async def test_forbidden_frames_close_with_1002(world, frame):
    """A reserved opcode, a reserved bit, a continuation of nothing."""
    device = await world.device()
    device.socket.transport.write(frame)
    assert await device.closed() == 1002


async def test_binary_garbage_is_ignored(world):
    device = await world.device()
    for size in (0, 1, 11, 12, 300, MAX_BINARY):
        await device.socket.send(bytes((7 * i) & 0xFF for i in range(size)))
    assert await device.request("dm.report", properties={}) == {}


async def test_a_client_that_closes_is_answered(world):
    device = await world.device()
    await device.socket.close(4321, "enough")
    assert device.socket.close_code == 1000  # a clean end: the close frame was answered


async def test_a_half_open_handshake_leaves_nothing_behind(world):
    reader, writer = await asyncio.open_connection("127.0.0.1", world.relay.port)
    writer.write(b"GET /v1/device HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")
    assert b" 400 " in await asyncio.wait_for(reader.readline(), 20)
    writer.close()
    frame = Frame(Opcode.TEXT, REPORT.encode()).serialize(mask=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.relay.port)
    writer.write(frame)  # no handshake at all
    assert b" 400 " in await asyncio.wait_for(reader.readline(), 20)
    writer.close()
    assert not world.relay.core.hub.sessions
