"""Byte streams over messages: both ends, held back, broken, and fed with rubbish."""

import random

from callboard.serial import pipes
from callboard.serial.pipes import PIPES_MAX, WINDOW, Pipes
from support import raises


class Pair:
    """A board's Pipes and a host's, whose messages are carried by hand."""

    def __init__(self):
        self.up, self.down = [], []
        self.asked = []
        self.free = True
        self.board = Pipes(self.up.append, lambda: self.free)
        self.host = Pipes(self.down.append, lambda: True, lambda pipe, n: self.asked.append(pipe))

    def carry(self):
        while self.up or self.down:
            if self.up:
                assert self.host.message(self.up.pop(0))
            if self.down:
                assert self.board.message(self.down.pop(0))

    def connected(self):
        """(the board's pipe, the host's)."""
        pipe = self.board.open(1)
        self.carry()
        other = self.asked.pop()
        self.host.accept(other)
        self.carry()
        assert pipe.opened is True
        return pipe, other


def read(pipe, size=5000):
    buffer = bytearray(size)
    n = pipe.readinto(memoryview(buffer))
    return n if n is None else bytes(buffer[:n])


async def test_bytes_arrive_in_order_and_nobody_is_overrun():
    pair = Pair()
    pipe, other = pair.connected()
    data = bytes(i * 7 & 0xFF for i in range(5000))
    sent, got = 0, b""
    while len(got) < len(data):
        n = pipe.write(data, sent, len(data) - sent) if sent < len(data) else None
        sent += n or 0
        pair.carry()
        if n is None:
            assert WINDOW - 256 < sent - len(got) <= WINDOW or sent == len(data)  # held back
            got += read(other, 300) or b""
            pair.carry()
    assert got == data and read(other) is None
    assert pair.board.violations == pair.host.violations == 0


async def test_both_ends_see_the_end():
    pair = Pair()
    pipe, other = pair.connected()
    other.write(b"last", 0, 4)
    other.end()
    other.close()
    pair.carry()
    assert read(pipe, 2) == b"la" and read(pipe) == b"st" and read(pipe) == b""
    pipe.close()
    pair.carry()
    assert len(pair.board) == len(pair.host) == 0


async def test_a_closed_stream_breaks_at_the_other_end():
    pair = Pair()
    pipe, other = pair.connected()
    pipe.close()
    pair.carry()
    raises(OSError, other.write, b"x", 0, 1)
    await other.readable()
    assert len(pair.host) == 0


async def test_a_lost_line_breaks_all_of_them():
    pair = Pair()
    first, other = pair.connected()
    second = pair.board.open(0)
    pair.board.lost()
    await first.readable()
    raises(OSError, read, first)
    assert second.opened == "the bridge went away"
    first.close()
    assert pair.up == [bytes((pipes.OPEN, second.number, 0))]  # nothing is said of the dead


async def test_a_refusal_says_why():
    pair = Pair()
    pipe = pair.board.open(0)
    pair.carry()
    pair.host.refuse(pair.asked.pop(), "no relay\x07 there")
    pair.carry()
    assert pipe.opened == "no relay? there" and len(pair.board) == len(pair.host) == 0
    opened = [pair.board.open(0) for _ in range(PIPES_MAX + 1)]
    assert opened[-1] is None and None not in opened[:-1]


async def test_data_waits_while_the_line_is_full():
    pair = Pair()
    pipe, _ = pair.connected()
    pair.free = False
    assert pipe.write(b"x", 0, 1) is None and pipe.room == 0
    pair.free = True
    assert pipe.write(b"x", 0, 1) == 1


async def test_more_than_was_allowed_breaks_the_stream_and_nothing_else():
    pair = Pair()
    good, _ = pair.connected()
    pipe, other = pair.connected()
    for _ in range(WINDOW // 256 + 1):
        pair.board.message(bytes((pipes.DATA, pipe.number)) + bytes(256))
    raises(OSError, read, pipe)
    assert pair.board.violations == 1
    pair.board.message(bytes((pipes.MORE, good.number, 0, 1)))  # of what was never sent
    raises(OSError, good.write, b"x", 0, 1)
    assert pair.board.violations == 2 and len(pair.board) == 0


async def test_rubbish_changes_nothing_else():
    random.seed(5)
    rng = random.getrandbits
    pair = Pair()
    pipe, other = pair.connected()
    for _ in range(2000):
        message = bytes(rng(8) for _ in range(rng(4)))
        if len(message) > 1 and message[1] == pipe.number:
            continue
        for end in (pair.board, pair.host):
            end.message(message)
            assert len(end) <= PIPES_MAX
        for asked in pair.asked:
            pair.host.refuse(asked, "no")
        del pair.asked[:], pair.up[:], pair.down[:]
    assert pipe.write(b"still", 0, 5) == 5
    pair.carry()
    assert read(other) == b"still"
