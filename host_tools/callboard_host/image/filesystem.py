"""littlefs as MicroPython has it: made from files, and read back. Needs littlefs-python.

The parameters are those of MicroPython's VfsLfs2 (disk version 2.1), so that it need not be
formatted anew; the same files always make the same bytes.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from callboard.flash import pin_files
from callboard_host.errors import BadInput, NotBuilt

from ..boards.chips import SECTOR

_DISK_VERSION = 0x00020001
_READ = 32
_LOOK_AHEAD = 32
_FIRST_BLOCKS = 16
_MAGIC_AT, _MAGIC = 8, b"littlefs"


@dataclass(frozen=True)
class FileSystem:
    """An image: `data` up to the last block in use; `pin_blocks` are the key store's."""

    data: bytes
    blocks: int
    pin_blocks: tuple[int, ...] = ()


def _library() -> Any:
    try:
        import littlefs
    except ImportError as error:
        raise NotBuilt(
            "littlefs-python is not installed", "pip install 'callboard[image]'"
        ) from error
    return littlefs


def _open(context: Any, blocks: int, program_bytes: int, mount: bool) -> Any:
    return _library().LittleFS(
        context=context,
        mount=mount,
        block_size=SECTOR,
        block_count=blocks,
        read_size=_READ,
        prog_size=program_bytes,
        cache_size=min(SECTOR, 4 * max(_READ, program_bytes)),
        lookahead_size=_LOOK_AHEAD,
        block_cycles=100,
        disk_version=_DISK_VERSION,
    )


def make(files: dict[str, bytes], size: int, program_bytes: int, pins: bool) -> FileSystem:
    """A file system of `size` bytes with these files: path from its root → content.

    `pins`: with the key store's pin files, first, so that they lie in the same blocks in every
    image for a board. Raises BadInput when it is too small.
    """
    library = _library()
    blocks = size // SECTOR
    context = _Context(blocks)
    # littlefs begins to allocate at a block that looks random. In a small file system that is near
    # its start, and goes on from there when it has grown: then an image has no holes.
    system = _open(context, _FIRST_BLOCKS, program_bytes, mount=False)
    system.format()
    system.mount()
    try:
        if pins:
            for name in pin_files.NAMES:
                _write(system, name, pin_files.pin_content())
        system.fs_grow(blocks)
        for path in sorted(files):
            parent = str(PurePosixPath(path).parent)
            if parent != ".":
                system.makedirs(parent, exist_ok=True)
            _write(system, path, files[path])
    except library.LittleFSError as error:
        if error.code == library.LittleFSError.Error.LFS_ERR_NOSPC:
            needs = sum(map(len, files.values())) >> 10
            raise BadInput(
                f"the board's file system of {size >> 10} KB is too small for {needs} KB of files",
                "leave out native modules, or freeze the package into the firmware",
            ) from None
        raise
    system.unmount()
    found = pin_files.find_blocks(context) if pins else ()
    return FileSystem(bytes(context.buffer[: context.used * SECTOR]), blocks, tuple(found))


def _write(system: Any, path: str, content: bytes) -> None:
    with system.open(path, "wb") as file:
        file.write(content)


def is_one(data: bytes) -> bool:
    """Whether a littlefs begins here: its name stands in one of the first two blocks."""
    return any(data[at + _MAGIC_AT : at + _MAGIC_AT + len(_MAGIC)] == _MAGIC for at in (0, SECTOR))


def read(data: bytes, size: int, program_bytes: int) -> dict[str, bytes]:
    """All files in an image, which may end early. Raises BadInput when it cannot be mounted."""
    library = _library()
    if not is_one(data):
        raise BadInput("there is no file system in it")
    context = _Context(size // SECTOR)
    context.buffer[: len(data)] = data
    system = _open(context, size // SECTOR, program_bytes, mount=False)
    try:
        system.mount()
        found = {}
        for folder, _, names in system.walk("/"):
            for name in names:
                path = f"{folder.strip('/')}/{name}".lstrip("/")
                with system.open(path, "rb") as file:
                    found[path] = file.read()
        return found
    except library.LittleFSError as error:
        raise BadInput(f"its file system is damaged: {error}") from None


class _Context:
    """A flash in memory, for littlefs-python and, as a block device, for pin_files.

    `used` counts the blocks up to the last one that was ever written.
    """

    def __init__(self, blocks: int):
        self.buffer = bytearray(b"\xff" * (blocks * SECTOR))
        self.used = 0

    def read(self, _cfg: Any, block: int, offset: int, size: int) -> bytearray:
        """littlefs-python's."""
        at = block * SECTOR + offset
        return self.buffer[at : at + size]

    def prog(self, _cfg: Any, block: int, offset: int, data: bytes) -> int:
        """littlefs-python's."""
        at = block * SECTOR + offset
        self.buffer[at : at + len(data)] = data
        self.used = max(self.used, block + 1)
        return 0

    def erase(self, _cfg: Any, block: int) -> int:
        """littlefs-python's."""
        self.buffer[block * SECTOR : (block + 1) * SECTOR] = b"\xff" * SECTOR
        return 0

    def sync(self, _cfg: Any) -> int:
        """littlefs-python's."""
        return 0

    def readblocks(self, number: int, buffer: bytearray, offset: int) -> None:
        """A MicroPython block device's."""
        at = number * SECTOR + offset
        buffer[:] = self.buffer[at : at + len(buffer)]
