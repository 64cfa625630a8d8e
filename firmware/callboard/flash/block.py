"""A block device as flash: anything with readblocks(n, buf, off), writeblocks(n, buf, off),
ioctl(6, n).

That is MicroPython's extended block protocol: writeblocks with an offset programs without
erasing. No hardware module is imported before esp32_partition() or rp2_sectors() is called.
"""

from ..errors import StorageError
from . import SECTOR

_ERASE_BLOCK = 6  # ioctl operations
_BLOCK_SIZE = 5
_BLOCK_COUNT = 4


class BlockFlash:
    """Some 4096-byte blocks of a block device: `blocks` their numbers, not necessarily adjacent.

    `page`: bytes that one program operation of the device must have and start on. A partial page
    is filled up with 0xFF, which leaves those bytes as they are, so the unit is 1; unless
    `once_per_page`, for flash that forbids to program a page twice: then the unit is the page.
    Raises StorageError if the device's blocks are not 4096 bytes or not there.
    """

    volatile = False

    def __init__(self, device, blocks=(0, 1), page=1, once_per_page=False):
        self._device = device
        self._blocks = blocks
        self._page = page
        self._unit = page if once_per_page else 1
        self._buffer = bytearray(page) if page > 1 and not once_per_page else None
        size, count = device.ioctl(_BLOCK_SIZE, 0), device.ioctl(_BLOCK_COUNT, 0)
        if size != SECTOR:
            raise StorageError("the flash must have blocks of %d bytes, not %s" % (SECTOR, size))
        if len(set(blocks)) < len(blocks) or min(blocks) < 0 or max(blocks) >= count:
            raise StorageError("blocks %s are not %d of %d" % (blocks, len(blocks), count))
        self.size = SECTOR * len(blocks)

    def geometry(self):
        """The program unit in bytes."""
        return self._unit

    def read(self, at, buf):
        """Fill `buf` from offset `at`, within one sector."""
        self._device.readblocks(self._blocks[at // SECTOR], buf, at % SECTOR)

    def program(self, at, buf):
        """Program `buf` at `at`, within one sector."""
        block, at = self._blocks[at // SECTOR], at % SECTOR
        if self._buffer is None:
            self._device.writeblocks(block, buf, at)
            return
        view = memoryview(buf)
        done = 0
        while done < len(view):
            start = (at + done) % self._page
            n = min(self._page - start, len(view) - done)
            for i in range(self._page):
                self._buffer[i] = 0xFF
            self._buffer[start : start + n] = view[done : done + n]
            self._device.writeblocks(block, self._buffer, at + done - start)
            done += n

    def erase(self, at):
        """Erase the sector at `at`. Takes tens of ms, with interrupts off on rp2."""
        result = self._device.ioctl(_ERASE_BLOCK, self._blocks[at // SECTOR])
        return -1 if result else 0


def esp32_partition(label="keystore", sectors=2):
    """The data partition of that name on an ESP32. StorageError if there is none or it is
    encrypted.

    Flash encryption would turn erased bytes into noise; seal the values instead.
    """
    from esp32 import Partition

    found = Partition.find(Partition.TYPE_DATA, label=label)
    if not found:
        raise StorageError("there is no partition named " + label)
    if found[0].info()[5]:
        raise StorageError("partition %s is encrypted: use it without, and sealed values" % label)
    return BlockFlash(found[0], tuple(range(sectors)))


def rp2_sectors(first_block, once_per_page=False, sectors=2):
    """Sectors of an rp2 board's storage area, from block `first_block`, which its file system
    must not use (custom firmware reserves them)."""
    from rp2 import Flash

    blocks = tuple(range(first_block, first_block + sectors))
    return BlockFlash(Flash(), blocks, page=256, once_per_page=once_per_page)
