"""Encode and decode given PCM in many configurations and print hashes; runs on every Python.

    micropython tests/native/opus_vectors.py FOLDER [DUMP_FOLDER] [FRAMES]

FOLDER holds speech_<rate>_<channels>.raw (int16). Prints one JSON object per configuration: what
the packets and the decoded samples hash to, and what was seen on the way. With DUMP_FOLDER the
packets are written there too (each after its length, 16 bits little-endian), and the decoded PCM;
"" is none. FRAMES: only so many of each, for the emulated CPUs.
"""

import binascii
import hashlib
import json
import sys
from array import array

HERE = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."
if sys.implementation.name == "micropython":
    NATMODS = "x64" if sys.maxsize > 1 << 32 else "x86"
    sys.path.insert(0, HERE + "/../../build/natmods/" + NATMODS)
sys.path.insert(0, HERE + "/../../firmware")

from callboard.native import opus  # noqa: E402  (needs the path above)

# name, rate, channels, frame in ms, application, bitrate, complexity, fec, loss, dtx, rate of the
# decoder, and what happens: "" nothing, "lossy" packets are lost, "pauses" silence between words,
# "moving" the bitrate moves through all modes.
CONFIGURATIONS = (
    ("wb-call", 16000, 1, 20, "VOIP", 24000, 5, 1, 15, 1, 16000, ""),
    ("wb-call-lossy", 16000, 1, 20, "VOIP", 24000, 5, 1, 20, 0, 16000, "lossy"),
    ("wb-call-pauses", 16000, 1, 20, "VOIP", 24000, 5, 1, 15, 1, 16000, "pauses"),
    ("wb-c0", 16000, 1, 20, "VOIP", 24000, 0, 0, 0, 0, 16000, ""),
    ("wb-c10", 16000, 1, 20, "VOIP", 16000, 10, 0, 0, 0, 16000, ""),
    ("nb-c0", 8000, 1, 20, "VOIP", 12000, 0, 0, 0, 0, 8000, ""),
    ("nb-c5-lossy", 8000, 1, 20, "VOIP", 20000, 5, 1, 20, 0, 8000, "lossy"),
    ("nb-c10-pauses", 8000, 1, 20, "VOIP", 12000, 10, 0, 0, 1, 8000, "pauses"),
    ("celt-wb-c5", 16000, 1, 20, "LOWDELAY", 32000, 5, 0, 0, 0, 16000, ""),
    ("celt-wb-c10-lossy", 16000, 1, 20, "LOWDELAY", 48000, 10, 0, 0, 0, 16000, "lossy"),
    ("celt-nb-c0-10ms", 8000, 1, 10, "LOWDELAY", 24000, 0, 0, 0, 0, 8000, ""),
    ("hybrid-swb-60ms", 24000, 1, 60, "VOIP", 32000, 5, 0, 0, 0, 24000, ""),
    ("hybrid-fb", 48000, 1, 20, "VOIP", 36000, 5, 1, 15, 0, 48000, "lossy"),
    ("moving-fb", 48000, 1, 20, "VOIP", 0, 5, 0, 0, 0, 48000, "moving"),
    ("stereo-voip", 48000, 2, 20, "VOIP", 48000, 5, 0, 0, 0, 48000, ""),
    ("stereo-music-c10", 48000, 2, 20, "AUDIO", 96000, 10, 0, 0, 0, 48000, "lossy"),
    ("stereo-to-wb", 48000, 2, 20, "AUDIO", 64000, 5, 0, 0, 0, 16000, ""),
)
BITRATES = (12000, 20000, 36000, 80000, 120000, 30000, 14000)
MODES = ("silk", "hybrid", "celt")


def lost(k):
    """Single losses and bursts of three, at 14 %."""
    return k % 7 == 3 or k % 50 in (20, 21, 22)


