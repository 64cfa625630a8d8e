"""Pictures out and in: access units through RTP, losses, key frames, no allocation."""

from implementations import Random

from callboard.errors import InvalidArgument, ProtocolError
from callboard.media import video
from callboard.port import ticks_add
from support import FakeClock, heap_locked, raises, require_heap_lock

LONG = b"\0\0\0\1"
KEY_HEAD = LONG + b"\x67SPS" + LONG + b"\x68PPS" + LONG + b"\x65\x80"
STREAM = {
    "feed_id": "f",
    "mid": "3",
    "ssrc": 0xFFFFFFF0,
    "codec": "h264",
    "payload_type": 96,
    "clock_rate": 90000,
}
START = (65533, 0xFFFFFFF0)


def key_frame(random, n):
    return KEY_HEAD + bytes([1 + random.below(255) for _ in range(n)])


def picture(random, n):
    return LONG + b"\x41\x9a" + bytes([1 + random.below(255) for _ in range(n)])


class Line:
    """A transport: packets go into a list, unless it is `full`."""

    headroom = 14

    def __init__(self):
        self.packets = []
        self.full = False

    def send(self, buf, off, n):
        if self.full:
            return False
        self.packets.append(bytes(buf[off : off + n]))
        for i in range(off, off + n):
            buf[i] ^= 0xFF  # as masking does
        return True


class Rig:
    """A sender, a line and a receiver, whose reports come at once."""

    def __init__(self, reports=True):
        self.clock = FakeClock()
        self.line = Line()
        self.wanted = []
        self.sender = video.VideoSender(
            self.clock, STREAM, self.line, START, lambda: self.wanted.append("sender")
        )
        self.receiver = video.VideoReceiver(
            STREAM, self.picture, lambda: self.wanted.append("receiver")
        )
        self.reports = reports
        self.pictures = []

    def picture(self, buf, off, n, pts_ms, key):
        self.pictures.append((bytes(buf[off : off + n]), pts_ms, key))

    def tick(self):
        self.sender.tick()
        self.clock.advance(20)
        if self.reports and self.line.packets:
            self.report(self.line.packets[-1])

    def report(self, packet):
        """The relay's receiver report of the last packet."""
        report = b"\x81\xc9\0\7" + bytes(4) + packet[8:12] + bytes(6) + packet[2:4] + bytes(12)
        assert self.sender.window.report(b"#" + report, 1, len(report), self.clock.ticks_ms())

    def send(self, unit, ticks=60):
        """Send a picture whole; returns its packets."""
        before = len(self.line.packets)
        assert self.sender.send(b"##" + unit, 2, len(unit), self.clock.ticks_ms())
        for _ in range(ticks):
            if not self.sender.queued:
                break
            self.tick()
        assert not self.sender.queued
        return self.line.packets[before:]

    def receive(self, packets):
        for packet in packets:
            self.receiver.receive(b"." + packet, 1, len(packet), 0)


# covers: V-51
def test_pictures_arrive_as_they_were_sent():
    rig, random = Rig(), Random(1)
    units = [key_frame(random, 9000)] + [picture(random, random.below(3000)) for _ in range(20)]
    for unit in units:
        rig.receive(rig.send(unit))
        rig.clock.advance(40)
    assert [got for got, _, _ in rig.pictures] == units
    assert [key for _, _, key in rig.pictures] == [True] + 20 * [False]
    times = [pts_ms for _, pts_ms, _ in rig.pictures]
    assert times[0] == 0 and times == sorted(times) and 0 < times[-1] < 60000
    assert rig.receiver.refused == rig.receiver.broken == rig.receiver.skipped == 0
    assert rig.sender.pictures == 21 and rig.sender.dropped == 0 and rig.wanted == []


