"""The board's end of the bridge: sessions, streams, media without allocation, hostile bytes."""

import asyncio
import random

from console_rig import Rig as ConsoleRig

from callboard import port_console
from callboard.errors import CallboardError, NetworkError, TimedOut
from callboard.serial import bridge as bridges
from callboard.serial import budget, framing
from callboard.serial.bridge import MEDIA, PACKET_MAX, PING, PONG, Bridge
from callboard.serial.channel import HOST, Channel
from callboard.serial.network import SerialTransport
from callboard.serial.outlet import PACKETS, Outlet
from callboard.serial.pipes import Pipes
from support import FakeClock, heap_locked, require_heap_lock, settle


class Rig(framing.Handler):
    """A board's bridge on a line, and a host at its other end."""

    def __init__(self):
        self.clock = FakeClock()
        self.data = bytearray(4096)  # what the board wrote and the host did not read
        self.size = 0
        self.ready = True
        self.outlet = Outlet(None, lambda: self.ready, self.clock, write_part=self._write)
        self.bridge = Bridge(self.clock, self.outlet)
        self.decoder = framing.Decoder(self.At(self), typed=True)
        self.host = Channel(
            HOST, self.clock, self.to_board, self._message, None, bridges.CHANNEL, queue_max=24
        )
        self.asked = []
        self.pipes = Pipes(self.host.send, lambda: True, lambda pipe, n: self.asked.append(pipe))
        self.others = []
        self.frames = []  # (kind, payload) the host got
        self._host_decoder = framing.Decoder(self, salvage=True)

    class At(framing.Handler):
        """The board's console."""

        def __init__(self, rig):
            self.bridge = rig.bridge
            self.rest = []

        def on_packet(self, kind, buf, off, n):
            return self.bridge.packet(kind, buf, off, n)

        def on_frame(self, kind, payload):
            self.rest.append(kind)

    def _write(self, buf, off, n):
        for i in range(n):
            self.data[self.size + i] = buf[off + i]
        self.size += n
        return n

    def to_board(self, data):
        self.decoder.feed(data, len(data), self.clock.ticks_ms())

    def to_host(self):
        """Let the host read what the board wrote; the frames that are not the channel's."""
        while self.size:
            data, self.size = bytes(self.data[: self.size]), 0
            self._host_decoder.feed(data, len(data), self.clock.ticks_ms())
        frames, self.frames = self.frames, []
        return frames

    def on_frame(self, kind, payload):
        if not self.host.received(kind, payload):
            self.frames.append((kind, payload))

    def _message(self, message):
        if not self.pipes.message(message):
            self.others.append(message)

    def open(self, number=7, rate=11520):
        extra = bytes((rate >> 24 & 255, rate >> 16 & 255, rate >> 8 & 255, rate & 255))
        self.host.open(number, extra)
        self.to_host()
        assert self.host.open_now and self.bridge.is_open

    async def stream(self):
        """(the board's pipe, the host's)."""
        opening = asyncio.create_task(self.bridge.open(1))
        await settle()
        self.to_host()
        other = self.asked.pop()
        self.pipes.accept(other)
        self.to_host()
        return await opening, other


async def test_a_session_a_stream_and_its_end():
    rig = Rig()
    waiting = asyncio.create_task(rig.bridge.wait_open())
    await settle()
    assert not waiting.done() and not rig.bridge.is_open
    rig.open(rate=92160)
    await waiting
    assert rig.bridge.rate == 92160
    pipe, other = await rig.stream()
    assert pipe.write(b"GET", 0, 3) == 3
    rig.to_host()
    buffer = bytearray(8)
    assert other.readinto(memoryview(buffer)) == 3 and buffer[:3] == b"GET"
    rig.open(8)  # another host, or the same one anew
    assert pipe.gone and rig.bridge.is_open and rig.bridge.sessions == 2


