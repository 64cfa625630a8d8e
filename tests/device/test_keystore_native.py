"""The flash key store on every Python: the native core, FlashStore over it, flash devices."""

from array import array
from binascii import hexlify

from callboard import port
from callboard.errors import InvalidArgument, StorageError
from callboard.flash import SECTOR, SIZE, seal
from callboard.flash.block import BlockFlash
from callboard.flash.devices import FileFlash, RamFlash
from callboard.flash.store import FlashStore
from callboard.native import keystore as core
from support import SkipTest, raises

UNITS = (1, 4, 16, 32, 256)


class PowerCut(Exception):
    """Raised by a device in place of an operation, as if the power had failed then."""


class CutFlash(RamFlash):
    """Flash whose power fails in operation number `cut` (0: the next), half done; None: never."""

    def __init__(self, data=None, unit=1, cut=None):
        super().__init__(data, unit)
        self.cut = cut
        self.operations = 0
        self.erases = 0

    def _fails(self):
        self.operations += 1
        if self.cut is None:
            return False
        self.cut -= 1
        if self.cut == -1:
            return True
        if self.cut < -1:
            raise PowerCut
        return False

    def read(self, at, buf):
        if self.cut is not None and self.cut < 0:
            raise PowerCut
        super().read(at, buf)

    def program(self, at, buf):
        unit = self.geometry()
        assert at % unit == 0 and len(buf) % unit == 0 and len(buf) > 0
        if self._fails():
            whole = len(buf) // unit // 2 * unit
            if whole:
                super().program(at, bytes(memoryview(buf)[:whole]))
            raise PowerCut
        super().program(at, buf)

    def erase(self, at):
        self.erases += 1
        if self._fails():
            for i in range(at, at + SECTOR, 3):
                self.data[i] = 0xFF
            raise PowerCut
        super().erase(at)


def contents(store):
    names = store.keys()
    return {name: store.get(name) for name in names}


def again(flash):
    """The same bytes with the power on again."""
    return CutFlash(flash.data, flash.geometry())


# covers: V-22
def test_power_cut_at_every_operation():
    for unit in UNITS:
        flash = CutFlash(unit=unit)
        store = FlashStore(flash)
        held = {}
        for i in range(90 if unit < 256 else 40):
            name, value = "key%d" % (i % 3), b"%d," % i * (20 + i % 20)
            new = dict(held)
            new[name] = value
            base = bytes(flash.data)
            operations = flash.operations
            step = 1 if i % 7 == 0 else 4
            store.put(name, value)
            store.maintain()
            needed = flash.operations - operations
            for cut in range(i % step, needed, step):
                other = CutFlash(base, unit, None)
                trial = FlashStore(other)
                other.cut = cut
                try:
                    trial.put(name, value)
                    trial.maintain()
                except PowerCut:
                    pass
                reopened = FlashStore(again(other))
                assert contents(reopened) in (held, new), (unit, i, cut)
                reopened.maintain()
                reopened.put("more", b"x")
                assert reopened.get("more") == b"x"
            held = new
            assert contents(store) == held
        assert store.stats()["sequence"] >= 2


def test_transaction_is_all_or_nothing():
    for unit in (1, 256):
        old = {"sn": b"SN0001", "key": b"old key", "nonce": b"n"}
        new = {"sn": b"SN0001", "key": b"new key" * 9, "model": b"doorbell"}
        cut = 0
        while True:
            flash = CutFlash(unit=unit)
            store = FlashStore(flash)
            for name in old:
                store.put(name, old[name])
            flash.cut = cut
            try:
                with store.transaction() as t:
                    t.put("key", new["key"])
                    t.put("model", new["model"])
                    t.delete("nonce")
            except PowerCut:
                pass
            done = flash.cut >= 0
            seen = contents(FlashStore(again(flash)))
            assert seen in (old, new), (unit, cut, seen)
            if done:
                assert seen == new and cut > 1
                break
            cut += 1


def test_transaction_left_by_an_exception_changes_nothing():
    store = FlashStore(RamFlash())
    store.put("a", b"1")

    def leave():
        with store.transaction() as t:
            t.put("a", b"2")
            t.delete("a")
            t.put("b", b"3")
            raise ValueError

    raises(ValueError, leave)
    assert contents(store) == {"a": b"1"}
    with store.transaction() as t:
        t.put("a", b"2")
        t.delete("a")
        t.delete("never-there")
    assert contents(store) == {}