def test_packets_are_small_and_marked():
    rig, random = Rig(), Random(2)
    packets = rig.send(key_frame(random, 5000))
    assert max([len(packet) for packet in packets]) <= 1200
    assert [packet[1] >> 7 for packet in packets] == (len(packets) - 1) * [0] + [1]
    assert [p[2] << 8 | p[3] for p in packets] == [65533 + i & 0xFFFF for i in range(len(packets))]
    assert len({packet[4:8] for packet in packets}) == 1
    second = rig.send(picture(random, 10))
    assert second[0][4:8] != packets[0][4:8]


def test_a_tick_sends_a_few_packets_only():
    rig, random = Rig(), Random(3)
    unit = key_frame(random, 20000)
    assert rig.sender.send(unit, 0, len(unit), 0)
    before, queued = 0, rig.sender.queued
    assert queued == len(unit)
    while rig.sender.queued:
        rig.tick()
        assert 0 < len(rig.line.packets) - before <= video.BURST
        assert rig.sender.queued < queued
        before, queued = len(rig.line.packets), rig.sender.queued


def test_first_comes_a_key_frame():
    rig, random = Rig(), Random(4)
    unit = picture(random, 100)
    assert not rig.sender.send(unit, 0, len(unit), 0) and rig.sender.dropped == 1
    rig.receive(rig.send(key_frame(random, 10)))
    assert len(rig.pictures) == 1


def test_a_picture_that_does_not_fit_is_dropped_and_so_are_all_up_to_a_key_frame():
    rig, random = Rig(), Random(5)
    rig.send(key_frame(random, 10))
    large, small = picture(random, 9000), picture(random, 10)
    assert rig.sender.send(large, 0, len(large), 100)
    rig.tick()
    assert rig.sender.queued
    assert not rig.sender.send(small, 0, len(small), 150) and rig.wanted == ["sender"]
    for _ in range(10):
        rig.tick()
    assert not rig.sender.queued, "what had begun is sent whole"
    assert not rig.sender.send(small, 0, len(small), 200)
    assert rig.sender.dropped == 2 and rig.wanted == ["sender"]
    rig.receive(rig.line.packets + rig.send(key_frame(random, 10)))
    assert [key for _, _, key in rig.pictures] == [True, False, True] and not rig.receiver.broken


