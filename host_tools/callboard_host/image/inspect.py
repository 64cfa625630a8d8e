"""What a finished image is: read back from its file, and checked, before it is flashed."""

import json
from dataclasses import dataclass
from pathlib import Path

from callboard.flash import pin_files
from callboard_host.errors import BadInput

from ..boards import load
from ..boards.chips import CHIPS, RP2_FLASH_START, SECTOR
from ..boards.load import Board
from . import esp_app, filesystem, firmware, layout, partitions, uf2
from .build import own_key_sectors

_MAKE = "make one with `callboard image --board B --firmware FILE`"


@dataclass(frozen=True)
class Found:
    """An image that was read back, and the files in it."""

    image: layout.Image
    files: dict[str, bytes]


def load_image(path: Path) -> Found:
    """Read an image file. Raises BadInput: no image, not whole, for a board that is not known."""
    return read(firmware.load(path), path.name)


def read(data: bytes, what: str) -> Found:
    """As load_image(), from bytes."""
    if data[:4] == b"UF2\n":
        return _read_uf2(data, what)
    chip = _esp_chip(data)
    if chip is None:
        raise BadInput(f"{what} is no image for a board", _MAKE)
    return _read_bin(data, what, chip)


def _esp_chip(data: bytes) -> str | None:
    for chip in CHIPS.values():
        at = chip.bootloader
        header = data[at : at + esp_app.HEADER_SIZE]
        blank = not data[:at].strip(b"\xff")
        magic, number = header[:1], int.from_bytes(header[12:14], "little")
        is_app = blank and magic == bytes([esp_app.MAGIC])
        if chip.family == "esp32" and is_app and number == chip.image_id:
            return chip.name
    return None


def _read_bin(data: bytes, what: str, chip: str) -> Found:
    rows = partitions.read(data[partitions.OFFSET : partitions.OFFSET + partitions.SIZE])
    sector = data[partitions.OFFSET : partitions.OFFSET + SECTOR]
    system = partitions.find(rows, partitions.FILE_SYSTEM)
    keys = partitions.find(rows, partitions.KEY_STORE)
    facts = layout.read_mark(sector)
    if facts is None or system is None or keys is None:
        raise BadInput(f"{what} is a firmware without callboard's files", _MAKE)
    board = _board(facts, what)
    if board.chip.name != chip:
        raise BadInput(f"{what} is for {chip}, but says it is for {board.name}", _MAKE)
    base = firmware.read(data[board.chip.bootloader :], what, board)
    made = data[system.offset :]
    files = _files(made, system.size, board, what)
    _check(facts, base.regions, files, what)
    parts = {**base.regions, partitions.OFFSET: sector, system.offset: made}
    if facts["key_store"] == "pin_files":
        sectors = _pin_sectors(made, system.offset)
    else:
        sectors = keys.offset, keys.offset + SECTOR
    return Found(layout.Image(board, parts, facts, sectors), files)


def _read_uf2(data: bytes, what: str) -> Found:
    file = uf2.read(data, what)
    pages = {at - RP2_FLASH_START: page for at, page in file.pages.items()}
    regions = firmware.joined(pages)
    family = [board for board in load.load_all() if file.family in board.chip.uf2_families[:1]]
    if not family:
        raise BadInput(
            f"{what} is for chips of family {file.family:#010x}, which no board here has",
            "`callboard boards` lists them; " + _MAKE,
        )
    for board in family:
        assert board.file_system is not None
        offset, size = board.file_system
        made = regions.get(offset)
        if made is None or not filesystem.is_one(made):
            continue
        facts = _mark_in(made, size, board)
        if facts is None or facts.get("board") != board.name:
            continue
        if facts["key_store"] == "pin_files":
            sectors = _pin_sectors(made, offset)
        else:
            sectors = own_key_sectors(board)
        _board(facts, what)
        files = _files(made, size, board, what)
        _check(facts, {at: regions[at] for at in regions if at < offset}, files, what)
        return Found(layout.Image(board, regions, facts, sectors, {}, file.others), files)
    raise BadInput(f"{what} is a firmware without callboard's files", _MAKE)


def _mark_in(made: bytes, size: int, board: Board) -> dict | None:
    try:
        return json.loads(
            filesystem.read(made, size, board.program_bytes).get(layout.MARK, b"null")
        )
    except (BadInput, ValueError):
        return None


def _board(facts: dict, what: str) -> Board:
    if facts.get("format") != layout.FORMAT:
        raise BadInput(
            f"{what} has format {facts.get('format')}; this reads format {layout.FORMAT}"
        )
    return load.load(str(facts.get("board")))


def _files(made: bytes, size: int, board: Board, what: str) -> dict[str, bytes]:
    try:
        files = filesystem.read(made, size, board.program_bytes)
    except BadInput as error:
        raise BadInput(f"{what} is damaged or cut short: {error.message}", _MAKE) from None
    return {path: files[path] for path in files if path not in pin_files.NAMES}


def _check(facts: dict, regions: dict[int, bytes], files: dict[str, bytes], what: str) -> None:
    """Every byte of firmware and files must be what image.json says."""
    same = files.get(layout.MARK) == layout.mark(facts)
    if not same or facts.get("build") != layout.fingerprint(regions, files):
        raise BadInput(f"{what} is damaged: its content is not what its image.json says", _MAKE)


def _pin_sectors(made: bytes, offset: int) -> tuple[int, int]:
    first, second = pin_files.find_blocks(_Blocks(made))
    return offset + first * SECTOR, offset + second * SECTOR


class _Blocks:
    """Bytes as a block device that can only be read."""

    def __init__(self, data: bytes):
        self._data = data

    def readblocks(self, number: int, buffer: bytearray, offset: int) -> None:
        """MicroPython's."""
        at = number * SECTOR + offset
        buffer[:] = self._data[at : at + len(buffer)].ljust(len(buffer), b"\xff")
