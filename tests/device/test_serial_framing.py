"""Framing of the serial line: text, frames and Improv packets, whatever is between them."""

import os

from callboard.serial import framing
from callboard.serial.framing import Decoder, Handler, encode, improv_packet
from support import raises


class Heard(Handler):
    """Keeps what the decoder found, in order."""

    def __init__(self):
        self.found = []

    def on_line(self, line, cut):
        self.found.append(("line", line, cut))

    def on_frame(self, kind, payload):
        self.found.append(("frame", kind, payload))

    def on_improv(self, kind, data):
        self.found.append(("improv", kind, data))

    def on_interrupt(self):
        self.found.append(("interrupt",))


def heard(data, step=1, **options):
    """What a decoder makes of `data` that comes in pieces of `step` bytes, and then nothing."""
    pieces = [(0, data[at : at + step]) for at in range(0, len(data), step)]
    return heard_in_time(pieces, **options)


def heard_in_time(pieces, **options):
    """What a decoder makes of pieces, (ms after the one before, bytes), and of silence then."""
    handler = Heard()
    decoder = Decoder(handler, **options)
    now = 1000
    for wait, piece in pieces:
        now += wait
        decoder.feed(piece, len(piece), now)
    decoder.silence(now + framing.GAP_MS - 1)
    return handler.found


def line(text, cut=False):
    return ("line", text, cut)


def test_golden_frames_of_the_protocol():
    for kind, payload, golden in (
        (0x4F, b"\x12\x34\x01", "00074f123401353e00"),
        (0x6F, b"\x12\x34\x01", "00076f123401027000"),
        (0x44, b"\x12\x34\x00\x01{}", "000444123406017b7d4a9e00"),
        (0x41, b"\x12\x34\x00", "000441123403874500"),
        (0x55, b"\x12\x34", "0006551234959b00"),
    ):
        assert encode(kind, payload) == bytes.fromhex(golden)
        assert heard(bytes.fromhex(golden)) == [("frame", kind, payload)]
    assert improv_packet(3, b"\x02\x00") == b"IMPROV\x01\x03\x02\x02\x00\xe5\n"


def test_every_payload_comes_back():
    for size in list(range(0, 20)) + [252, 253, 254, 255, framing.PAYLOAD_MAX]:
        for payload in (bytes(size), b"\x03" * size, os.urandom(size)):
            frame = encode(200, payload)
            assert 0 not in frame[1:-1] and len(frame) <= framing.FRAME_MAX + 2
            assert heard(frame, 7) == [("frame", 200, payload)]
    raises(ValueError, encode, 200, bytes(framing.PAYLOAD_MAX + 1))
    raises(ValueError, encode, 0, b"")


def test_text_frames_and_improv_side_by_side():
    data = (
        b"I (1) app: online\r\n"
        + encode(1, b"one\n\x03\0")
        + encode(2, b"two")
        + b"next\rlast\n"
        + improv_packet(3, b"\x01\x03\x00\n\xff")
        + b"after\n\n"
    )
    for step in (1, 2, 5, len(data)):
        assert heard(data, step) == [
            line(b"I (1) app: online"),
            ("frame", 1, b"one\n\x03\0"),
            ("frame", 2, b"two"),
            line(b"next"),
            line(b"last"),
            ("improv", 3, b"\x01\x03\x00\n\xff"),
            line(b"after"),
            line(b""),
        ]


def test_ctrl_c_counts_in_text_only():
    for typed in (b"\x03", b"\r\x03\r", b"\x03\r\n", b"\n\x03\n", b"\x03\x03", b"\x03\x03\x03\r"):
        assert heard(typed).count(("interrupt",)) == 1, typed
    assert heard(b"\x03\nok\n") == [("interrupt",), line(b"ok")]
    assert heard(encode(2, b"two") + b"\x03")[-1] == ("interrupt",)
    assert ("interrupt",) not in heard(encode(3, b"\x03" * 30) + improv_packet(3, b"\x03" * 30))
    # A packet whose first byte was lost must not stop the application.
    assert ("interrupt",) not in heard(improv_packet(3, b"\x03" * 30)[1:] + b"\n")
    assert heard(improv_packet(3, b"\x03\x03")[1:] + b"\n\r\x03")[-1] == ("interrupt",)


def test_ctrl_c_stands_alone():
    assert heard(b"half a line\x03\nok\n") == [line(b"ok")]
    assert heard(b"\x03half a line\nok\n") == [line(b"ok")]
    assert heard(b"\n\x03\x03\x04\nok\n") == [line(b""), line(b"ok")]
    gap, alone = framing.GAP_MS, framing.ALONE_MS
    assert heard_in_time([(0, b"half a line"), (gap, b"\x03")]) == [("interrupt",)]
    assert heard_in_time([(0, b"half a line"), (gap - 1, b"\x03")]) == []
    assert heard_in_time([(0, b"\x03"), (alone, b"a\n")]) == [("interrupt",), line(b"a")]
    assert heard_in_time([(0, b"\x03"), (alone - 1, b"a\nb\n")]) == [line(b"b")]


