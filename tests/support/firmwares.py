"""Firmware files for tests: valid in form, with nothing that could run on a chip.

No ESP32 firmware can be built or fetched here, so esp_firmware() makes one as MicroPython's
makeimg.py does: boot loader, partition table and application, whole images with checksum and
SHA-256 (a test has esptool itself check them). uf2_firmware() is the same for the RP2 family,
where tests of whole boards use the firmware that `make firmware` builds.
"""

import hashlib
import random
import struct
from pathlib import Path

from callboard_host.boards import load
from callboard_host.image import package, partitions, uf2
from callboard_host.image.partitions import Partition
from support.esp_rom import exclusive_or
from support.pythons import TOP

BANNER = "MicroPython v{version} on 2025-04-15\0{machine}\0"
STOCK_ROWS = (
    Partition("nvs", 1, 2, 0x9000, 0x6000),
    Partition("phy_init", 1, 1, 0xF000, 0x1000),
    Partition("factory", 0, 0, 0x10000, 0x1F0000),
)
RAM_START = {"esp32": 0x40080000, "esp32s3": 0x40374000, "esp32c3": 0x4037C000}
SIZE_NIBBLES = {2 << 20: 1, 4 << 20: 2, 8 << 20: 3, 16 << 20: 4}


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that look like code to a compressor: half of them repeat."""
    numbers = random.Random(seed)
    return b"".join(numbers.randbytes(32) + bytes(32) for _ in range(size // 64 + 1))[:size]


def app_image(chip: str, program: bytes, flash_bytes: int) -> bytes:
    """A whole application image with one segment."""
    numbers = {"esp32": 0, "esp32s3": 9, "esp32c3": 5}
    program += bytes(-len(program) % 4)
    header = struct.pack(
        "<BBBBI4sH9xB",
        0xE9,
        1,
        2,
        SIZE_NIBBLES[flash_bytes] << 4,
        RAM_START[chip],
        b"\xee" + bytes(3),
        numbers[chip],
        1,  # a SHA-256 follows
    )
    checksum = 0xEF
    for byte in exclusive_or(program):
        checksum ^= byte
    data = header + struct.pack("<II", RAM_START[chip], len(program)) + program
    data += bytes(15 - len(data) % 16) + bytes([checksum])
    return data + hashlib.sha256(data).digest()


def banner(board: str, version: str = "1.25.0", machine: str = "") -> bytes:
    """The texts by which a MicroPython is known."""
    machine = machine or load.load(board).facts["firmware"]["machine"]
    return b"\0" + BANNER.format(version=version, machine=machine).encode()


def esp_firmware(
    board: str,
    size: int = 300_000,
    *,
    version: str = "1.25.0",
    machine: str = "",
    rows: tuple[Partition, ...] | None = None,
    flash_bytes: int = 0,
    chip: str = "",
    more: bytes = b"",
) -> bytes:
    """A firmware.bin for an ESP32 board; `rows` its partitions, else those of MicroPython 1.25."""
    made = load.load(board)
    flash_bytes = flash_bytes or made.flash_bytes
    chip = chip or made.chip.name
    if rows is None:
        rows = (*STOCK_ROWS, Partition("vfs", 1, 0x81, 0x200000, flash_bytes - 0x200000))
    start = made.chip.bootloader
    image = bytearray(app_image(chip, noise(20_000, 2), flash_bytes))
    image = image.ljust(partitions.OFFSET - start, b"\xff")
    image += partitions.write(list(rows))
    application = next(row for row in rows if row.kind == 0)
    image = image.ljust(application.offset - start, b"\xff")
    program = noise(size) + banner(board, version, machine) + more
    return bytes(image + app_image(chip, program, flash_bytes))


def uf2_firmware(
    board: str, size: int = 300_000, *, version: str = "1.25.0", machine: str = "", more=b""
) -> bytes:
    """A firmware.uf2 for an RP2 board."""
    program = noise(size) + banner(board, version, machine) + more
    family = load.load(board).chip.uf2_families[0]
    return uf2.write(uf2.Uf2(family, dict(uf2.pages_of(0x10000000, program))))


def firmware_file(folder: Path, board: str, **options) -> Path:
    """A firmware for a board in a file."""
    rp2 = load.load(board).chip.family == "rp2"
    path = folder / (f"{board}-1.25.0.uf2" if rp2 else f"{board}-1.25.0.bin")
    path.write_bytes((uf2_firmware if rp2 else esp_firmware)(board, **options))
    return path


def natmods(folder: Path, cpu: str) -> Path:
    """The folder of a CPU's native modules: those of `make natmods`, or placeholders for them."""
    built = TOP / "build" / "natmods" / cpu
    if all((built / f"callboard_{name}.mpy").exists() for name in ("pcm", "wire", "keystore")):
        return built
    folder = folder / "natmods" / cpu
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("pcm", "wire", "keystore", "opus"):
        head = bytes([ord("M"), 6, package.ARCHS[cpu] << 2 | 3, 31])
        (folder / f"callboard_{name}.mpy").write_bytes(head + noise(2000))
    return folder
