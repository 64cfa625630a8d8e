"""Opus coders with their memory, and a voice for them."""

import math
from array import array

from implementations import implementations

from support import SkipTest

ALL = implementations("opus")


def require_opus():
    if not ALL:
        raise SkipTest("no opus here: run make native natmods")
    return ALL


def voice(rate, n, start=0):
    """n samples of something that SILK takes for speech: a buzz with formants that come and go."""
    out = array("h", bytes(2 * n))
    for i in range(n):
        t = (start + i) / rate
        envelope = 0.5 + 0.5 * math.sin(2 * math.pi * 3 * t)
        buzz = sum(math.sin(2 * math.pi * 140 * k * t) / k for k in (1, 2, 3, 5))
        out[i] = int(6000 * envelope * buzz)
    return out


class Encoder:
    """An encoder with its memory."""

    def __init__(self, opus, rate=16000, channels=1, application=None, n=None, complexity=10):
        self.opus, self.rate, self.channels = opus, rate, channels
        self.n = n or rate // 50
        self.state = bytearray(opus.encoder_size(channels))
        self.scratch = bytearray(opus.encoder_scratch(rate, channels, complexity, self.n))
        self.out = bytearray(3 * opus.MAX_PACKET)
        opus.encoder_init(self.state, rate, channels, application or opus.VOIP)

    def set(self, what, value):
        self.opus.encoder_set(self.state, what, value)

    def encode(self, pcm, pcm_off=0):
        size = self.opus.encode(
            self.state, self.scratch, pcm, pcm_off, self.n, self.out, 0, len(self.out)
        )
        return bytes(self.out[:size])


class Decoder:
    """A decoder with its memory; what it made is in .pcm."""

    def __init__(self, opus, rate=16000, channels=1):
        self.opus, self.rate, self.channels = opus, rate, channels
        self.state = bytearray(opus.decoder_size(channels))
        self.scratch = bytearray(opus.decoder_scratch(rate, channels))
        self.room = rate * 120 // 1000
        self.pcm = array("h", bytes(2 * channels * self.room))

    def start(self):
        self.opus.decoder_init(self.state, self.rate, self.channels)
        return self

    def decode(self, data, off=0, n=None):
        n = len(data) if n is None else n
        return self.opus.decode(self.state, self.scratch, data, off, n, self.pcm, 0, self.room)


def energy(pcm, n):
    return sum(v * v for v in pcm[:n]) // n
