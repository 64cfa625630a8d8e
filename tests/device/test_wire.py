"""wire: RTP, every implementation against the RFCs and against each other."""

from array import array

from implementations import Random, agreed, implementations, refuses

from support import raises

ALL = implementations("wire")
SSRC = 0xFFFFFFF0
FRAME = 160


def sender(wire, seq=0, timestamp=0, level_id=1, mid_id=2, mid=b"a0", ssrc=SSRC):
    state = bytearray(wire.RTP_TX_STATE)
    wire.rtp_tx_init(state, 0, ssrc, seq, timestamp, level_id, mid_id, mid)
    return state


def packet(wire, seq, timestamp, ssrc=SSRC, payload=b"pay!"):
    """A packet without extensions."""
    out = bytearray(12)
    wire.rtp_write(
        sender(wire, seq & 0xFFFF, timestamp & 0xFFFFFFFF, 0, 0, b"", ssrc), out, 0, 0, 0, 0
    )
    return bytes(out) + payload


class Receiver:
    """rtp_parse with its state and info; `put` takes whole packets."""

    def __init__(self, wire, clock_rate=8000, level_id=1, ssrc=SSRC, frame=FRAME):
        self.wire = wire
        self.state = bytearray(wire.RTP_RX_STATE)
        self.info = array("i", [99] * wire.RTP_INFO)
        wire.rtp_rx_init(self.state, ssrc, clock_rate, frame, level_id)

    def put(self, data, arrival_ms=-1):
        return self.wire.rtp_parse(self.state, data, 0, len(data), self.info, arrival_ms)

    def frame(self, seq, timestamp, arrival_ms=-1):
        """(result, frame index) of a packet with this place."""
        return self.put(packet(self.wire, seq, timestamp), arrival_ms), self.info[5]

    def stats(self):
        """A dictionary of the counters."""
        out = array("i", [0] * self.wire.RTP_STATS)
        self.wire.rtp_rx_stats(self.state, out)
        names = "received expected lost duplicates reordered jitter resets cycles highest"
        return dict(zip(names.split(), out))


# --- RTP out ---


def test_plain_header_bytes():
    for wire in ALL:
        state, out = sender(wire, 0xABCD, 0x7FFFFFF0, 0, 0, b"", 0x80000001), bytearray(15)
        assert wire.rtp_header_size(state) == 12
        assert wire.rtp_write(state, out, 2, True, 5, True) == 12
        assert bytes(out) == b"\0\0\x80\x80\xab\xcd\x7f\xff\xff\xf0\x80\0\0\x01\0"


def test_extension_bytes():
    """RFC 8285 §4.2 and RFC 6464 §3: 0xBEDE, words, level element, MID element, padding."""
    for wire in ALL:
        state, out = sender(wire, 1, 2), bytearray(24)
        assert wire.rtp_header_size(state) == 24
        assert wire.rtp_write(state, out, 0, False, 0x55, True) == 24
        assert bytes(out[12:]) == b"\xbe\xde\0\x02\x10\xd5\x21a0\0\0\0"
        state = sender(wire, 1, 2, 14, 0, b"ignored")
        assert wire.rtp_write(state, out, 0, False, 127, False) == 20
        assert bytes(out[12:20]) == b"\xbe\xde\0\x01\xe0\x7f\0\0"
        state = sender(wire, 1, 2, 0, 3, b"0123456789abcdef")
        assert wire.rtp_header_size(state) == 36


def test_advance_wraps():
    for wire in ALL:
        state = sender(wire, 0xFFFF, 0xFFFFFFF0)
        assert wire.rtp_tx_peek(state) == (0xFFFF, 0xFFFFFFF0, SSRC)
        wire.rtp_advance(state, 160, False)
        assert wire.rtp_tx_peek(state) == (0xFFFF, 144, SSRC)
        wire.rtp_advance(state, (1 << 30) - 1, True)
        assert wire.rtp_tx_peek(state) == (0, 144 + (1 << 30) - 1, SSRC)


