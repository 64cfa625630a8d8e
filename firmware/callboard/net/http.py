"""An HTTP/1.1 client for asyncio with the call shape of urequests.

    response = await http.post(url, json={"a": 1}, tls=context)
    response.status_code, response.headers, response.content, response.text, response.json()

One request per connection. Redirects are refused: what was meant for one host goes to no other.
"""

import json as json_module

from .. import port
from ..core.scope import run_with_timeout
from ..errors import InvalidArgument, ProtocolError
from ..parts import part
from . import stream as streams
from . import url as urls
from .http_parser import READ_SIZE, ResponseParser

MAX_BODY = 65536  # bytes of a response
_OURS = ("host", "connection", "content-length", "transfer-encoding")


class Response:
    """`status_code` (int), `reason`, `headers` (names in lower case), `content` (bytes)."""

    def __init__(self, parser):
        self.status_code = parser.status
        self.reason = parser.reason
        self.headers = parser.headers
        self.content = parser.body()

    @property
    def text(self):
        """The content as UTF-8. Raises ProtocolError when it is none."""
        try:
            return str(self.content, "utf-8")
        except UnicodeError:
            raise ProtocolError("the HTTP response is not UTF-8")

    def json(self):
        """The content as JSON. Raises ProtocolError when it is none."""
        try:
            return json_module.loads(self.text)
        except (ValueError, RuntimeError):  # RuntimeError: nested too deep
            raise ProtocolError("the HTTP response is not JSON")

    def close(self):
        """Nothing to do: the connection is closed already. For code written for urequests."""


async def get(url, **options):
    """request("GET", url, …)"""
    return await request("GET", url, **options)


async def post(url, **options):
    """request("POST", url, …)"""
    return await request("POST", url, **options)


async def put(url, **options):
    """request("PUT", url, …)"""
    return await request("PUT", url, **options)


async def request(
    method,
    url,
    json=None,
    data=None,
    headers=None,
    timeout=10,
    tls=None,
    max_body=MAX_BODY,
    clock=port.CLOCK,
    dial=None,
):
    """Make a request and return its Response, whatever its status.

    `json` is sent as JSON, or `data` (str or bytes) as it is; `headers` a dict; `timeout` seconds
    for all of it; `tls` from net.tls.client_context(), needed for https on MicroPython; `max_body`
    bytes accepted; `dial` as of net.stream.connect(). Raises InvalidArgument, TimedOut, TLSError,
    NetworkError; ProtocolError for a malformed or too long response and for a redirect.
    """
    target = urls.parse(url)
    if target.secure and tls is None:
        tls = part("net.tls", "TLS").client_context()
    head, body = build(method, target, json, data, headers)
    return await run_with_timeout(
        int(timeout * 1000),
        _exchange(
            target, head, body, tls if target.secure else None, max_body, method, clock, dial
        ),
        "%s %s" % (method, target.authority),
    )


def build(method, target, json=None, data=None, headers=None):
    """(head, body) of a request as bytes. Raises InvalidArgument."""
    if not method.isalpha():
        raise InvalidArgument("method must consist of letters")
    body = b"" if data is None else data.encode() if isinstance(data, str) else data
    lines = ["%s %s HTTP/1.1" % (method.upper(), target.target), "Host: " + target.authority]
    if json is not None:
        if data is not None:
            raise InvalidArgument("json and data exclude each other")
        body = json_module.dumps(json).encode()
        lines.append("Content-Type: application/json")
    for name, value in (headers or {}).items():
        lines.append(header_line(name, value))
    if body or method.upper() in ("POST", "PUT", "PATCH"):
        lines.append("Content-Length: %d" % len(body))
    lines.append("Connection: close\r\n\r\n")
    return "\r\n".join(lines).encode(), body


def header_line(name, value):
    """ "Name: value" of a header that a caller may set. Raises InvalidArgument."""
    value = str(value)
    if not name or name.lower() in _OURS:
        raise InvalidArgument("header %s cannot be set" % name)
    for byte in port.utf8(name + value):
        if not 0x20 <= byte < 0x7F:
            raise InvalidArgument("header %s has a control or non-ASCII character" % name)
    if ":" in name or " " in name:
        raise InvalidArgument("header name %s is malformed" % name)
    return "%s: %s" % (name, value)


async def _exchange(target, head, body, tls, max_body, method, clock, dial):
    # The limit of time is run_with_timeout's; connect() has its own, longer or shorter.
    stream = await streams.connect(target.host, target.port, tls, clock=clock, dial=dial)
    try:
        await stream.write(head)
        if body:
            await stream.write(body)
        parser = ResponseParser(max_body, has_body=method.upper() != "HEAD")
        await receive(stream, parser)
    finally:
        stream.close()
    if parser.status in (301, 302, 303, 307, 308):
        to = parser.headers.get("location", "")[:200]
        raise ProtocolError("%s redirects to %s; that is refused" % (target.authority, to))
    if parser.status == 101:
        raise ProtocolError("the HTTP server changed the protocol unasked")
    return Response(parser)


async def receive(stream, parser):
    """Read a response from `stream` into `parser` until it is done."""
    buffer = bytearray(READ_SIZE)
    view = memoryview(buffer)
    while not parser.done:
        count = await stream.readinto(view)
        if count == 0:
            parser.eof()
        parser.feed(view[:count])
