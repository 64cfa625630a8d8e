"""wire: H.264 in RTP, every implementation against RFC 6184 and against each other."""

from array import array

from implementations import Random, agreed, implementations, outcome, refuses

ALL = implementations("wire")
SPS, PPS, IDR, SLICE, SEI = b"\x67SPS", b"\x68PPS", b"\x65", b"\x41", b"\x06"
LONG, SHORT = b"\0\0\0\1", b"\0\0\1"


def packed(wire, unit, size, off=0, n=None):
    """The payloads of an access unit, as a list of bytes."""
    n = len(unit) - off if n is None else n
    walk = array("i", [off, off + n, 0, 0])
    out, payloads = bytearray(3 + size), []
    while walk[0] < walk[1]:
        length = wire.h264_pack(unit, walk, out, 3, size)
        assert 0 < length <= size, (wire.IMPLEMENTATION, length)
        payloads.append(bytes(out[3 : 3 + length]))
    assert wire.h264_pack(unit, walk, out, 3, size) == 0
    return payloads


def unpacked(wire, payloads, room):
    """(access unit, kinds) of payloads, or the H264_E code of the first that is refused."""
    assembly, out, size = array("i", [0] * wire.H264_ASSEMBLY), bytearray(room), 0
    for payload in payloads:
        size = wire.h264_unpack(b"##" + payload, 2, len(payload), assembly, out)
        if size < 0:
            return size
    assert size == assembly[0] and not assembly[1]
    return bytes(out[:size]), assembly[2]


# covers: V-51
def test_small_units_stand_alone():
    unit = LONG + SPS + SHORT + PPS + b"\0\0" + SHORT + IDR + b"picture\0\0"
    for wire in ALL:
        assert packed(wire, unit, 40) == [SPS, PPS, IDR + b"picture"]
        kinds = wire.H264_KEY | wire.H264_SPS | wire.H264_PPS
        assert wire.h264_look(unit, 0, len(unit)) == kinds
        whole = LONG + SPS + LONG + PPS + LONG + IDR + b"picture"
        assert unpacked(wire, [SPS, PPS, IDR + b"picture"], len(whole)) == (whole, kinds)
        assert unpacked(wire, [SPS, PPS, IDR + b"picture"], len(whole) - 1) == wire.H264_EFULL


# covers: V-51
def test_a_large_unit_is_cut_as_rfc_6184_5_8_says():
    unit = LONG + b"\x65abcdefgh"
    for wire in ALL:
        pieces = [b"\x7c\x85abc", b"\x7c\x05def", b"\x7c\x45gh"]
        assert packed(wire, unit, 5) == pieces
        assert packed(wire, unit, 9) == [b"\x65abcdefgh"]
        assert packed(wire, unit, 8) == [b"\x7c\x85abcdef", b"\x7c\x45gh"]
        assert unpacked(wire, pieces, 64) == (unit, wire.H264_KEY)
        reserved = [bytes((p[0], p[1] | 0x20)) + p[2:] for p in pieces]  # a receiver ignores it
        assert unpacked(wire, reserved, 64) == (unit, wire.H264_KEY)


def test_pieces_out_of_order_are_refused():
    first, middle, last = b"\x7c\x85abc", b"\x7c\x05def", b"\x7c\x45gh"
    for wire in ALL:
        assembly, out = array("i", [0] * wire.H264_ASSEMBLY), bytearray(64)
        for bad in (middle, last):
            assert wire.h264_unpack(bad, 0, len(bad), assembly, out) == wire.H264_EORDER
        assert wire.h264_unpack(first, 0, 5, assembly, out) == 8
        for bad in (first, SPS, b"\x18\0\4" + SPS):
            assert wire.h264_unpack(bad, 0, len(bad), assembly, out) == wire.H264_EORDER
        assert list(assembly) == [8, 1, wire.H264_KEY]
        assert wire.h264_unpack(last, 0, 4, assembly, out) == 10
        assert bytes(out[:10]) == LONG + b"\x65abcgh"


def test_aggregates_are_taken_apart():
    """RFC 6184 §5.7.1."""
    aggregate = b"\x78\0\4" + SPS + b"\0\4" + PPS
    for wire in ALL:
        kinds = wire.H264_SPS | wire.H264_PPS
        assert unpacked(wire, [aggregate], 64) == (LONG + SPS + LONG + PPS, kinds)
        assert unpacked(wire, [aggregate], 15) == wire.H264_EFULL
        for bad in (b"\x78", b"\x78\0", b"\x78\0\0", b"\x78\0\5" + SPS, aggregate + b"\0"):
            assert unpacked(wire, [bad], 64) == wire.H264_EFORMAT


