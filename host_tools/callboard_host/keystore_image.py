"""Images of a board's key store: read, verify, compare. Written from native/keystore/FORMAT.md.

This is a second reading of the format, on purpose without the C core: the tests hold one against
the other. To change an image (`put`, `repair`) is the core's work: that is what cannot break one.
"""

import zlib
from dataclasses import dataclass, field
from pathlib import Path

from callboard import keystore, port
from callboard.flash import seal
from callboard.flash.devices import FileFlash
from callboard_host.errors import BadInput

SECTOR = 4096
SIZE = 2 * SECTOR
VERSION = 1
HEADER = 24
STORED_MAX = 1056
READY, TORN, PENDING, SNAPSHOT = 0x10, 0x20, 0x40, 0x80
DELETED = 0xFE
LONG = 0xF0


@dataclass
class Record:
    """A valid record: `at` from the start of the image; value None deletes."""

    at: int
    size: int
    flags: int
    name: bytes
    value: bytes | None


@dataclass
class Sector:
    """One sector: what its header says and what its log holds."""

    number: int
    sequence: int = 0
    unit: int = 0
    first_copy: bool = False
    second_copy: bool = False
    blank: bool = False
    records: list[Record] = field(default_factory=list)
    torn: int = 0
    corrupt: int = 0
    end: int = HEADER


@dataclass
class Image:
    """A key store as a board would open it.

    `active` is the sector that counts, None if there is no store; `values` the keys; `merged`
    whether the older sector had to be read, too; `ready` whether the other is known to be erased;
    `unreadable` the names whose values the given root key does not open.
    """

    sectors: tuple[Sector, Sector]
    active: Sector | None
    values: dict[str, bytes]
    merged: bool = False
    ready: bool = False
    unreadable: tuple[str, ...] = ()

    @property
    def problems(self) -> list[str]:
        """What is not as a store in good order has it; a sentence each."""
        if self.active is None:
            blank = all(sector.blank for sector in self.sectors)
            return ["the flash is blank: no store"] if blank else ["there is no key store here"]
        found = []
        if not (self.active.first_copy and self.active.second_copy):
            found.append("a copy of the header is damaged or was cut short")
        if self.merged:
            found.append("the last swap was cut short: some keys are in the older sector")
        if self.active.torn:
            found.append(f"{self.active.torn} write(s) cut short by a power failure")
        if self.active.corrupt:
            found.append(f"{self.active.corrupt} place(s) damaged after they were written")
        if self.unreadable:
            found.append("not sealed with this root key: " + ", ".join(self.unreadable))
        return found


