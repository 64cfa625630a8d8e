"""An image: what goes where in a board's flash, and the file that holds it."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from callboard_host.errors import BadInput

from ..boards.chips import RP2_FLASH_START, SECTOR
from ..boards.load import Board
from . import partitions, uf2

MARK = "image.json"
FORMAT = 1
MARK_SIZE = SECTOR - partitions.SIZE


@dataclass(frozen=True)
class Image:
    """A whole image. `parts`: flash offset → bytes to write. `facts`: its image.json.

    `key_sectors`: the two flash offsets of the key store. `names`: part → what it is, for files.
    """

    board: Board
    parts: dict[int, bytes]
    facts: dict[str, Any]
    key_sectors: tuple[int, int]
    names: dict[int, str] = field(default_factory=dict)
    foreign_blocks: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Bytes to write."""
        return sum(map(len, self.parts.values()))

    @property
    def suffix(self) -> str:
        """Of its file's name."""
        return ".uf2" if self.board.chip.family == "rp2" else ".bin"

    def without_keys(self) -> dict[int, bytes]:
        """The parts without the sectors of the key store."""
        found: dict[int, bytes] = {}
        for at, part in self.parts.items():
            start = at
            for sector in sorted(self.key_sectors):
                if start <= sector < at + len(part):
                    if sector > start:
                        found[start] = part[start - at : sector - at]
                    start = sector + SECTOR
            if start < at + len(part):
                found[start] = part[start - at :]
        return found

    def with_keys(self, keys: bytes) -> dict[int, bytes]:
        """The parts with these 8 KB as the key store."""
        parts = self.without_keys()
        for number, sector in enumerate(self.key_sectors):
            parts[sector] = keys[number * SECTOR : (number + 1) * SECTOR]
        return parts

    def file(self, parts: dict[int, bytes] | None = None) -> bytes:
        """The file to flash: one binary from offset 0, or a UF2."""
        parts = self.parts if parts is None else parts
        if self.suffix == ".uf2":
            pages: dict[int, bytes] = {}
            for at, part in parts.items():
                pages.update(uf2.pages_of(RP2_FLASH_START + at, part))
            family = self.board.chip.uf2_families[0]
            return uf2.write(uf2.Uf2(family, pages, self.foreign_blocks))
        merged = bytearray()
        for at, part in sorted(parts.items()):
            merged += b"\xff" * (at - len(merged)) + part
        return bytes(merged)


def mark(facts: dict[str, Any]) -> bytes:
    """image.json as bytes: always the same for the same facts."""
    return json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n"


def fingerprint(regions: dict[int, bytes], files: dict[str, bytes]) -> str:
    """Names the content of an image: its firmware, and its files without image.json."""
    digest = hashlib.sha256()
    for at, region in sorted(regions.items()):
        digest.update(f"{at} {len(region)}\n".encode() + region)
    for path, content in sorted(files.items()):
        if path != MARK:
            digest.update(f"{path} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:32]


def table_sector(rows: list[partitions.Partition], facts: dict[str, Any]) -> bytes:
    """The sector of the partition table, with image.json in the room behind it.

    So a flasher learns for which board a flash was written, without mounting its file system.
    """
    text = mark(facts)
    if len(text) > MARK_SIZE:
        raise BadInput(f"image.json has {len(text)} bytes, there is room for {MARK_SIZE}")
    return partitions.write(rows)[: partitions.SIZE] + text.ljust(MARK_SIZE, b"\xff")


def read_mark(sector: bytes) -> dict[str, Any] | None:
    """The image.json in the sector of a partition table, or None."""
    try:
        facts = json.loads(sector[partitions.SIZE :].rstrip(b"\xff"))
    except (ValueError, UnicodeError):
        return None
    return facts if isinstance(facts, dict) else None