def test_sender_refuses():
    for wire in ALL:
        good = (bytearray(wire.RTP_TX_STATE), 0, 1, 2, 3, 1, 2, b"ab")
        bad = (
            (0, (bytearray(wire.RTP_TX_STATE - 1),)),
            (1, (-1, 64, 95, 128)),
            (2, (-1, 1 << 32)),
            (3, (-1, 65536)),
            (4, (-1, 1 << 32)),
            (5, (-1, 15, 2)),
            (6, (-1, 15, 1)),
            (7, (b"", b"12345678901234567")),
        )
        for index, values in bad:
            for value in values:
                refuses(wire, "rtp_tx_init", good, index, value, ValueError)
        state = sender(wire)
        for size in range(24):
            refuses(
                wire,
                "rtp_write",
                (state, bytearray(24), 0, 0, 0, 0),
                1,
                bytearray(size),
                ValueError,
            )
        refuses(wire, "rtp_write", (state, bytearray(24), 0, 0, 0, 0), 4, 128, ValueError)
        refuses(wire, "rtp_write", (state, bytearray(24), 0, 0, 0, 0), 1, bytes(24), TypeError)
        refuses(wire, "rtp_advance", (state, 160, 1), 1, -1, ValueError)
        refuses(wire, "rtp_advance", (state, 160, 1), 1, 1 << 30, ValueError)
        for garbage in (b"", bytes(wire.RTP_TX_STATE), b"RWR1" + bytes(100), bytes(state[:-1])):
            raises(ValueError, wire.rtp_header_size, garbage)
            raises(ValueError, wire.rtp_tx_peek, garbage)


# --- RTP in ---


def test_written_is_read():
    for wire in ALL:
        tx, rx, buf = sender(wire, 65535, 0xFFFFFFF0), Receiver(wire), bytearray(64)
        for i in range(4):
            size = wire.rtp_write(tx, buf, 5, i == 0, 30 + i, i % 2)
            assert wire.rtp_parse(rx.state, buf, 5, size + 7, rx.info, -1) == 0
            seq = (65535 + i) & 0xFFFF
            assert list(rx.info) == [5 + size, 7, 0, int(i == 0), seq, i, 30 + i, i % 2]
            wire.rtp_advance(tx, FRAME, True)


def test_level_needs_its_id():
    for wire in ALL:
        rx, buf = Receiver(wire, level_id=3), bytearray(24)
        wire.rtp_write(sender(wire), buf, 0, 0, 30, 1)
        assert rx.put(buf) == 0 and rx.info[6] == -1 and rx.info[7] == 0 and rx.info[1] == 0


def malformed(wire):
    """(packet, code) for each way to be wrong by itself."""
    good = packet(wire, 1, FRAME)
    ext = b"\x90" + good[1:12]
    return (
        (b"", wire.RTP_ESHORT),
        (b"\x80", wire.RTP_ESHORT),
        (good[:11], wire.RTP_ESHORT),
        (b"\x00" + good[1:], wire.RTP_EVERSION),
        (b"\x40" + good[1:], wire.RTP_EVERSION),
        (b"\xc0" + good[1:], wire.RTP_EVERSION),
        (b"\x80\xc8\x00\x01\0\0\0\x01", wire.RTP_ERTCP),
        (b"\x81\xdf" + good[2:], wire.RTP_ERTCP),
        (b"\x82" + good[1:], wire.RTP_ELENGTH),
        (b"\x8f" + good[1:], wire.RTP_ELENGTH),
        (ext, wire.RTP_EEXT),
        (ext + b"\xbe\xde\0", wire.RTP_EEXT),
        (ext + b"\xbe\xde\0\x01\x10\x05\0", wire.RTP_EEXT),
        (ext + b"\xbe\xde\xff\xff\x10\x05\0\0", wire.RTP_EEXT),
        (ext + b"\xbe\xde\0\x01\0\0\x21\0", wire.RTP_EEXT),
        (b"\xa0" + good[1:12], wire.RTP_EPADDING),
        (b"\xa0" + good[1:12] + b"\0\0\0", wire.RTP_EPADDING),
        (b"\xa0" + good[1:12] + b"ab\x04", wire.RTP_EPADDING),
        (packet(wire, 1, FRAME, SSRC - 1), wire.RTP_ESSRC),
        (packet(wire, 1, FRAME + 1), wire.RTP_EALIGN),
        (packet(wire, 1, FRAME * 3001), wire.RTP_EJUMP),
        (packet(wire, 1, -FRAME * 3001), wire.RTP_EJUMP),
        (packet(wire, 3001, FRAME), wire.RTP_EJUMP),
        (packet(wire, -3001, FRAME), wire.RTP_EJUMP),
    )


def test_malformed_packets():
    for wire in ALL:
        rx = Receiver(wire)
        assert rx.frame(0, 0) == (0, 0)
        for data, code in malformed(wire):
            state, info, counters = bytes(rx.state), list(rx.info), rx.stats()
            assert rx.put(data) == code, (wire.IMPLEMENTATION, data, code)
            assert list(rx.info) == info and rx.stats() == counters
            if code not in (wire.RTP_EALIGN, wire.RTP_EJUMP):
                assert bytes(rx.state) == state
        assert rx.frame(1, FRAME) == (0, 1)


