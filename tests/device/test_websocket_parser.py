"""The WebSocket parser: what RFC 6455 §5 allows comes out whole, all else is refused."""

from callboard.native import wire
from callboard.net.ws_parser import (
    BINARY,
    CLOSE,
    NEED_DATA,
    NO_STATUS,
    PING,
    PONG,
    TEXT,
    Parser,
    WebSocketError,
    valid_utf8,
)
from support.servers import frame


def feed(parser, data, piece=None):
    """Events of `data` given in pieces: [(opcode, payload)]."""
    events = []
    at = 0
    while at < len(data):
        space = parser.space()
        assert len(space) > 0
        n = min(len(space), piece or len(data), len(data) - at)
        space[:n] = data[at : at + n]
        parser.received(n)
        at += n
        while True:
            event = parser.next()
            if event == NEED_DATA:
                break
            events.append((event, bytes(parser.buffer[parser.off : parser.off + parser.length])))
    return events


def refused(data, max_text=1000, max_binary=500, masked=False):
    """The close code with which `data` is refused."""
    codes = set()
    for piece in (None, 1):
        try:
            events = feed(Parser(max_text, max_binary, masked), data, piece)
            raise AssertionError("accepted: %r" % events)
        except WebSocketError as error:
            codes.add(error.close_code)
    assert len(codes) == 1
    return codes.pop()


def masked_frame(opcode, payload, key=b"\x01\x82\x03\xf4", fin=True):
    buf = bytearray(14) + payload
    return bytes(buf[wire.ws_frame(buf, 14, len(payload), opcode, fin, key, 0) :])


def pattern(n):
    return bytes(i * 7 & 255 for i in range(n))


def test_whole_messages_of_every_header_size():
    for n in (0, 1, 125, 126, 127, 65535, 65536, 70000):
        data = frame(BINARY, pattern(n)) + frame(TEXT, b"x" * n)
        for piece in (None, 4096, 1) if n < 200 else (None, 4096):
            events = feed(Parser(70000, 70000), data, piece)
            assert events == [(BINARY, pattern(n)), (TEXT, b"x" * n)], n


def test_several_frames_in_one_read_and_one_frame_in_many():
    data = b"".join(frame(TEXT, b"m%d" % i) for i in range(50))
    expected = [(TEXT, b"m%d" % i) for i in range(50)]
    for piece in (None, 1, 2, 3, 7):
        assert feed(Parser(100, 100), data, piece) == expected


def test_fragments_become_one_message_with_control_frames_between():
    data = (
        frame(TEXT, b"ab", fin=False)
        + frame(PING, b"p" * 125)
        + frame(0, b"", fin=False)
        + frame(0, b"cd", fin=False)
        + frame(PONG)
        + frame(0, b"ef")
        + frame(BINARY, b"next")
    )
    expected = [(PING, b"p" * 125), (PONG, b""), (TEXT, b"abcdef"), (BINARY, b"next")]
    for piece in (None, 1, 2, 5, 11):
        assert feed(Parser(1000, 1000), data, piece) == expected


def test_a_character_may_be_cut_by_a_fragment():
    data = frame(TEXT, b"\xc3", fin=False) + frame(0, b"\xa4\xe2\x82", fin=False)
    assert feed(Parser(100, 100), data + frame(0, b"\xac")) == [(TEXT, b"\xc3\xa4\xe2\x82\xac")]


def test_the_longest_message_in_the_worst_fragments():
    # One byte each, pings of the largest size between: the buffer must not fill up with them.
    size = 1200
    message = b"x" * size
    data = frame(TEXT, message[:1], fin=False)
    for i in range(1, size):
        data += frame(0, message[i : i + 1], fin=i == size - 1)
        if i % 100 == 0:
            data += frame(PING, b"p" * 125)
    for piece in (None, 1000, 3):
        events = feed(Parser(size, 10), data, piece)
        assert events[-1] == (TEXT, message)
        assert len(events) == 1 + (size - 1) // 100


def test_too_long_is_refused_as_soon_as_it_is_announced():
    assert refused(frame(TEXT, b"x" * 1001)[:5]) == 1009
    assert refused(frame(BINARY, bytes(501))[:5]) == 1009
    assert refused(b"\x82\x7f" + bytes(4) + b"\x3f\xff\xff\xff") == 1009
    pieces = frame(BINARY, bytes(300), fin=False) + frame(0, bytes(201))[:4]
    assert refused(pieces) == 1009
    assert feed(Parser(1000, 500), frame(BINARY, bytes(500))) == [(BINARY, bytes(500))]
    assert feed(Parser(1000, 500), frame(TEXT, b"x" * 1000)) == [(TEXT, b"x" * 1000)]


