"""Boards with an RP2040 or RP2350: what they keep in which flash.

callboard's own firmware reserves sectors for it (the module `callboard_firmware` says which); on
stock firmware the keys are in two pin files behind the file system, and the log has no place.
"""

from ..errors import StorageError
from ..flash import block
from ..parts import part
from ..port import const
from .hardware import Hardware

PAGE = 256  # bytes: what one program operation has

# An RP2040 is rated for 200 MHz at 1.15 V; MicroPython starts it with 125 MHz at 1.10 V, at which
# Opus and the bridge do not fit into the 20 ms of a frame.
_RP2040_HZ = const(200000000)
_VREG = const(0x40064000)
_VREG_VSEL_MASK = const(0xF0)
_VREG_1_15_V = const(0xC0)
_SETTLE_MS = const(1)

try:
    import callboard_firmware as own
except ImportError:
    own = None


class Platform(Hardware):
    """One board. `board` is its board.py."""

    def __init__(self, board):
        import machine

        try:
            import network
        except ImportError:
            network = None
        super().__init__(board, machine, network)
        if board.CHIP == "rp2040" and machine.freq() < _RP2040_HZ:
            _hurry(machine)

    def key_flash(self):
        """Where the key store lives. Raises StorageError."""
        if own is not None and self.settings.key_store != "pin_files":
            return block.rp2_sectors(own.KEY_BLOCK)
        import rp2

        pin_files = part("flash.pin_files", "pin files")

        start = own.FILES_START if own is not None else 0
        return pin_files.pin_flash(rp2.Flash(start=start), PAGE)

    def log_flash(self):
        """Where the last log lines are kept; None: nowhere. Raises StorageError."""
        if own is None or not self.settings.log_sectors:
            return None
        if self.settings.log_sectors > own.LOG_SECTORS:
            text = "board.LOG_SECTORS is more than the %d that this firmware has"
            raise StorageError(text % own.LOG_SECTORS)
        return block.rp2_sectors(own.LOG_BLOCK, sectors=self.settings.log_sectors)


def _hurry(machine):
    """As fast as the chip may be; the voltage first."""
    import time

    vreg = machine.mem32[_VREG]
    machine.mem32[_VREG] = vreg & ~_VREG_VSEL_MASK | _VREG_1_15_V
    time.sleep_ms(_SETTLE_MS)
    machine.freq(_RP2040_HZ)