class Run:
    """One configuration: encodes frame by frame and decodes what arrives."""

    def __init__(self, row, folder, frames=0):
        (self.name, self.rate, self.channels, ms, application, bitrate) = row[:6]
        (complexity, fec, loss, dtx, self.out_rate, self.event) = row[6:]
        self.n = self.rate * ms // 1000
        self.out_n = self.out_rate * ms // 1000
        with open(f"{folder}/speech_{self.rate}_{self.channels}.raw", "rb") as file:
            self.pcm = array("h", file.read(2 * self.channels * self.n * frames or -1))
        self.encoder = bytearray(opus.encoder_size(self.channels))
        self.decoder = bytearray(opus.decoder_size(self.out_channels()))
        self.scratch = bytearray(
            max(
                opus.encoder_scratch(self.rate, self.channels, complexity, self.n),
                opus.decoder_scratch(self.out_rate, self.out_channels()),
            )
        )
        opus.encoder_init(self.encoder, self.rate, self.channels, getattr(opus, application))
        opus.decoder_init(self.decoder, self.out_rate, self.out_channels())
        settings = ((opus.COMPLEXITY, complexity), (opus.FEC, fec), (opus.LOSS, loss))
        for what, value in settings + ((opus.DTX, dtx), (opus.BITRATE, bitrate or BITRATES[0])):
            opus.encoder_set(self.encoder, what, value)

    def out_channels(self):
        return self.channels if self.out_rate == 48000 else 1

    def run(self, dump):
        packets, sound = hashlib.sha256(), hashlib.sha256()
        packet, info = bytearray(3 * opus.MAX_PACKET), array("i", bytes(4 * opus.INFO))
        heard = array("h", bytes(2 * self.out_channels() * self.out_n))
        seen = {"silk": 0, "hybrid": 0, "celt": 0, "fec": 0, "dtx": 0, "lost": 0, "bytes": 0}
        frames = len(self.pcm) // self.channels // self.n
        gap = 0
        for k in range(frames):
            if self.event == "moving" and k % 12 == 0:
                opus.encoder_set(self.encoder, opus.BITRATE, BITRATES[k // 12 % len(BITRATES)])
            if self.event == "pauses" and k % 60 == 30:
                self.silence(k)
            size = opus.encode(
                self.encoder, self.scratch, self.pcm, k * self.n, self.n, packet, 0, len(packet)
            )
            view = memoryview(packet)[:size]
            opus.packet_info(packet, 0, size, self.rate, info)
            seen[MODES[info[4]]] += 1
            seen["fec"] += info[5]
            seen["dtx"] += size <= 2
            seen["bytes"] += size
            packets.update(bytes([size & 255, size >> 8]))
            packets.update(view)
            if dump:
                dump.packet(size, view)
            if self.event == "lossy" and lost(k):
                gap += 1
                seen["lost"] += 1
                continue
            for left in range(gap, 0, -1):
                self.fill_in(packet, size, heard, left == 1)
                self.out(sound, dump, heard)
            gap = 0
            opus.decode(self.decoder, self.scratch, packet, 0, size, heard, 0, self.out_n)
            self.out(sound, dump, heard)
        seen.update({"name": self.name, "frames": frames})
        seen["packets_sha256"] = binascii.hexlify(packets.digest()).decode()
        seen["pcm_sha256"] = binascii.hexlify(sound.digest()).decode()
        return seen

    def fill_in(self, packet, size, heard, next_arrived):
        """A lost frame: from the next packet where that is here, else by concealment."""
        if next_arrived:
            opus.decode_fec(self.decoder, self.scratch, packet, 0, size, heard, 0, self.out_n)
        else:
            opus.conceal(self.decoder, self.scratch, heard, 0, self.out_n)

    def silence(self, k):
        """No voice at all in the next 30 frames."""
        step = self.n * self.channels
        for i in range(k * step, min((k + 30) * step, len(self.pcm))):
            self.pcm[i] = 0

    def out(self, sound, dump, heard):
        sound.update(heard)
        if dump:
            dump.pcm.write(bytes(heard))


class Dump:
    """The files of one configuration for whoever wants to decode the packets otherwise."""

    def __init__(self, folder, name):
        self.packets = open(f"{folder}/{name}.packets", "wb")  # noqa: SIM115
        self.pcm = open(f"{folder}/{name}.raw", "wb")  # noqa: SIM115

    def packet(self, size, view):
        self.packets.write(bytes([size & 255, size >> 8]))
        self.packets.write(view)

    def close(self):
        self.packets.close()
        self.pcm.close()


def main(folder, dump_folder="", frames="0"):
    print(json.dumps({"implementation": opus.IMPLEMENTATION}))
    for row in CONFIGURATIONS:
        dump = Dump(dump_folder, row[0]) if dump_folder else None
        print(json.dumps(Run(row, folder, int(frames)).run(dump)))
        if dump:
            dump.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
