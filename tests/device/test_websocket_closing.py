"""How a WebSocket ends, by whoever's doing, and that its end is known on both sides."""

import asyncio

from websocket_rig import BINARY, CLOSE, TEXT, echo, open_to, packet, serve

from callboard import port
from callboard.errors import InvalidArgument, NetworkError, ProtocolError
from callboard.net.websocket import WebSocketClosed
from support import error_of, settle, until
from support.servers import frame


async def test_the_server_closes_with_a_reason():
    answer = []

    async def script(peer):
        await peer.send(CLOSE, b"\x11\x39k\xc3\xa4se")
        answer.append(await peer.recv())

    async with serve(script) as server:
        ws = await open_to(server)
        error = await error_of(WebSocketClosed, ws.recv())
        assert (error.code_received, error.reason) == (4409, "k\u00e4se")
        assert ws.closed and ws.close_code == 4409
        await until(lambda: answer)
        assert not ws.send_text_nowait("x") and not ws.ping_nowait()
        assert not ws.send_binary_nowait(*packet(b"x"))
        assert (await error_of(WebSocketClosed, ws.send_text("x"))).code_received == 4409
        assert (await error_of(WebSocketClosed, ws.recv())).code_received == 4409
        await ws.close()
    assert answer[0][0] == CLOSE and answer[0][1][:2] == b"\x11\x39"


async def test_the_server_closes_without_a_status():
    async def script(peer):
        await peer.send(CLOSE)
        assert await peer.recv() == (CLOSE, b"")

    async with serve(script) as server:
        ws = await open_to(server)
        assert (await error_of(WebSocketClosed, ws.recv())).code_received == 1005


async def test_the_server_vanishes():
    async def script(peer):
        await peer.send_raw(frame(TEXT, b"unfinished")[:5])

    async with serve(script) as server:
        ws = await open_to(server)
        error = await error_of(NetworkError, ws.recv())
        assert getattr(error, "code_received", 1006) == 1006
        assert ws.closed and ws.close_code == 1006


async def test_we_close_and_wait_for_the_answer():
    seen = []

    async def script(peer):
        seen.append(await peer.recv())
        await settle()
        await peer.send(TEXT, b"on its way already")
        await peer.send(CLOSE, seen[0][1])
        seen.append("answered")

    async with serve(script) as server:
        ws = await open_to(server)
        await ws.close(4000, "b\u00e4h")
        assert seen == [(CLOSE, b"\x0f\xa0b\xc3\xa4h"), "answered"]
        assert ws.closed and ws.close_code == 4000
        await ws.close()


async def test_we_close_while_another_task_receives():
    async with serve(echo) as server:
        ws = await open_to(server)
        task = asyncio.create_task(ws.recv())
        await settle()
        await ws.close(1001)
        error = await error_of(WebSocketClosed, port.wait_for_ms(task, 15000))
        assert error.code_received == 1001


async def test_a_server_that_ignores_our_close_does_not_hold_us():
    async def script(peer):
        await port.sleep_ms(60000)

    async with serve(script) as server:
        ws = await open_to(server)
        await port.wait_for_ms(ws.close(), 15000)
        assert ws.closed


async def test_close_arguments():
    async with serve(echo) as server:
        ws = await open_to(server)
        for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000):
            await error_of(InvalidArgument, ws.close(code))
        await error_of(InvalidArgument, ws.close(1000, "\u00e4" * 62))
        assert not ws.closed
        await ws.close(1000, "\u00e4" * 61)


async def test_a_peer_that_breaks_the_protocol_is_told_why():
    for data, code in (
        (b"\xc1\x00", 1002),
        (b"\x81\x01\xff", 1007),
        (b"\x82\x7e\x05\xdd", 1009),
        (b"\x81\x7e\x40\x01", 1009),
        (b"\x88\x02\x03\xed", 1002),
        (b"\x81\x81\x00\x00\x00\x00x", 1002),
    ):
        answer = []

        async def script(peer, data=data, answer=answer):
            await peer.send_raw(data)
            answer.append(await peer.recv())

        async with serve(script) as server:
            ws = await open_to(server)
            await error_of(ProtocolError, ws.recv())
            assert ws.closed and ws.close_code == code
            await until(lambda answer=answer: answer)
        assert answer[0][0] == CLOSE, data
        assert answer[0][1][0] << 8 | answer[0][1][1] == code


async def test_a_peer_that_goes_on_sending_learns_why_too():
    answer = []

    async def script(peer):
        await peer.send_raw(frame(BINARY, bytes(2000)) + bytes(150000))
        answer.append(await peer.recv())

    async with serve(script) as server:
        ws = await open_to(server)
        await error_of(ProtocolError, ws.recv())
        await until(lambda: answer)
    assert answer[0][1][:2] == b"\x03\xf1", answer  # 1009