async def test_a_host_that_falls_silent_is_noticed():
    rig = Rig()
    rig.open()
    pipe, _ = await rig.stream()
    changes = []
    rig.bridge.on_change = lambda: changes.append(rig.bridge.is_open)
    for _ in range(30):
        rig.clock.advance(100)
        rig.to_board(framing.encode(PING, b"\0\x07\x01"))
        rig.bridge.tick()
    assert rig.bridge.is_open and (PONG, b"\0\x07\x01") in rig.to_host()
    for _ in range(41):
        rig.clock.advance(100)
        rig.bridge.tick()
    assert not rig.bridge.is_open and pipe.gone and changes == [False]
    try:
        await rig.bridge.open(0)
        raise AssertionError("it opened")
    except NetworkError as error:
        assert "nobody" in error.message
    rig.to_board(framing.encode(PING, b"\0\x07\x01"))  # the host is back, and knows nothing
    assert not rig.bridge.is_open and rig.to_host() == []
    assert not rig.host.open_now  # now it does


async def test_a_refused_stream_has_a_reason_and_a_silent_host_a_limit():
    rig = Rig()
    rig.open()
    opening = asyncio.create_task(rig.bridge.open(0))
    await settle()
    rig.to_host()
    rig.pipes.refuse(rig.asked.pop(), "the relay is not there")
    rig.to_host()
    try:
        await opening
        raise AssertionError("it opened")
    except NetworkError as error:
        assert "the relay is not there" in error.message
    limit, bridges.OPEN_MS = bridges.OPEN_MS, 10
    try:
        await rig.bridge.open(0)
        raise AssertionError("it opened")
    except TimedOut:
        assert len(rig.bridge.pipes) == 0
    finally:
        bridges.OPEN_MS = limit


class Link:
    """What a transport asks of a link."""

    def __init__(self):
        self.answer = {"caps": ["media-socket"]}
        self.requests = []
        self.reports = []
        self.refuse = False

    async def request(self, method, params):
        self.requests.append(method)
        if self.refuse:
            raise NetworkError("no")
        return {"token": "M123"}

    def report(self, what, error):
        self.reports.append(what)


async def test_media_goes_past_the_stream_once_the_host_can_pass_it_on():
    rig = Rig()
    rig.open()
    transport = SerialTransport(rig.bridge, rig.clock)
    heard = []
    transport.receiver = lambda buf, off, n: heard.append(bytes(buf[off : off + n]))
    packet = bytearray(14) + b"\x80packet"
    transport.socket = Socket()
    link = Link()
    link.refuse = True
    transport.online(link)
    await rig.clock.run(10)
    assert transport.send(packet, 14, 7) and transport.socket.sent == [b"\x80packet"]
    link.refuse = False
    await rig.clock.run(3000)
    rig.to_host()
    assert len(link.requests) >= 2 and link.reports == ["media"]
    assert rig.others[0] == b"\x10M123"
    rig.host.send(b"\x11\x01")
    assert rig.bridge.media_open
    assert transport.send(packet, 14, 7) and rig.to_host() == [(MEDIA, b"\x80packet")]
    rig.to_board(framing.encode(MEDIA, b"\x80back"))
    assert heard == [b"\x80back"]
    rig.host.send(b"\x11\x00")  # the relay restarts
    assert transport.send(packet, 14, 7) and len(transport.socket.sent) == 2
    asked = len(link.requests)
    await rig.clock.run(4000)
    assert len(link.requests) > asked
    transport.socket = None  # offline: nobody asks any more
    await rig.clock.run(4000)
    asked = len(link.requests)
    await rig.clock.run(4000)
    assert len(link.requests) == asked and not transport.send(packet, 14, 7)


class Socket:
    """A WebSocket that takes packets."""

    def __init__(self):
        self.sent = []

    def send_binary_nowait(self, buf, off, n):
        self.sent.append(bytes(buf[off : off + n]))
        return True