def test_values_and_limits():
    store = FlashStore(RamFlash(), keys=4)
    values = {"a": b"", "b": bytes(1024), "c": bytearray(b"\xff" * 300)}
    for name in values:
        store.put(name, values[name])
    for name in values:
        assert store.get(name) == values[name]
    assert store.get("none") is None
    store.delete("none")
    for bad in ("", "x" * 16, "a b", "ä", 5, b"a"):
        raises(InvalidArgument, store.get, bad)
        raises(InvalidArgument, store.put, bad, b"")
        raises(InvalidArgument, store.delete, bad)
    for bad in (bytes(1025), "text", None):
        raises(InvalidArgument, store.put, "a", bad)
    store.put("d", b"4")
    raises(StorageError, store.put, "e", b"5")
    assert store.keys() == ["a", "b", "c", "d"]


def test_an_equal_value_is_not_written_again():
    flash = CutFlash()
    store = FlashStore(flash)
    store.put("a", b"same")
    before = flash.operations
    store.put("a", b"same")
    store.put("a", bytearray(b"same"))
    assert flash.operations == before


def test_puts_wait_for_an_erase_only_without_maintenance():
    for maintained in (True, False):
        flash = CutFlash()
        store = FlashStore(flash)
        for i in range(400):
            erases = flash.erases
            store.put("key%d" % (i % 3), b"%d" % i * 10)
            if maintained:
                assert flash.erases == erases
                store.maintain()
        assert (store.stats()["late_erases"] == 0) == maintained
        assert store.stats()["sequence"] > 3


def test_full_store_loses_nothing():
    store = FlashStore(RamFlash(), keys=60)
    held = {}
    for i in range(60):
        try:
            store.put("key%d" % i, b"%d" % i * 60)
        except StorageError as error:
            assert "full" in str(error)
            break
        held["key%d" % i] = b"%d" % i * 60
    assert 20 < len(held) < 60
    assert contents(store) == held
    store.erase_all()
    assert store.keys() == []
    store.put("a", b"works")
    assert store.get("a") == b"works"


def test_a_device_that_raises_or_fails():
    class Moody(RamFlash):
        mood = None

        def program(self, at, buf):
            if self.mood == "raise":
                raise OSError(5)
            if self.mood == "fail":
                return -5
            if self.mood == "lie":  # it is done, and reported as failed
                super().program(at, buf)
                return -1
            return super().program(at, buf)

    for mood in ("raise", "fail", "lie"):
        flash = Moody()
        store = FlashStore(flash)
        store.put("a", b"1")
        for i in range(200):
            flash.mood = mood if i % 3 == 0 else None
            before = contents(store)
            new = dict(before)
            new["a"] = b"%d" % i * 20
            new_keys = (before, new)
            try:
                store.put("a", new["a"])
                assert i % 3
            except StorageError:
                pass
            flash.mood = None
            assert contents(store) in new_keys
            assert contents(FlashStore(RamFlash(flash.data))) in new_keys
            store.maintain()


def test_a_state_that_is_not_open_is_refused():
    flash = RamFlash()
    state = bytearray(core.state_size(4, 64))
    raises(ValueError, core.put, state, flash, b"a", b"1")
    raises(ValueError, core.open, state, flash, 23, 4)
    raises(ValueError, core.open, state, flash, 64, 5)
    raises(ValueError, core.open, memoryview(state)[:50], flash, 64, 4)
    assert core.open(state, flash, 64, 4) == core.KS_EMPTY
    assert core.maintain(state, flash) == 0
    assert core.put(state, flash, b"a", b"1") == 0
    raises(ValueError, core.put, memoryview(state)[:60], flash, b"a", b"1")
    raises(TypeError, core.put, bytes(state), flash, b"a", b"1")
    raises(TypeError, core.put, state, flash, 5, b"1")
    raises(ValueError, core.stats, state, flash, array("i", [0] * 7))
    assert core.get(state, flash, b"a", None) == 1
    assert core.get(state, flash, b"a", bytearray(0)) == core.KS_ESMALL
    assert core.get(state, flash, b"b", bytearray(9)) == core.KS_ENOTFOUND
    assert core.delete(state, flash, b"b") == core.KS_ENOTFOUND
    assert core.put(state, flash, b"a", bytes(2000)) == core.KS_EVALUE
    assert core.put(state, flash, b"a", bytes(65535)) == core.KS_EVALUE

    class Broken(RamFlash):
        def read(self, at, buf):
            raise KeyError("broken")

    raises(KeyError, core.get, state, Broken(), b"a", None)
    raises(ValueError, core.get, state, flash, b"a", None)  # must be opened again
    assert core.open(state, flash, 64, 4) == 0
    assert core.get(state, flash, b"a", None) == 1


