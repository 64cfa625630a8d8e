"""LogRing: records in a ring of flash sectors, so that a log outlives a crash or a power cut.

    ring = LogRing(device)
    ring.begin({"reset": "power on"})        # a boot begins
    ring.write(LINES, b"I (5) app: online")  # may erase a sector: never during a call
    ring.prepare()                           # when idle: then the next write() need not erase
    for kind, payload in ring.records(): ...

The bytes in the flash: PROTOCOL.md §9. Whatever a power cut leaves, at any operation, every
record written before it is read again, except those in a sector whose erasing had begun.
"""

import json
import struct
from binascii import crc32

from ..errors import StorageError
from . import SECTOR

VERSION = 1
BOOT = 0x42  # "B" a boot begins, or goes on in a new sector: a JSON object with "boot": number
LINES = 0x4C  # "L" log lines, joined by newlines
END = 0x45  # "E" how the boot ended: a text; without one the power went, or the board hung
PAYLOAD_MAX = 1024

_MAGIC = b"CBLR"
_HEADER = ">4sBBII"  # magic, version, program unit - 1, sequence, CRC of all before
_HEADER_SIZE = 14
_MARK = 0x5A
_HEAD = ">BBH"  # mark, kind, length
_HEAD_SIZE = 4
_CRC_SIZE = 4
_KINDS = (BOOT, LINES, END)
_CHUNK = 256


