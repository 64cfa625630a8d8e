"""The ESP32 family's partition table: read, written, and given a key store of its own.

Rows of 32 bytes at 0x8000 of the flash, an MD5 row behind them (ESP-IDF, "Partition Tables").
"""

import hashlib
import struct
from dataclasses import dataclass, replace

from callboard_host.errors import BadInput

from ..boards.chips import SECTOR

OFFSET = 0x8000
SIZE = 0xC00
APP, DATA = 0, 1
_NVS, _FAT, _UNDEFINED = 0x02, 0x81, 0x06
_ROW = struct.Struct("<HBBII16sI")
_MAGIC, _MD5 = 0x50AA, 0xEBEB
_BLANK = b"\xff" * _ROW.size
KEY_STORE = "keystore"
KEY_STORE_BYTES = 2 * SECTOR
LOG = "log"  # firmware/callboard/flash/log_ring.py
LOG_BYTES = 4 * SECTOR
FILE_SYSTEM = "vfs"
_APP_START = 0x10000


@dataclass(frozen=True)
class Partition:
    """One row. `offset` and `size` in bytes of the flash."""

    name: str
    kind: int
    subtype: int
    offset: int
    size: int
    flags: int = 0

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.offset + self.size


def read(data: bytes) -> list[Partition]:
    """The rows of a table. Raises BadInput when it is none or damaged."""
    rows: list[Partition] = []
    for at in range(0, min(len(data), SIZE), _ROW.size):
        row = data[at : at + _ROW.size]
        if len(row) < _ROW.size or row == _BLANK:
            break
        magic = int.from_bytes(row[:2], "little")
        if magic == _MD5:
            if hashlib.md5(data[:at], usedforsecurity=False).digest() != row[16:]:
                raise BadInput("the partition table is damaged: its MD5 is wrong")
            break
        if magic != _MAGIC:
            raise BadInput("there is no partition table at 0x8000")
        _, kind, subtype, offset, size, name, flags = _ROW.unpack(row)
        text = name.rstrip(b"\0").decode("utf-8", "replace")
        rows.append(Partition(text, kind, subtype, offset, size, flags))
    if not rows:
        raise BadInput("there is no partition table at 0x8000")
    _check(rows)
    return rows


def _check(rows: list[Partition]) -> None:
    end = OFFSET + SECTOR
    for row in sorted(rows, key=lambda row: row.offset):
        if row.offset < end or row.offset % SECTOR or row.size % SECTOR or not row.size:
            raise BadInput(f"the partition table is damaged: {row.name} lies wrong")
        end = row.end
    if len({row.name for row in rows}) != len(rows):
        raise BadInput("the partition table has two partitions of one name")


def write(rows: list[Partition]) -> bytes:
    """The table as one sector of flash."""
    _check(rows)
    table = b"".join(
        _ROW.pack(
            _MAGIC, row.kind, row.subtype, row.offset, row.size, row.name.encode(), row.flags
        )
        for row in rows
    )
    digest = hashlib.md5(table, usedforsecurity=False).digest()
    table += b"\xeb\xeb" + b"\xff" * 14 + digest
    if len(table) > SIZE:
        raise BadInput(f"the partition table has too many rows: {len(rows)}")
    return table.ljust(SECTOR, b"\xff")


def find(rows: list[Partition], name: str) -> Partition | None:
    """The partition of that name, or None."""
    return next((row for row in rows if row.name == name), None)


def ours(rows: list[Partition], flash_bytes: int) -> list[Partition]:
    """The firmware's table with the key store in the last 8 KB, the log before it, and the file
    system before that.

    The firmware's other partitions stay. Where it has no file system (MicroPython 1.26 takes what
    is left), it gets all that is left. Raises BadInput when the flash is too small for it.
    """
    last = max(row.end for row in rows)
    if last > flash_bytes:
        raise BadInput(
            f"the firmware's partitions need {last >> 10} KB of {flash_bytes >> 10} KB of flash",
            "take the build of MicroPython for this size of flash",
        )
    if find(rows, KEY_STORE):
        return rows
    key_store = Partition(
        KEY_STORE, DATA, _UNDEFINED, flash_bytes - KEY_STORE_BYTES, KEY_STORE_BYTES
    )
    log = Partition(LOG, DATA, _UNDEFINED, key_store.offset - LOG_BYTES, LOG_BYTES)
    others = [row for row in rows if row.name not in (FILE_SYSTEM, LOG)]
    system = find(rows, FILE_SYSTEM)
    if system is None:
        start = max(row.end for row in others)
        system = Partition(FILE_SYSTEM, DATA, _FAT, start, flash_bytes - start)
    system = replace(system, size=min(system.end, log.offset) - system.offset)
    if system.size < 64 * SECTOR or any(row.end > log.offset for row in others):
        raise BadInput("the firmware leaves no room in the flash for a file system, log and keys")
    return [*others, system, log, key_store]
