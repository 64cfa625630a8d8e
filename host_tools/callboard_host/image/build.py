"""Make an image for a board from a MicroPython firmware: `callboard image`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import callboard
from callboard_host.errors import BadInput

from ..boards import load
from ..boards.chips import RP2_KEEPS, SECTOR
from ..boards.load import Board
from . import filesystem, firmware, layout, package, partitions


@dataclass(frozen=True)
class Options:
    """What an image is made of. `ca` in DER; `constants` go into board.py."""

    board: str
    firmware: Path
    ca: bytes | None = None
    constants: dict[str, Any] = field(default_factory=dict)
    natmods: Path | None = None


@dataclass(frozen=True)
class Built:
    """An image, and the files in its file system."""

    image: layout.Image
    files: dict[str, bytes]


def build(options: Options) -> Built:
    """Make the image; the same input makes the same bytes. Raises BadInput, NotBuilt."""
    board = load.load(options.board)
    what = options.firmware.name
    base = firmware.read(firmware.load(options.firmware), what, board)
    key_store = place_of_keys(board, base)
    files = package.files(
        board,
        base,
        key_store,
        ca=options.ca,
        constants=options.constants,
        natmod_folder=options.natmods,
    )
    facts = _facts(board, base, key_store, files)
    files[layout.MARK] = layout.mark(facts)
    make = _esp if board.chip.family == "esp32" else _rp2
    return Built(make(board, base, key_store, files, facts), files)


def place_of_keys(board: Board, base: firmware.Firmware) -> str:
    """Where the key store lives: our own RP2 firmware reserves two sectors for it."""
    if board.chip.family == "rp2" and base.frozen:
        return "sectors"
    return board.key_store


def _facts(board: Board, base: firmware.Firmware, key_store: str, files: dict) -> dict[str, Any]:
    return {
        "format": layout.FORMAT,
        "board": board.name,
        "chip": board.chip.name,
        "callboard": callboard.__version__,
        "micropython": base.version,
        "key_store": key_store,
        "build": layout.fingerprint(base.regions, files),
    }


def own_key_sectors(board: Board) -> tuple[int, int]:
    """The flash offsets of the key store that our own RP2 firmware has below its file system."""
    assert board.file_system is not None
    start = board.file_system[0] - RP2_KEEPS
    return start, start + SECTOR


def _esp(board, base, key_store, files, facts) -> layout.Image:
    rows = partitions.ours(list(base.rows), board.flash_bytes)
    system = partitions.find(rows, partitions.FILE_SYSTEM)
    keys = partitions.find(rows, partitions.KEY_STORE)
    assert system is not None and keys is not None
    made = filesystem.make(files, system.size, board.program_bytes, pins=key_store == "pin_files")
    parts = dict(base.regions)
    parts[partitions.OFFSET] = layout.table_sector(rows, facts)
    parts[system.offset] = made.data
    names = dict.fromkeys(base.regions, "application")
    names[board.chip.bootloader] = "bootloader"
    names[partitions.OFFSET] = "partitions"
    names[system.offset] = "files"
    if key_store == "pin_files":
        sectors = _pin_sectors(system.offset, made)
    else:
        sectors = keys.offset, keys.offset + SECTOR
    return layout.Image(board, parts, facts, sectors, names)


def _rp2(board, base, key_store, files, facts) -> layout.Image:
    offset, size = board.file_system
    made = filesystem.make(files, size, board.program_bytes, pins=key_store == "pin_files")
    end = max(at + len(region) for at, region in base.regions.items())
    sectors = own_key_sectors(board)
    if key_store == "pin_files":
        sectors = _pin_sectors(offset, made)
    elif end > sectors[0]:
        raise BadInput(f"the firmware has {end >> 10} KB: that leaves no room for the key store")
    parts = {**base.regions, offset: made.data}
    names = dict.fromkeys(base.regions, "firmware") | {offset: "files"}
    return layout.Image(board, parts, facts, sectors, names, base.foreign)


def _pin_sectors(offset: int, made: filesystem.FileSystem) -> tuple[int, int]:
    first, second = made.pin_blocks
    return offset + first * SECTOR, offset + second * SECTOR