async def test_what_finds_no_room_is_dropped_and_counted():
    rig = Rig()
    rig.open()
    packet = bytearray(14) + b"\x80" * 20
    assert not rig.bridge.send_media(packet, 14, 20)  # nobody passes it on
    rig.host.send(b"\x11\x01")
    rig.to_host()
    rig.ready = False
    sent = [rig.bridge.send_media(packet, 14, 20) for _ in range(PACKETS + 2)]
    assert True in sent and not sent[-1]
    assert rig.bridge.refused == 1 + sent.count(False) == 1 + rig.outlet.packets_dropped
    rig.ready = True
    assert rig.outlet._push()
    assert len(rig.to_host()) == sent.count(True)
    too_long = bytearray(PACKET_MAX + 20)
    assert not rig.bridge.send_media(too_long, 0, PACKET_MAX + 10)


async def test_a_packet_stands_in_the_middle_of_a_line_but_not_of_a_frame():
    rig = Rig()
    lines = []
    rig.on_line = lambda line, cut: lines.append(line)
    rig.outlet._write = lambda data: rig._write(data, 0, len(data))
    rig.outlet.gentle = True
    rig.outlet.line("x" * 200)
    rig.outlet.frame(framing.encode(0x44, b"y" * 200))
    task = asyncio.create_task(rig.outlet.run())
    for number in range(20):
        await rig.clock.run(20)
        rig.outlet.packet(MEDIA, b"%04d" % number, 0, 4)
    await rig.clock.run(100)
    task.cancel()
    media = []
    for kind, payload in rig.to_host():
        if kind == MEDIA:
            media.append(int(payload))
    assert media == list(range(20)) and lines == [b"x" * 200]
    assert rig._host_decoder.damaged == 0


async def test_nothing_is_allocated_on_the_way_of_media():
    require_heap_lock()
    rig = Rig()
    rig.open()
    rig.host.send(b"\x11\x01")
    rig.to_host()
    transport = SerialTransport(rig.bridge, rig.clock)
    counter = Counter()
    transport.receiver = counter.count
    packet = bytearray(14 + 180)
    incoming = framing.encode(MEDIA, bytes(180)) + framing.encode(PING, b"\0\x07\x09")
    size = len(incoming)
    now = rig.clock.ticks_ms()
    rig.clock.ticks_ms = lambda: now
    rig.decoder.feed(b"log line\n", 9, now)
    lock = heap_locked()
    with lock:
        for _ in range(10):
            rig.decoder.feed(incoming, size, now)
            transport.send(packet, 14, 180)
    assert counter.packets == 10 and transport.sent == 10
    frames = rig.to_host()
    assert len(frames) == 20 and rig._host_decoder.damaged == 0


class Counter:
    def __init__(self):
        self.packets = 0

    def count(self, buf, off, n):
        self.packets += 1


async def test_hostile_bytes_change_nothing():
    random.seed(11)
    bits = random.getrandbits
    rig = Rig()
    rig.open()
    pipe, other = await rig.stream()
    good = [
        framing.encode(kind, bytes((0, 7)) + bytes(bits(8) for _ in range(bits(4))))
        for kind in bridges.CHANNEL[1:] + (PING, PONG, MEDIA, 0x7A)
        for _ in range(6)
    ]
    for _ in range(400):
        data = bytearray(good[bits(10) % len(good)])
        for _ in range(bits(2)):
            data[bits(10) % len(data)] = bits(8)
        if bits(3) == 0:
            data = bytes(bits(8) for _ in range(bits(6)))
        rig.to_board(bytes(data))
        rig.to_host()
        rig.clock.advance(bits(3))
        rig.bridge.tick()
        assert len(rig.bridge.pipes) <= 4 and len(rig.outlet._urgent) == 0
    rig.clock.advance(300)  # whatever was begun is given up
    rig.open(9)
    pipe, other = await rig.stream()
    assert pipe.write(b"still here", 0, 10) == 10
    rig.to_host()
    buffer = bytearray(16)
    assert other.readinto(memoryview(buffer)) == 10 and buffer[:10] == b"still here"


