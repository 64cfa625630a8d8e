"""The same work as codec_plain.c, through callboard.native.opus; runs on every Python.

micropython tests/bench/codec_calls.py FILE RATE CHANNELS APPLICATION BITRATE COMPLEXITY FEC
"""

import gc
import json
import sys
import time
from array import array

HERE = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."
if sys.implementation.name == "micropython":
    NATMODS = "x64" if sys.maxsize > 1 << 32 else "x86"
    sys.path.insert(0, HERE + "/../../build/natmods/" + NATMODS)
sys.path.insert(0, HERE + "/../../firmware")

from callboard.native import opus  # noqa: E402  (needs the path above)

try:
    from time import ticks_diff, ticks_us
except ImportError:

    def ticks_us():
        return time.perf_counter_ns() // 1000

    def ticks_diff(end, start):
        return end - start


PASSES = 3  # as in codec_plain.c


class Bench:
    """One configuration."""

    def __init__(self, file, rate, channels, application, bitrate, complexity, fec):
        with open(file, "rb") as raw:
            self.pcm = array("h", raw.read())
        self.settings = rate, channels, application, bitrate, complexity, fec
        self.n = rate // 50
        self.frames = len(self.pcm) // channels // self.n
        self.encoder = bytearray(opus.encoder_size(channels))
        self.decoder = bytearray(opus.decoder_size(channels))
        self.scratch = bytearray(opus.encoder_scratch(rate, channels, complexity, self.n))
        self.packets = bytearray(opus.MAX_PACKET * self.frames)
        self.sizes = array("i", bytes(4 * self.frames))
        self.heard = array("h", bytes(2 * channels * self.n))
        self.set_up()

    def set_up(self):
        """Start both states anew."""
        rate, channels, application, bitrate, complexity, fec = self.settings
        opus.encoder_init(self.encoder, rate, channels, application)
        opus.decoder_init(self.decoder, rate, channels)
        opus.encoder_set(self.encoder, opus.BITRATE, bitrate)
        opus.encoder_set(self.encoder, opus.COMPLEXITY, complexity)
        opus.encoder_set(self.encoder, opus.FEC, fec)
        opus.encoder_set(self.encoder, opus.LOSS, 15 * fec)

    def encode(self, frames):
        state, scratch, pcm, out, sizes = (
            self.encoder,
            self.scratch,
            self.pcm,
            self.packets,
            self.sizes,
        )
        n, room, encode = self.n, opus.MAX_PACKET, opus.encode
        for k in range(frames):
            sizes[k] = encode(state, scratch, pcm, k * n, n, out, k * room, room)

    def decode(self, frames):
        state, scratch, packets, sizes, heard = (
            self.decoder,
            self.scratch,
            self.packets,
            self.sizes,
            self.heard,
        )
        n, room, decode = self.n, opus.MAX_PACKET, opus.decode
        for k in range(frames):
            decode(state, scratch, packets, k * room, sizes[k], heard, 0, n)


def heap():
    """Bytes in use, counted without collecting."""
    if hasattr(gc, "mem_alloc"):
        return gc.mem_alloc()
    import tracemalloc

    return tracemalloc.get_traced_memory()[0]


def measured(bench, work):
    """Microseconds per frame of bench.encode or bench.decode."""
    start = ticks_us()
    work(bench.frames)
    return ticks_diff(ticks_us(), start) / bench.frames


def fastest(bench):
    """(encode, decode): microseconds per frame, each in the fastest pass."""
    encode_us = decode_us = 1e9
    for _ in range(PASSES):
        bench.set_up()
        encode_us = min(encode_us, measured(bench, bench.encode))
        decode_us = min(decode_us, measured(bench, bench.decode))
    return encode_us, decode_us


def growth(work, frames):
    """Bytes allocated and kept by so many frames when nothing is collected."""
    gc.collect()
    before = heap()
    work(frames)
    return heap() - before


def allocated(bench, work):
    """Bytes allocated per frame: what twice as many frames take more."""
    half = bench.frames // 2
    if not hasattr(gc, "mem_alloc"):
        import tracemalloc

        tracemalloc.start()
    gc.disable()
    work(half)
    once = growth(work, half)
    return (growth(work, 2 * half) - once) / half


def main(file, *numbers):
    numbers = [int(number) for number in numbers]
    bench = Bench(file, *numbers)
    result = {"implementation": opus.IMPLEMENTATION}
    result["encode_us"], result["decode_us"] = fastest(bench)
    result["bytes"] = sum(bench.sizes)
    result["encode_allocated"] = allocated(bench, bench.encode)
    result["decode_allocated"] = allocated(bench, bench.decode)
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
