"""Other Opus implementations to test against: Debian's libopus, and ffmpeg through Ogg."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np

VOIP = 2048
_SET_BITRATE = 4002


def library():
    """Debian's libopus; OSError where it is not installed."""
    opus = ctypes.CDLL("libopus.so.0")
    opus.opus_get_version_string.restype = ctypes.c_char_p
    opus.opus_decoder_create.restype = ctypes.c_void_p
    opus.opus_encoder_create.restype = ctypes.c_void_p
    return opus


def library_decode(opus, packets, rate, channels) -> np.ndarray:
    """The samples of `packets` in order; an assertion for one it refuses."""
    error = ctypes.c_int()
    decoder = opus.opus_decoder_create(rate, channels, ctypes.byref(error))
    assert error.value == 0
    most = rate * 120 // 1000
    pcm = (ctypes.c_int16 * (most * channels))()
    out = []
    for packet in packets:
        n = opus.opus_decode(ctypes.c_void_p(decoder), packet, len(packet), pcm, most, 0)
        assert n > 0, f"libopus refuses a packet: {n}"
        out.append(np.frombuffer(pcm, "<i2", n * channels).copy())
    opus.opus_decoder_destroy(ctypes.c_void_p(decoder))
    return np.concatenate(out)


def library_encode(opus, pcm: np.ndarray, rate, frame, bitrate) -> list[bytes]:
    """Mono packets of `frame` samples each."""
    error = ctypes.c_int()
    encoder = opus.opus_encoder_create(rate, 1, VOIP, ctypes.byref(error))
    assert error.value == 0
    opus.opus_encoder_ctl(ctypes.c_void_p(encoder), _SET_BITRATE, ctypes.c_int(bitrate))
    out = ctypes.create_string_buffer(1276)
    packets = []
    for start in range(0, len(pcm) - frame + 1, frame):
        chunk = pcm[start : start + frame].tobytes()
        n = opus.opus_encode(ctypes.c_void_p(encoder), chunk, frame, out, 1276)
        assert n > 0
        packets.append(out.raw[:n])
    opus.opus_encoder_destroy(ctypes.c_void_p(encoder))
    return packets


# --- Ogg (RFC 3533) with Opus inside (RFC 7845), just enough for a file of complete packets ---


def _ogg_crc_table() -> list[int]:
    table = []
    for i in range(256):
        value = i << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


_CRC = _ogg_crc_table()


def _page(packet: bytes, flags: int, granule: int, number: int) -> bytes:
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = b"OggS\0" + bytes([flags]) + granule.to_bytes(8, "little") + b"CBRD"
    head += number.to_bytes(4, "little") + bytes(4) + bytes([len(lacing)]) + lacing
    page = head + packet
    crc = 0
    for byte in page:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ _CRC[(crc >> 24) ^ byte]
    return page[:22] + crc.to_bytes(4, "little") + page[26:]


def ogg_opus(packets, samples_48k, channels, input_rate) -> bytes:
    """A file of these packets, of samples_48k each, with no pre-skip."""
    head = b"OpusHead\x01" + bytes([channels]) + bytes(2) + input_rate.to_bytes(4, "little")
    pages = [_page(head + bytes(3), 2, 0, 0)]
    pages.append(_page(b"OpusTags" + bytes(8), 0, 0, 1))
    for k, packet in enumerate(packets):
        last = 4 if k == len(packets) - 1 else 0
        pages.append(_page(packet, last, (k + 1) * samples_48k, k + 2))
    return b"".join(pages)


def ffmpeg_decode(ogg: Path, decoder: str, channels: int) -> np.ndarray:
    """48 kHz samples by ffmpeg's own decoder ("opus") or its libopus ("libopus")."""
    command = ["ffmpeg", "-v", "error", "-c:a", decoder, "-i", str(ogg)]
    command += ["-af", "asetpts=N/SR/TB"]  # ffmpeg 7 may date two frames alike
    command += ["-f", "s16le", "-ar", "48000", "-ac", str(channels), "-"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()
    return np.frombuffer(done.stdout, "<i2")
