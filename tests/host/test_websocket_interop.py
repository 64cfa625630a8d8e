"""Our WebSocket code against the `websockets` package as server and as client."""

import asyncio
import contextlib
import json
from binascii import hexlify

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from callboard.native import wire
from callboard.net.ws_parser import NEED_DATA, Parser
from support.certificates import make_ca, make_leaf
from support.pythons import PROGRAMS, PYTHONS, command_and_env, options_line, run_program

every_python = pytest.mark.parametrize("python", PYTHONS)


@contextlib.asynccontextmanager
async def serving(handler, **options):
    """A `websockets` server for `handler` on a free port; the URL, and errors of the handler."""
    failures = []

    async def guarded(connection):
        try:
            await handler(connection)
        except ConnectionClosed:
            pass
        except Exception as error:
            failures.append(error)

    async with serve(
        guarded, "127.0.0.1", 0, subprotocols=["callboard.v1"], ping_interval=None, **options
    ) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"{'wss' if options.get('ssl') else 'ws'}://127.0.0.1:{port}/v1/device"
    assert not failures, failures


async def client(python, url, *steps, **options):
    return await run_program(
        python, "websocket_client.py", {"url": url, "steps": steps, **options}
    )


async def echo(connection):
    async for message in connection:
        await connection.send(message)


TEXTS = ["", "hello", "grüß 😀", "x" * 125, "y" * 126, "ä" * 8192]
BINARIES = [bytes(range(256))[:n] * 1 for n in (0, 1, 125, 126, 200)] + [bytes(1500)]


@every_python
async def test_echo(python):
    steps = []
    expected = []
    for text in TEXTS:
        steps += [["text", text, 0], ["recv"]]
        expected += [None, ["text", text]]
    for data in BINARIES:
        steps += [["binary", hexlify(data).decode()], ["recv"]]
        expected += [True, ["binary", data.hex()]]
    async with serving(echo) as url:
        results = await client(python, url, *steps, ["close", 1000, ""])
    assert results == [*expected, 1000]


@every_python
async def test_over_tls(python, tmp_path):
    ca = make_ca()
    path = tmp_path / "ca.pem"
    path.write_bytes(ca.pem)
    context = make_leaf(ca).server_context(tmp_path)
    async with serving(echo, ssl=context) as url:
        text = "z" * 16384  # several TLS records
        results = await client(
            python, url, ["text", text, 0], ["recv"], ["close", 1000, ""], ca=str(path)
        )
    assert results == [None, ["text", text], 1000]


@pytest.mark.parametrize("python", [python for python in PYTHONS if python != "cpython"])
async def test_sending_media_over_tls_does_not_allocate(python, tmp_path):
    first_bytes = []

    async def handler(connection):
        assert await connection.recv() == "begin"
        first_bytes.extend([message[0] async for message in connection])

    ca = make_ca()
    path = tmp_path / "ca.pem"
    path.write_bytes(ca.pem)
    context = make_leaf(ca).server_context(tmp_path)
    async with serving(handler, ssl=context) as url:
        options = {"url": url, "ca": str(path)}
        result = await run_program(python, "websocket_heaplock.py", options)
    assert result == {"sent": 100, "inline_refills": 0}
    assert first_bytes == list(range(100))


@every_python
async def test_fragments_both_ways(python):
    frames = []

    async def handler(connection):
        frames.extend([piece async for piece in connection.recv_streaming()])
        await connection.send(["Frag", "men", "", "te😀"])
        await connection.send([b"\x00", b"\x01\x02"])
        await connection.wait_closed()

    async with serving(handler) as url:
        text = "0123456789" * 25
        results = await client(
            python, url, ["text", text, 100], ["recv"], ["recv"], ["close", 1000, ""]
        )
    assert frames == [text[:100], text[100:200], text[200:]]
    assert results == [None, ["text", "Fragmente😀"], ["binary", "000102"], 1000]


@every_python
async def test_pings_both_ways(python):
    async def handler(connection):
        latency = await asyncio.wait_for(await connection.ping(b"p" * 125), 20)
        await connection.send(f"pong after {latency >= 0}")
        await connection.wait_closed()

    async with serving(handler) as url:
        results = await client(python, url, ["ping"], ["recv"], ["close", 1000, ""])
    assert results == [True, ["text", "pong after True"], 1000]


@every_python
@pytest.mark.parametrize(
    "code, reason", [(1000, ""), (1001, "away"), (1011, "käse"), (4409, "x" * 123)]
)
async def test_close_codes_from_the_server(python, code, reason):
    async def handler(connection):
        await connection.close(code, reason)

    async with serving(handler) as url:
        (result,) = await client(python, url, ["recv"])
    assert (result["error"], result["received"], result["reason"]) == (
        "WebSocketClosed",
        code,
        reason,
    )


@every_python
async def test_close_codes_from_us(python):
    seen = []

    async def handler(connection):
        await connection.wait_closed()
        seen.append((connection.close_code, connection.close_reason))

    async with serving(handler) as url:
        assert await client(python, url, ["close", 4123, "grüß"]) == [4123]
    assert seen == [(4123, "grüß")]