def test_odd_but_legal_packets():
    for wire in ALL:
        base = packet(wire, 1, FRAME)[:12]
        cases = (
            (b"\x82" + base[1:] + b"CSRCcsrcpay", 20, 3, -1),
            (b"\xa0" + base[1:] + b"pay\0\0\x03", 12, 3, -1),
            (b"\xa0" + base[1:] + b"\0\0\0\x04", 12, 0, -1),
            (b"\x90" + base[1:] + b"\xbe\xde\0\0pay", 16, 3, -1),
            (
                b"\x90" + base[1:] + b"\x10\0\0\x01\x01\x01\x55\0pay",
                20,
                3,
                -1,
            ),  # two-byte form: skipped
            (b"\x90" + base[1:] + b"\xbe\xde\0\x02\0\0\x20x\x10\x85\0\0pay", 24, 3, 5),
            (b"\x90" + base[1:] + b"\xbe\xde\0\x01\xf0\x10\x85\0pay", 20, 3, -1),  # id 15 ends it
            (b"\x90" + base[1:] + b"\xbe\xde\0\x01\x11\x85\x85\0pay", 20, 3, -1),  # wrong length
        )
        for data, offset, length, level in cases:
            rx = Receiver(wire)
            assert rx.put(data) == 0, data
            assert (rx.info[0], rx.info[1], rx.info[6]) == (offset, length, level), (
                data,
                list(rx.info),
            )


def test_frame_index_over_the_wrap():
    for wire in ALL:
        for start in (0x7FFFFFF0, 0xFFFFFFF0, 0):
            rx = Receiver(wire)
            for i in range(300):
                assert rx.frame(65400 + i, start + i * FRAME) == (0, i)
            assert rx.stats()["cycles"] == 1 and rx.stats()["lost"] == 0


def test_index_counts_beyond_32_bits_of_timestamp():
    """2999 frames at a step: the timestamp wraps every 8950 steps."""
    for wire in ALL[:1]:
        rx = Receiver(wire)
        for i in range(40000):
            assert rx.frame(i, i * 2999 * FRAME) == (0, i * 2999)


def test_reordering_and_silence():
    for wire in ALL:
        rx = Receiver(wire)
        assert rx.frame(5, 5 * FRAME) == (0, 0)
        assert rx.frame(3, 3 * FRAME) == (0, -2)
        assert rx.frame(7, 7 * FRAME) == (0, 2)
        assert rx.frame(6, 6 * FRAME) == (0, 1)
        assert rx.frame(6, 6 * FRAME) == (0, 1)
        assert rx.frame(8, 1000 * FRAME) == (0, 995)  # DTX: time passed, nothing was lost
        stats = rx.stats()
        assert (stats["received"], stats["expected"], stats["lost"]) == (5, 6, 1)
        assert (stats["duplicates"], stats["reordered"], stats["highest"]) == (1, 2, 8)


def test_one_wild_packet_does_no_harm():
    for wire in ALL:
        rx = Receiver(wire)
        for i in range(10):
            assert rx.frame(i, i * FRAME) == (0, i)
            for seq, timestamp in (
                (40000 + i, 77),
                (i, 0x70000000),
                (30000, i * FRAME),
                (i, i * FRAME + 1),
            ):
                assert rx.frame(seq, timestamp)[0] < 0
        assert rx.stats()["resets"] == 0 and rx.stats()["received"] == 10


def test_a_restarted_sender_is_followed():
    for wire in ALL:
        for timestamp, code in ((0x12345678, wire.RTP_EJUMP), (FRAME + 7, wire.RTP_EALIGN)):
            rx = Receiver(wire)
            assert rx.frame(0, 0) == (0, 0) and rx.frame(1, FRAME) == (0, 1)
            assert rx.frame(9000, timestamp)[0] < 0
            assert rx.frame(9002, timestamp + 2 * FRAME)[0] < 0, "not consecutive"
            assert rx.frame(2, 2 * FRAME) == (0, 2), "the old stream goes on"
            assert rx.frame(3, timestamp)[0] == code
            assert rx.frame(4, timestamp + FRAME) == (wire.RTP_RESET, 0)
            assert rx.frame(5, timestamp + 2 * FRAME) == (0, 1)
            assert rx.stats()["resets"] == 1 and rx.stats()["received"] == 5


