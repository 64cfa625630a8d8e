"""Boards with a chip of the ESP32 family: Wi-Fi, and what they keep in which partition.

The image's partition table has one for the keys and one for the log (callboard_host/image/). On a
table without them the keys are in two pin files behind the file system, and the log has no place.
NVS is not used: its values are no transactions.
"""

from ..errors import StorageError
from ..flash import block
from .hardware import Hardware

FILES = "vfs"  # MicroPython's name for the partition with the file system
LOG = "log"


class Platform(Hardware):
    """One board. `board` is its board.py."""

    def __init__(self, board):
        import machine
        import network

        super().__init__(board, machine, network)

    def key_flash(self):
        """Where the key store lives. Raises StorageError."""
        if self.settings.key_store != "pin_files":
            return block.esp32_partition()
        from ..flash import pin_files

        found = _partitions(FILES)
        if not found:
            raise StorageError("there is no partition named " + FILES)
        return pin_files.pin_flash(found[0])

    def log_flash(self):
        """Where the last log lines are kept; None: nowhere. Raises StorageError."""
        sectors = self.settings.log_sectors
        found = _partitions(LOG) if sectors else ()
        if not found:
            return None
        has = found[0].info()[3] // 4096
        if sectors > has:
            raise StorageError("board.LOG_SECTORS is %d, partition log has %d" % (sectors, has))
        return block.esp32_partition(LOG, sectors)


def _partitions(label):
    from esp32 import Partition

    return Partition.find(Partition.TYPE_DATA, label=label)
