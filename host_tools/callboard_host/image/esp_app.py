"""The ESP32 family's application images: is it whole, and for which chip and flash?

Format: Espressif's "Firmware Image Format": a header of 24 bytes, segments of (address, size,
data), a checksum that ends on a multiple of 16, and a SHA-256.
"""

import hashlib
import struct
from dataclasses import dataclass

from callboard_host.errors import BadInput

MAGIC = 0xE9
_HEADER = struct.Struct("<BBBBI4xH9xB")
HEADER_SIZE = 24
_CHECKSUM_START = 0xEF
_SEGMENTS_MAX = 16
_HASH_SIZE = 32
_FLASH_SIZES = {0: 1 << 20, 1: 2 << 20, 2: 4 << 20, 3: 8 << 20, 4: 16 << 20, 5: 32 << 20}
APP_DESCRIPTION = 0xABCD5432


@dataclass(frozen=True)
class AppImage:
    """A whole application image: the chip's number, the flash that it expects, its bytes."""

    chip_id: int
    flash_bytes: int
    size: int


def read(data: bytes, what: str) -> AppImage:
    """The image at the start of `data`. Raises BadInput: `what` it should have been, and why not.

    Nothing is trusted: every segment must lie in `data`, checksum and SHA-256 must be right.
    """
    if len(data) < HEADER_SIZE or data[0] != MAGIC:
        raise BadInput(f"{what} is no ESP32 application image", "give MicroPython's .bin for it")
    _, segments, _, sizes, _, chip_id, hashed = _HEADER.unpack_from(data[:HEADER_SIZE])
    if not 1 <= segments <= _SEGMENTS_MAX:
        raise BadInput(f"{what} is damaged: it claims {segments} segments")
    at, checksum = HEADER_SIZE, _CHECKSUM_START
    for _ in range(segments):
        if at + 8 > len(data):
            raise _cut(what)
        _, size = struct.unpack_from("<II", data, at)
        at += 8
        if size > len(data) - at:
            raise _cut(what)
        for byte in _folded(data[at : at + size]):
            checksum ^= byte
        at += size
    at += 16 - at % 16
    if at > len(data):
        raise _cut(what)
    if data[at - 1] != checksum:
        raise BadInput(
            f"{what} is damaged: its checksum is wrong", "download it, or make it, again"
        )
    if hashed:
        if at + _HASH_SIZE > len(data):
            raise _cut(what)
        if hashlib.sha256(data[:at]).digest() != data[at : at + _HASH_SIZE]:
            raise BadInput(
                f"{what} is damaged: its SHA-256 is wrong", "download it, or make it, again"
            )
        at += _HASH_SIZE
    return AppImage(chip_id, _FLASH_SIZES.get(sizes >> 4, 0), at)


def _cut(what: str) -> BadInput:
    return BadInput(f"{what} is cut short", "download it, or make it, again")


def _folded(data: bytes) -> bytes:
    """A few bytes with the same exclusive or as `data`, by halves: fast for megabytes."""
    number, size = int.from_bytes(data, "little"), len(data)
    while size > 64:
        half = (size + 1) // 2
        number = (number >> (8 * half)) ^ (number & ((1 << (8 * half)) - 1))
        size = half
    return number.to_bytes(size, "little")