def test_a_device_must_not_use_its_own_store():
    class Curious(RamFlash):
        def read(self, at, buf):
            if self.store:
                store, self.store = self.store, None
                core.get(store, self, b"a", None)
            return super().read(at, buf)

    flash = Curious()
    flash.store = None
    state = bytearray(core.state_size(4, 64))
    core.open(state, flash, 64, 4)
    core.maintain(state, flash)
    core.put(state, flash, b"a", b"1")
    flash.store = state
    raises(ValueError, core.get, state, flash, b"a", None)


# --- sealed values ---


def test_sealed_values():
    try:
        seal.encrypt_blocks(bytes(16), bytearray(16))
    except ImportError:
        raise SkipTest("no AES here")
    flash = RamFlash()
    root = seal.RootKey(bytes(range(32)), True)
    store = FlashStore(flash, root)
    secret = b"-the-device-key-" * 4
    store.put("key", secret)
    store.put("empty", b"")
    store.put("long", bytes(1024))
    with store.transaction() as t:
        t.put("one", b"1")
        t.put("two", b"1")
    assert b"device-key" not in bytes(flash.data)
    held = contents(store)
    assert held["key"] == secret and held["empty"] == b"" and held["long"] == bytes(1024)
    assert contents(FlashStore(RamFlash(flash.data), root)) == held
    assert store.stats()["sealed"] == "secret"
    other = FlashStore(RamFlash(flash.data), seal.obfuscation_root(b"\x01\x02"))
    assert other.get("key") is None and other.stats()["unreadable"] == 1
    assert other.stats()["sealed"] == "obfuscated"
    assert len(other.keys()) == 5
    assert "range" not in repr(root) and "\\x" not in repr(root)


def test_sealed_bytes_are_the_same_everywhere():
    keys = bytearray(core.KS_SEAL_KEYS)
    out = bytearray(5 + core.KS_SEAL_EXTRA)
    aes, hmac = seal.encrypt_blocks, port.hmac_sha256
    assert core.seal_keys(aes, hmac, b"0123456789abcdef", keys) == 0
    assert core.seal(aes, hmac, keys, b"\x01\x00\x00\x00", b"name", b"value", out) == 25
    golden = "01000000501c2e5fef642b30dc01925aace9d03413690186a1"
    assert hexlify(out).decode() == golden


# --- devices ---


def test_file_flash():
    import os

    path = "keystore-test-%d.bin" % (id(core) % 100000)
    try:
        flash = FileFlash(path)
        store = FlashStore(flash)
        assert not flash.volatile and RamFlash.volatile
        store.put("a", b"1" * 100)
        store.maintain()
        flash.close()
        assert os.stat(path)[6] == SIZE
        flash = FileFlash(path, unit=16)
        raises(StorageError, FlashStore, flash)  # made for another program unit
        flash.close()
        flash = FileFlash(path)
        assert FlashStore(flash).get("a") == b"1" * 100
        flash.close()
        with open(path, "wb") as file:
            file.write(b"short")
        raises(StorageError, FileFlash, path)
    finally:
        os.remove(path)


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
        store = FlashStore(flash)
        for i in range(300):
            store.put("key%d" % (i % 5), b"%d" % i * 12)
            store.maintain()
        held = contents(store)
        assert len(held) == 5 and store.stats()["sequence"] > 2
        again_flash = BlockFlash(device, (3, 1), page=page, once_per_page=once)
        assert contents(FlashStore(again_flash)) == held
        assert device.data[:SECTOR] == bytes(SECTOR)  # the blocks of others
        assert device.data[2 * SECTOR : 3 * SECTOR] == bytes(SECTOR)


def test_block_devices_that_cannot_be_used():
    device = Blocks(1, False)
    for blocks in ((0, 0), (0, 4), (-1, 2)):
        raises(StorageError, BlockFlash, device, blocks)
    device.ioctl = lambda op, arg: 512
    raises(StorageError, BlockFlash, device)


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
    import os

    from callboard.flash import pin_files

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
        store = FlashStore(pin_files.pin_flash(device))
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
                store = FlashStore(pin_files.pin_flash(device))
                assert contents(store) == held and len(held) == 3
        with open("/pins/before") as file:
            assert file.read() == "x" * 5000
        assert store.stats()["sequence"] > 1
    finally:
        os.umount("/pins")