def test_what_fits_through_a_line():
    # Frames of 20 ms: payload + 20 of RTP + 6 around it + 9 of a ping, 50 times a second.
    assert budget.needs("pcmu") == 50 * 195 and budget.needs("opus") == 50 * 95
    assert not budget.fits(5760, "opus") and budget.fits(11520, "opus")
    assert not budget.fits(11520, "pcmu") and budget.fits(92160, "pcmu")
    assert budget.fits(0, "pcmu")
    text = budget.refusal(11520, ("pcmu",))
    assert "11520" in text and "7168" in text and "9750" in text and "--baud" in text


def test_caps_hold_what_fits_and_calls_without_a_codec_are_refused():
    rig = Rig()
    transport = SerialTransport(rig.bridge, rig.clock)
    caps = ["opus", "opus-8k", "pcmu", "media-ws"]
    assert transport.caps(caps) == caps  # USB: no limit was told
    assert transport.caps(caps + ["h264"]) == caps
    rig.open(rate=11520)
    assert transport.caps(caps) == ["opus", "opus-8k", "media-ws", "narrow"]
    transport.check_call()
    assert transport.caps(["pcmu", "media-ws"]) == ["media-ws", "narrow"]
    try:
        transport.check_call()
        raise AssertionError("it may call")
    except CallboardError as error:
        assert error.code == -5203 and "Opus" in error.message
    rig.open(8, 92160)
    assert transport.caps(caps) == caps
    transport.check_call()


async def test_in_a_call_the_console_polls_and_nothing_is_missed():
    rig = ConsoleRig()
    bridge = Bridge(rig.clock, rig.outlet)
    rig.console._bridge = bridge
    heard = []
    bridge.on_media = lambda buf, off, n: heard.append(bytes(buf[off : off + n]))
    waited = []

    async def read(buf):
        waited.append(len(buf))
        return await rig._read(buf)

    def take(buf):
        if not rig._input:
            return 0
        data = rig._input.pop(0)
        buf[: len(data)] = data
        return len(data) or -1

    task = asyncio.create_task(rig.console.run(read, take))
    rig._to_board(framing.encode(0x42, b"\0\x07\x01\0\0\x2d\0"))
    await rig.run(20)
    assert bridge.is_open and bridge.rate == 11520
    rig.outlet.gentle = True
    rig._to_board(b"\n")  # whoever waits for a byte gets one, and polls from then on
    await rig.run(20)
    waits = len(waited)
    for number in range(50):
        rig._to_board(framing.encode(MEDIA, bytes((0x80, number))))
        await rig.run(20)
    rig._to_board(b"button press\n")
    await rig.run(20)
    assert heard == [bytes((0x80, number)) for number in range(50)]
    assert rig.buttons == ["button press"] and len(waited) == waits
    rig.outlet.gentle = False
    await rig.run(20)
    assert len(waited) > waits
    rig.outlet.gentle = True
    rig._to_board(b"\n\x03")
    await rig.run(framing.ALONE_MS + 50)
    assert task.done() and await task is True


async def test_the_end_of_the_input_ends_it_in_a_call_too():
    rig = ConsoleRig()
    rig.console._bridge = Bridge(rig.clock, rig.outlet)
    rig.outlet.gentle = True
    task = asyncio.create_task(rig.console.run(rig._read, lambda buf: -1))
    await rig.run(20)
    assert task.done() and await task is False


def test_the_real_line_is_polled_without_allocation():
    require_heap_lock()
    stdout, stdin = port_console.Stdout(), port_console._PolledStdin()
    buf, lock = bytearray(16), heap_locked()
    n = 0
    with lock:
        for _ in range(5):
            stdout.ready()
            n = stdin.take(buf)
    assert -1 <= n <= 16
