"""Pin files: two files of 4096 bytes in a littlefs whose blocks the key store uses raw, behind it.

A file of exactly one block has its data in one block of its own, without pointers or checksums;
littlefs never moves it unless the file itself is written. So on firmware whose partitions cannot
be changed, two such files reserve the flash that the key store needs. Never write, rename onto or
remove them through the file system.

At every boot the blocks are looked up in littlefs' own metadata (littlefs SPEC.md, disk version
2), and must hold a key store, nothing, or the mark of new pin files. Otherwise: StorageError.
"""

import binascii
import struct

from ..errors import StorageError
from . import SECTOR
from .block import BlockFlash

NAMES = ("keystore0.pin", "keystore1.pin")
MARK = b"callboard key store: leave this file alone\n"

_ROOT = (0, 1)
_NO_DATA = 0x3FF
_TYPE_FILE = 0x001
_TYPE_CREATE = 0x401
_TYPE_DELETE = 0x4FF
_TYPE_CTZ = 0x202
_TYPE_HARD_TAIL = 0x601
_IS_NAME = 0x000  # kinds: the upper three of eleven bits of a type
_IS_STRUCT = 0x200
_IS_CRC = 0x500
_KIND = 0x700
_MAX_PAIRS = 64


def pin_content():
    """What a new pin file holds: the image builder and create() write it."""
    return MARK + b"\xff" * (SECTOR - len(MARK))


def create(folder=""):
    """Write both pin files through the mounted file system, in `folder` ("" or "/flash/")."""
    for name in NAMES:
        with open(folder + name, "wb") as file:
            file.write(pin_content())


def pin_flash(device, page=1, once_per_page=False):
    """The BlockFlash of the pin files in the root of the littlefs on a block device.

    `page` and `once_per_page` as in BlockFlash. Raises StorageError.
    """
    blocks = find_blocks(device)
    for block, name in zip(blocks, NAMES):
        _check_content(device, block, name)
    return BlockFlash(device, blocks, page=page, once_per_page=once_per_page)


def find_blocks(device):
    """The block of each pin file. Raises StorageError if a file is not there or not one block."""
    entries = _read_root(device)
    blocks = []
    for name in NAMES:
        found = entries.get(name.encode())
        if found is None:
            raise StorageError("the key store's file %s is not there" % name)
        head, size = found
        if size != SECTOR:
            raise StorageError("the key store's file %s must have %d bytes" % (name, SECTOR))
        blocks.append(head)
    return tuple(blocks)


def _check_content(device, block, name):
    """Refuse a block that somebody else has written to."""
    start = bytearray(len(MARK))
    device.readblocks(block, start, 0)
    if start[:2] == b"KS" or start == MARK or start == b"\xff" * len(MARK):
        return
    # A swap that was cut short has records and no header yet: then all of the header is blank.
    if start[:24] == b"\xff" * 24:
        return
    raise StorageError("somebody has written to the key store's file " + name)


def _read_root(device):
    """{name: (block, size)} of the files of more than a few bytes in the root directory."""
    block = bytearray(SECTOR)
    pair = _ROOT
    files = {}
    for _ in range(_MAX_PAIRS):
        entries, pair = _read_pair(device, pair, block)
        for name, where in entries:
            if name is not None and where is not None:
                files[name] = where
        if pair is None:
            return files
    raise StorageError("the file system around the key store has no end")


def _read_pair(device, pair, block):
    """(entries, next pair of the directory or None) from the newer valid block of a pair."""
    best = None
    for number in pair:
        device.readblocks(number, block, 0)
        revision = struct.unpack_from("<I", block, 0)[0]
        found = _read_commits(block)
        if found is None:
            continue
        if best is None or (revision - best[0] & 0xFFFFFFFF) < 0x80000000:
            best = (revision, found)
    if best is None:
        raise StorageError("the file system around the key store cannot be read")
    return best[1]


def _read_commits(block):
    """(entries, next pair) of the last valid commit in a metadata block, None if it has none."""
    valid = None
    entries = []
    tail = None
    at = 4
    crc = binascii.crc32(memoryview(block)[:4])
    previous = 0xFFFFFFFF
    while at + 4 <= SECTOR:
        tag = struct.unpack_from(">I", block, at)[0] ^ previous
        kind, number, size = tag >> 20 & 0x7FF, tag >> 10 & 0x3FF, tag & 0x3FF
        size = 0 if size == _NO_DATA else size
        if tag >> 31 or at + 4 + size > SECTOR:
            break
        previous = tag
        if kind & _KIND == _IS_CRC and kind != 0x5FF:
            crc = binascii.crc32(memoryview(block)[at : at + 4], crc)
            if crc ^ 0xFFFFFFFF != struct.unpack_from("<I", block, at + 4)[0]:
                break
            valid = ([tuple(entry) for entry in entries], tail)
            previous ^= (kind & 1) << 31
            at += 4 + size
            crc = 0
            continue
        data = bytes(memoryview(block)[at + 4 : at + 4 + size])
        crc = binascii.crc32(memoryview(block)[at : at + 4 + size], crc)
        tail = _apply(entries, tail, kind, number, data)
        at += 4 + size
    return valid


def _apply(entries, tail, kind, number, data):
    """Apply one tag to a directory's entries, [name, (block, size)] each; the tail after it."""
    if kind == _TYPE_CREATE:
        entries.insert(number, [None, None])
    elif kind == _TYPE_DELETE:
        if number < len(entries):
            del entries[number]
    elif kind == _TYPE_HARD_TAIL:
        return struct.unpack("<II", data)
    elif kind & _KIND == 0x600:
        return None
    elif kind & _KIND in (_IS_NAME, _IS_STRUCT) and number < _NO_DATA:
        while number >= len(entries):  # a compacted block has no tags that create
            entries.append([None, None])
        if kind & _KIND == _IS_NAME:
            entries[number][0] = data if kind == _TYPE_FILE else None
        else:
            entries[number][1] = struct.unpack("<II", data) if kind == _TYPE_CTZ else None
    return tail
