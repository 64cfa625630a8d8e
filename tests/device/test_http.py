"""The HTTP client: what it sends, what it returns, and how it gives up."""

import asyncio

from callboard import port
from callboard.errors import InvalidArgument, NetworkError, ProtocolError, TimedOut
from callboard.net import http, url
from support import error_of, raises
from support.servers import Server, read_head


def answer(response, seen=None, delay_ms=0):
    """A handler that reads one request into `seen` (line, headers, body) and sends `response`."""

    async def handle(reader, writer):
        line, headers = await read_head(reader)
        size = int(headers.get("content-length", "0"))
        body = await reader.readexactly(size) if size else b""
        if seen is not None:
            seen.append((line, headers, body))
        if delay_ms:
            await port.sleep_ms(delay_ms)
        writer.write(response)
        await writer.drain()

    return handle


async def test_get():
    seen = []
    response = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Thing: a\r\n\r\n" + "gr\u00fcn\n\n".encode()
    )
    async with Server(answer(response, seen)) as server:
        address = "127.0.0.1:%d" % server.port
        found = await http.get("http://%s/v1/health?x=1" % address, headers={"X-Mine": "yes"})
    assert (found.status_code, found.reason) == (200, "OK")
    assert found.headers["x-thing"] == "a"
    assert found.text == "gr\u00fcn\n\n" and found.content == found.text.encode()
    found.close()
    line, headers, body = seen[0]
    assert line == "GET /v1/health?x=1 HTTP/1.1" and body == b""
    assert headers == {"host": address, "x-mine": "yes", "connection": "close"}


async def test_post_json_and_read_json():
    seen = []
    response = b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n"
    response += b'f\r\n{"error": [1,2]\r\n1\r\n}\r\n0\r\n\r\n'
    async with Server(answer(response, seen)) as server:
        found = await http.post("http://127.0.0.1:%d" % server.port, json={"a": "\u00e4"})
    assert found.status_code == 400 and found.json() == {"error": [1, 2]}
    line, headers, body = seen[0]
    assert line == "POST / HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert http.json_module.loads(body.decode()) == {"a": "\u00e4"}


async def test_put_data_as_bytes_or_text():
    seen = []
    async with Server(answer(b"HTTP/1.1 204 No Content\r\n\r\n", seen)) as server:
        address = "http://127.0.0.1:%d/" % server.port
        for data in (b"\x00\xff" * 3000, "t\u00e4xt", ""):
            assert (await http.put(address, data=data)).content == b""
    assert [body for _, _, body in seen] == [b"\x00\xff" * 3000, "t\u00e4xt".encode(), b""]
    assert seen[2][1]["content-length"] == "0"


async def test_redirects_are_refused():
    response = b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n"
    async with Server(answer(response)) as server:
        error = await error_of(ProtocolError, http.get("http://127.0.0.1:%d/" % server.port))
        assert "evil.example" in error.message and server.connections == 1


async def test_a_slow_server_times_out():
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with Server(answer(response, delay_ms=60000)) as server:
        request = http.get("http://127.0.0.1:%d/" % server.port, timeout=0.1)
        error = await error_of(TimedOut, request)
        assert "GET 127.0.0.1" in error.message


async def test_a_drip_feed_times_out_too():
    async def drip(reader, writer):
        await read_head(reader)
        while True:
            writer.write(b"x")
            await writer.drain()
            await port.sleep_ms(10)

    async with Server(drip) as server:
        await error_of(TimedOut, http.get("http://127.0.0.1:%d/" % server.port, timeout=0.2))


async def test_bad_responses_are_protocol_errors():
    for response in (
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ):
        async with Server(answer(response)) as server:
            await error_of(
                (ProtocolError, NetworkError), http.get("http://127.0.0.1:%d/" % server.port)
            )


async def test_bad_content_is_a_protocol_error():
    for body in (b"\xff\xfe", b"nope", b"1 2"):
        response = b"HTTP/1.1 200 OK\r\n\r\n" + body
        async with Server(answer(response)) as server:
            found = await http.get("http://127.0.0.1:%d/" % server.port)
            assert found.content == body
            raises(ProtocolError, found.json)


async def test_what_cannot_be_sent_is_refused_before_connecting():
    for options in (
        {"headers": {"Host": "x"}},
        {"headers": {"content-length": "1"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
        {"headers": {"A": "b\r\nC: d"}},
        {"headers": {"A\r\n": "b"}},
        {"headers": {"A:": "b"}},
        {"headers": {"": "b"}},
        {"headers": {"A": "\u00e4"}},
        {"json": {}, "data": b"x"},
    ):
        await error_of(InvalidArgument, http.get("http://127.0.0.1:1/", **options))
    await error_of(InvalidArgument, http.get("http://127.0.0.1:1/\r\nX: y"))
    await error_of(InvalidArgument, http.request("GET / HTTP/1.1\r\n", "http://127.0.0.1:1/"))


def test_authority_in_the_host_header():
    head, _ = http.build("get", url.parse("http://[::1]:8080/x"))
    assert head.startswith(b"GET /x HTTP/1.1\r\nHost: [::1]:8080\r\n")
    assert head.endswith(b"Connection: close\r\n\r\n")


async def test_many_at_once():
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with Server(answer(response, delay_ms=5)) as server:
        address = "http://127.0.0.1:%d/" % server.port
        found = await asyncio.gather(*[http.get(address) for _ in range(10)])
    assert [each.text for each in found] == ["ok"] * 10