def test_sequence_jump_re_bases():
    for wire in ALL:
        rx = Receiver(wire)
        assert rx.frame(10, 0) == (0, 0)
        assert rx.frame(20000, FRAME)[0] == wire.RTP_EJUMP
        assert rx.frame(20001, 2 * FRAME) == (wire.RTP_RESET, 0)
        stats = rx.stats()
        assert (stats["expected"], stats["lost"], stats["highest"]) == (2, 0, 20001)


def test_packets_of_no_common_duration():
    """Video: many packets with one timestamp, then one at any distance up to a minute."""
    for wire in ALL:
        rx = Receiver(wire, clock_rate=90000, frame=wire.RTP_ANY_TICK)
        for seq, timestamp in ((0, 0), (1, 0), (2, 3003), (3, 3003), (4, 5400000 + 3003)):
            assert rx.frame(seq, timestamp) == (0, timestamp), (wire.IMPLEMENTATION, timestamp)
        far = 2 * 5400000 + 3004
        assert rx.frame(5, far)[0] == wire.RTP_EJUMP
        assert rx.frame(6, far)[0] == wire.RTP_EJUMP, "the same picture proves nothing"
        assert rx.frame(7, far + 3003) == (wire.RTP_RESET, 0)
        assert rx.stats()["resets"] == 1


def test_jitter():
    """RFC 3550 A.8: 20 ms frames that arrive 10 ms early and late by turns settle at 20 ms."""
    for wire in ALL:
        rx = Receiver(wire)
        start = (1 << 30) - 3000  # the clock wraps on the way
        for i in range(400):
            arrival = (start + 20 * i + (i % 2) * 20) & ((1 << 30) - 1)
            rx.frame(i, i * FRAME, arrival)
        assert 155 <= rx.stats()["jitter"] <= 160, rx.stats()
        for i in range(400, 800):
            rx.frame(i, i * FRAME, (start + 20 * i) & ((1 << 30) - 1))
        assert rx.stats()["jitter"] <= 1
        rx.frame(800, 800 * FRAME, 1 << 31)  # a wider clock is taken modulo 2**30


def test_receiver_refuses():
    for wire in ALL:
        good = (bytearray(wire.RTP_RX_STATE), 1, 8000, FRAME, 1)
        bad = (
            (0, (bytearray(wire.RTP_RX_STATE - 1),)),
            (1, (-1, 1 << 32)),
            (2, (0, 96001, -1)),
            (3, (0, 65536)),
            (4, (-1, 15)),
        )
        for index, values in bad:
            for value in values:
                refuses(wire, "rtp_rx_init", good, index, value, ValueError)
        rx = Receiver(wire)
        good = (rx.state, bytearray(packet(wire, 0, 0)), 0, 16, bytearray(4 * wire.RTP_INFO), -1)
        for index in (0, 1, 4):
            refuses(wire, "rtp_parse", good, index, good[index][:-1], ValueError)
            refuses(wire, "rtp_parse", good, index, None, TypeError)
        for index in (2, 3):
            for value in (-1, 17, (1 << 31) - 1, 1 << 40):
                refuses(wire, "rtp_parse", good, index, value, ValueError)
        refuses(wire, "rtp_parse", good, 0, bytearray(wire.RTP_RX_STATE), ValueError)
        refuses(wire, "rtp_parse", good, 4, bytes(4 * wire.RTP_INFO), TypeError)
        raises(ValueError, wire.rtp_rx_stats, rx.state, bytearray(4 * wire.RTP_STATS - 1))


def test_random_packets_agree():
    """Mutations of good packets: the same results, infos and states to the bit."""
    random = Random(11)
    first = Receiver(ALL[0])
    state, info = first.state, bytearray(4 * ALL[0].RTP_INFO)
    seq, timestamp = 65000, 0xFFFF0000
    for i in range(1500):
        step = random.pick((1, 1, 1, 1, 2, -1, 0, 2999, 3001, -40, 65))
        seq, timestamp = seq + step, timestamp + step * FRAME + random.pick((0,) * 15 + (1,))
        data = bytearray(packet(ALL[0], seq, timestamp, SSRC, random.bytes(random.below(9))))
        for _ in range(random.pick((0, 0, 0, 1, 1, 3))):
            at = random.below(len(data))
            data[at] = random.pick((random.below(256), data[at] ^ (1 << random.below(8))))
        if random.below(20) == 0:
            data = data[: random.below(len(data))]
        args = (state, data, 0, len(data), info, random.pick((-1, 20 * i + random.below(9))))
        result, (state, _, info) = agreed(ALL, "rtp_parse", args)
        state, info = bytearray(state), bytearray(info)
        agreed(ALL, "rtp_rx_stats", (state, bytearray(4 * ALL[0].RTP_STATS)))
