"""Messages over a serial line that loses, damages, repeats and delays; both ends here."""

from callboard.serial.channel import (
    BOARD,
    CHUNK_MAX,
    HOST,
    MESSAGE_MAX,
    QUEUE_MAX,
    RETRY_MS,
    TRIES,
    Channel,
)
from callboard.serial.framing import Decoder, Handler
from support import FakeClock


class End(Handler):
    """A channel with its decoder, and what it heard."""

    def __init__(self, role, clock):
        self.clock = clock
        self.sent = []  # frames not delivered yet
        self.messages = []
        self.lost = []
        self.channel = Channel(
            role, clock, self.sent.append, self.messages.append, self.lost.append
        )
        self.decoder = Decoder(self)

    def on_frame(self, kind, payload):
        assert self.channel.received(kind, payload)

    def take(self, data):
        self.decoder.feed(data, len(data), self.clock.ticks_ms())


class Line:
    """A host and a board; `treat(frame)` makes a list of (delay in ms, bytes) of each frame."""

    def __init__(self, treat=None):
        self.clock = FakeClock()
        self.host = End(HOST, self.clock)
        self.board = End(BOARD, self.clock)
        self.treat = treat or (lambda frame: [(0, frame)])
        self.under_way = []  # (due, end, frame)
        self.host.channel.open(0x1234)

    def step(self, ms=10):
        for end, other in ((self.host, self.board), (self.board, self.host)):
            while end.sent:
                frame = end.sent.pop(0)
                assert len(frame) <= 128
                for delay, data in self.treat(frame):
                    self.under_way.append((self.clock.ticks_ms() + delay, other, data))
        now = self.clock.ticks_ms()
        due = [item for item in self.under_way if item[0] <= now]
        self.under_way = [item for item in self.under_way if item[0] > now]
        for _, end, data in due:
            end.take(data)
        self.clock.advance(ms)
        self.host.channel.tick()
        self.board.channel.tick()

    def run(self, steps=400):
        for _ in range(steps):
            self.step()


SIZES = (1, CHUNK_MAX, CHUNK_MAX + 1, 500, 3, MESSAGE_MAX)
MESSAGES = [bytes((i,)) * SIZES[i] for i in range(len(SIZES))]


def exchange(line):
    """Send MESSAGES both ways, and wait until they are there."""
    for message in MESSAGES:
        assert line.host.channel.send(message)
    for _ in range(4000):
        line.step()
        if line.host.channel.open_now and line.host.channel.idle:
            break
    for message in MESSAGES:
        assert line.board.channel.send(message)
    for _ in range(4000):
        line.step()
        if line.board.channel.idle and not line.under_way:
            break
    assert line.board.messages == MESSAGES and line.host.messages == MESSAGES
    assert line.host.lost == [] and line.board.lost == []


def test_a_good_line():
    line = Line()
    exchange(line)
    assert line.host.channel.repeated == 0 and line.board.channel.duplicates == 0


class Dice:
    """Numbers that only look random, the same in every run."""

    def __init__(self, seed):
        self.state = seed

    def roll(self, sides):
        self.state = (self.state * 1103515245 + 12345) & 0x3FFFFFFF
        return (self.state >> 12) % sides


def test_frames_that_are_lost_damaged_repeated_and_late():
    for seed in range(4):
        dice = Dice(seed)

        def treat(frame, dice=dice):
            what = dice.roll(8)
            if what == 0:
                return []
            if what == 1:
                at = dice.roll(len(frame))
                return [(0, frame[:at] + frame[at + 1 :])]
            if what == 2:
                return [(0, frame), (20, frame), (RETRY_MS + 50, frame)]
            if what == 3:
                return [(RETRY_MS + 20, frame)]
            return [(0, frame)]

        line = Line(treat)
        exchange(line)
        assert line.host.channel.repeated > 0 and line.board.channel.duplicates > 0


def test_silence_ends_the_session_in_time():
    line = Line()
    line.run(3)
    line.treat = lambda frame: []
    line.host.channel.send(b"anybody?")
    line.run(RETRY_MS * (TRIES + 1) // 10)
    assert line.host.lost == ["silent"] and not line.host.channel.open_now
    assert not line.host.channel.send(b"more")
    line.treat = lambda frame: [(0, frame)]
    line.host.channel.open(0x1235)
    line.run(3)
    line.host.channel.send(b"again")
    line.run(3)
    assert line.board.messages == [b"again"]


def test_a_board_that_was_reset_says_so():
    line = Line()
    line.host.channel.send(b"first")
    line.run(5)
    line.board = End(BOARD, line.clock)
    line.host.channel.send(b"second")
    line.run(5)
    assert line.host.lost == ["unknown"] and line.board.messages == []


def test_a_new_session_voids_the_old_one():
    line = Line()
    line.host.channel.send(bytes(2 * CHUNK_MAX))
    line.step()
    line.step()
    line.host.channel.open(0x4321)
    line.host.channel.send(b"new")
    line.run(10)
    assert line.board.messages == [b"new"] and line.host.lost == []


def test_limits():
    line = Line()
    assert not line.board.channel.send(b"nobody opened this")
    line.run(3)
    assert not line.host.channel.send(bytes(MESSAGE_MAX + 1)) and not line.host.channel.send(b"")
    line.treat = lambda frame: []
    for _ in range(QUEUE_MAX):
        assert line.host.channel.send(b"x")
    assert not line.host.channel.send(b"x") and line.host.channel.dropped == 3


def test_a_message_that_never_ends_is_bounded():
    line = Line()
    line.run(3)
    board = line.board.channel
    for seq in range(100):
        board.received(0x44, b"\x12\x34" + bytes((seq, 0)) + bytes(CHUNK_MAX))
        assert len(board._in) <= MESSAGE_MAX + CHUNK_MAX
    board.received(0x44, b"\x12\x34\x64\x01")
    assert line.board.messages == [] and board.dropped == 1
    for short in (b"", b"\x12", b"\x12\x34\x00"):
        for kind in (0x41, 0x44, 0x4F, 0x55, 0x6F):
            board.received(kind, short)
    assert not board.received(0x99, b"")
