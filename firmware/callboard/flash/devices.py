"""Flash devices without flash: a file (virtual boards, images), and memory (tests)."""

import os

from .. import port
from ..errors import StorageError
from . import SECTOR, SIZE

_ENOENT = 2
_MOUNTS = "/proc/mounts"
_IN_MEMORY = ("tmpfs", "ramfs")


class FileFlash:
    """`size` bytes in a file of the host's file system, made if it is not there.

    Every program and erase reaches the disk before it returns. `unit` is the program unit, 1..256;
    `volatile` says whether power off clears the file, None: look whether its file system is one
    in memory.
    """

    def __init__(self, path, unit=1, size=SIZE, volatile=None):
        self.path = path
        self.size = size
        self.volatile = in_memory(path) if volatile is None else volatile
        self._unit = unit
        try:
            try:
                found = os.stat(path)[6]
            except OSError as error:
                if error.errno != _ENOENT:
                    raise
                found = self._create()
            if found != size:
                text = "%s has %d bytes, not %d: delete it to begin anew"
                raise StorageError(text % (path, found, size))
            self._file = open(path, "r+b")
        except OSError as error:
            raise StorageError("cannot open the flash file %s: %s" % (path, error))

    def _create(self):
        temporary = self.path + ".new"
        with open(temporary, "wb") as file:
            for _ in range(self.size // SECTOR):
                file.write(b"\xff" * SECTOR)
            port.sync_file(file)
        port.replace_file(temporary, self.path)
        return self.size

    def geometry(self):
        """The program unit in bytes."""
        return self._unit

    def read(self, at, buf):
        """Fill `buf` from offset `at`."""
        self._file.seek(at)
        return 0 if self._file.readinto(buf) == len(buf) else -1

    def program(self, at, buf):
        """Write `buf` at offset `at`, durably."""
        self._file.seek(at)
        self._file.write(buf)
        port.sync_file(self._file)

    def erase(self, at):
        """Fill the sector at `at` with 0xFF, durably."""
        self.program(at, b"\xff" * SECTOR)

    def close(self):
        """Let go of the file."""
        self._file.close()


def in_memory(path):
    """Whether a path of this system is in a file system that power off clears; False where there
    is no telling."""
    if path[:1] != "/":
        path = os.getcwd() + "/" + path
    best = kind = ""
    try:
        with open(_MOUNTS) as mounts:
            for line in mounts:
                _source, place, found = line.split(" ", 3)[:3]
                folder = place if place[-1] == "/" else place + "/"
                if path.startswith(folder) and len(folder) >= len(best):
                    best, kind = folder, found
    except OSError:
        return False
    return kind in _IN_MEMORY


class RamFlash:
    """`size` bytes of memory that forget at power off: refused where an identity is kept.

    `data` is bytes to begin with; `unit` the program unit, 1..256.
    """

    volatile = True

    def __init__(self, data=None, unit=1, size=SIZE):
        self.data = bytearray(data if data is not None else b"\xff" * size)
        self.size = len(self.data)
        self._unit = unit

    def geometry(self):
        """The program unit in bytes."""
        return self._unit

    def read(self, at, buf):
        """Fill `buf` from offset `at`."""
        memoryview(buf)[:] = memoryview(self.data)[at : at + len(buf)]

    def program(self, at, buf):
        """Program `buf` at `at`: bits go from 1 to 0 only, as in flash."""
        for i in range(len(buf)):
            self.data[at + i] &= buf[i]

    def erase(self, at):
        """Set the sector at `at` to 0xFF."""
        self.data[at : at + SECTOR] = b"\xff" * SECTOR
