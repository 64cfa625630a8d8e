"""The key store's core, behaviour by behaviour, on the simulated flash of keystore/nor.h."""

import gc
import random
import struct
import zlib

import pytest
from keystore.sim import KS, SECTOR, SIZE, UNITS, Nor, Store, lib, record_size

from callboard import keystore
from callboard.errors import StorageError
from callboard.flash.devices import RamFlash

every_unit = pytest.mark.parametrize("unit", UNITS)


def fill_until(store, code):
    """Put ever new values without maintenance until a put returns code; the last contents."""
    contents = {}
    for i in range(4000):
        name, value = b"k%d" % (i % 5), b"%d" % i * 9
        result = store.put(name, value)
        if result:
            assert result == code, result
            return contents
        contents[name] = value
    raise AssertionError("never")


@every_unit
def test_put_get_delete(unit):
    store = Store(Nor(unit))
    values = {b"a": b"", b"b": b"\xff" * 300, b"fifteen-letters": bytes(range(256)) * 4}
    for name, value in values.items():
        assert store.put(name, value) == 0
    assert store.contents() == values
    assert store.delete(b"b") == 0
    assert store.delete(b"b") == KS["KS_ENOTFOUND"]
    assert store.get(b"b") == KS["KS_ENOTFOUND"]
    assert store.reopen() == 0
    del values[b"b"]
    assert store.contents() == values
    assert store.stats()["torn"] == store.stats()["corrupt"] == 0


@every_unit
def test_a_put_never_erases(unit):
    nor = Nor(unit)
    store = Store(nor)
    while store.stats()["sequence"] == 1:
        store.put(b"key", b"%d" % store.stats()["free"])
    erases = nor.erases
    contents = fill_until(store, KS["KS_EMAINTAIN"])
    assert nor.erases == erases
    contents[b"key"] = store.get(b"key")
    assert store.contents() == contents
    assert store.maintain() == 0
    # One; or, when there is no room to note it, one more for the swap that makes room.
    assert 1 <= sum(nor.erases) - sum(erases) <= 2
    assert store.put(b"key", b"goes on") == 0
    assert nor.violations == 0


def test_maintain_does_nothing_twice():
    nor = Nor()
    store = Store(nor)
    before = nor.data, nor.erases
    for _ in range(5):
        assert store.maintain() == 0
        assert store.reopen() == 0
    assert (nor.data, nor.erases) == before


@every_unit
def test_reboots_do_not_wear(unit):
    """Whatever the moment, a device that only reboots and maintains soon stops erasing."""
    nor = Nor(unit)
    store = Store(nor)
    for i in range(120):
        total = [sum(nor.erases)]
        for _ in range(5):
            assert store.reopen() == 0
            assert store.maintain() == 0
            total.append(sum(nor.erases))
        # At worst: one erase that was not noted, a swap because there is no room to note the next
        # one, and one erase after that whose note waits for a put that never comes.
        assert total[-1] - total[0] <= 3 and total[2] == total[-1]
        assert store.put(b"k%d" % (i % 3), b"x" * (60 + i % 90)) == 0
    assert nor.violations == 0