def load(path: Path) -> bytes:
    """The 8192 bytes of an image file. Raises BadInput."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    if len(data) != SIZE:
        raise BadInput(
            f"{path} has {len(data)} bytes, a key store has {SIZE}",
            hint="read exactly the 8 KB of the key store from the board",
        )
    return data


def read(data: bytes, root: seal.RootKey | None = None) -> Image:
    """The store in an image, its values unsealed with `root` if there is one.

    Raises BadInput for one of another version.
    """
    sectors = _header(data, 0), _header(data, 1)
    active = max(sectors, key=lambda sector: sector.sequence)
    if active.sequence == 0:
        return Image(sectors, None, {})
    other = sectors[1 - active.number]
    _read_log(data, active)
    values: dict[bytes, bytes] = {}
    merged = (
        not active.second_copy
        and all(record.flags & SNAPSHOT for record in active.records)
        and other.sequence + 1 == active.sequence
    )
    if other.sequence:
        _read_log(data, other)
    if merged:
        _apply(other, values)
    _apply(active, values)
    claimed = bool(active.records and active.records[-1].flags & READY)
    room = _aligned(active.end, active.unit) + _aligned(6, active.unit) <= SECTOR
    ready = other.blank and claimed and room
    named = {name.decode("latin-1"): value for name, value in sorted(values.items())}
    opened = named if root is None else _unsealed(named, root)
    unreadable = tuple(name for name in named if name not in opened)
    return Image(sectors, active, opened, merged, ready, unreadable)


def _unsealed(values: dict[str, bytes], root: seal.RootKey) -> dict[str, bytes]:
    """Those of the values that open."""
    from callboard_native import keystore as core

    crypto = seal.encrypt_blocks, port.hmac_sha256
    keys = bytearray(core.KS_SEAL_KEYS)
    core.seal_keys(*crypto, root.key, keys)
    opened = {}
    for name, value in values.items():
        data = bytearray(value)
        size = core.unseal(*crypto, keys, name.encode("latin-1"), data, len(data))
        if size >= 0:
            opened[name] = bytes(data[:size])
    return opened


def differences(first: Image, second: Image) -> list[tuple[str, bytes | None, bytes | None]]:
    """(name, value in the first, value in the second) where they differ; None: not there."""
    names = sorted(set(first.values) | set(second.values))
    pairs = [(name, first.values.get(name), second.values.get(name)) for name in names]
    return [pair for pair in pairs if pair[1] != pair[2]]


def put(path: Path, name: str, value: bytes, root: seal.RootKey | None = None) -> None:
    """Keep a value in an image file, as a board would, sealed with `root` if there is one.

    Raises InvalidArgument or StorageError.
    """
    store, flash = _open(path, root)
    try:
        store.put(name, value)
        store.maintain()
    finally:
        flash.close()


def delete(path: Path, name: str) -> None:
    """Remove a key from an image file."""
    store, flash = _open(path)
    try:
        store.delete(name)
        store.maintain()
    finally:
        flash.close()


def repair(path: Path) -> None:
    """Finish what a power cut left undone in a file; damaged records go at the next swap."""
    store, flash = _open(path)
    try:
        store.maintain()
    finally:
        flash.close()


def _open(path, root=None):
    image = read(load(path))
    if image.active is None:
        raise BadInput(
            f"there is no key store in {path}", hint="a new one is made by the board that opens it"
        )
    flash = FileFlash(str(path), unit=image.active.unit)
    return keystore.open(flash, identity=False, root_key=root, keys=255), flash


def _aligned(n: int, unit: int) -> int:
    return (n + unit - 1) // unit * unit


def _header(data: bytes, number: int) -> Sector:
    base = number * SECTOR
    sector = Sector(number, blank=data[base : base + SECTOR] == b"\xff" * SECTOR)
    for copy in range(2):
        at = base + 12 * copy
        fields, stored = data[at : at + 8], int.from_bytes(data[at + 8 : at + 12], "little")
        if fields[:2] != b"KS" or fields[3] > 8:
            continue
        unit = 1 << fields[3]
        rest = data[base + HEADER : base + _aligned(HEADER, unit)] if copy else b""
        if zlib.crc32(fields, zlib.crc32(rest)) != stored:
            continue
        if fields[2] != VERSION:
            raise BadInput(f"the key store has version {fields[2]}; this reads version {VERSION}")
        sector.sequence, sector.unit = int.from_bytes(fields[4:], "little"), unit
        if copy:
            sector.second_copy = True
        else:
            sector.first_copy = True
    return sector


def _record(data: bytes, sector: Sector, offset: int) -> tuple[Record | None, int]:
    """(the valid record at an offset of the sector or None, the size that it claims or 0)."""
    base = sector.number * SECTOR
    log = data[base : base + SECTOR]
    if SECTOR - offset < 6 or log[offset] >> 6 == 3:
        return None, 0
    tag, code, start = log[offset], log[offset + 1], offset + 2
    length = 0 if code == DELETED else code
    if code >= LONG and code != DELETED:
        length = (code - LONG) << 8 | log[start]
        start += 1
    end = start + (tag & 15) + length
    if length > STORED_MAX or end + 4 > SECTOR:
        return None, 0
    place = sector.sequence.to_bytes(4, "little") + offset.to_bytes(2, "little")
    stored = int.from_bytes(log[end : end + 4], "little")
    if zlib.crc32(log[offset:end], zlib.crc32(place)) != stored:
        return None, end + 4 - offset
    name, value = log[start : start + (tag & 15)], log[start + (tag & 15) : end]
    record = Record(
        base + offset, end + 4 - offset, tag & 0xF0, name, None if code == DELETED else value
    )
    return record, record.size


def _read_log(data: bytes, sector: Sector) -> None:
    offset = HEADER
    garbage = False
    while offset < SECTOR:
        if data[sector.number * SECTOR + offset] == 0xFF:
            offset += 1
            continue
        record, claims = _record(data, sector, offset)
        if record is None:
            garbage = True
            if sector.end <= offset:
                sector.end = offset + max(claims, 1)
            offset += 1
            continue
        if garbage:
            if record.flags & TORN:
                sector.torn += 1
            else:
                sector.corrupt += 1
            garbage = False
        sector.records.append(record)
        offset += record.size
        sector.end = max(sector.end, offset)
    sector.torn += garbage


def _apply(sector: Sector, values: dict[bytes, bytes]) -> None:
    """Apply a log to the keys: transactions where their commit stands."""
    settled = sector.number * SECTOR + HEADER
    for record in sector.records:
        if not record.flags & PENDING:
            _apply_one(record, values)
        elif not record.name and record.value is not None and len(record.value) == 2:
            begin = sector.number * SECTOR + int.from_bytes(record.value, "little")
            if begin < settled:
                continue
            for pending in sector.records:
                if pending.flags & PENDING and begin <= pending.at < record.at:
                    _apply_one(pending, values)
            settled = record.at


def _apply_one(record: Record, values: dict[bytes, bytes]) -> None:
    if not record.name:
        return
    if record.value is None:
        values.pop(record.name, None)
    else:
        values[record.name] = record.value