@every_python
@pytest.mark.parametrize(
    "what, code",
    [
        ("text too long", 1009),
        ("binary too long", 1009),
        ("fragments too long", 1009),
        ("invalid UTF-8", 1007),
        ("invalid UTF-8 in fragments", 1007),
        ("masked", 1002),
        ("reserved bits", 1002),
        ("reserved opcode", 1002),
        ("continuation of nothing", 1002),
        ("long ping", 1002),
        ("close code 1005", 1002),
    ],
)
async def test_what_a_server_may_not_send(python, what, code):
    raw = {
        "masked": Frame(Opcode.TEXT, b"hi").serialize(mask=True),
        "reserved bits": b"\xf1\x00",
        "reserved opcode": b"\x83\x00",
        "continuation of nothing": Frame(Opcode.CONT, b"hi").serialize(mask=False),
        "long ping": b"\x89\x7e\x00\x7e" + bytes(126),
        "close code 1005": b"\x88\x02\x03\xed",
    }
    closed_with = []

    async def handler(connection):
        if what == "text too long":
            await connection.send("x" * 2001)
        elif what == "binary too long":
            await connection.send(bytes(501))
        elif what == "fragments too long":
            await connection.send(["x" * 500] * 5)
        elif what == "invalid UTF-8":
            await connection.send(b"\xed\xa0\x80", text=True)
        elif what == "invalid UTF-8 in fragments":
            await connection.send([b"\xc3", b"x"], text=True)
        else:
            connection.transport.write(raw[what])
        await asyncio.wait_for(connection.wait_closed(), 20)
        closed_with.append(connection.close_code)

    async with serving(handler) as url:
        (result,) = await client(
            python, url, ["recv"], connect={"max_text": 2000, "max_binary": 500}
        )
    assert result["error"] == "WebSocketError" and result["close_code"] == code, result
    assert closed_with == [code]


@every_python
async def test_what_the_server_finds_too_long(python):
    async with serving(echo, max_size=1000) as url:
        results = await client(python, url, ["text", "x" * 1001, 0], ["recv"])
    assert results[0] is None and results[1]["received"] == 1009


@every_python
async def test_a_server_without_our_subprotocol_is_refused(python):
    async with serve(echo, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        (result,) = await client(python, url)
    assert result["error"] == "ProtocolError" and "callboard.v1" in result["message"]


# -- `websockets` as the client of our parser and framing --------------------------


@contextlib.asynccontextmanager
async def our_server(python, fragment):
    """Our echo server in a process; its URL."""
    command, env = command_and_env(python)
    program = str(PROGRAMS / "websocket_server.py")
    process = await asyncio.create_subprocess_exec(
        *command,
        *(["-u"] if python == "cpython" else []),
        program,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=env,
    )
    try:
        process.stdin.write(options_line({"fragment": fragment}))
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        yield f"ws://127.0.0.1:{json.loads(line)['port']}/"
        assert await asyncio.wait_for(process.wait(), 20) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@every_python
@pytest.mark.parametrize("fragment", [0, 50])
async def test_the_package_as_client(python, fragment):
    async with (
        our_server(python, fragment) as url,
        connect(url, subprotocols=["callboard.v1"], compression=None) as connection,
    ):
        assert connection.subprotocol == "callboard.v1"
        for message in [text for text in TEXTS if text] + [b"\x00\xff", bytes(1500)]:
            await connection.send(message)
            assert await asyncio.wait_for(connection.recv(), 20) == message
        await connection.send(["in ", "pieces ", "grüß"])
        assert await asyncio.wait_for(connection.recv(), 20) == "in pieces grüß"
        await asyncio.wait_for(await connection.ping(b"x" * 125), 20)
        await connection.close(4001, "enough")
        assert connection.close_code == 4001


relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
opcodes = st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG])


@st.composite
def frames(draw):
    opcode = draw(opcodes)
    if opcode is Opcode.TEXT:
        return Frame(opcode, draw(st.text("aä€😀", max_size=400)).encode())
    limit = 125 if opcode in (Opcode.PING, Opcode.PONG) else 2000
    return Frame(opcode, draw(st.binary(max_size=limit)))


@relaxed
@given(st.lists(frames(), max_size=5), st.integers(1, 3000))
def test_frames_of_the_package_are_read(frames, piece):
    data = b"".join(frame.serialize(mask=True) for frame in frames)
    parser = Parser(2000, 2000, masked=True)
    found = []
    for at in range(0, len(data), piece):
        part = data[at : at + piece]
        while part:
            space = parser.space()
            n = min(len(space), len(part))
            space[:n] = part[:n]
            parser.received(n)
            part = part[n:]
            while (event := parser.next()) != NEED_DATA:
                payload = parser.buffer[parser.off : parser.off + parser.length]
                found.append((event, bytes(payload)))
    assert found == [(frame.opcode, frame.data) for frame in frames]


@relaxed
@given(opcodes, st.binary(max_size=300), st.booleans(), st.binary(min_size=4, max_size=4))
def test_frames_of_ours_are_read_by_the_package(opcode, payload, masked, key):
    payload = payload[:125]
    buf = bytearray(14) + payload
    start = wire.ws_frame(buf, 14, len(payload), int(opcode), True, key if masked else None, 0)
    reader = StreamReader()
    reader.feed_data(bytes(buf[start:]))
    parsing = Frame.parse(reader.read_exact, mask=masked)
    try:
        while True:
            next(parsing)
    except StopIteration as done:
        frame = done.value
    assert (frame.opcode, bytes(frame.data), frame.fin) == (opcode, payload, True)
