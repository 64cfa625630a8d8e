"""The key store on every Python: durable, all or nothing, bounded; damage and power cuts."""

from flash_rig import CutFlash, PowerCut, again, contents, opened

from callboard import codes, keystore
from callboard.errors import InvalidArgument, StorageError
from callboard.flash import SIZE, seal
from callboard.flash.devices import RamFlash
from support import SkipTest, raises

UNITS = (1, 4, 16, 32, 256)


# covers: V-21
def test_place_that_forgets_is_refused_for_an_identity():
    error = raises(StorageError, keystore.open, RamFlash())
    assert error.code == codes.STORAGE and "power off" in error.message
    store = keystore.open(RamFlash(), identity=False)
    store.put("a", b"1")
    assert store.get("a") == b"1"


def test_every_damaged_byte_costs_at_most_its_key():
    flash = RamFlash()
    store = opened(flash)
    held = {"device_key": bytes(range(32)), "b": b"x", "c": b""}
    for name in held:
        store.put(name, held[name])
    end = SIZE - len(bytes(flash.data).rstrip(b"\xff"))
    noticed = 0
    for at in range(SIZE - end):
        for flip in (1, 0x80, 0xFF):
            damaged = RamFlash(flash.data)
            damaged.data[at] ^= flip
            store = opened(damaged)
            left = contents(store)
            lost = [name for name in held if left.get(name) != held[name]]
            assert len(lost) <= 1 and all(name not in left for name in lost), (at, flip, lost)
            stats = store.stats()
            noticed += bool(stats["corrupt"] or stats["torn"])
            assert not lost or stats["corrupt"] or stats["torn"]
        store.put("again", b"1")
        assert opened(RamFlash(damaged.data)).get("again") == b"1"
    assert noticed > 100


# covers: V-22
def test_power_cut_at_every_operation():
    for unit in UNITS:
        flash = CutFlash(unit=unit)
        store = opened(flash)
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
                trial = opened(other)
                other.cut = cut
                try:
                    trial.put(name, value)
                    trial.maintain()
                except PowerCut:
                    pass
                reopened = opened(again(other))
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
            store = opened(flash)
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
            seen = contents(opened(again(flash)))
            assert seen in (old, new), (unit, cut, seen)
            if done:
                assert seen == new and cut > 1
                break
            cut += 1


def test_transaction_left_by_an_exception_changes_nothing():
    store = opened(RamFlash())
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
    store = opened(RamFlash(), keys=4)
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
    store = opened(flash)
    store.put("a", b"same")
    before = flash.operations
    store.put("a", b"same")
    store.put("a", bytearray(b"same"))
    assert flash.operations == before


def test_puts_wait_for_an_erase_only_without_maintenance():
    for maintained in (True, False):
        flash = CutFlash()
        store = opened(flash)
        for i in range(400):
            erases = flash.erases
            store.put("key%d" % (i % 3), b"%d" % i * 10)
            if maintained:
                assert flash.erases == erases
                store.maintain()
        assert (store.stats()["late_erases"] == 0) == maintained
        assert store.stats()["sequence"] > 3


def test_nothing_erases_when_it_may_not():
    flash = CutFlash()
    store = opened(flash)
    store.may_erase = False
    erases = flash.erases
    written = 0
    while written < 400:
        try:
            store.put("a", b"%d" % written * 10)
        except StorageError as error:
            assert "during a call" in error.message
            break
        written += 1
    assert 50 < written < 400 and flash.erases == erases
    assert not store.maintain() and flash.erases == erases
    assert store.get("a") == b"%d" % (written - 1) * 10
    store.may_erase = True
    assert store.maintain() and flash.erases > erases and store.stats()["ready"]
    store.put("a", b"works")
    assert store.stats()["late_erases"] == 0


def test_full_store_loses_nothing():
    store = opened(RamFlash(), keys=60)
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
        store = opened(flash)
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
            assert contents(opened(RamFlash(flash.data))) in new_keys
            store.maintain()


def test_sealed_values():
    try:
        seal.encrypt_blocks(bytes(16), bytearray(16))
    except ImportError:
        raise SkipTest("no AES here")
    flash = RamFlash()
    root = seal.RootKey(bytes(range(32)), True)
    store = opened(flash, root_key=root)
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
    assert contents(opened(RamFlash(flash.data), root_key=root)) == held
    assert store.stats()["sealed"] == "secret"
    other = opened(RamFlash(flash.data), root_key=seal.obfuscation_root(b"\x01\x02"))
    assert other.get("key") is None and other.stats()["unreadable"] == 1
    assert other.stats()["sealed"] == "obfuscated"
    assert len(other.keys()) == 5
    assert "range" not in repr(root) and "\\x" not in repr(root)