# covers: V-54
def test_a_full_line_ends_a_picture_after_a_while():
    rig, random = Rig(), Random(6)
    packets = rig.send(key_frame(random, 10))
    large = picture(random, 5000)
    assert rig.sender.send(large, 0, len(large), 100)
    rig.tick()
    rig.line.full = True
    for _ in range(video.AGE_MAX_MS // 20 + 2):
        rig.tick()
    assert not rig.sender.queued and rig.sender.dropped == 1 and rig.wanted == ["sender"]
    rig.line.full = False
    sent = rig.line.packets + rig.send(key_frame(random, 3000))
    assert len(sent) > len(packets)
    rig.receive(sent)
    assert [key for _, _, key in rig.pictures] == [True, True]
    assert rig.receiver.broken == 1


def test_every_lost_packet_breaks_its_picture_and_a_key_frame_mends_it():
    random = Random(7)
    for lost in range(0, 14):
        rig = Rig()
        packets = rig.send(key_frame(random, 2000))
        packets += rig.send(picture(random, 3000)) + rig.send(picture(random, 3000))
        if lost >= len(packets):
            continue
        hole = packets[:lost] + packets[lost + 1 :]
        rig.receive(hole)
        assert len(rig.pictures) < 3
        for got, _, _ in rig.pictures:
            assert len(got) in (len(KEY_HEAD) + 2000, 3006), "only whole pictures"
        again = rig.send(key_frame(random, 2000))
        rig.receive(again)
        assert rig.pictures[-1][2], lost
        last = lost == len(packets) - 1  # its loss shows with the next packet only
        assert rig.wanted[:1] == ["receiver"] or lost < 4 or last


def test_late_and_repeated_packets_change_nothing():
    rig, random = Rig(), Random(8)
    first, second = rig.send(key_frame(random, 3000)), rig.send(picture(random, 3000))
    rig.receive(first + first[:1] + second + second[1:2] + first[-1:])
    assert len(rig.pictures) == 2 and rig.receiver.refused == 3 and rig.wanted == []


def test_the_request_for_a_key_frame_is_repeated():
    rig, random = Rig(), Random(9)
    rig.receive(rig.send(key_frame(random, 10)))
    rig.send(picture(random, 10))  # is lost
    for _ in range(40):
        rig.receive(rig.send(picture(random, 10)))
    assert rig.wanted == 3 * ["receiver"] and rig.receiver.skipped == 40
    assert rig.receiver.broken == 0 and len(rig.pictures) == 1


def test_a_picture_larger_than_the_receivers_buffer_is_broken():
    rig, random = Rig(), Random(10)
    rig.receiver = video.VideoReceiver(STREAM, rig.picture, None, bytearray(1000))
    rig.receive(rig.send(key_frame(random, 2000)) + rig.send(key_frame(random, 100)))
    assert len(rig.pictures) == 1 and rig.receiver.broken == 1


def test_hostile_packets():
    rig, random = Rig(), Random(11)
    packets = rig.send(key_frame(random, 3000)) + rig.send(picture(random, 3000))
    for _ in range(1500):
        packet = bytearray(random.pick(packets))
        for _ in range(1 + random.below(3)):
            packet[random.below(len(packet))] = random.below(256)
        packet = bytes(packet[: random.below(len(packet) + 1)])
        rig.receiver.receive(packet, 0, len(packet), 0)
    for _ in range(10):  # a wild packet may have gone ahead
        rig.receive(rig.send(key_frame(random, 3000)))
    assert rig.pictures[-1][2] and rig.pictures[-1][0].startswith(KEY_HEAD)


def test_bad_descriptions_and_units_are_refused():
    clock, line = FakeClock(), Line()
    for member, bad in (
        ("codec", "opus"),
        ("clock_rate", 48000),
        ("payload_type", 0),
        ("payload_type", True),
        ("ssrc", 0),
        ("mid", ""),
        ("mid", 17 * "m"),
    ):
        stream = dict(STREAM)
        stream[member] = bad
        raises(ProtocolError, video.VideoReceiver, stream, None)
        raises(ProtocolError, video.VideoSender, clock, stream, line, START)
    sender = video.VideoSender(clock, STREAM, line, START)
    raises(InvalidArgument, sender.send, b"no access unit", 0, 14, 0)
    assert not sender.queued and sender.pictures == 0


def test_neither_end_allocates():
    require_heap_lock()
    random, line = Random(12), Kept()
    sender = video.VideoSender(line, STREAM, line, START)
    receiver = video.VideoReceiver(STREAM, line.picture)
    units = key_frame(random, 3000), picture(random, 3000)
    report = bytearray(b"\x81\xc9\0\7" + bytes(28))
    report[8:12] = b"\xff\xff\xff\xf0"
    with heap_locked():
        for unit in units:
            assert sender.send(unit, 0, len(unit), line.ticks_ms())
            for _ in range(4):
                sender.tick()
                report[18], report[19] = line.kept[line.count - 1][2], line.kept[line.count - 1][3]
                assert sender.window.report(report, 0, 32, line.ticks_ms())
            assert not sender.queued
        assert sender.window.on_the_way == 0
        for i in range(line.count):
            assert receiver.receive(line.kept[i], 0, line.sizes[i], line.ticks_ms())
    assert line.received == len(units[0]) + len(units[1]) and line.now_ms < 1000


class Kept:
    """A transport that keeps packets without allocating, and a clock that wraps meanwhile."""

    headroom = 14

    def __init__(self):
        self.kept, self.sizes, self.count = [bytearray(1300) for _ in range(12)], [0] * 12, 0
        self.received = 0
        self.now_ms = (1 << 30) - 20

    def picture(self, buf, off, n, pts_ms, key):
        self.received += n

    def ticks_ms(self):
        self.now_ms = ticks_add(self.now_ms, 5)
        return self.now_ms

    def send(self, buf, off, n):
        for i in range(n):
            self.kept[self.count][i] = buf[off + i]
        self.sizes[self.count] = n
        self.count += 1
        return True