def test_what_is_no_payload():
    for wire in ALL:
        for bad in (b"", b"\0", b"\x80", b"\xe5abc", b"\x19\0\0\0", b"\x1e", b"\x7c", b"\x7c\x85"):
            assert unpacked(wire, [bad], 64) == wire.H264_EFORMAT, bad
        both = b"\x7c\xc5whole"  # begins and ends: RFC 6184 §5.8 forbids it
        assert unpacked(wire, [both], 64) == wire.H264_EFORMAT


def test_what_is_no_access_unit():
    for wire in ALL:
        for bad in (
            b"",
            b"\0\0",
            b"\0\0\0",
            b"\x65no start code",
            b"x" + LONG + SPS,
            LONG + SHORT + SPS,
            LONG + b"\x78aggregate",
            LONG + b"\x80forbidden",
        ):
            looked = wire.h264_look(bad, 0, len(bad))
            assert looked == wire.H264_EFORMAT, (wire.IMPLEMENTATION, bad, looked)
        nothing = LONG + SPS + SHORT  # a start code at the very end has no unit behind it
        assert wire.h264_look(nothing, 0, len(nothing)) == wire.H264_SPS
        assert packed(wire, nothing, 40) == [SPS]
        unit = b"\xff\xff" + LONG + SPS + b"\xff\xff"
        assert wire.h264_look(unit, 2, 8) == wire.H264_SPS
        assert packed(wire, unit, 10, 2, 8) == [SPS]


def access_unit(random, largest):
    """A random access unit whose NAL units need no emulation prevention, and the units."""
    data, units = b"", []
    for _ in range(1 + random.below(4)):
        unit = bytes((random.pick((0x67, 0x68, 0x65, 0x41, 0x06)),))
        unit += bytes([1 + random.below(255) for _ in range(random.below(largest))])
        units.append(unit)
        data += random.pick((SHORT, LONG, b"\0" + LONG)) + unit
    return data, units


# covers: V-51
def test_what_is_packed_comes_out_again():
    random = Random(6184)
    for _ in range(120):
        unit, units = access_unit(random, random.pick((4, 60, 300)))
        size = random.pick((3, 4, 17, 100, 1200))
        whole = b"".join([LONG + one for one in units])
        payloads = packed(ALL[0], unit, size)
        for wire in ALL:
            assert packed(wire, unit, size) == payloads
            kinds = wire.h264_look(unit, 0, len(unit))
            assert unpacked(wire, payloads, len(whole)) == (whole, kinds), wire.IMPLEMENTATION


def test_all_agree_on_anything():
    random = Random(77)
    heads = (b"\x7c\x85", b"\x7c\x05", b"\x7c\x45", b"\x78\0", b"\x67", b"\0\0\1", b"\0\0\0\1\x65")
    for _ in range(1500):
        data = random.pick(heads) + random.bytes(random.below(24))
        off, n = random.below(4), random.below(30)
        agreed(ALL, "h264_look", (data, off, n))
        walk = bytearray(array("i", [random.below(30), random.below(30), 0, 0]))
        if random.below(3) == 0:
            walk[8] = random.below(30)
            walk[12] = random.below(256)
        agreed(ALL, "h264_pack", (data, walk, bytearray(20), random.below(6), random.below(18)))
        assembly = bytearray(array("i", [random.below(10), random.below(2), random.below(8)]))
        args = data, off, n, assembly, bytearray(random.below(40))
        agreed(ALL, "h264_unpack", args, ignore=() if taken(args) else (1,))


def taken(args):
    result, _ = outcome(ALL[-1].h264_unpack, args)
    return isinstance(result, int) and result >= 0


def test_bad_arguments():
    unit = LONG + SPS
    for wire in ALL:
        pack = (unit, bytearray(array("i", [0, len(unit), 0, 0])), bytearray(16), 0, 16)
        for index, bad, error in (
            (0, 5, TypeError),
            (1, bytes(16), TypeError),
            (1, bytearray(15), ValueError),
            (1, bytearray(array("i", [0, len(unit) + 1, 0, 0])), ValueError),
            (1, bytearray(array("i", [-1, 4, 0, 0])), ValueError),
            (1, bytearray(array("i", [5, 4, 0, 0])), ValueError),
            (1, bytearray(array("i", [4, 6, 4, 0])), ValueError),
            (2, bytes(16), TypeError),
            (3, 1, ValueError),
            (3, -1, ValueError),
            (4, 2, ValueError),
            (4, 17, ValueError),
        ):
            refuses(wire, "h264_pack", pack, index, bad, error)
        unpack = (SPS, 0, 4, bytearray(12), bytearray(16))
        for index, bad, error in (
            (1, 1, ValueError),
            (2, -1, ValueError),
            (3, bytearray(11), ValueError),
            (3, bytearray(array("i", [17, 0, 0])), ValueError),
            (3, bytearray(array("i", [-1, 0, 0])), ValueError),
            (4, bytes(16), TypeError),
        ):
            refuses(wire, "h264_unpack", unpack, index, bad, error)
        refuses(wire, "h264_look", (unit, 0, 8), 2, 9, ValueError)
