"""wire: frames of the serial line, every implementation by definition and against each other."""

from implementations import Random, agreed, implementations, refuses

ALL = implementations("wire")
GOLDEN = (
    (0x4F, b"\x12\x34\x01", b"\0\x07\x4f\x12\x34\x01\x35\x3e\0"),
    (0x55, b"\x12\x34", b"\0\x06\x55\x12\x34\x95\x9b\0"),
    (0x44, b"\x12\x34\0\x01{}", b"\0\x04\x44\x12\x34\x06\x01\x7b\x7d\x4a\x9e\0"),
)


def encoded(wire, kind, payload):
    out = bytearray(len(payload) + wire.FRAME_OVERHEAD + (len(payload) + 3) // 254)
    return bytes(out[: wire.frame_encode(out, kind, payload, 0, len(payload))])


def test_golden_frames():
    for wire in ALL:
        for kind, payload, frame in GOLDEN:
            assert encoded(wire, kind, payload) == frame
            buf = bytearray(frame[1:-1])
            assert wire.frame_decode(buf, len(buf)) == len(payload)
            assert buf[0] == kind and buf[1 : 1 + len(payload)] == payload


def test_cobs_by_its_definition():
    """Cheshire and Baker: a block has at most 254 bytes without a zero."""
    for wire in ALL:
        full = bytes(range(256))
        for payload in (b"", b"\0", b"\0\0", b"\x11\0\0\0", full[1:255], full):
            frame = encoded(wire, 7, payload)
            assert frame[0] == frame[-1] == 0 and 0 not in frame[1:-1]
            plain, at = b"", 1
            while at < len(frame) - 1:
                code = frame[at]
                plain += frame[at + 1 : at + code]
                at += code
                if code != 0xFF and at < len(frame) - 1:
                    plain += b"\0"
            assert plain[:-2] == b"\x07" + payload


def test_the_crc_is_the_catalogues():
    """CRC-16/GENIBUS of "123456789" is D64E."""
    for wire in ALL:
        frame = encoded(wire, 0x31, b"23456789")
        assert frame[-3:-1] == b"\xd6\x4e"


def test_every_size_comes_back():
    random = Random(5)
    for n in list(range(12)) + [250, 251, 252, 253, 254, 255, 256, 507, 508, 509, 512, 1000]:
        for payload in (bytes(n), b"\x01" * n, random.bytes(n)):
            frames = [encoded(wire, 0x4D, payload) for wire in ALL]
            assert frames == frames[:1] * len(frames)
            for wire in ALL:
                buf = bytearray(frames[0][1:-1])
                assert wire.frame_decode(buf, len(buf)) == n
                assert buf[1 : 1 + n] == payload


def test_what_is_no_frame():
    for wire in ALL:
        bad = wire.FRAME_EDAMAGED
        for data in (b"", b"\0", b"\x05\x11", b"\x03\x11\0", b"\x02\x11\0"):
            buf = bytearray(data)
            assert wire.frame_decode(buf, len(buf)) == bad, data
            assert buf == data
        assert wire.frame_decode(bytearray(b"\1\1\1\1"), 4) == bad  # there is no type 0
        frame = bytearray(GOLDEN[0][2][1:-1])
        for i in range(len(frame)):
            for flip in (1, 0x80, 0xFF):
                buf = bytearray(frame)
                buf[i] ^= flip
                assert wire.frame_decode(buf, len(buf)) == bad


def test_all_agree_on_anything():
    random = Random(9)
    for _ in range(300):
        data = bytearray(random.bytes(random.below(40)))
        for i in range(len(data)):
            if random.below(3):
                data[i] = random.below(6)
        n = random.below(len(data) + 2)
        agreed(ALL, "frame_decode", (data, n))
        out = bytearray(random.below(60))
        agreed(ALL, "frame_encode", (out, random.below(258), data, random.below(4), n))
        agreed(ALL, "frame_fill", (out, random.below(20), data, random.below(4), n))


def test_filling_stops_at_a_delimiter_and_at_the_end():
    for wire in ALL:
        out = bytearray(6)
        assert wire.frame_fill(out, 1, b"abc\0de", 1, 5) == 2 and out == b"\0bc\0\0\0"
        assert wire.frame_fill(out, 3, b"123456", 0, 6) == 3 and out == b"\0bc123"
        assert wire.frame_fill(out, 6, b"x", 0, 1) == 0
        assert wire.frame_fill(out, 0, b"", 0, 0) == 0


def test_arguments_are_checked():
    for wire in ALL:
        good = (bytearray(16), 5, b"payload", 1, 6)
        for index, bad in ((0, bytearray(11)), (1, 0), (1, 256), (3, -1), (3, 2), (4, 7), (4, -1)):
            refuses(wire, "frame_encode", good, index, bad, ValueError)
        refuses(wire, "frame_encode", good, 0, b"read only......", TypeError)
        refuses(wire, "frame_decode", (bytearray(4), 4), 1, 5, ValueError)
        refuses(wire, "frame_decode", (bytearray(4), 4), 1, -1, ValueError)
        good = (bytearray(4), 1, b"data", 0, 4)
        for index, bad in ((1, 5), (1, -1), (3, 1), (4, 5), (4, -1)):
            refuses(wire, "frame_fill", good, index, bad, ValueError)