@every_unit
def test_full_store_loses_nothing(unit):
    store = Store(Nor(unit), keys=100)
    contents = {}
    for i in range(200):
        assert store.maintain() == 0
        name, value = b"key%d" % i, b"%d" % i * 30
        result = store.put(name, value)
        if result:
            assert result == KS["KS_EFULL"]
            break
        contents[name] = value
    assert store.contents() == contents
    live = sum(record_size(name, value) for name, value in contents.items())
    assert store.stats()["used"] == live <= store.stats()["size"]
    # Full, it still updates, deletes and survives reopening.
    for i in range(60):
        name = b"key%d" % (i % 9)
        contents[name] = b"%d" % i * (len(contents[name]) // len(b"%d" % i))
        assert store.put(name, contents[name]) == 0, i
        assert store.maintain() == 0
    assert store.put(b"one more", bytes(400)) == KS["KS_EFULL"]
    assert store.begin(500) == KS["KS_EFULL"]
    assert store.reopen() == 0
    assert store.contents() == contents
    for name in list(contents):
        assert store.maintain() == 0
        assert store.delete(name) == 0
    assert store.contents() == {}


@every_unit
def test_limits(unit):
    store = Store(Nor(unit), keys=2)
    big = bytes(KS["KS_STORED_MAX"])
    assert store.put(b"k", big) == 0
    assert store.get(b"k") == big
    assert store.put(b"k", big + b"x") == KS["KS_EVALUE"]
    assert store.put(b"k", bytes(70000)) == KS["KS_EVALUE"]
    assert store.put(b"", b"") == store.put(b"sixteen-letters-", b"") == KS["KS_ENAME"]
    assert store.get(b"") == store.delete(bytes(300)) == KS["KS_ENAME"]
    assert store.put(b"l", b"2") == 0
    assert store.put(b"m", b"3") == KS["KS_EKEYS"]
    assert store.contents() == {b"k": big, b"l": b"2"}
    assert Store(store.nor, keys=1, prepare=False).opened == KS["KS_EKEYS"]


def test_small_buffer_stays_untouched():
    from keystore.sim import ffi

    store = Store(Nor())
    store.put(b"k", b"0123456789")
    out = ffi.new("uint8_t[]", b"untouched")
    assert lib.ks_get(store.handle, b"k", 1, out, 9) == KS["KS_ESMALL"]
    assert ffi.string(out) == b"untouched"
    assert lib.ks_get(store.handle, b"k", 1, ffi.NULL, 0) == 10
    assert lib.ks_key(store.handle, 0, out, 0) == KS["KS_ESMALL"]
    assert lib.ks_key(store.handle, 1, out, 9) == KS["KS_ENOTFOUND"]


@every_unit
def test_transaction(unit):
    store = Store(Nor(unit), keys=4)
    store.put(b"a", b"1")
    assert store.commit() == store.abort() == KS["KS_EORDER"]
    assert store.begin(100) == 0
    assert store.begin(100) == store.maintain() == store.erase_all() == KS["KS_EORDER"]
    assert store.put(b"a", b"2") == store.put(b"b", b"3") == 0
    assert store.get(b"a") == b"1" and store.get(b"b") == KS["KS_ENOTFOUND"]
    assert store.commit() == 0
    assert store.contents() == {b"a": b"2", b"b": b"3"}
    assert store.begin(60) == 0
    assert store.delete(b"a") == store.put(b"c", b"4") == 0
    assert store.put(b"d", bytes(300)) == KS["KS_EFULL"]  # more than was announced
    assert store.delete(b"x") == KS["KS_ENOTFOUND"]
    assert store.abort() == 0
    assert store.put(b"z", b"after") == 0
    assert store.reopen() == 0
    contents = {b"a": b"2", b"b": b"3", b"z": b"after"}
    assert store.contents() == contents
    assert store.begin(100) == 0
    assert store.put(b"c", b"") == 0
    assert store.put(b"d", b"") == KS["KS_EKEYS"]
    assert store.reopen() == 0  # power cut: never committed
    assert store.contents() == contents
    assert store.begin(-1) == store.begin(SECTOR) == KS["KS_EFULL"]


@every_unit
def test_transactions_swap_beforehand(unit):
    nor = Nor(unit)
    store = Store(nor, keys=30)
    contents = {}
    for i in range(60):
        store.maintain()
        assert store.begin(400) == 0
        for k in range(8):
            contents[b"key%d" % (k + i % 9)] = b"%d" % i * (5 + k)
            assert store.put(b"key%d" % (k + i % 9), b"%d" % i * (5 + k)) == 0
        assert store.commit() == 0
        if i % 7 == 0:
            assert store.reopen() == 0
    assert store.contents() == contents
    assert store.stats()["sequence"] > 3 and nor.violations == 0


@every_unit
def test_erase_all_leaves_no_trace(unit):
    nor = Nor(unit)
    store = Store(nor)
    store.put(b"name-of-secret", b"the-secret-itself")
    store.maintain()
    assert store.erase_all() == 0
    assert store.contents() == {}
    assert b"secret" not in nor.data
    assert store.put(b"k", b"v") == 0 and store.reopen() == 0
    assert store.contents() == {b"k": b"v"}


def colliding_names():
    """Two different names with the same CRC-32."""
    first = b"callboard"
    seen = zlib.crc32(first)
    # CRC-32 is linear: choose the last four bytes so that the CRC comes out right.
    for prefix in range(1000):
        head = b"%05d" % prefix
        table = {}
        for i in range(256):
            crc = i
            for _ in range(8):
                crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
            table[crc >> 24] = (i, crc)
        want = seen ^ 0xFFFFFFFF
        steps = []
        for _ in range(4):
            i, crc = table[want >> 24]
            steps.append(i)
            want = ((want ^ crc) << 8) & 0xFFFFFFFF
        state = zlib.crc32(head) ^ 0xFFFFFFFF
        tail = bytearray()
        for i in reversed(steps):
            byte = (state ^ i) & 0xFF
            tail.append(byte)
            state = zlib.crc32(bytes([byte]), state ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
        if zlib.crc32(head + tail) == seen:
            return first, bytes(head + tail)
    raise AssertionError("no collision found")


def test_names_with_one_hash():
    first, second = colliding_names()
    store = Store(Nor())
    store.put(first, b"1")
    assert store.put(second, b"2") == KS["KS_ECLASH"]
    assert store.get(second) == KS["KS_ECLASH"]
    assert store.delete(second) == KS["KS_ECLASH"]
    assert store.contents() == {first: b"1"}
    assert store.delete(first) == 0
    assert store.put(second, b"2") == 0
    assert store.contents() == {second: b"2"}


def test_refuses_other_versions_and_units():
    nor = Nor(4)
    Store(nor).put(b"a", b"1")
    assert Store(Nor(16, data=nor.data), prepare=False).opened == KS["KS_EVERSION"]
    data = bytearray(nor.data)
    for base in (0, 12):
        data[base + 2] = 2
        struct.pack_into("<I", data, base + 8, zlib.crc32(data[base : base + 8]))
    later = Nor(4, data=bytes(data))
    assert Store(later, prepare=False).opened == KS["KS_EVERSION"]
    assert later.data == bytes(data)


@pytest.mark.parametrize("unit", [0, 3, 512, -1])
def test_refuses_other_geometry(unit):
    nor = Nor(1)
    nor.handle.unit = unit & 0xFFFFFFFF
    assert Store(nor, buffer=512, prepare=False).opened == KS["KS_EGEOMETRY"]


def test_refuses_a_state_too_small():
    from keystore.sim import ffi

    nor = Nor(256)
    memory = ffi.new("uint64_t[]", 100)
    state = ffi.cast("ks_t *", memory)
    need = lib.ks_state_size(4, 256)
    erange = -101
    assert lib.ks_open(state, need - 1, nor.driver, 256, 4) == erange
    assert lib.ks_open(state, need, nor.driver, 256, 0) == erange
    assert lib.ks_open(state, need, nor.driver, 256, 256) == erange
    assert lib.ks_open(state, need, nor.driver, 23, 4) == erange
    assert lib.ks_open(state, need, nor.driver, 25, 4) == erange  # the index must be aligned
    assert lib.ks_open(state, need, nor.driver, 254, 4) == KS["KS_EGEOMETRY"]
    assert lib.ks_open(state, need, nor.driver, 256, 4) == KS["KS_EMPTY"]


def test_an_image_inside_a_value_stays_inside():
    """A record in a value is no record, even when the one around it is damaged."""
    inner = Nor()
    inner_store = Store(inner)
    inner_store.put(b"inner", b"from the image in the value")
    image = inner.data[24:120]
    nor = Nor()
    store = Store(nor)
    store.put(b"outer", image)
    data = bytearray(nor.data)
    data[data.index(b"outer")] ^= 1
    assert Store(Nor(data=bytes(data))).contents() == {}


@every_unit
def test_a_failing_driver_loses_nothing(unit):
    """Every operation fails once, without a power cut; then the same store object goes on."""
    lot = random.Random(unit)
    nor = Nor(unit)
    store = Store(nor)
    contents = {}
    for i in range(400):
        name, value = b"k%d" % lot.randrange(6), lot.randbytes(lot.randrange(80))
        if lot.randrange(2):
            nor.cut_after(lot.randrange(4))
        action = lot.randrange(8)
        if action == 0:
            result = store.maintain()
            value = contents.get(name)
        else:
            result = store.put(name, value)
        failed = nor.dead
        nor.revive()
        if result == 0 and value is not None:
            contents[name] = value
        if result and result != KS["KS_EMAINTAIN"]:
            assert failed and result in (KS["KS_EIO"], -102), result
            assert store.reopen() == 0
            if store.get(name) == value:
                contents[name] = value
        assert store.contents() == contents, i
        if result == KS["KS_EMAINTAIN"]:
            assert store.maintain() == 0
    assert nor.violations == 0


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("unit", [1, 16, 256])
def test_stuck_bits(unit, seed):
    """Cells that cannot change cost at most the record they hit when written, never another."""
    lot = random.Random(seed)
    nor = Nor(unit, seed)
    store = Store(nor)
    stuck = [(lot.randrange(SIZE), 1 << lot.randrange(8)) for _ in range(3)]
    contents = {}
    errors = 0
    for i in range(300):
        for at, bit in stuck:  # stuck at 0: erased or not
            nor.handle.data[at] &= ~bit & 0xFF
        before = dict(contents)
        name, value = b"k%d" % (i % 6), b"%d," % i * lot.randrange(4, 15)
        result = store.put(name, value)
        if result == KS["KS_EMAINTAIN"]:
            store.maintain()
            result = store.put(name, value)
        if result == 0:
            contents[name] = value
            assert store.get(name) == value  # it was read back; a bad place was passed over
        else:
            errors += 1
            assert result in (KS["KS_EIO"], KS["KS_EMAINTAIN"]), result
        if i % 10 == 9:
            assert store.reopen() >= 0
        for name in before:
            assert store.get(name) in (contents[name], before[name], KS["KS_EDAMAGED"])
    assert errors < 30 and len(store.contents()) == 6


def test_torn_and_damaged_records_are_told_apart():
    nor = Nor()
    store = Store(nor)
    store.put(b"a", b"first")
    store.put(b"b", b"second")
    nor.cut_after(0)
    store.put(b"c", b"third, cut short")
    nor.revive()
    assert store.reopen() == 0
    shown = store.stats()
    assert (shown["torn"], shown["corrupt"]) in ((0, 0), (1, 0))
    store.put(b"d", b"fourth")
    assert store.reopen() == 0
    assert store.stats()["corrupt"] == 0
    torn = store.stats()["torn"]
    data = bytearray(nor.data)
    data[data.index(b"first")] ^= 1
    damaged = Store(Nor(data=bytes(data)))
    assert damaged.stats()["corrupt"] == 1 and damaged.stats()["torn"] == torn
    assert damaged.contents() == {b"b": b"second", b"d": b"fourth"}


@every_unit
def test_no_single_bit_undoes_a_transaction(unit):
    nor = Nor(unit)
    store = Store(nor)
    store.begin(60)
    before = nor.data
    contents = {b"a": b"1", b"b": b"2", b"c": b"3"}
    for name, value in contents.items():
        store.put(name, value)
    assert store.commit() == 0
    changed = [i for i in range(SIZE) if nor.data[i] != before[i]]
    for bit in range(changed[0] * 8, changed[-1] * 8 + 8):
        data = bytearray(nor.data)
        data[bit // 8] ^= 1 << bit % 8
        found = Store(Nor(unit, data=bytes(data)), prepare=False).contents()
        assert len(found) >= 2 and all(contents[name] == found[name] for name in found)


# --- the glue of CPython ---


def test_what_a_device_keeps_is_void_after_the_call():
    """The buffers are the C core's own, on its stack; exceptions keep them in their tracebacks.

    Python 3.11 to 3.11.8 crash when such a one is collected with its exception in a cycle.
    """
    kept = []

    class Curious(RamFlash):
        fails = False

        def read(self, at, buf):
            kept.append(buf)
            if self.fails:
                raise OSError(5)
            super().read(at, buf)

    flash = Curious()
    store = keystore.open(flash, identity=False)
    store.put("name", b"value")
    for _ in range(50):
        flash.fails = True
        with pytest.raises(StorageError):
            store.get("name")
        flash.fails = False
        assert store.get("name") == b"value"
        gc.collect()
    for buffer in kept[::50]:
        with pytest.raises(ValueError, match="released"):
            bytes(buffer)
