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
    from time import ticks_diff
    from time import ticks_us as ticks

    TICKS_PER_US = 1
except ImportError:
    ticks = time.perf_counter_ns
    TICKS_PER_US = 1000

    def ticks_diff(end, start):
        return end - start


# As in codec_plain.c. A piece ends before another process may want its turn; a clock of 1 µs
# measures it well enough.
PASSES = 3
ENCODED_AT_ONCE = 4
DECODED_AT_ONCE = 20


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

    def encode(self, frames, fastest):
        """Encode, and lower `fastest`: the ticks of every ENCODED_AT_ONCE frames."""
        state, scratch, pcm = self.encoder, self.scratch, self.pcm
        out, sizes = self.packets, self.sizes
        n, room, encode = self.n, opus.MAX_PACKET, opus.encode
        for i in range((frames + ENCODED_AT_ONCE - 1) // ENCODED_AT_ONCE):
            first = i * ENCODED_AT_ONCE
            last = min(first + ENCODED_AT_ONCE, frames)
            start = ticks()
            for k in range(first, last):
                sizes[k] = encode(state, scratch, pcm, k * n, n, out, k * room, room)
            took = ticks_diff(ticks(), start)
            if took < fastest[i]:
                fastest[i] = took

    def decode(self, frames, fastest):
        """Decode, and lower `fastest`: the ticks of every DECODED_AT_ONCE frames."""
        state, scratch, packets = self.decoder, self.scratch, self.packets
        sizes, heard = self.sizes, self.heard
        n, room, decode = self.n, opus.MAX_PACKET, opus.decode
        for i in range((frames + DECODED_AT_ONCE - 1) // DECODED_AT_ONCE):
            first = i * DECODED_AT_ONCE
            last = min(first + DECODED_AT_ONCE, frames)
            start = ticks()
            for k in range(first, last):
                decode(state, scratch, packets, k * room, sizes[k], heard, 0, n)
            took = ticks_diff(ticks(), start)
            if took < fastest[i]:
                fastest[i] = took


def heap():
    """Bytes in use, counted without collecting."""
    if hasattr(gc, "mem_alloc"):
        return gc.mem_alloc()
    import tracemalloc

    return tracemalloc.get_traced_memory()[0]


def untimed(frames, at_once):
    """What encode and decode lower."""
    return array("l", [1 << 30] * ((frames + at_once - 1) // at_once))


def growth(work, frames, fastest):
    """Bytes allocated and kept by so many frames when nothing is collected."""
    gc.collect()
    before = heap()
    work(frames, fastest)
    return heap() - before


def allocated(bench, work, fastest):
    """Bytes allocated per frame: what twice as many frames take more."""
    half = bench.frames // 2
    if not hasattr(gc, "mem_alloc"):
        import tracemalloc

        tracemalloc.start()
    gc.disable()
    work(half, fastest)
    once = growth(work, half, fastest)
    return (growth(work, 2 * half, fastest) - once) / half


def main(file, *numbers):
    numbers = [int(number) for number in numbers]
    bench = Bench(file, *numbers)
    encoded = untimed(bench.frames, ENCODED_AT_ONCE)
    decoded = untimed(bench.frames, DECODED_AT_ONCE)
    for _ in range(PASSES):
        bench.set_up()
        bench.encode(bench.frames, encoded)
        bench.decode(bench.frames, decoded)
    result = {"implementation": opus.IMPLEMENTATION, "frames": bench.frames}
    result["encode_us"] = [taken / TICKS_PER_US for taken in encoded]
    result["decode_us"] = [taken / TICKS_PER_US for taken in decoded]
    result["bytes"] = sum(bench.sizes)
    result["encode_allocated"] = allocated(bench, bench.encode, encoded)
    result["decode_allocated"] = allocated(bench, bench.decode, decoded)
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
