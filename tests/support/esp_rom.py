"""The serial loader of an ESP32, S3 or C3: their ROM's, and the one that esptool loads (the stub).

Written from Espressif's "Serial Protocol" so that the real esptool can be tested without a chip. A
Loader takes the bytes that the host sends and gives those that it answers; esp_board.py connects
it to ports. Its flash behaves like flash: programming clears bits, erasing sets a sector.
"""

import hashlib
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field

SECTOR = 4096
COMMANDS = {
    0x02: "FLASH_BEGIN",
    0x03: "FLASH_DATA",
    0x04: "FLASH_END",
    0x05: "MEM_BEGIN",
    0x06: "MEM_END",
    0x07: "MEM_DATA",
    0x08: "SYNC",
    0x09: "WRITE_REG",
    0x0A: "READ_REG",
    0x0B: "SPI_SET_PARAMS",
    0x0D: "SPI_ATTACH",
    0x0E: "READ_FLASH_SLOW",
    0x0F: "CHANGE_BAUDRATE",
    0x10: "FLASH_DEFL_BEGIN",
    0x11: "FLASH_DEFL_DATA",
    0x12: "FLASH_DEFL_END",
    0x13: "SPI_FLASH_MD5",
    0x14: "GET_SECURITY_INFO",
    0xD0: "ERASE_FLASH",
    0xD1: "ERASE_REGION",
    0xD2: "READ_FLASH",
}
STUB_ONLY = ("ERASE_FLASH", "ERASE_REGION", "READ_FLASH")
UNKNOWN, FAILED, BAD_CHECKSUM = 0x05, 0x06, 0x07
_MAGIC_REGISTER = 0x40001000
_FLASH_IDS = {1 << 20: 0x14, 2 << 20: 0x15, 4 << 20: 0x16, 8 << 20: 0x17, 16 << 20: 0x18}


@dataclass(frozen=True)
class Silicon:
    """Where a chip has what esptool reads. `number` of GET_SECURITY_INFO; 0: it has no such."""

    name: str
    number: int
    efuse: int
    mac: int
    spi: int
    usr2: int
    w0: int
    registers: dict[int, int]


SILICON = {
    "esp32": Silicon(
        "esp32",
        0,
        0x3FF5A000,
        0x04,
        0x3FF42000,
        0x24,
        0x80,
        # Magic value, revision 1 (two bits), APB date, the UART's divider for a 40 MHz crystal.
        {_MAGIC_REGISTER: 0x00F01D83, 0x3FF5A014: 1 << 20, 0x3FF6607C: 0x96042000}
        | {0x3FF40014: 0x15B},
    ),
    "esp32s3": Silicon(
        "esp32s3", 9, 0x60007000, 0x44, 0x60002000, 0x20, 0x58, {0x60000014: 0x15B}
    ),
    "esp32c3": Silicon(
        "esp32c3",
        5,
        0x60008800,
        0x44,
        0x60002000,
        0x20,
        0x58,
        {_MAGIC_REGISTER: 0x1B31506F, 0x60000014: 0x15B},
    ),
}


@dataclass
class Fault:
    """What goes wrong when `command` has come `after` times: a kind of

    "silent"   no answer from now on          "status"   this command fails
    "lose"     one byte of it is lost, once   "unplug"   the cable is pulled
    "worn"     programming clears too many bits (command FLASH_DATA or FLASH_DEFL_DATA)
    """

    kind: str
    command: str = "SYNC"
    after: int = 1


