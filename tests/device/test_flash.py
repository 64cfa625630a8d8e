"""The places that the key store can live in: a file, block devices, pin files in a littlefs."""

import os
import sys

from flash_rig import contents

from callboard import keystore
from callboard.errors import StorageError
from callboard.flash import SECTOR, SIZE, pin_files
from callboard.flash.block import BlockFlash, esp32_partition, rp2_sectors
from callboard.flash.devices import FileFlash, in_memory
from support import SkipTest, raises


def scratch(name):
    """A path for a file of this test's own."""
    return "%s-%d.bin" % (name, id(scratch) % 100000)


# covers: V-21
def test_file_has_eight_kilobytes_and_is_checked():
    path = scratch("flash-test")
    try:
        flash = FileFlash(path, volatile=False)
        store = keystore.open(flash)
        store.put("a", b"1" * 100)
        store.maintain()
        flash.close()
        assert os.stat(path)[6] == SIZE == 8192
        assert path + ".new" not in os.listdir(".")
        flash = FileFlash(path, unit=16, volatile=False)
        raises(StorageError, keystore.open, flash)  # made for another program unit
        flash.close()
        flash = FileFlash(path, volatile=False)
        assert keystore.open(flash).get("a") == b"1" * 100
        flash.close()
        for wrong in (b"short", bytes(SECTOR), bytes(SIZE + 1)):
            with open(path, "wb") as file:
                file.write(wrong)
            raises(StorageError, FileFlash, path)
    finally:
        os.remove(path)


def test_unusable_path_is_a_storage_error():
    raises(StorageError, FileFlash, "/nowhere/at/all/flash")
    raises(StorageError, FileFlash, "/tmp")  # a directory


# covers: V-21
def test_file_system_in_memory_is_refused():
    if not in_memory("/dev/shm/callboard"):
        raise SkipTest("no file system in memory here")
    path = "/dev/shm/" + scratch("flash-test")
    try:
        flash = FileFlash(path)
        assert flash.volatile
        error = raises(StorageError, keystore.open, flash)
        assert "power off" in error.message
        keystore.open(flash, identity=False).put("a", b"1")
        flash.close()
    finally:
        os.remove(path)
    assert not in_memory("/proc/self/nothing")


class Blocks:
    """A block device as MicroPython has them: 4 blocks of 4096 bytes, pages of `page` bytes."""

    def __init__(self, page, once):
        self.data = bytearray(b"\x00" * (4 * SECTOR))
        self.page = page
        self.used = set()
        self.once = once

    def ioctl(self, op, arg):
        if op == 4:
            return 4
        if op == 5:
            return SECTOR
        if op == 6:
            self.data[arg * SECTOR : arg * SECTOR + SECTOR] = b"\xff" * SECTOR
            self.used = {page for page in self.used if page * self.page // SECTOR != arg}
            return 0
        raise OSError(22)

    def readblocks(self, n, buf, off=0):
        at = n * SECTOR + off
        memoryview(buf)[:] = memoryview(self.data)[at : at + len(buf)]

    def writeblocks(self, n, buf, off=None):
        assert off is not None, "this would erase"
        assert off % self.page == 0 and len(buf) % self.page == 0, (off, len(buf))
        at = n * SECTOR + off
        for i in range(len(buf)):
            self.data[at + i] &= buf[i]
        for page in range(at // self.page, (at + len(buf)) // self.page):
            assert not (self.once and page in self.used)
            self.used.add(page)


def test_block_devices():
    for page, once in ((1, False), (256, False), (256, True), (16, True)):
        device = Blocks(page, once)
        flash = BlockFlash(device, (3, 1), page=page, once_per_page=once)
        assert flash.geometry() == (page if once else 1)
        store = keystore.open(flash)
        for i in range(300):
            store.put("key%d" % (i % 5), b"%d" % i * 12)
            store.maintain()
        held = contents(store)
        assert len(held) == 5 and store.stats()["sequence"] > 2
        again_flash = BlockFlash(device, (3, 1), page=page, once_per_page=once)
        assert contents(keystore.open(again_flash)) == held
        assert device.data[:SECTOR] == bytes(SECTOR)  # the blocks of others
        assert device.data[2 * SECTOR : 3 * SECTOR] == bytes(SECTOR)


# covers: V-21
def test_block_devices_that_cannot_be_used():
    device = Blocks(1, False)
    for blocks in ((0, 0), (0, 4), (-1, 2)):
        raises(StorageError, BlockFlash, device, blocks)
    small = BlockFlash(device, (1,))
    assert "needs 8192 bytes" in raises(StorageError, keystore.open, small).message
    device.ioctl = lambda op, arg: 512
    raises(StorageError, BlockFlash, device)


class FakeModule:
    """A module of a board's MicroPython, while a `with` lasts."""

    def __init__(self, name, **members):
        self._name = name
        for member in members:
            setattr(self, member, members[member])

    def __enter__(self):
        sys.modules[self._name] = self

    def __exit__(self, kind, value, trace):
        del sys.modules[self._name]
        return False


def test_esp32_partition():
    class Partition(Blocks):
        TYPE_DATA = 1
        found = {}

        def __init__(self, encrypted):
            super().__init__(1, False)
            self._encrypted = encrypted

        @classmethod
        def find(cls, type, label):
            assert type == cls.TYPE_DATA
            return cls.found.get(label, [])

        def info(self):
            return (1, 6, 0x9000, 8192, "keystore", self._encrypted)

    Partition.found = {"keystore": [Partition(False)], "secret": [Partition(True)]}
    with FakeModule("esp32", Partition=Partition):
        store = keystore.open(esp32_partition())
        store.put("a", b"1" * 100)
        assert keystore.open(esp32_partition("keystore")).get("a") == b"1" * 100
        assert "encrypted" in raises(StorageError, esp32_partition, "secret").message
        assert "no partition" in raises(StorageError, esp32_partition, "other").message


def test_rp2_sectors():
    disk = Blocks(256, False)
    with FakeModule("rp2", Flash=lambda: disk):
        store = keystore.open(rp2_sectors(2))
        store.put("a", b"1" * 100)
        assert keystore.open(rp2_sectors(2)).get("a") == b"1" * 100
        assert disk.data[: 2 * SECTOR] == bytes(2 * SECTOR)  # what its file system has
        raises(StorageError, rp2_sectors, 3)  # beyond the flash


class Disk:
    """A block device of 24 blocks without checks, which would take long."""

    def __init__(self):
        self.data = bytearray(b"\xff" * (24 * SECTOR))

    def ioctl(self, op, arg):
        if op == 6:
            self.data[arg * SECTOR : arg * SECTOR + SECTOR] = b"\xff" * SECTOR
        return {4: 24, 5: SECTOR}.get(op, 0)

    def readblocks(self, n, buf, off=0):
        at = n * SECTOR + off
        memoryview(buf)[:] = memoryview(self.data)[at : at + len(buf)]

    def writeblocks(self, n, buf, off):
        at = n * SECTOR + off
        self.data[at : at + len(buf)] = buf


def test_pin_files_behind_littlefs():
    if not hasattr(os, "VfsLfs2"):
        raise SkipTest("no littlefs here: tests/native/test_keystore_pin_files.py has one")
    device = Disk()
    os.VfsLfs2.mkfs(device)
    os.mount(os.VfsLfs2(device), "/pins")
    try:
        with open("/pins/before", "w") as file:
            file.write("x" * 5000)
        raises(StorageError, pin_files.find_blocks, device)
        pin_files.create("/pins/")
        blocks = pin_files.find_blocks(device)
        store = keystore.open(pin_files.pin_flash(device))
        for i in range(150):
            store.put("key%d" % (i % 3), b"%d" % i * 20)
            store.maintain()
            with open("/pins/file%d" % (i % 4), "w") as file:
                file.write("y" * (i * 70))
            if i % 30 == 29:
                held = contents(store)
                os.umount("/pins")
                os.mount(os.VfsLfs2(device), "/pins")
                assert pin_files.find_blocks(device) == blocks
                store = keystore.open(pin_files.pin_flash(device))
                assert contents(store) == held and len(held) == 3
        with open("/pins/before") as file:
            assert file.read() == "x" * 5000
        assert store.stats()["sequence"] > 1
    finally:
        os.umount("/pins")
