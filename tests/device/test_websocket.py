"""The WebSocket client against a server that does what servers may do, and what they may not."""

import asyncio
import json

from websocket_rig import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    echo,
    open_to,
    packet,
    received,
    serve,
)

from callboard import port
from callboard.errors import InvalidArgument, NetworkError, ProtocolError, TimedOut
from callboard.net import websocket
from callboard.net.websocket import UpgradeRefused
from support import error_of, settle, until
from support.servers import Server, WebSocketPeer, accept_key, frame, read_head

# -- opening ---------------------------------------------------------------------


async def test_the_upgrade_asks_for_what_the_protocol_wants():
    seen = []

    async def script(peer):
        seen.append((peer.line, peer.headers))
        await echo(peer)

    async with serve(script) as server:
        ws = await open_to(server, headers={"X-Mine": "1"})
        await ws.close()
    line, headers = seen[0]
    assert line == "GET /v1/device HTTP/1.1"
    assert headers["host"] == "127.0.0.1:%d" % server.port
    assert headers["upgrade"] == "websocket" and headers["connection"] == "Upgrade"
    assert headers["sec-websocket-version"] == "13" and headers["x-mine"] == "1"
    assert headers["sec-websocket-protocol"] == "callboard.v1"
    assert len(headers["sec-websocket-key"]) == 24


async def test_the_server_may_speak_with_the_upgrade():
    async def handle(reader, writer):
        peer = WebSocketPeer(reader, writer)
        await peer.accept(extra=frame(TEXT, b"challenge") + frame(BINARY, b"\x00")[:2])
        await peer.send_raw(b"\x00")
        await echo(peer)

    async with Server(handle) as server:
        ws = await open_to(server)
        assert await received(ws) == (TEXT, b"challenge")
        assert await received(ws) == (BINARY, b"\x00")
        await ws.close()


async def refused_upgrade(kind, lines, protocol="callboard.v1"):
    async def handle(reader, writer):
        _, headers = await read_head(reader)
        accept = "Sec-WebSocket-Accept: " + accept_key(headers["sec-websocket-key"])
        text = "\r\n".join(lines).replace("ACCEPT", accept)
        writer.write((text + "\r\n\r\n").encode())
        await writer.drain()

    async with Server(handle) as server:
        return await error_of(kind, open_to(server, protocol=protocol))


async def test_a_wrong_upgrade_is_refused():
    status = "HTTP/1.1 101 Switching Protocols"
    upgrade, connection = "Upgrade: websocket", "Connection: Upgrade"
    right = "Sec-WebSocket-Protocol: callboard.v1"
    for lines in (
        (status, upgrade, connection, right),  # no accept
        (status, upgrade, connection, "Sec-WebSocket-Accept: " + accept_key("x"), right),
        (status, connection, "ACCEPT", right),
        (status, upgrade, "ACCEPT", right),
        (status, upgrade, "Connection: keep-alive", "ACCEPT", right),
        (status, "Upgrade: h2c", connection, "ACCEPT", right),
        (status, upgrade, connection, "ACCEPT"),  # no subprotocol
        (status, upgrade, connection, "ACCEPT", "Sec-WebSocket-Protocol: other.v1"),
        (status, upgrade, connection, "ACCEPT", right, "Sec-WebSocket-Extensions: x"),
        ("HTTP/1.1 101 Switching\x00Protocols", upgrade, connection, "ACCEPT", right),
        ("nonsense",),
    ):
        await refused_upgrade(ProtocolError, lines)
    lines = (status, upgrade, connection, "ACCEPT", right)
    await refused_upgrade(ProtocolError, lines, protocol=None)  # one that nobody offered


async def test_an_http_answer_tells_its_status():
    lines = ("HTTP/1.1 503 Down for repair", "Content-Length: 0")
    error = await refused_upgrade(UpgradeRefused, lines)
    assert error.status == 503 and "Down for repair" in error.message


async def test_a_silent_server_times_out():
    async def silent(reader, writer):
        await port.sleep_ms(60000)

    async with Server(silent) as server:
        error = await error_of(TimedOut, open_to(server, timeout_ms=60))
        assert "127.0.0.1:%d" % server.port in error.message