@dataclass
class Loader:
    """A chip in its loader. `counts` how often each command came; `unplugged` set by a fault."""

    chip: str
    flash: bytearray
    fault: Fault | None = None
    mac: bytes = bytes.fromhex("240ac4112233")
    stub_starts: bool = True
    counts: Counter = field(default_factory=Counter)
    unplugged: bool = False

    def __post_init__(self):
        self.silicon = SILICON[self.chip]
        self.reset()

    def reset(self) -> None:
        """What happens when the chip is reset: RAM, and the stub in it, are gone."""
        silicon = self.silicon
        self.stub = self.silent = False
        self._registers = dict(silicon.registers)
        self._line = bytearray()
        self._inflate = None
        self._reading: tuple[int, int, int] | None = None
        number = int.from_bytes(self.mac, "big")
        high = number >> 32 | (_crc8(self.mac) << 16 if self.chip == "esp32" else 0)
        at = silicon.efuse + silicon.mac
        self._registers.update({at: number & 0xFFFFFFFF, at + 4: high})

    # --- the line ---

    @property
    def idle(self) -> bool:
        """Whether it is between two packets."""
        return len(self._line) <= 1

    def feed(self, data: bytes) -> bytes:
        """What the host sent; what the chip answers."""
        out = bytearray()
        self._line += data
        while True:
            start = self._line.find(0xC0)
            end = self._line.find(0xC0, start + 1)
            if start < 0 or end < 0:
                break
            packet = bytes(self._line[start + 1 : end])
            if packet:
                out += self._take(
                    packet.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
                )
                end += 1  # else the first one ended something that had no beginning
            del self._line[:end]
        if start < 0:
            self._line.clear()
        return b"" if self.silent or self.unplugged else bytes(out)

    def _take(self, packet: bytes) -> bytes:
        if self._reading is not None and len(packet) == 4:
            return self._read_on(int.from_bytes(packet, "little"))
        if len(packet) < 8 or packet[0] != 0:
            return b""
        _, number, size, checksum = struct.unpack_from("<BBHI", packet)
        name, data = COMMANDS.get(number, ""), packet[8 : 8 + size]
        self.counts[name] += 1
        reason = self._fail(name)
        if reason is None and len(data) != size:
            reason = BAD_CHECKSUM
        if reason is None and (not name or (name in STUB_ONLY and not self.stub)):
            reason = UNKNOWN
        if reason is None:
            try:
                return self._answer(number, name, data, checksum)
            except _Refused as refused:
                reason = refused.reason
        return self._frame(number, 0, b"", 1, reason)

    def _fail(self, name: str) -> int | None:
        """The fault, if its time has come: a reason, or none."""
        fault = self.fault
        if fault is None or fault.command != name or self.counts[name] < fault.after:
            return None
        if fault.kind == "silent":
            self.silent = True
        elif fault.kind == "unplug":
            self.unplugged = True
        elif fault.kind == "lose":
            self.fault = None
            return BAD_CHECKSUM
        elif fault.kind == "status":
            return FAILED
        return None

    def _answer(self, number: int, name: str, data: bytes, checksum: int) -> bytes:
        handler = getattr(self, "_" + name.lower())
        if name.endswith("DATA"):
            _check(data, checksum)
        result = handler(data)
        value, payload = result if isinstance(result, tuple) else (result or 0, b"")
        frames = self._frame(number, value, payload)
        if name == "SYNC":
            frames *= 8
        elif name == "MEM_END" and struct.unpack_from("<II", data)[1]:
            self.stub = self.stub_starts
            frames += _slip(b"OHAI") if self.stub_starts else b""
        elif name == "READ_FLASH":
            frames += self._read_on(0)
        return frames

    def _frame(self, number: int, value: int, payload: bytes, status=0, reason=0) -> bytes:
        payload += bytes([status, reason]) if self.stub else bytes([status, reason, 0, 0])
        return _slip(struct.pack("<BBHI", 1, number, len(payload), value) + payload)

    # --- the commands ---

    def _sync(self, _data: bytes) -> int:
        return 0 if self.stub else 0x20120707

    def _read_reg(self, data: bytes) -> int:
        return self._registers.get(struct.unpack_from("<I", data)[0], 0)

    def _write_reg(self, data: bytes) -> None:
        address, value, mask, _ = struct.unpack_from("<IIII", data)
        silicon = self.silicon
        if address == silicon.spi:  # a command to the flash chip: done at once
            opcode = self._registers.get(silicon.spi + silicon.usr2, 0) & 0xFF
            answer = self._flash_id() if opcode == 0x9F else 0
            self._registers[silicon.spi + silicon.w0] = answer
            return
        self._registers[address] = self._registers.get(address, 0) & ~mask | value & mask

    def _flash_id(self) -> int:
        return _FLASH_IDS[len(self.flash)] << 16 | 0x40C8

    def _get_security_info(self, _data: bytes) -> tuple[int, bytes]:
        if not self.silicon.number:
            raise _Refused(UNKNOWN)
        return 0, struct.pack("<IB7sII", 0, 0, bytes(7), self.silicon.number, 3)

    def _spi_attach(self, _data: bytes) -> None:
        pass

    _spi_set_params = _change_baudrate = _spi_attach

    def _mem_begin(self, _data: bytes) -> None:
        self._inflate = None

    def _mem_data(self, _data: bytes) -> None:
        pass  # the stub's code: what it does is what we do once it was started

    def _mem_end(self, _data: bytes) -> None:
        pass

    def _flash_begin(self, data: bytes) -> None:
        size, _, _, offset = struct.unpack_from("<IIII", data)
        if offset + size > len(self.flash):
            raise _Refused(FAILED)
        self._erase(offset, size)
        self._at, self._sequence, self._inflate = offset, 0, None

    def _flash_defl_begin(self, data: bytes) -> None:
        self._flash_begin(data)
        self._inflate = zlib.decompressobj()

    def _flash_data(self, data: bytes) -> None:
        size, sequence = struct.unpack_from("<II", data)
        if sequence != self._sequence:
            raise _Refused(FAILED)
        self._sequence += 1
        content = data[16 : 16 + size]
        if self._inflate is not None:
            try:
                content = self._inflate.decompress(content)
            except zlib.error:
                raise _Refused(FAILED) from None
        if self._at + len(content) > len(self.flash):
            raise _Refused(FAILED)
        self._program(self._at, content)
        self._at += len(content)

    _flash_defl_data = _flash_data

    def _flash_end(self, _data: bytes) -> None:
        self._inflate = None

    _flash_defl_end = _flash_end

    def _spi_flash_md5(self, data: bytes) -> tuple[int, bytes]:
        offset, size = struct.unpack_from("<II", data)
        digest = hashlib.md5(self.flash[offset : offset + size])
        return 0, digest.digest() if self.stub else digest.hexdigest().encode()

    def _read_flash_slow(self, data: bytes) -> tuple[int, bytes]:
        offset, size = struct.unpack_from("<II", data)
        return 0, bytes(self.flash[offset : offset + size]).ljust(64, b"\0")

    def _erase_flash(self, _data: bytes) -> None:
        self._erase(0, len(self.flash))

    def _erase_region(self, data: bytes) -> None:
        self._erase(*struct.unpack_from("<II", data))

    def _read_flash(self, data: bytes) -> None:
        offset, size, block, _ = struct.unpack_from("<IIII", data)
        self._reading = offset, size, block

    def _read_on(self, acknowledged: int) -> bytes:
        """The next block, or after the last one the MD5 of all."""
        assert self._reading is not None
        offset, size, block = self._reading
        if acknowledged >= size:
            self._reading = None
            return _slip(hashlib.md5(self.flash[offset : offset + size]).digest())
        start = offset + acknowledged
        return _slip(bytes(self.flash[start : min(start + block, offset + size)]))

    # --- the flash ---

    def _erase(self, offset: int, size: int) -> None:
        start = offset // SECTOR * SECTOR
        end = min(len(self.flash), -(-(offset + size) // SECTOR) * SECTOR)
        self.flash[start:end] = b"\xff" * (end - start)

    def _program(self, at: int, content: bytes) -> None:
        size = len(content)
        old = int.from_bytes(self.flash[at : at + size], "little")
        new = old & int.from_bytes(content, "little")
        if self.fault is not None and self.fault.kind == "worn":
            new &= ~(1 << (4 * size))
        self.flash[at : at + size] = new.to_bytes(size, "little")


class _Refused(Exception):
    def __init__(self, reason: int):
        self.reason = reason


def _check(data: bytes, checksum: int) -> None:
    """The checksum of a block of data. The size in its header must be right, too."""
    size = int.from_bytes(data[:4], "little")
    content = data[16 : 16 + size]
    found = 0xEF
    for byte in exclusive_or(content):
        found ^= byte
    if len(content) != size or found != checksum & 0xFF:
        raise _Refused(BAD_CHECKSUM)


def exclusive_or(data: bytes) -> bytes:
    """A few bytes with the same exclusive or as all of `data`, without a loop over them."""
    number, size = int.from_bytes(data, "little"), len(data)
    while size > 64:
        half = (size + 1) // 2
        number = number >> 8 * half ^ number & (1 << 8 * half) - 1
        size = half
    return number.to_bytes(size, "little")


def _slip(data: bytes) -> bytes:
    return b"\xc0" + data.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc
