"""Streams, a line between two audio sessions, and signals: what the media tests share."""

import os
from array import array

from callboard.media.codec_set import CodecSet
from callboard.media.wav import WavReader, WavWriter
from callboard.port import ticks_add, ticks_diff


def stream(ssrc=0x1234, mid="0", **changes):
    """A PCMU stream description as in PROTOCOL.md §4."""
    made = {
        "feed_id": "f1",
        "mid": mid,
        "ssrc": ssrc,
        "codec": "pcmu",
        "payload_type": 0,
        "clock_rate": 8000,
        "channels": 1,
        "frame_ms": 20,
        "carriers": ["ws"],
    }
    made.update(changes)
    return made


def opus_stream(ssrc=0x1234, mid="0", **changes):
    """An Opus stream description as in PROTOCOL.md §4."""
    return stream(ssrc, mid, codec="opus", payload_type=111, clock_rate=48000, **changes)


def codecs_at(rate):
    """The codecs of an end that codes Opus at `rate` at most."""
    return CodecSet(("opus-8k",) if rate == 8000 else None)


class Pipe:
    """A transport: hands packets to `target.receive` after `delay(number)` ms; None: it is lost.

    deliver() must be called; the buffer of a packet is spoilt after send(), as masking does.
    """

    headroom = 14

    def __init__(self, clock, delay=None):
        self.target = None
        self.congested = False
        self.sent = 0
        self._clock = clock
        self._delay = delay
        self._waiting = []  # (due, number, packet)

    def send(self, buf, off, n):
        assert off == self.headroom
        if self.congested:
            return False
        number = self.sent
        self.sent += 1
        delay = self._delay(number) if self._delay else 0
        if delay is not None:
            due = ticks_add(self._clock.ticks_ms(), delay)
            self._waiting.append((due, number, bytes(buf[off : off + n])))
        for i in range(n):
            buf[off + i] ^= 0xA5
        return True

    def deliver(self):
        """Hand over what is due by now."""
        now = self._clock.ticks_ms()
        due = [packet for packet in self._waiting if ticks_diff(packet[0], now) <= 0]
        due.sort(key=lambda packet: (ticks_diff(packet[0], now), packet[1]))
        for packet in due:
            self._waiting.remove(packet)
            self.target.receive(packet[2], 0, len(packet[2]), now)


class Shelf:
    """A transport without allocation: keeps packets in slots for the test to fetch."""

    headroom = 14

    def __init__(self, slots=4, size=200):
        self._slots = tuple(bytearray(size) for _ in range(slots))
        self._sizes = array("H", [0] * slots)
        self.sent = 0

    def send(self, buf, off, n):
        slot = self._slots[self.sent % len(self._slots)]
        for i in range(n):
            slot[i] = buf[off + i]
        self._sizes[self.sent % len(self._slots)] = n
        self.sent += 1
        return True

    def hand_last(self, target, now_ms):
        """Give the last packet to `target`."""
        slot = (self.sent - 1) % len(self._slots)
        return target.receive(self._slots[slot], 0, self._sizes[slot], now_ms)


def talk(clock, ends, pipes, ms):
    """Let two sessions tick on a fake clock."""
    for end in ends:
        end.start()
    for _ in range(ms):
        clock.advance(1)
        for pipe in pipes:
            pipe.deliver()
        for end in ends:
            if end.capture.microphone.left_us() <= 0:
                end.tick()
    for end in ends:
        end.stop()


class BoardClock:
    """A fake clock that does not allocate: starts near the wrap of ticks_us and ticks_ms."""

    def __init__(self):
        self._us = (1 << 30) - 3000000
        self._ms = (1 << 30) - 2000
        self._rest = 0

    def ticks_us(self):
        return self._us

    def ticks_ms(self):
        return self._ms

    def epoch_ms(self):
        return 0

    def advance_us(self, us):
        from_wrap = self._us - (1 << 29) - (1 << 29) + us
        self._us = from_wrap if from_wrap >= 0 else self._us + us
        self._rest += us
        from_wrap = self._ms - (1 << 29) - (1 << 29) + self._rest // 1000
        self._ms = from_wrap if from_wrap >= 0 else self._ms + self._rest // 1000
        self._rest %= 1000


def temporary(name):
    """A path for a file of a test; remove() it."""
    folder = os.getenv("TMPDIR") or "/tmp"
    return "%s/callboard-%s-%s.wav" % (folder, name, os.urandom(4).hex())


def remove(*paths):
    """Remove files that may exist."""
    for path in paths:
        try:
            os.remove(path)
        except OSError:
            pass


def write_wav(path, rate, samples):
    """Make a WAV file of an array('h') or a list."""
    writer = WavWriter(path, rate)
    writer.write(array("h", samples))
    writer.close()


def read_wav(path):
    """(rate, array('h') of all samples) of a WAV file."""
    reader = WavReader(path)
    samples = array("h", bytes(2 * reader.samples))
    got = reader.readinto(samples) if reader.samples else 0
    assert got == reader.samples
    reader.close()
    return reader.rate, samples


def sawtooth(n, period=80, peak=8000):
    """n samples of a sawtooth."""
    return array("h", [(i % period) * 2 * peak // period - peak for i in range(n)])
