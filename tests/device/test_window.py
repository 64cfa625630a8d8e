"""The window of a video stream: full lines, slow lines, lost and forged reports."""

from callboard.media.window import MAX_PACKETS, MIN_PACKETS, Window
from support import FakeClock

SSRC = 0xFFFFFFF0


def report(sequence, ssrc=SSRC, kind=201, blocks=1):
    """An RTCP report whose last block tells of `sequence`."""
    other = b"\1\2\3\4" + bytes(20)
    block = ssrc.to_bytes(4, "big") + bytes(6) + (sequence & 0xFFFF).to_bytes(2, "big") + bytes(12)
    body = bytes(4 if kind == 201 else 24) + (blocks - 1) * other + block
    return bytes((0x80 | blocks, kind)) + (len(body) // 4).to_bytes(2, "big") + body


class Line:
    """Packets of a window over a line of `per_packet_ms`, `one_way_ms` long each way."""

    def __init__(self, window, first, per_packet_ms, one_way_ms=5):
        self.window, self.next = window, first
        self.per_packet_ms, self.one_way_ms = per_packet_ms, one_way_ms
        self.clock = FakeClock()
        self.clock.advance(0x3FFFFF00)  # wraps at once
        self.now = self.free_at = 0
        self.reports = []  # (time, sequence)
        self.sent = self.longest = 0

    def run(self, ms):
        """As much as the window allows, 3 packets in 20 ms at most."""
        for _ in range(ms // 20):
            while self.reports and self.reports[0][0] <= self.now:
                data = report(self.reports.pop(0)[1])
                assert self.window.report(data, 0, len(data), self.clock.ticks_ms())
            for _ in range(3):
                if not self.window.open(self.clock.ticks_ms()):
                    break
                self.window.sent(self.clock.ticks_ms())
                self.free_at = max(self.free_at, self.now) + self.per_packet_ms
                self.longest = max(self.longest, self.free_at - self.now)
                self.reports.append((self.free_at + 2 * self.one_way_ms, self.next))
                self.next += 1
                self.sent += 1
            self.now += 20
            self.clock.advance(20)


def test_a_fast_line_is_used_in_full():
    window = Window(SSRC, 65530)
    line = Line(window, 65530, per_packet_ms=1)
    line.run(20000)
    assert line.sent == 3 * 1000 and window.shrunk == 0
    assert window.size <= MAX_PACKETS


def test_a_long_line_gets_a_larger_window():
    window = Window(SSRC, 0)
    line = Line(window, 0, per_packet_ms=1, one_way_ms=90)
    line.run(30000)
    assert window.size > 20 and window.shrunk == 0 and line.sent > 0.8 * 3 * 1500


# covers: V-54
def test_on_a_slow_line_the_queue_stays_short():
    for per_packet_ms in (15, 30, 60):
        window = Window(SSRC, 7)
        line = Line(window, 7, per_packet_ms)
        line.run(3000)
        line.longest = 0
        line.run(30000)
        assert line.sent > 0.8 * 33000 / per_packet_ms, "and the line is used"
        assert line.longest <= 130 + 2 * per_packet_ms, (per_packet_ms, line.longest)
        assert window.shrunk


def test_a_line_that_becomes_slow_and_fast_again():
    window = Window(SSRC, 0)
    line = Line(window, 0, per_packet_ms=2)
    line.run(5000)
    line.per_packet_ms = 40
    line.run(5000)
    line.longest = 0
    line.run(5000)
    assert line.longest <= 250
    line.per_packet_ms = 2
    line.run(3000)
    line.sent = 0
    line.run(5000)
    assert line.sent > 0.9 * 3 * 250


def test_lost_reports_only_pause_it():
    window = Window(SSRC, 0)
    now = sent = 0
    for _ in range(100):
        if window.open(now):
            window.sent(now)
            sent += 1
        now += 20
    assert 4 < sent < 16, "a probe every 200 ms"
    for _ in range(1000):
        if window.open(now):
            window.sent(now)
            sent += 1
        now += 20
    assert sent == MAX_PACKETS, "and no more than the ring holds"
    data = report(sent - 1)
    assert window.report(data, 0, len(data), now) and window.on_the_way == 0
    assert window.open(now)


def test_reports_of_others_and_forged_ones_change_nothing():
    window = Window(SSRC, 100)
    for _ in range(4):
        window.sent(0)
    for data in (
        report(103, ssrc=SSRC - 1),
        report(103)[:31],
        report(103)[:7],
        b"\x01" + report(103)[1:],
        report(103, kind=202),
        report(103, blocks=3)[:60],
        b"\x82" + report(102, ssrc=1)[1:],
        b"",
    ):
        assert not window.report(data, 0, len(data), 10), data
    for sequence in (99, 104, 98, 30000, 65535):
        data = report(sequence)
        assert window.report(data, 0, len(data), 10)
        assert window.on_the_way == 4 and window.size == 4
    for data in (report(101, blocks=3), report(102, kind=200), report(103, kind=200, blocks=2)):
        assert window.report(b"##" + data, 2, len(data), 10)
    assert window.on_the_way == 0


def test_it_never_closes():
    window = Window(SSRC, 0)
    now = 0
    for sequence in range(200):
        assert window.open(now) or window.on_the_way
        window.sent(now)
        now += 300  # ever later
        data = report(sequence)
        window.report(data, 0, len(data), now)
        assert MIN_PACKETS <= window.size <= MAX_PACKETS