async def test_only_websocket_urls():
    await error_of(InvalidArgument, websocket.connect("http://127.0.0.1/"))


# -- messages --------------------------------------------------------------------


async def test_messages_both_ways():
    async with serve(echo) as server:
        ws = await open_to(server)
        for text in ("", "hello", "gr\u00fc\u00df dich \U0001f600", "x" * 126, "y" * 16384):
            await ws.send_text(text)
            assert await received(ws) == (TEXT, text.encode())
            assert ws.send_text_nowait(text)
            assert await received(ws) == (TEXT, text.encode())
        for n in (0, 1, 125, 126, 1500):
            payload = bytes(i & 255 for i in range(n))
            assert ws.send_binary_nowait(*packet(payload))
            assert await received(ws) == (BINARY, payload)
        await ws.close()


async def test_fragments_both_ways():
    pieces = []

    async def script(peer):
        for _ in range(2):
            opcode, payload = await peer.recv()
            pieces.append(payload)
        await peer.send(TEXT, b"ab", fin=False)
        await peer.send(PING, b"now")
        pieces.append(await peer.recv())
        await peer.send(0, b"cd", fin=False)
        await peer.send(0, b"ef")
        await echo(peer)

    async with serve(script) as server:
        ws = await open_to(server)
        await ws.send_text("0123456789" * 100, fragment=64)
        await ws.send_text("whole")
        assert await received(ws) == (TEXT, b"abcdef")
        await ws.close()
    assert pieces == [b"0123456789" * 100, b"whole", (PONG, b"now")]


async def test_fragments_on_the_wire_are_as_long_as_asked():
    sizes = []

    async def handle(reader, writer):
        peer = WebSocketPeer(reader, writer)
        await peer.accept()
        for _ in range(3):
            head = await reader.readexactly(2)
            sizes.append((head[0], head[1] & 127))
            await reader.readexactly(4 + (head[1] & 127))

    async with Server(handle) as server:
        ws = await open_to(server)
        await ws.send_text("x" * 25, fragment=10)
        await error_of(NetworkError, ws.recv())
    assert sizes == [(0x01, 10), (0x00, 10), (0x80, 5)]


async def test_pings_are_answered_and_pongs_count_as_life():
    async def script(peer):
        await peer.send(PONG, b"unasked")
        assert await peer.recv() == (PING, b"")
        for payload in (b"", b"p" * 125):
            await peer.send(PING, payload)
            assert await peer.recv() == (PONG, payload)
        await port.sleep_ms(30)
        await peer.send(PONG)
        await peer.send(TEXT, b"done")
        await echo(peer)

    async with serve(script) as server:
        ws = await open_to(server)
        assert ws.ping_nowait()
        before_ms = ws.last_received_ms
        assert await received(ws) == (TEXT, b"done")
        assert port.ticks_diff(ws.last_received_ms, before_ms) >= 29
        await ws.close()


async def test_a_cancelled_recv_loses_nothing():
    cancelled = asyncio.Event()

    async def script(peer):
        data = frame(TEXT, b"one") + frame(TEXT, b"two")
        await peer.send_raw(data[:7])
        await cancelled.wait()
        await peer.send_raw(data[7:])
        await echo(peer)

    async with serve(script) as server:
        ws = await open_to(server)
        assert await received(ws) == (TEXT, b"one")
        await error_of(TimedOut, port.wait_for_ms(ws.recv(), 20))
        cancelled.set()
        assert await received(ws) == (TEXT, b"two")
        await ws.close()


async def test_what_is_too_long_is_not_sent():
    async with serve(echo) as server:
        ws = await open_to(server, max_text=100, max_binary=50)
        await error_of(InvalidArgument, ws.send_text("\u00e4" * 51))
        for call in (
            lambda: ws.send_text_nowait("x" * 101),
            lambda: ws.send_binary_nowait(*packet(bytes(51))),
        ):
            try:
                call()
                raise AssertionError("sent")
            except InvalidArgument:
                pass
        await ws.send_text("x" * 100)
        assert await received(ws) == (TEXT, b"x" * 100)
        await ws.close()


