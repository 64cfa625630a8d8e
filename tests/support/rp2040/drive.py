"""The boot ROM's drive as a folder: what is copied there goes to the board, block by block.

An operating system shows the drive RPI-RP2 and turns a copied file into SCSI writes. This does it
without an operating system: `copy()`.
"""

import struct
from pathlib import Path

from support.rp2040.chip import Chip, GuestTooSlow
from support.rp2040.mass_storage import BLOCK, DriveError, MassStorage
from support.rp2040.usb_host import UsbHost

ENUMERATE_MS = 3000
SETTLE_US = 100000  # the ROM begins twice
COMMAND_MS = 5000
REBOOT_MS = 3000
_AT_ONCE = 8  # blocks: a flash sector's worth of UF2
_ENTRY = 32  # bytes of a directory entry


class Drive:
    """The drive of a chip that runs its boot ROM. All of it runs the chip."""

    def __init__(self, chip: Chip, host: UsbHost):
        self._chip = chip
        chip.run(lambda: host.drive, ENUMERATE_MS)
        chip.run_for(SETTLE_US)
        assert host.drive is not None
        self._scsi: MassStorage = host.drive
        self._scsi.start_capacity()
        last, size = struct.unpack(">II", self._result())
        if size != BLOCK:
            raise DriveError(f"blocks of {size} bytes")
        self.blocks = last + 1
        self._volume = self._first_partition()
        boot = self._read(self._volume)
        reserved, fats, entries = boot[14] | boot[15] << 8, boot[16], boot[17] | boot[18] << 8
        fat_blocks = boot[22] | boot[23] << 8
        self._directory = self._volume + reserved + fats * fat_blocks
        self._entries = entries
        self._data = self._directory + entries * _ENTRY // BLOCK
        self._cluster_blocks = boot[13]

    def _first_partition(self) -> int:
        table = self._read(0)
        if table[510:512] != b"\x55\xaa":
            raise DriveError("block 0 is no partition table")
        return struct.unpack_from("<I", table, 454)[0]

    @property
    def gone(self) -> bool:
        """Whether the board has left: it rebooted."""
        return self._scsi.gone

    def files(self) -> dict[str, bytes]:
        """What lies in the drive's folder."""
        found = {}
        for at in range(0, min(BLOCK, self._entries * _ENTRY), _ENTRY):
            entry = self._read(self._directory)[at : at + _ENTRY]
            if entry[0] in (0, 0xE5) or entry[11] & 0x08:
                continue
            name = entry[:8].decode().strip() + "." + entry[8:11].decode().strip()
            cluster, size = struct.unpack_from("<HI", entry, 26)
            block = self._data + (cluster - 2) * self._cluster_blocks
            count = (size + BLOCK - 1) // BLOCK
            found[name] = b"".join(self._read(block + i) for i in range(count))[:size]
        return found

    def copy(self, data: bytes) -> bool:
        """Copy a file to the drive; True if the board rebooted because of it.

        As on silicon success means nothing else: the ROM takes anything, and reboots when it has
        got every block of a UF2 for this chip.
        """
        block = self._data + 16
        for at in range(0, len(data), _AT_ONCE * BLOCK):
            piece = data[at : at + _AT_ONCE * BLOCK]
            piece += bytes(-len(piece) % BLOCK)
            self._scsi.start_write(block, piece)
            self._chip.run(lambda: self._scsi.done or self._scsi.gone, COMMAND_MS)
            if self._scsi.gone:
                return True
            self._scsi.result()
            block += len(piece) // BLOCK
        try:
            self._chip.run(lambda: self._scsi.gone, REBOOT_MS)
        except GuestTooSlow:
            return False
        return True

    def _read(self, block: int) -> bytes:
        self._scsi.start_read(block)
        return self._result()

    def _result(self) -> bytes:
        self._chip.run(lambda: self._scsi.done, COMMAND_MS)
        return self._scsi.result()


def flashed(uf2: Path, flash: bytes = b"") -> bytes:
    """The flash of a board after that file was copied to its boot ROM's drive."""
    chip = Chip(flash)
    host = UsbHost(chip)
    chip.power_on(bootsel=True)
    drive = Drive(chip, host)
    chip.release_bootsel()
    if not drive.copy(uf2.read_bytes()):
        raise DriveError(f"the boot ROM did not take {uf2.name}")
    return chip.power_off()