def test_malformed_frames_are_protocol_errors():
    for data in (
        b"\xc1\x00",  # reserved bits
        b"\xa1\x00",
        b"\x91\x00",
        b"\x83\x00",  # reserved opcodes
        b"\x87\x00",
        b"\x8b\x00",
        b"\x8f\x00",
        b"\x09\x00",  # control frame in fragments
        b"\x08\x00",
        b"\x89\x7e\x00\x7e",  # control frame too long
        b"\x82\x7e\x00\x7d",  # lengths not in their shortest form
        b"\x82\x7f" + bytes(6) + b"\xff\xff",
        b"\x82\x7f\x80" + bytes(7),  # more than 2^63
        b"\x80\x00",  # continuation of nothing
        frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"),  # a message inside a message
        frame(TEXT, b"a", fin=False) + frame(BINARY, b"b", fin=False),
        frame(TEXT, b"a") + frame(0, b"b"),
        masked_frame(TEXT, b"a"),  # a server must not mask
    ):
        assert refused(data) == 1002, data


def test_a_server_unmasks_and_insists_on_masks():
    data = masked_frame(TEXT, b"hello", fin=False) + masked_frame(0, pattern(0) + b" you")
    for piece in (None, 1):
        assert feed(Parser(100, 100, masked=True), data, piece) == [(TEXT, b"hello you")]
    big = masked_frame(BINARY, pattern(1000))
    assert feed(Parser(10, 1000, masked=True), big, 33) == [(BINARY, pattern(1000))]
    assert refused(frame(TEXT, b"a"), masked=True) == 1002


def test_close_codes():
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1014, 3000, 4999):
        parser = Parser(100, 100)
        payload = bytes((code >> 8, code & 255)) + b"why \xc3\xa4"
        assert feed(parser, frame(CLOSE, payload)) == [(CLOSE, payload)]
        assert (parser.close_code, parser.close_reason) == (code, "why ä")
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        assert refused(frame(CLOSE, bytes((code >> 8, code & 255)))) == 1002, code
    assert refused(frame(CLOSE, b"\x03")) == 1002
    assert refused(frame(CLOSE, b"\x03\xe8\xff")) == 1007
    parser = Parser(100, 100)
    assert feed(parser, frame(CLOSE)) == [(CLOSE, b"")]
    assert (parser.close_code, parser.close_reason) == (NO_STATUS, "")


def test_nothing_counts_after_a_close_frame():
    assert feed(Parser(100, 100), frame(CLOSE) + frame(TEXT, b"late")) == [(CLOSE, b"")]


def test_text_must_be_utf8():
    assert refused(frame(TEXT, b"\xff")) == 1007
    assert refused(frame(TEXT, b"\xe2\x82", fin=False) + frame(0, b"")) == 1007
    assert feed(Parser(100, 100), frame(BINARY, b"\xff")) == [(BINARY, b"\xff")]


# The boundaries of RFC 3629's table.
def test_valid_utf8():
    for good in (
        b"",
        b"ascii\x00\x7f",
        b"\xc2\x80\xdf\xbf",
        b"\xe0\xa0\x80\xe0\xbf\xbf\xe1\x80\x80\xec\xbf\xbf",
        b"\xed\x80\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
        b"\xf0\x90\x80\x80\xf0\xbf\xbf\xbf\xf1\x80\x80\x80\xf3\xbf\xbf\xbf",
        b"\xf4\x80\x80\x80\xf4\x8f\xbf\xbf",
    ):
        assert valid_utf8(good), good
        assert valid_utf8(memoryview(b"x" + good)), good
    for bad in (
        b"\x80",
        b"\xbf",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xc2",
        b"\xc2\x00",
        b"\xc2\xc2\x80",
        b"\xe0\x80\x80",
        b"\xe0\x9f\xbf",
        b"\xe1\x80",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf0\x80\x80\x80",
        b"\xf0\x8f\xbf\xbf",
        b"\xf1\x80\x80",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"\xef\xbf\xbf\xed\xa0\x80",
    ):
        assert not valid_utf8(bad), bad
        assert not valid_utf8("ä€😀".encode() + bad), bad
