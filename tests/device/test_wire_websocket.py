"""wire: WebSocket frames, every implementation against RFC 6455 and against each other."""

from array import array

from implementations import Random, agreed, implementations, refuses

ALL = implementations("wire")


def test_rfc6455_examples():
    """RFC 6455 §5.7."""
    key = b"..\x37\xfa\x21\x3d"
    for wire in ALL:
        buf = bytearray(14) + b"Hello."
        assert wire.ws_frame(buf, 14, 5, 1, True, key, 2) == 8
        assert bytes(buf[8:]) == b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58."
        info = array("i", [0] * wire.WS_INFO)
        assert wire.ws_header(buf, 8, 11, info) == 6
        assert list(info) == [1, 1, 1, 5, 10]
        assert wire.ws_mask(buf, 14, 5, buf, 10, 0) == 1
        assert bytes(buf[14:]) == b"Hello."
        assert wire.ws_frame(buf, 14, 5, 1, True, None, 0) == 12
        assert bytes(buf[12:]) == b"\x81\x05Hello."
        assert wire.ws_frame(buf, 14, 3, 1, False, None, 0) == 12 and buf[12] == 1
        assert wire.ws_frame(buf, 14, 5, 9, True, None, 0) == 12 and buf[12] == 0x89


def test_length_forms():
    for wire in ALL:
        info = array("i", [0] * wire.WS_INFO)
        buf = bytearray(70000)
        for n, header, sizes in (
            (0, b"\x82\x00", 2),
            (125, b"\x82\x7d", 2),
            (126, b"\x82\x7e\0\x7e", 4),
            (256, b"\x82\x7e\x01\0", 4),
            (65535, b"\x82\x7e\xff\xff", 4),
            (65536, b"\x82\x7f\0\0\0\0\0\x01\0\0", 10),
        ):
            start = wire.ws_frame(buf, 14, n, 2, True, None, 0)
            assert start == 14 - sizes and bytes(buf[start:14]) == header
            for have in range(sizes):
                assert wire.ws_header(buf, start, have, info) == 0
            assert wire.ws_header(buf, start, sizes, info) == sizes
            assert list(info) == [1, 2, 0, n, -1]


def test_bad_headers():
    for wire in ALL:
        info = array("i", [7] * wire.WS_INFO)
        for data, code in (
            (b"\xc1\x00", wire.WS_ERSV),
            (b"\xa1\x00", wire.WS_ERSV),
            (b"\x91\x00", wire.WS_ERSV),
            (b"\x83\x00", wire.WS_EOPCODE),
            (b"\x87\x00", wire.WS_EOPCODE),
            (b"\x8b\x00", wire.WS_EOPCODE),
            (b"\x8f\x00", wire.WS_EOPCODE),
            (b"\x09\x00", wire.WS_ECONTROL),
            (b"\x88\x7e", wire.WS_ECONTROL),
            (b"\x8a\xff", wire.WS_ECONTROL),
            (b"\x82\x7e\0\x7d", wire.WS_ELENGTH),
            (b"\x82\x7f\0\0\0\0\0\0\xff\xff", wire.WS_ELENGTH),
            (b"\x82\x7f\0\0\0\0\x40\0\0\0", wire.WS_ELENGTH),
            (b"\x82\x7f\x80\0\0\0\0\x01\0\0", wire.WS_ELENGTH),
            (b"\x82\x7f\0\0\0\x01\0\x01\0\0", wire.WS_ELENGTH),
        ):
            assert wire.ws_header(data, 0, len(data), info) == code, (wire.IMPLEMENTATION, data)
            assert list(info) == [7] * wire.WS_INFO
        longest = b"\x82\x7f\0\0\0\0\x3f\xff\xff\xff"
        assert wire.ws_header(longest, 0, 10, info) == 10 and info[3] == wire.WS_MAX_PAYLOAD


def test_mask_at_any_alignment():
    random = Random(3)
    key = random.bytes(9)
    for wire in ALL:
        for off in range(5):
            for n in (0, 1, 2, 3, 4, 5, 8, 31, 64):
                for phase in range(4):
                    data = random.bytes(80)
                    buf = bytearray(data)
                    assert wire.ws_mask(buf, off, n, key, off, phase) == (phase + n) % 4
                    for i in range(80):
                        flip = key[off + (phase + i - off) % 4] if off <= i < off + n else 0
                        assert buf[i] == data[i] ^ flip


def test_websocket_refuses():
    for wire in ALL:
        good = (bytearray(30), 14, 16, 2, True, b"abcd", 0)
        bad = ((1, (5, 15, -1)), (2, (17, -1, 1 << 30)), (3, (-1, 3, 7, 11, 16)), (6, (1, -1)))
        for index, values in bad:
            for value in values:
                refuses(wire, "ws_frame", good, index, value, ValueError)
        for keys in (b"", b"abc", bytearray()):
            refuses(wire, "ws_frame", good, 5, keys, ValueError)
        refuses(wire, "ws_frame", good, 5, 5, TypeError)
        refuses(wire, "ws_frame", (bytearray(200), 14, 125, 8, True, None, 0), 2, 126, ValueError)
        refuses(
            wire, "ws_frame", (bytearray(200), 14, 125, 8, True, None, 0), 4, False, ValueError
        )
        good = (bytearray(8), 1, 7, b"abcd", 0, 0)
        for index, values in ((1, (2, -1)), (2, (8, -1)), (4, (1, -1)), (5, (-1, 4))):
            for value in values:
                refuses(wire, "ws_mask", good, index, value, ValueError)
        refuses(
            wire, "ws_header", (bytearray(8), 0, 8, bytearray(20)), 3, bytearray(19), ValueError
        )
        refuses(wire, "ws_header", (bytearray(8), 0, 8, bytearray(20)), 2, 9, ValueError)


def test_random_frames_agree():
    random = Random(13)
    for _ in range(1500):
        n = random.below(24)
        data = bytearray(random.bytes(n))
        if n and random.below(3):
            data[0] = random.pick((0x81, 0x82, 0x02, 0x80, 0x88, 0x89))
        agreed(ALL, "ws_header", (data, random.below(3), random.below(24), bytearray(20)))
        keys = random.pick((None, random.bytes(4), random.bytes(7), b"abc"))
        opcode = random.pick((0, 1, 2, 8, 9, 10, random.below(16)))
        args = (
            data,
            random.below(16),
            random.below(16),
            opcode,
            random.below(2),
            keys,
            random.below(4),
        )
        agreed(ALL, "ws_frame", args)
