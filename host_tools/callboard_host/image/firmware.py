"""What a MicroPython firmware is: for which chip and board, which version, what is compiled in."""

import re
from dataclasses import dataclass
from pathlib import Path

from callboard_host.errors import BadInput

from ..boards.chips import RP2_FLASH_START, SECTOR
from ..boards.load import Board
from . import esp_app, partitions, uf2

OLDEST = (1, 25)
SIZE_MAX = 16 << 20
_VERSION = re.compile(rb"MicroPython v?(\d+)\.(\d+)([\w.+-]*) on \d{4}-\d\d-\d\d")
_PLATFORM = re.compile(rb"MicroPython-(\d+)\.(\d+)([\w.+]*)-")  # where the first is a git hash
_MCU = re.compile(rb" with (ESP32\w*|RP2040|RP2350)\0")
_NAME = re.compile(rb"[\x20-\x3a\x3c-\x7e]{3,60}\Z")  # no semicolon: the banner has one before
_FROZEN = b"callboard/app.py\0"
_MODULES = ("pcm", "wire", "opus", "keystore")


@dataclass(frozen=True)
class Firmware:
    """A firmware that fits its board. `regions`: flash offset → bytes, what is to be written.

    `rows`: its partition table (ESP32 family). `foreign`: UF2 blocks of other families.
    """

    machine: str
    version: str
    frozen: bool
    modules: frozenset[str]
    regions: dict[int, bytes]
    rows: tuple[partitions.Partition, ...] = ()
    foreign: tuple[bytes, ...] = ()


def load(path: Path) -> bytes:
    """The bytes of a firmware file. Raises BadInput."""
    try:
        if path.stat().st_size > SIZE_MAX:
            raise BadInput(f"{path} has more than {SIZE_MAX >> 20} MB: no firmware has")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None


def read(data: bytes, what: str, board: Board) -> Firmware:
    """Examine a firmware for `board`. Raises BadInput when it is damaged or for another one."""
    if board.chip.family == "esp32":
        return _read_esp(data, what, board)
    if board.chip.family == "rp2":
        return _read_rp2(data, what, board)
    raise BadInput(f"{board.name} is not flashed", "`callboard board` starts it")


def _read_rp2(data: bytes, what: str, board: Board) -> Firmware:
    if data[:1] == bytes([esp_app.MAGIC]):
        raise BadInput(
            f"{what} is for an ESP32, {board.name} has an {board.chip.title}",
            f"take MicroPython's build for {board.name}, a .uf2",
        )
    file = uf2.read(data, what)
    if file.family != board.chip.uf2_families[0]:
        raise BadInput(
            f"{what} is for chips of family {file.family:#010x}, {board.name} has an "
            f"{board.chip.title}",
            f"take MicroPython's build for {board.name}",
        )
    assert board.file_system is not None
    end = max(file.pages) + uf2.PAYLOAD - RP2_FLASH_START
    if min(file.pages) < RP2_FLASH_START or end > board.file_system[0]:
        raise BadInput(
            f"{what} reaches to {end >> 10} KB of the flash, into {board.name}'s file system",
            "give the firmware alone, not an image with a file system",
        )
    regions = joined({at - RP2_FLASH_START: page for at, page in file.pages.items()})
    return Firmware(
        **_about(b"".join(regions.values()), what, board), regions=regions, foreign=file.others
    )


def joined(pages: dict[int, bytes]) -> dict[int, bytes]:
    """Adjacent pieces put together, and filled up to whole sectors.

    Erratum RP2040-E14: the boot ROM loses pages behind a sector that is written in part.
    """
    found: dict[int, bytearray] = {}
    start = end = -1
    for at in sorted(pages):
        if at != end:
            start = at
            found[start] = bytearray()
        found[start] += pages[at]
        end = at + len(pages[at])
    return {at: bytes(piece.ljust(_whole(len(piece)), b"\xff")) for at, piece in found.items()}