class LogRing:
    """A ring over a flash device (callboard.flash) of two or more sectors; opened when made.

    `boot`: number of the boot that runs, or ran last. `last`: facts() of the boot before the
    one that runs, with "ended" if it said how, or None. `damaged` counts places where a record
    was cut short. `sectors`: how many there are. Raises StorageError.
    """

    def __init__(self, device):
        self._device = device
        self._unit = device.geometry()
        self.sectors = device.size // SECTOR
        if self.sectors < 2:
            raise StorageError("a log in flash needs two sectors of %d bytes" % SECTOR)
        self._first = self._padded(_HEADER_SIZE)
        self._order = []  # (sequence, sector), the oldest first
        self._at = SECTOR  # where the next record goes in the last one of them
        self._facts = None  # of this boot, as JSON
        self._prepared = None  # a sector that is known to be blank
        self.damaged = 0
        self.boot = 0
        self.last = None
        self._open()

    # --- reading ---

    def records(self):
        """(kind, payload) of every record that is whole, the oldest first."""
        self.damaged = 0
        for sequence, sector in list(self._order):
            for record in self._walk(sector, sequence):
                yield record[:2]

    def _open(self):
        for sector in range(self.sectors):
            sequence = self._sequence(sector)
            if sequence is not None:
                self._order.append((sequence, sector))
        self._order.sort()
        for kind, payload in self.records():
            if kind == BOOT:
                self.last = facts(payload)
                self.boot = self.last["boot"]
            elif kind == END and self.last is not None:
                self.last["ended"] = str(payload, "utf-8")
        if self._order:
            sequence, sector = self._order[-1]
            self._at = self._padded(max(self._end(sector), self._first))
            for record in self._walk(sector, sequence):
                self._at = max(self._at, record[2])

    def _sequence(self, sector):
        """The sequence number in a sector's header; None if it has none of ours."""
        data = self._read(sector, 0, _HEADER_SIZE)
        magic, version, unit, sequence, crc = struct.unpack(_HEADER, data)
        if magic != _MAGIC or crc != crc32(data[:-_CRC_SIZE]):
            return None
        return sequence if version == VERSION and unit == self._unit - 1 else None

    def _walk(self, sector, sequence):
        """(kind, payload, where it ends) of a sector's records."""
        at, end, lost = self._first, self._end(sector), False
        while at + _HEAD_SIZE + _CRC_SIZE <= SECTOR and at < end:
            found = self._record(sector, sequence, at)
            if found is None:  # cut short: the next one begins at some unit
                if not lost:
                    self.damaged += 1
                lost, at = True, at + self._unit
                continue
            lost, at = False, found[2]
            yield found

    def _record(self, sector, sequence, at):
        mark, kind, length = struct.unpack(_HEAD, self._read(sector, at, _HEAD_SIZE))
        size = _HEAD_SIZE + length + _CRC_SIZE
        if mark != _MARK or kind not in _KINDS or length > PAYLOAD_MAX or at + size > SECTOR:
            return None
        data = self._read(sector, at, size)
        payload = data[_HEAD_SIZE:-_CRC_SIZE]
        if data != _encoded(kind, payload, sequence):
            return None
        return kind, payload, self._padded(at + size)

    def _end(self, sector):
        """Behind the last byte of a sector that is not blank; 0 if all are."""
        for at in range(SECTOR - _CHUNK, -1, -_CHUNK):
            used = self._read(sector, at, _CHUNK).rstrip(b"\xff")
            if used:
                return at + len(used)
        return 0

    # --- writing ---

    def begin(self, told):
        """A boot begins: `told` for JSON; its number is added. Raises StorageError."""
        self.boot += 1
        told = dict(told)
        told["boot"] = self.boot
        data = json.dumps(told).encode()
        self.write(BOOT, data)
        self._facts = data

    def write(self, kind, payload):
        """Add a record of at most PAYLOAD_MAX bytes; durable when it returns. StorageError."""
        if not 0 < len(payload) <= PAYLOAD_MAX:
            raise ValueError("a record has 1 to %d bytes" % PAYLOAD_MAX)
        for _ in range(self.sectors + 1):
            if self._place(kind, payload):
                return
            self._turn()
        raise StorageError("the flash of the log does not keep what is written")

    def _place(self, kind, payload):
        """Write it into the newest sector. False: there is no room."""
        size = self._padded(_HEAD_SIZE + len(payload) + _CRC_SIZE)
        while self._at + size <= SECTOR:
            sequence, sector = self._order[-1]
            at, self._at = self._at, self._at + size
            if self._program(sector, at, _encoded(kind, payload, sequence)):
                return True
        return False

    def prepare(self):
        """Erase the sector that comes next, unless it is blank. Raises StorageError."""
        sector = self._next()
        if sector != self._prepared:
            self._blank(sector)
            self._prepared = sector

    def _turn(self):
        """Begin the next sector: its old lines go."""
        sector = self._next()
        sequence = self._order[-1][0] + 1 if self._order else 1
        self._blank(sector)
        self._prepared = None
        self._order.append((sequence, sector))
        self._at = SECTOR
        header = struct.pack(_HEADER[:-1], _MAGIC, VERSION, self._unit - 1, sequence)
        if self._program(sector, 0, header + struct.pack(">I", crc32(header))):
            self._at = self._first
            if self._facts is not None:  # else it is just being written
                self._place(BOOT, self._facts)

    def _next(self):
        return (self._order[-1][1] + 1) % self.sectors if self._order else 0

    def _blank(self, sector):
        if self._end(sector) == 0:
            return
        self._order = [each for each in self._order if each[1] != sector]
        try:
            failed = self._device.erase(sector * SECTOR)
        except OSError as error:
            raise StorageError("the log's flash cannot be erased: %s" % error)
        if failed:
            raise StorageError("the log's flash cannot be erased")

    def _program(self, sector, at, data):
        """Program `data`, filled up to whole units. False: the flash did not keep it."""
        filled = data + b"\xff" * (self._padded(len(data)) - len(data))
        try:
            failed = self._device.program(sector * SECTOR + at, filled)
        except OSError as error:
            raise StorageError("the log's flash cannot be written: %s" % error)
        return not failed and self._read(sector, at, len(data)) == data

    def _read(self, sector, at, size):
        data = bytearray(size)
        try:
            failed = self._device.read(sector * SECTOR + at, data)
        except OSError as error:
            raise StorageError("the log's flash cannot be read: %s" % error)
        if failed:
            raise StorageError("the log's flash cannot be read")
        return bytes(data)

    def _padded(self, size):
        return (size + self._unit - 1) // self._unit * self._unit


def facts(payload):
    """What a BOOT record tells: a dict with at least the number "boot"."""
    try:
        told = json.loads(str(payload, "utf-8"))
        return told if isinstance(told.get("boot"), int) else {"boot": 0}
    except (ValueError, AttributeError):
        return {"boot": 0}


def _encoded(kind, payload, sequence):
    """A record's bytes. The CRC covers the sector's sequence number, too: what an erase that was
    cut short left of the sector's last use is no record."""
    data = struct.pack(_HEAD, _MARK, kind, len(payload)) + payload
    return data + struct.pack(">I", crc32(data, crc32(struct.pack(">I", sequence))))