def data_frames():
    """Such as end in text and a check sum, and such as hold 03 everywhere."""
    for n in range(600):
        yield encode(0x44, b"\x12\x00\x03\x00" + b'{"method": "config.set", "params": "%d"}' % n)
    for n in range(256):
        yield encode(0x4D, b"\x80\x00\x03\x03" + b"\x03text" * 9 + bytes((n,)))


def test_what_is_left_of_a_damaged_frame_stops_nothing():
    """Whatever part of it comes late: some bytes of it look like text before a Ctrl-C."""
    tempting = 0
    for number, frame in enumerate(data_frames()):
        tempting += frame[-2] == 3 or frame[-3] == 3
        for at in (number % len(frame), len(frame) - 3, len(frame) - 2):
            late = [(0, frame[:at]), (framing.GAP_MS, frame[at:]), (1, encode(2, b"next"))]
            assert ("interrupt",) not in heard_in_time(late), (frame, at)
            assert ("interrupt",) not in heard_in_time(late[1:]), (frame, at)
            assert ("frame", 2, b"next") in heard_in_time(late + late[2:])
    assert tempting > 3


def test_text_that_only_looks_like_improv():
    assert heard(b"IMPROVED\nIMPROV\n") == [line(b"IMPROVED"), line(b"IMPROV")]
    assert heard(b"IMPROV\n\x03")[-1] == ("interrupt",)
    assert heard(b"> IMPROV\x01\x01\x01\x02\xe2ok\n") == [("improv", 1, b"\x02"), line(b"ok")]
    assert heard(b"IMPROV\x01\x01\x01\x02\xe3ok\n") == [("improv", None, b""), line(b"ok")]


def test_lines_are_bounded_and_backspace_works():
    assert heard(b"x" * 30 + b"\nok\n", line_max=8) == [line(b"x" * 8, True), line(b"ok")]
    assert heard(b"hek\x08llp\x7fo\n", typed=True) == [line(b"hello")]
    assert heard(b"\x08\x08a\n", typed=True) == [line(b"a")]


def test_a_damaged_frame_costs_only_itself():
    for at in range(len(encode(1, b"damaged"))):
        for wrong in (1, 0x20, 0x83):
            frame = bytearray(encode(1, b"damaged"))
            frame[at] ^= wrong
            found = heard(bytes(frame) + encode(2, b"whole") + encode(3, b"next"))
            assert ("frame", 1, b"damaged") not in found
            assert ("frame", 3, b"next") in found
            if at not in (0, len(frame) - 1):  # delimiters: the next frame may go, too
                assert ("frame", 2, b"whole") in found, (at, found)


def test_a_lost_byte_costs_its_frame_and_at_most_the_next():
    frame = encode(1, b"damaged")
    for at in range(len(frame)):
        data = frame[:at] + frame[at + 1 :] + encode(2, b"whole") + encode(3, b"next")
        found = heard(data)
        assert ("frame", 3, b"next") in found, at
        assert ("frame", 2, b"whole") in found or at in (0, len(frame) - 1), at


def test_text_behind_a_lost_delimiter_is_salvaged_by_the_host_only():
    data = encode(1, b"one")[:-1] + encode(2, b"two") + b"\na line\n" + encode(3, b"three")
    data += b"\0I (5) app: what follows a stray delimiter\n" + encode(4, b"four")
    found = heard(data, salvage=True)
    assert line(b"a line") in found and line(b"I (5) app: what follows a stray delimiter") in found
    assert ("frame", 3, b"three") in found and ("frame", 4, b"four") in found
    assert line(b"I (5) app: what follows a stray delimiter") not in heard(data)


def test_a_pause_ends_what_is_half_there():
    for half in (encode(1, b"damaged")[:-3], improv_packet(3, b"\x01\x02abc")[:-4], b"\0"):
        handler = Heard()
        decoder = Decoder(handler)
        decoder.feed(half, len(half), 0)
        decoder.feed(b"li", 2, framing.GAP_MS)
        decoder.feed(b"ne\n", 3, 2 * framing.GAP_MS)  # text may come as slowly as it likes
        assert handler.found == [line(b"line")]
        assert decoder.damaged == (0 if half == b"\0" else 1)


def test_garbage_is_bounded_and_passes():
    handler = Heard()
    decoder = Decoder(handler, line_max=64)
    now = 0
    for _ in range(60):
        garbage = os.urandom(150)
        decoder.feed(garbage, len(garbage), now)
        now = now + 1 & 0x3FFFFFFF
        assert len(decoder.partial) <= 64 and len(decoder._packet) <= framing.FRAME_MAX + 1
    decoder.feed(b"\n", 1, now + framing.GAP_MS)
    frame = encode(9, b"still here") + b"line\n"
    decoder.feed(frame, len(frame), now + framing.GAP_MS)
    assert handler.found[-2:] == [("frame", 9, b"still here"), line(b"line")]
    assert decoder.damaged > 0