def _whole(size: int) -> int:
    return -(-size // SECTOR) * SECTOR


def _read_esp(data: bytes, what: str, board: Board) -> Firmware:
    chip = board.chip
    if data[:4] == b"UF2\n":
        raise BadInput(
            f"{what} is a UF2 file, {board.name} has an {chip.title}",
            f"take MicroPython's build for {board.name}, a .bin",
        )
    loader = esp_app.read(data, what)
    if loader.chip_id != chip.image_id:
        raise BadInput(
            f"{what} is for another chip (number {loader.chip_id}) than {chip.title}",
            f"take MicroPython's build for {board.name}",
        )
    table_at = partitions.OFFSET - chip.bootloader
    if len(data) <= table_at or loader.size > table_at:
        raise BadInput(
            f"{what} is an application alone, without boot loader and partition table",
            "give MicroPython's firmware.bin, or the .bin of its download page",
        )
    rows = partitions.read(data[table_at : table_at + partitions.SIZE])
    if loader.flash_bytes > board.flash_bytes:
        raise BadInput(
            f"{what} is for {loader.flash_bytes >> 20} MB of flash, "
            f"{board.name} has {board.flash_bytes >> 20} MB",
            "take MicroPython's build for this size of flash",
        )
    regions = {chip.bootloader: data[: loader.size]}
    applications = [row for row in rows if row.kind == partitions.APP]
    for row in rows:
        start = row.offset - chip.bootloader
        piece = data[start : min(len(data), row.end - chip.bootloader)]
        if row.kind == partitions.APP and (row is applications[0] or piece.strip(b"\xff")):
            app = esp_app.read(piece, f"the application in {what}")
            if app.chip_id != chip.image_id:
                raise BadInput(f"the application in {what} is for another chip than {chip.title}")
            regions[row.offset] = piece[: app.size]
        elif row.kind == partitions.DATA and row.subtype == 0 and piece:
            regions[row.offset] = piece  # which application is to start: must be erased
    if not applications:
        raise BadInput(f"the partition table in {what} has no application")
    about = _about(regions[applications[0].offset], what, board)
    return Firmware(**about, regions=regions, rows=tuple(rows))


def _about(program: bytes, what: str, board: Board) -> dict:
    """Version, machine and what is compiled in. Raises BadInput."""
    found = _VERSION.search(program) or _PLATFORM.search(program)
    if not found:
        raise BadInput(f"{what} is no MicroPython", f"take MicroPython's build for {board.name}")
    version = tuple(int(number) for number in found.groups()[:2])
    if version < OLDEST:
        raise BadInput(
            f"{what} is MicroPython {version[0]}.{version[1]}; callboard needs 1.25 or later",
            "take a newer build",
        )
    machines = _machines(program)
    mine = [machine for machine in machines if fits(machine, board.facts["firmware"]["machine"])]
    if machines and not mine:
        raise BadInput(
            f"{what} is for “{machines[0]}”, not for {board.name}",
            f"take MicroPython's build for {board.name}",
        )
    return {
        "machine": mine[0] if mine else "",
        "version": b".".join(found.groups()[:2]).decode() + found.group(3).decode(),
        "frozen": _FROZEN in program,
        "modules": frozenset(
            name for name in _MODULES if b"callboard_" + name.encode() + b"\0" in program
        ),
    }


def _machines(program: bytes) -> list[str]:
    """What a build may call itself: sys.implementation._machine, and the end of its banner."""
    found = []
    for mcu in _MCU.finditer(program):
        name = _NAME.search(program, max(0, mcu.start() - 60), mcu.start())
        if name:
            text = name.group().strip() + mcu.group().rstrip(b"\0")
            found.append(text.decode())
    return found


def fits(machine: str, wanted: str) -> bool:
    """Whether a build calls itself as the board does; variants put words before " with MCU"."""
    name, _, mcu = wanted.rpartition(" with ")
    return machine == wanted or (
        machine.startswith(name + " with ") and machine.endswith(" with " + mcu)
    )
