"""Our HTTP client against two servers that others wrote: aiohttp's and the standard library's."""

import asyncio
import contextlib
import http.server
import json
import threading

import pytest
from aiohttp import web

from support.pythons import PYTHONS, run_program

every_python = pytest.mark.parametrize("python", PYTHONS)


@contextlib.asynccontextmanager
async def aiohttp_server(*routes):
    """An aiohttp application on a free port; its URL."""
    app = web.Application(client_max_size=1 << 20)
    app.add_routes(routes)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


async def requests(python, *wanted):
    return await run_program(python, "http_client.py", {"requests": wanted})


def text(result):
    return bytes.fromhex(result["content"]).decode()


@every_python
async def test_methods_bodies_and_headers(python):
    async def mirror(request):
        body = await request.read()
        return web.json_response(
            {
                "method": request.method,
                "path": request.path_qs,
                "length": len(body),
                "sum": sum(body),
                "type": request.headers.get("Content-Type"),
                "mine": request.headers.get("X-Mine"),
                "host": request.headers["Host"],
            },
            status=201,
        )

    async with aiohttp_server(web.route("*", "/{tail:.*}", mirror)) as url:
        body = bytes(range(256)) * 40
        results = await requests(
            python,
            {"method": "GET", "url": url + "/a?b=c", "headers": {"X-Mine": "1"}},
            {"method": "POST", "url": url, "json": {"k": [1, "ü"]}},
            {"method": "PUT", "url": url + "/p", "data_hex": body.hex()},
            {"method": "DELETE", "url": url + "/d"},
        )
    assert [result["status"] for result in results] == [201] * 4
    get, post, put, delete = (json.loads(text(result)) for result in results)
    assert (get["method"], get["path"], get["length"]) == ("GET", "/a?b=c", 0)
    assert (get["mine"], get["host"]) == ("1", url.removeprefix("http://"))
    assert post["method"] == "POST" and post["type"] == "application/json"
    assert (put["length"], put["sum"]) == (len(body), sum(body))
    assert delete["method"] == "DELETE"


@every_python
async def test_every_kind_of_body(python):
    async def chunks(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for i in range(50):
            await response.write(b"%03d" % i * (i + 1))
            await asyncio.sleep(0)
        return response

    async def nothing(request):
        return web.Response(status=204)

    async def text_of(request):
        return web.Response(text="grün" * 1000)

    async with aiohttp_server(
        web.get("/chunks", chunks),
        web.get("/nothing", nothing),
        web.get("/text", text_of),
    ) as url:
        results = await requests(
            python,
            {"method": "GET", "url": url + "/chunks"},
            {"method": "GET", "url": url + "/nothing"},
            {"method": "GET", "url": url + "/text"},
            {"method": "HEAD", "url": url + "/text"},
            {"method": "GET", "url": url + "/missing"},
        )
    assert text(results[0]) == "".join(f"{i:03}" * (i + 1) for i in range(50))
    assert (results[1]["status"], results[1]["content"]) == (204, "")
    assert text(results[2]) == "grün" * 1000
    assert (results[3]["status"], results[3]["content"]) == (200, "")
    assert results[4]["status"] == 404 and "Not Found" in text(results[4])


@every_python
async def test_limits_and_redirects(python):
    async def big(request):
        return web.Response(body=bytes(2000))

    async def big_chunks(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                await response.write(bytes(100))
        return response

    async def headers(request):
        return web.Response(headers={f"X-{i}": "y" * 200 for i in range(60)})

    async def elsewhere(request):
        raise web.HTTPFound("http://127.0.0.1:1/")

    given_up = asyncio.Event()

    async def slow(request):
        await given_up.wait()
        return web.Response()

    async with aiohttp_server(
        web.get("/big", big),
        web.get("/chunks", big_chunks),
        web.get("/headers", headers),
        web.get("/elsewhere", elsewhere),
        web.get("/slow", slow),
    ) as url:
        results = await requests(
            python,
            {"method": "GET", "url": url + "/big", "max_body": 1999},
            {"method": "GET", "url": url + "/big", "max_body": 2000},
            {"method": "GET", "url": url + "/chunks", "max_body": 1999},
            {"method": "GET", "url": url + "/headers"},
            {"method": "GET", "url": url + "/elsewhere"},
            {"method": "GET", "url": url + "/slow", "timeout": 0.2},
        )
        given_up.set()
    assert [result.get("error", result.get("status")) for result in results] == [
        "ProtocolError",
        200,
        "ProtocolError",
        "ProtocolError",
        "ProtocolError",
        "TimedOut",
    ]


class OldServer(http.server.BaseHTTPRequestHandler):
    """HTTP/1.0: the end of the connection is the end of the body."""

    protocol_version = "HTTP/1.0"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"got " + body)

    def log_message(self, *args):
        pass


@every_python
async def test_http_1_0(python):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OldServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        (result,) = await requests(
            python,
            {"method": "POST", "url": f"http://127.0.0.1:{server.server_port}/", "data": "it"},
        )
    finally:
        server.shutdown()
        server.server_close()
    assert result["status"] == 200 and text(result) == "got it"
