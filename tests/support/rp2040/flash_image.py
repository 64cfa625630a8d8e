"""The flash of an emulated board: our firmware, put there by its own boot ROM, and files."""

import functools
import subprocess
import tempfile
from pathlib import Path

from littlefs import LittleFS, UserContext

from support.rp2040.drive import flashed

TOP = Path(__file__).parents[3]
FIRMWARE = TOP / "build" / "firmware" / "RPI_PICO" / "firmware.uf2"
KEEPS_AT, KEEPS_SIZE = 0x9A000, 6 * 4096  # key store and log: firmware/rp2/callboard_firmware.py
FILES_AT = 0xA0000
_BLOCK = 4096
_BLOCKS = 352
_GEOMETRY = {
    "block_size": _BLOCK,
    "block_count": _BLOCKS,
    "read_size": 32,
    "prog_size": 256,
    "cache_size": 1024,
    "lookahead_size": 32,
    "block_cycles": 100,
}


class NoFirmware(Exception):
    """`make firmware` was not run."""


@functools.cache
def firmware_flash() -> bytes:
    """A board's flash after our UF2 was copied to its drive; done once."""
    if not FIRMWARE.exists():
        raise NoFirmware(f"{FIRMWARE.relative_to(TOP)} is missing: run make firmware")
    return flashed(FIRMWARE)


def with_files(flash: bytes, files: dict[str, bytes]) -> bytes:
    """That flash with a new file system of these files; folders are made."""
    system = LittleFS(**_GEOMETRY)
    for name, data in files.items():
        if "/" in name:
            system.makedirs(name.rsplit("/", 1)[0], exist_ok=True)
        with system.open(name, "wb") as file:
            file.write(data)
    image = bytes(system.context.buffer)
    return flash[:FILES_AT] + image + flash[FILES_AT + len(image) :]


def read_file(flash: bytes, name: str) -> bytes:
    """A file of the board's file system."""
    context = UserContext(_BLOCK * _BLOCKS)
    context.buffer[:] = flash[FILES_AT : FILES_AT + _BLOCK * _BLOCKS]
    system = LittleFS(context=context, mount=False, **_GEOMETRY)
    system.mount()
    with system.open(name, "rb") as file:
        return file.read()


def keeps(flash: bytes) -> bytes:
    """What the firmware keeps beside its files: keys, then the log."""
    return flash[KEEPS_AT : KEEPS_AT + KEEPS_SIZE]


def bytecode(source: Path, name: str) -> bytes:
    """A Python file as .mpy for this chip; `name` is what its tracebacks say."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.mpy"
        cross = TOP / "build" / "bin" / "mpy-cross"
        command = [cross, "-march=armv6m", "-s", name, "-o", target, source]
        subprocess.run(command, check=True)
        return target.read_bytes()
