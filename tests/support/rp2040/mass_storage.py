"""The driver for the boot ROM's drive: SCSI commands in bulk-only transport (USB MSC BOT 1.0)."""

import struct
from collections.abc import Callable

BLOCK = 512

_COMMAND = "<4sIIBBB"
_STATUS_SIZE = 13
_FROM_BOARD = 0x80
_INQUIRY, _READ_CAPACITY, _READ, _WRITE = 0x12, 0x25, 0x28, 0x2A


class DriveError(Exception):
    """The drive refused a command."""


class MassStorage:
    """One command at a time: `start_…()`, run the chip until `done`, then `result()`."""

    def __init__(self, send: Callable[[bytes], None]):
        self._send = send
        self._tag = 0
        self._wanted = 0
        self._reply = bytearray()
        self.gone = False

    def received(self, data: bytes) -> None:
        """For the host: what the drive sent."""
        self._reply += data

    @property
    def done(self) -> bool:
        """Whether the command's status has come."""
        return len(self._reply) >= _STATUS_SIZE and self._reply[-_STATUS_SIZE:][:4] == b"USBS"

    def result(self) -> bytes:
        """The data of a command that is done. Raises DriveError."""
        status = self._reply[-1]
        if status:
            raise DriveError(f"status {status}")
        return bytes(self._reply[:-_STATUS_SIZE])

    def start_inquiry(self) -> None:
        """Who are you?"""
        self._start(bytes((_INQUIRY, 0, 0, 0, 36, 0)), wanted=36)

    def start_capacity(self) -> None:
        """Last block and block size, two big-endian numbers."""
        self._start(bytes((_READ_CAPACITY, *bytes(9))), wanted=8)

    def start_read(self, block: int, count: int = 1) -> None:
        """Read blocks."""
        self._start(struct.pack(">BBIBHB", _READ, 0, block, 0, count, 0), wanted=count * BLOCK)

    def start_write(self, block: int, data: bytes) -> None:
        """Write whole blocks."""
        count = len(data) // BLOCK
        self._start(struct.pack(">BBIBHB", _WRITE, 0, block, 0, count, 0), data)

    def _start(self, command: bytes, data: bytes = b"", wanted: int = 0) -> None:
        self._tag += 1
        self._reply.clear()
        size = len(data) or wanted
        direction = _FROM_BOARD if wanted else 0
        head = struct.pack(_COMMAND, b"USBC", self._tag, size, direction, 0, len(command))
        self._send(head + command.ljust(16, b"\0"))
        if data:
            self._send(data)
