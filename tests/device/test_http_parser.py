"""The HTTP response parser: bodies of every kind, limits, and what two could read differently."""

from callboard.errors import NetworkError, ProtocolError
from callboard.net.http_parser import MAX_HEAD, ResponseParser

OK = b"HTTP/1.1 200 OK\r\n"


def parse(data, piece=None, eof=False, max_body=1000, has_body=True):
    """The parser after `data`, given in pieces of `piece` bytes."""
    parser = ResponseParser(max_body, has_body)
    for at in range(0, len(data), piece or max(1, len(data))):
        parser.feed(data[at : at + (piece or len(data))])
    if eof:
        parser.eof()
    return parser


def parse_pieces(data, **options):
    """The same whether it comes at once or byte by byte: (status, headers, body)."""
    results = []
    for piece in (None, 1, 3):
        parser = parse(data, piece, **options)
        assert parser.done
        results.append((parser.status, parser.headers, parser.body()))
    assert results[0] == results[1] == results[2]
    return results[0]


def refused(data, expected=ProtocolError, **options):
    """The sentence of the `expected` error that refuses `data`."""
    sentences = set()
    for piece in (None, 1):
        try:
            parser = parse(data, piece, **options)
            raise AssertionError("accepted, done=%s: %r" % (parser.done, data[:100]))
        except expected as error:
            sentences.add(error.message)
    return sentences.pop()


def test_content_length():
    data = OK + b"Content-Length: 5\r\nX-A:  b \r\n\r\nhello"
    assert parse_pieces(data) == (200, {"content-length": "5", "x-a": "b"}, b"hello")
    assert parse_pieces(OK + b"Content-Length: 0\r\n\r\n")[2] == b""


def test_chunks_with_extensions_and_trailers():
    data = OK + b"Transfer-Encoding: Chunked\r\n\r\n"
    data += b"5\r\nhello\r\n01;a=b\r\n \r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\nY: 2\r\n\r\n"
    assert parse_pieces(data)[2] == b"hello 0123456789"


def test_until_close():
    assert parse_pieces(OK + b"\r\nsome text", eof=True)[2] == b"some text"
    assert parse_pieces(b"HTTP/1.0 200 OK\r\n\r\n", eof=True)[2] == b""


def test_no_body():
    for status in (b"204 No Content", b"304 Not Modified"):
        assert parse_pieces(b"HTTP/1.1 " + status + b"\r\n\r\n")[2] == b""
    head = OK + b"Content-Length: 700\r\n\r\n"
    assert parse_pieces(head, has_body=False)[2] == b""


def test_interim_responses_are_skipped():
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    found = parse_pieces(interim + OK + b"Content-Length: 2\r\n\r\nok")
    assert found == (200, {"content-length": "2"}, b"ok")
    assert "interim" in refused(b"HTTP/1.1 100 Continue\r\n\r\n" * 5)


def test_switching_protocols_keeps_what_follows():
    parser = parse(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00")
    assert parser.done and parser.status == 101 and parser.rest == b"\x81\x00"


def test_repeated_headers_are_joined():
    headers = parse_pieces(OK + b"A: 1\r\na: 2\r\nContent-Length: 0\r\n\r\n")[1]
    assert headers["a"] == "1, 2"


def test_status_lines_without_a_reason():
    for line in (b"HTTP/1.1 418", b"HTTP/1.1 418 "):
        assert parse_pieces(line + b"\r\nContent-Length: 0\r\n\r\n")[0] == 418


def test_other_than_http_is_refused():
    for line in (
        b"",
        b"SSH-2.0-OpenSSH",
        b"HTTP/2 200 OK",
        b"HTTP/1.2 200 OK",
        b"http/1.1 200 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 -20 OK",
        b"HTTP/1.1 099 OK",
        b"HTTP/1.1 200 O\x00K",
        b"ICY 200 OK",
    ):
        refused(line + b"\r\nContent-Length: 0\r\n\r\n")


def test_ambiguous_lengths_are_refused():
    for headers in (
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\ncontent-length: 6\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: 5 5\r\n",
        b"Content-Length: \r\n",
        b"Content-Length: 1000000000\r\n",
    ):
        refused(OK + headers + b"\r\nhello")
    refused(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


def test_malformed_headers_are_refused():
    for header in (
        b"no colon",
        b": empty",
        b"Name : space",
        b" Folded: line",
        b"A: 1\r\n continued",
        b"Na\x00me: x",
        b"Name: a\x00b",
        b"Name: a\rb",
        b"Name: a\nb: c",
        b"N\xc3\xa4me: x",
    ):
        refused(OK + header + b"\r\nContent-Length: 0\r\n\r\n")
    # Bare line feeds end nothing: this head never ends.
    assert not parse(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n").done


def test_malformed_chunks_are_refused():
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    for chunks in (
        b"\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\na\r\n",
        b"0x1\r\na\r\n",
        b" 1\r\na\r\n",
        b"1 \r\na\r\n",
        b"00000001\r\na\r\n",
        b"2\r\nabc\r\n",
        b"2\r\nabXX0\r\n\r\n",
        b"1;a\x00b\r\na\r\n",
        b"1;" + b"x" * 300 + b"\r\n",
        b"1" * 300,
        b"0\r\nno colon\r\n\r\n",
        b"0\r\nA: \x01\r\n\r\n",
    ):
        refused(head + chunks)


def test_limits():
    assert "longer than 1000" in refused(OK + b"Content-Length: 1001\r\n\r\n")
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    assert "longer than 1000" in refused(chunked + b"3e9\r\n")
    assert "longer than 1000" in refused(chunked + b"258\r\n" + b"x" * 600 + b"\r\n258\r\n")
    assert "longer than 1000" in refused(OK + b"\r\n" + b"x" * 1001)
    assert parse_pieces(OK + b"\r\n" + b"x" * 1000, eof=True)[2] == b"x" * 1000
    assert "headers longer" in refused(OK + b"A: " + b"x" * MAX_HEAD)
    assert "headers longer" in refused(OK + b"A: " + b"x" * MAX_HEAD + b"\r\n\r\n")
    assert "headers" in refused(OK + b"A: 1\r\n" * 65 + b"\r\n")
    assert "trailer" in refused(chunked + b"0\r\n" + b"A: 1\r\n" * 65)


def test_more_than_the_response_is_refused():
    assert "more than" in refused(OK + b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n")
    refused(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nX")


def test_less_than_the_response_is_refused():
    for data in (
        b"",
        b"HTTP/1.1 200",
        OK + b"Content-Length: 5\r\n\r\nhell",
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ):
        assert "before its response ended" in refused(data, NetworkError, eof=True)
