"""What native modules cost on an emulated CPU: instructions, stack, memory; runs there.

guest.py tells where this runs. One JSON object per line.
"""

import gc
import sys
import time
from array import array

import uctypes
from guest import ROM, say, use_natmods

# The stack's upper end (the linker scripts), and how much below it is looked at.
STACK_TOPS = {"mps2-an385": 0x400000, "mps2-an386": 0x400000, "virt": 0x80610000}
STACK = 32768
PAINT = 0xA5


class Case:
    """One configuration of Opus, encoder and decoder, with one implementation of it."""

    def __init__(self, opus, rate, complexity, bitrate, application, frames):
        self.opus, self.n, self.frames = opus, rate // 50, frames
        with open(f"{ROM}/speech/speech_{rate}_1.raw", "rb") as file:
            self.pcm = array("h", file.read(2 * self.n * frames))
        self.encoder = bytearray(opus.encoder_size(1))
        self.decoder = bytearray(opus.decoder_size(1))
        self.scratch = bytearray(
            max(opus.encoder_scratch(rate, 1, complexity, self.n), opus.decoder_scratch(rate, 1))
        )
        opus.encoder_init(self.encoder, rate, 1, getattr(opus, application))
        opus.encoder_set(self.encoder, opus.COMPLEXITY, complexity)
        opus.encoder_set(self.encoder, opus.BITRATE, bitrate)
        opus.decoder_init(self.decoder, rate, 1)
        self.room = opus.MAX_PACKET
        self.packets = bytearray(self.room * frames)
        self.sizes = array("i", [0] * frames)

    def encode(self, k):
        n, room = self.n, self.room
        self.sizes[k] = self.opus.encode(
            self.encoder, self.scratch, self.pcm, k * n, n, self.packets, k * room, room
        )

    def decode(self, k):
        n = self.n
        self.opus.decode(
            self.decoder,
            self.scratch,
            self.packets,
            k * self.room,
            self.sizes[k],
            self.pcm,
            k * n,
            n,
        )

    def instructions(self, per_tick):
        """Per frame; those of the loop around them are in it."""
        counts = {}
        for name, work in (("encode", self.encode), ("decode", self.decode)):
            start = time.ticks_cpu()
            for k in range(self.frames):
                work(k)
            counts[name] = time.ticks_diff(time.ticks_cpu(), start) * per_tick // self.frames
        return counts


def instructions(per_tick, cases, frames):
    """Instructions per frame of the .mpy and of the same code linked into the firmware."""
    import callboard_opus as linked

    use_natmods()
    natmod = sys.modules["callboard_opus"]
    assert linked is not natmod and linked.IMPLEMENTATION == "user C module"
    for name, *case in cases:
        gc.collect()
        counts = {}
        for kind, opus in (("mpy", natmod), ("linked", linked)):
            counts[kind] = Case(opus, *case, frames).instructions(per_tick)
        say(case=name, **counts)


def painted(call):
    """How deep call() writes to the stack, from its upper end."""
    import micropython

    top = [STACK_TOPS[name] for name in STACK_TOPS if name in sys.implementation._machine][0]
    free = STACK - micropython.stack_use() - 1024
    stack = uctypes.bytearray_at(top - STACK, free)
    stack[:] = bytes([PAINT]) * free
    call()
    for i in range(0, free, 8):
        if stack[i] != PAINT or stack[i + 4] != PAINT:
            return STACK - i
    return STACK - free


def stack_and_memory():
    """Bytes of C stack of what takes most, and of states and scratch, per module."""
    use_natmods()
    import callboard_keystore as keystore
    import callboard_opus as opus
    import callboard_pcm as pcm
    import callboard_wire as wire
    from keystore_history import Flash, Store

    def nothing():
        pcm.peak(samples, 0, 0)

    samples, more = array("h", range(960)), array("h", bytes(1920))
    resampler = bytearray(pcm.resampler_size(48000, 8000))
    pcm.resampler_init(resampler, 48000, 8000)
    ducker, tone = bytearray(pcm.DUCK_STATE), bytearray(pcm.TONE_STATE)
    pcm.duck_init(ducker, 16000)
    pcm.tone_init(tone, 16000, 440, 0, 10000)
    tx, rx = bytearray(wire.RTP_TX_STATE), bytearray(wire.RTP_RX_STATE)
    info, packet = array("i", [0] * wire.RTP_INFO), bytearray(1500)
    wire.rtp_tx_init(tx, 0, 1, 65530, 1, 1, 0, b"mic")
    wire.rtp_rx_init(rx, 1, 8000, 160, 1)
    store = Store(keystore, Flash(1))
    case = Case(opus, 16000, 10, 24000, "VOIP", 2)
    calls = {
        "pcm": (
            lambda: pcm.resample(resampler, samples, 0, 960, more, 0),
            lambda: pcm.duck(ducker, samples, 0, more, 0, 320),
            lambda: pcm.tone(tone, samples, 0, 320),
        ),
        "wire": (
            lambda: wire.rtp_write(tx, packet, 0, False, 9, False),
            lambda: wire.rtp_parse(rx, packet, 0, 200, info, 0),
        ),
        "keystore": (lambda: store.do("maintain"), lambda: store.do("put", b"a", b"b" * 40)),
        "opus_enc": (lambda: case.encode(0), lambda: case.encode(1)),
        "opus_dec": (lambda: case.decode(0), lambda: case.decode(1)),
    }
    painted(nothing)
    base = painted(nothing)
    stack = {name: max(painted(call) for call in calls[name]) - base for name in calls}
    stack["opus"] = max(stack["opus_enc"], stack["opus_dec"])
    memory = {
        "pcm": {"state": len(resampler) + len(ducker) + len(tone)},
        "wire": {"state": len(tx) + len(rx)},
        "keystore": {"state": keystore.state_size(16, 24)},
        "opus_enc": {
            "state": opus.encoder_size(1),
            "scratch": opus.encoder_scratch(16000, 1, 5, 320),
        },
        "opus_dec": {"state": opus.decoder_size(1), "scratch": opus.decoder_scratch(16000, 1)},
    }
    memory["opus"] = {
        "state": memory["opus_enc"]["state"] + memory["opus_dec"]["state"],
        "scratch": max(memory["opus_enc"]["scratch"], memory["opus_dec"]["scratch"]),
    }
    for name in stack:
        costs = {"stack": stack[name], "scratch": 0}
        costs.update(memory[name])
        say(module=name, **costs)
