"""The host's end of the bridge: never more under way than a board's ring holds, whatever comes."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.serial import bridge as wire
from callboard.serial import framing
from callboard.serial.bridge import MEDIA, Bridge
from callboard.serial.outlet import Outlet
from callboard_host.serial_line import bridge_line
from callboard_host.serial_line.bridge_line import IN_FLIGHT, BridgeLine
from support.fake_clock import FakeClock

RING = 260  # of an ESP32


class Pair(framing.Handler):
    """Both ends, their line, and the board's ring, which the board empties when told."""

    def __init__(self, rate=11520, ring=RING):
        self.clock = FakeClock()
        self.ring = bytearray()
        self.ring_size = ring
        self.overflowed = 0
        self.to_host = bytearray()
        self.states, self.tokens, self.packets, self.lines, self.asked = [], [], [], [], []
        self.host = BridgeLine(
            self._host_writes,
            lambda pipe, flags: self.asked.append(pipe),
            self.packets.append,
            self.tokens.append,
            lambda line, cut: self.lines.append(line),
            self.states.append,
            rate,
            self.clock,
        )
        self.outlet = Outlet(None, lambda: True, self.clock, write_part=self._board_writes)
        self.board = Bridge(self.clock, self.outlet)
        self.heard = []
        self.board.on_media = lambda buf, off, n: self.heard.append(bytes(buf[off : off + n]))
        self.typed = []
        self.decoder = framing.Decoder(self, typed=True)

    def _host_writes(self, data):
        room = self.ring_size - len(self.ring)
        self.ring += data[:room]
        self.overflowed += max(0, len(data) - room)

    def _board_writes(self, buf, off, n):
        self.to_host += buf[off : off + n]
        return n

    def on_packet(self, kind, buf, off, n):
        return self.board.packet(kind, buf, off, n)

    def on_line(self, line, cut):
        self.typed.append(line)

    def board_reads(self):
        data, self.ring = bytes(self.ring), bytearray()
        self.decoder.feed(data, len(data), self.clock.ticks_ms())
        self.board.tick()

    def host_reads(self):
        data, self.to_host = bytes(self.to_host), bytearray()
        if data:
            self.host.feed(data)
        self.host.tick()

    def run(self, ms, step=10):
        for _ in range(0, ms, step):
            self.clock.advance(step)
            self.board_reads()
            self.host_reads()

    def up(self):
        self.host.begin()
        self.run(50)
        assert self.host.up and self.board.is_open
        self.host.media_state(True)
        self.run(30)
        return self


def test_a_session_and_its_rate():
    pair = Pair(rate=92160).up()
    assert pair.board.rate == 92160 and pair.states == [True]
    pair.board.open_media("Mabc")
    pair.run(30)
    assert pair.tokens == ["Mabc"]


@pytest.mark.parametrize("step_ms", [5, 20, 40])
def test_a_ring_of_260_bytes_does_not_overflow(step_ms):
    pair = Pair().up()
    sent = []
    for number in range(200):
        packet = struct.pack(">H", number) + bytes(78)
        pair.host.send_media(packet)
        sent.append(packet)
        if number % 7 == 0:
            pair.host.type("levels " + "x" * 150)
        if number % 11 == 0:
            pair.host.media_state(True)  # what must not be lost
        pair.run(20, min(step_ms, 20))
        if step_ms > 20:
            pair.clock.advance(step_ms - 20)  # a board that is late
    pair.run(500)
    assert pair.overflowed == 0 and pair.host.stalls == 0
    assert pair.heard == sent and pair.host.media_dropped == 0
    assert pair.typed == [b"levels " + b"x" * 150] * 29
    assert pair.decoder.damaged == 0


def test_audio_does_not_pile_up_behind_a_board_that_stands_still():
    pair = Pair().up()
    for number in range(100):
        pair.host.send_media(struct.pack(">H", number) + bytes(78))
    assert pair.host.media_dropped >= 90 and pair.overflowed == 0
    pair.run(300)
    assert pair.heard and struct.unpack(">H", pair.heard[-1][:2]) == (99,)  # the newest arrive


def test_a_lost_pong_costs_time_but_nothing_else():
    pair = Pair().up()
    rng = random.Random(3)
    for number in range(300):
        pair.host.send_media(struct.pack(">H", number) + bytes(60))
        if rng.random() < 0.1:
            pair.to_host.clear()  # what the board said is lost
        if rng.random() < 0.1:
            pair.ring.clear()
        pair.run(20)
    assert pair.overflowed == 0 and pair.host.up and pair.states == [True]
    assert len(pair.heard) > 200 and pair.heard == sorted(pair.heard)


def test_a_silent_board_is_noticed_and_found_again():
    pair = Pair().up()
    for _ in range(400):
        pair.clock.advance(10)
        pair.ring.clear()
        pair.host.tick()
    assert pair.states == [True, False] and not pair.host.up
    pair.run(1000)
    assert pair.states == [True, False, True] and pair.host.sessions == 2


def test_a_board_that_was_reset_gets_a_new_session_at_once():
    pair = Pair().up()
    pair.board = Bridge(pair.clock, pair.outlet)
    pair.run(1500)
    assert pair.states == [True, False, True] and pair.board.is_open


FRAMES = st.builds(
    framing.encode,
    st.sampled_from([*wire.CHANNEL, wire.PING, wire.PONG, MEDIA, 0x44, 0x7A]),
    st.binary(max_size=120),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=80), FRAMES), max_size=30), st.booleans())
def test_hostile_bytes_break_neither_end(chunks, with_session):
    """What comes over the line may be anything; the next good session works."""
    pair = Pair()
    if with_session:
        pair.up()
    for chunk in chunks:
        if with_session:  # in the session, so that more of it is looked at
            chunk = chunk.replace(b"\x01\x01", pair.host.session)
        pair.host.feed(chunk)
        pair.decoder.feed(chunk, len(chunk), pair.clock.ticks_ms())
        pair.ring.clear()
        pair.to_host.clear()
        pair.clock.advance(7)
        pair.host.tick()
        pair.board.tick()
        assert len(pair.host.pipes) <= 4 >= len(pair.board.pipes)
        assert pair.host.unanswered <= RING
    pair.clock.advance(300)
    pair.run(20)
    pair.states.clear()
    pair.host.begin()
    pair.run(600)
    assert pair.host.up and pair.board.is_open
    pair.host.media_state(True)
    pair.run(400)
    heard = len(pair.heard)
    pair.host.send_media(b"\x80" * 30)
    pair.run(400)
    assert pair.heard[heard:] == [b"\x80" * 30]


def test_what_the_host_sends_alone_fits_beside_a_full_ring():
    """A ping is sent whatever is on its way: the rest of the ring is for these."""
    ping = framing.encode(wire.PING, b"\0\0\0")
    again = bridge_line.STALL_MS // bridge_line.PING_AGAIN_MS - 1
    assert IN_FLIGHT + again * len(ping) <= RING