async def test_text_that_is_no_unicode_is_not_sent():
    text = json.loads('["\\ud83d"]')[0]  # half a character, as JSON may hold it
    async with serve(echo) as server:
        ws = await open_to(server)
        await error_of(InvalidArgument, ws.send_text(text))
        try:
            ws.send_text_nowait("x" + text)
            raise AssertionError("sent")
        except InvalidArgument:
            pass
        await ws.send_text("\U0001f600")
        assert await received(ws) == (TEXT, b"\xf0\x9f\x98\x80")
        await ws.close()


# -- the mask keys ---------------------------------------------------------------


async def test_every_frame_has_its_own_key_and_the_pool_is_refilled():
    keys = []

    async def handle(reader, writer):
        peer = WebSocketPeer(reader, writer)
        await peer.accept()
        for _ in range(200):
            head = await reader.readexactly(2 + 4 + 8)
            assert head[:2] == b"\x82\x88"
            keys.append(head[2:6])
            assert bytes(head[6 + i] ^ head[2 + (i & 3)] for i in range(8)) == b"datadata"

    drawn = []

    def random(count):
        drawn.append(count)
        return port.random_bytes(count)

    async with Server(handle) as server:
        ws = await open_to(server, random=random)
        for i in range(200):
            buf, off, n = packet(b"datadata")
            assert ws.send_binary_nowait(buf, off, n)
            if i % 20 == 19:
                await settle()
        await error_of(NetworkError, ws.recv())
    assert len(set(keys)) == 200, "a mask key was used twice"
    assert ws.inline_refills == 0 and len(drawn) > 4


async def test_a_dry_pool_is_refilled_inline_and_counted():
    async with serve(echo) as server:
        ws = await open_to(server)
        for _ in range(130):  # without a turn of the loop; the pool holds 64 keys
            assert ws.send_binary_nowait(*packet(b"x"))
        assert ws.inline_refills == 2
        await ws.close()


# -- congestion ------------------------------------------------------------------


def numbered(number):
    return b"%08d" % number * 150


async def test_congestion_drops_whole_media_messages_and_tears_nothing():
    got = []
    go_on = asyncio.Event()

    async def script(peer):
        await go_on.wait()
        while True:
            opcode, payload = await peer.recv()
            if opcode == CLOSE:
                await peer.send(CLOSE, payload)
                return
            number = int(payload[:8])
            assert payload == (numbered(number) if opcode == BINARY else payload[:8] * 40)
            got.append((opcode, number))

    async with serve(script) as server:
        ws = await open_to(server)
        sent = []
        number = refused = 0
        while refused < 50:
            if ws.send_binary_nowait(*packet(numbered(number))):
                sent.append((BINARY, number))
            else:
                refused += 1
            number += 1
            if number % 100 == 0:
                await settle(1)
        assert ws.dropped == refused
        # Text is more patient than media: it waits for its turn.
        for index in range(3):
            assert ws.send_text_nowait("%08d" % index * 40)
            sent.append((TEXT, index))
        # Media comes behind it, or not at all (the system may have found room meanwhile).
        if ws.send_binary_nowait(*packet(numbered(number))):
            sent.append((BINARY, number))
        else:
            refused += 1
        assert ws.dropped == refused
        go_on.set()
        await ws.send_text("%08d" % 99 * 40)
        sent.append((TEXT, 99))
        await until(lambda: len(got) >= len(sent))  # close() waits for a second only
        await ws.close()
    assert got == sent


async def test_what_waits_goes_out_without_further_calls():
    go_on = asyncio.Event()
    last = asyncio.Event()

    async def script(peer):
        await go_on.wait()
        while await peer.recv() != (TEXT, b"the last one"):
            pass
        last.set()

    async with serve(script) as server:
        ws = await open_to(server)
        while ws.send_binary_nowait(*packet(bytes(1400))):
            pass
        assert ws.send_text_nowait("the last one")
        go_on.set()
        await port.wait_for_ms(last.wait(), 15000)
        await ws.close()
