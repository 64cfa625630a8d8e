"""A small store for what a device must not lose: names to bytes, durable when put() returns.

This is the facade. Behind it stands one file now; the flash store takes its place without a change
for those who use it. Rules that hold for both: names of 1 to 15 printable ASCII characters, values
of 0 to 1024 bytes, 4 KB for all of them together (000 §2: 8 KB of flash are two sectors).

The file, version 1, big-endian: `CBKS`, version u8, count u8, body length u16, then per entry
name length u8, value length u16, name, value, and at last the CRC-32 of everything before it.
"""

import binascii
import os
import struct

from . import port
from .errors import InvalidArgument, StorageError

NAME_MAX = 15
VALUE_MAX = 1024
SIZE_MAX = 4096
_MAGIC = b"CBKS"
_VERSION = 1
_HEADER = ">4sBBH"
_HEADER_SIZE = 8
_CRC_SIZE = 4
_open_file = open  # this module's own open() opens a store
_ENOENT = 2


class FileDevice:
    """A file of the host's file system: `path`, replaced as a whole by every write."""

    volatile = False

    def __init__(self, path):
        self.path = path
        self._temporary = path + ".new"

    def read(self):
        """The file's bytes, at most SIZE_MAX + 1; b"" when there is none. Raises StorageError."""
        try:
            with _open_file(self.path, "rb") as file:
                return file.read(SIZE_MAX + 1)
        except OSError as error:
            if error.errno == _ENOENT:  # a new device
                return b""
            raise StorageError("cannot read the key store %s: %s" % (self.path, error))

    def replace(self, data):
        """Make `data` the content: the old or the new one survives a power cut, never a mix."""
        try:
            with _open_file(self._temporary, "wb") as file:
                file.write(data)
                port.sync_file(file)
            port.replace_file(self._temporary, self.path)
        except OSError as error:
            raise StorageError("cannot write the key store %s: %s" % (self.path, error))


class RamDevice:
    """Memory that forgets at power off: for tests; refused where an identity is kept."""

    volatile = True

    def __init__(self, data=b""):
        self.data = data

    def read(self):
        """What was written last."""
        return self.data

    def replace(self, data):
        """Keep `data`."""
        self.data = bytes(data)


def open(device, identity=True):
    """Open the key store on `device` (FileDevice, RamDevice). Returns a KeyStore.

    A damaged content counts as empty and shows in stats(). Raises StorageError when the device
    cannot be read, or forgets at power off while `identity` data is to be kept (V-21).
    """
    if identity and device.volatile:
        raise StorageError("the key store must survive power off: this place does not")
    return KeyStore(device)


class KeyStore:
    """An open store: made by open()."""

    def __init__(self, device):
        self._device = device
        self._writes = 0
        data = device.read()
        entries = decode(data) if data else {}
        self._corrupt = entries is None
        self._entries = entries or {}

    def get(self, name):
        """The value of `name`, or None."""
        return self._entries.get(_checked_name(name))

    def put(self, name, value):
        """Keep `value` (bytes) under `name`; durable on return.

        Raises InvalidArgument, StorageError when the store is full or cannot be written; then
        nothing has changed.
        """
        _checked_name(name)
        value = _checked_value(name, value)
        if self._entries.get(name) == value:
            return
        entries = dict(self._entries)
        entries[name] = value
        self._write(entries)

    def delete(self, name):
        """Remove `name`; nothing happens when it is not there. Raises StorageError."""
        if _checked_name(name) in self._entries:
            entries = dict(self._entries)
            del entries[name]
            self._write(entries)

    def transaction(self):
        """`with store.transaction() as t: t.put(...); t.delete(...)`: all of it or nothing.

        Takes effect at the end of the block, and not at all if that is left by an exception.
        """
        return Transaction(self)

    def keys(self):
        """The names, sorted."""
        return sorted(self._entries)

    def erase_all(self):
        """Remove everything, as a factory reset does."""
        self._write({})

    def stats(self):
        """{"keys", "used" and "size" in bytes, "writes", "corrupt": was damaged when opened}."""
        return {
            "keys": len(self._entries),
            "used": len(encode(self._entries)),
            "size": SIZE_MAX,
            "writes": self._writes,
            "corrupt": self._corrupt,
        }

    def _write(self, entries):
        data = encode(entries)
        if len(data) > SIZE_MAX:
            raise StorageError("the key store is full: %d of %d bytes" % (len(data), SIZE_MAX))
        self._device.replace(data)
        self._entries = entries
        self._writes += 1

    def _commit(self, changes):
        entries = dict(self._entries)
        for name, value in changes.items():
            if value is not None:
                entries[name] = value
            elif name in entries:
                del entries[name]
        if entries != self._entries:
            self._write(entries)


class Transaction:
    """Changes that take effect together: made by KeyStore.transaction()."""

    def __init__(self, store):
        self._store = store
        self._changes = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self._store._commit(self._changes)
        return False

    def put(self, name, value):
        """Keep `value` under `name`, with the rest. Raises InvalidArgument."""
        self._changes[_checked_name(name)] = _checked_value(name, value)

    def delete(self, name):
        """Remove `name`, with the rest."""
        self._changes[_checked_name(name)] = None


def _checked_value(name, value):
    if not isinstance(value, (bytes, bytearray)) or len(value) > VALUE_MAX:
        raise InvalidArgument("value of %s must be 0 to %d bytes" % (name, VALUE_MAX))
    return bytes(value)


def _checked_name(name):
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_MAX:
        raise InvalidArgument("a key's name must have 1 to %d characters" % NAME_MAX)
    if not _is_name(name.encode()):
        raise InvalidArgument("a key's name must be printable ASCII without spaces")
    return name


def _is_name(data):
    return 1 <= len(data) <= NAME_MAX and all(33 <= byte <= 126 for byte in data)


def encode(entries):
    """The file's bytes for a dict of entries."""
    body = b""
    for name in sorted(entries):
        value = entries[name]
        body += struct.pack(">BH", len(name), len(value)) + name.encode() + value
    data = struct.pack(_HEADER, _MAGIC, _VERSION, len(entries), len(body)) + body
    return data + struct.pack(">I", binascii.crc32(data))


def decode(data):
    """The entries in a file's bytes, or None when they are damaged or of a later version."""
    end = len(data) - _CRC_SIZE
    if end < _HEADER_SIZE or len(data) > SIZE_MAX:
        return None
    magic, version, count, length = struct.unpack(_HEADER, data[:_HEADER_SIZE])
    if magic != _MAGIC or version != _VERSION or _HEADER_SIZE + length != end:
        return None
    if struct.unpack(">I", data[end:])[0] != binascii.crc32(data[:end]):
        return None
    entries = {}
    at = _HEADER_SIZE
    for _ in range(count):
        if at + 3 > end:
            return None
        name_length, value_length = struct.unpack(">BH", data[at : at + 3])
        at += 3
        name = data[at : at + name_length]
        at += name_length
        value = data[at : at + value_length]
        at += value_length
        if at > end or not _is_name(name) or value_length > VALUE_MAX:
            return None
        entries[str(name, "utf-8")] = value
    return entries if at == end else None


def remove(path):
    """Delete a store's file, as a factory reset from outside does, if it is there."""
    try:
        os.remove(path)
    except OSError as error:
        if error.errno != _ENOENT:
            raise StorageError("cannot delete %s: %s" % (path, error))
