"""A snapshot whose header block was cut short: the cases that lots rarely draw.

With a program unit of 256 bytes the header shares its unit with records. Cut short, it can leave a
header that is good and records that are not; the sector before then still has them.
"""

import pytest
from keystore.sim import KS, SECTOR, Nor, Store, lib

NAMES = [b"key%d" % i for i in range(6)]


def before_swap(seed=0):
    """A store whose next put must swap, its contents, and a key that was deleted long before."""
    nor = Nor(256)
    store = Store(nor)
    assert store.put(b"gone", b"must not come back") == 0
    assert store.delete(b"gone") == 0
    contents = {}
    i = seed
    while store.stats()["free"]:
        name, value = NAMES[i % 6], b"%03d" % i * 13
        assert store.put(name, value) == 0
        contents[name] = value
        i += 1
    assert store.stats()["ready"]
    return nor, store, contents


def torn_header(keep_first=True):
    """(flash, contents before the swap, new sector): the header block cut short, so that a copy
    of the header is good and the first record is not."""
    nor, store, contents = before_swap()
    target = SECTOR if store.stats()["sequence"] % 2 else 0
    assert store.put(b"key0", b"the put that swapped") == 0
    data = bytearray(nor.data)
    assert data[target : target + 2] == b"KS"
    data[target + 30] |= 0xFF  # bits that were still to be programmed
    if not keep_first:
        data[target + 8] |= 0xFF
    torn = nor.copy()
    torn.data = bytes(data)
    return torn, contents, target


def test_records_of_a_torn_header_block_are_found_in_the_sector_before():
    nor, contents, _ = torn_header()
    store = Store(nor, prepare=False)
    assert store.opened == 0
    assert store.contents() in (contents, {**contents, b"key0": b"the put that swapped"})
    held = store.contents()
    assert store.maintain() == 0 and store.contents() == held
    assert store.reopen() == 0 and store.contents() == held
    assert store.put(b"key1", b"goes on") == 0
    assert nor.violations == 0


def test_without_a_good_header_the_sector_before_counts():
    nor, contents, _ = torn_header(keep_first=False)
    store = Store(nor, prepare=False)
    assert store.contents() == contents
    assert store.maintain() == 0
    assert store.contents() == contents and nor.violations == 0


def cut_in_erase(torn, action):
    """The flash when the power fails in the first erase of action(store); None if none comes."""
    for operations in range(20):
        nor = torn.copy()
        store = Store(nor, prepare=False)
        erases = sum(nor.erases)
        nor.cut_after(operations)
        action(store)
        if sum(nor.erases) > erases:
            nor.revive()
            return nor
    return None


def put_then_maintain(store):
    store.put(b"key2", b"first")
    store.maintain()


@pytest.mark.parametrize("action", [Store.maintain, put_then_maintain])
def test_what_was_deleted_stays_deleted_when_the_old_sector_is_half_erased(action):
    """The old sector loses the deletion but not the record: nobody may read it again."""
    torn, _, target = torn_header()
    old = target ^ SECTOR
    nor = cut_in_erase(torn, action)
    data = bytearray(nor.data)
    data[old : old + SECTOR] = torn.data[old : old + SECTOR]
    pages = [at for at in range(old, old + SECTOR, 256) if b"gone" in data[at : at + 256]]
    assert len(pages) == 2  # the record, and its deletion
    data[pages[1] : pages[1] + 256] = b"\xff" * 256
    half = Nor(256, data=bytes(data))
    half.handle.torn[old // SECTOR] = 1
    store = Store(half, prepare=False)
    assert store.get(b"gone") == KS["KS_ENOTFOUND"]
    assert len(store.contents()) == 6
    assert store.maintain() == 0 and store.put(b"key5", b"on") == 0 and half.violations == 0


def test_a_flip_in_the_header_block_after_a_swap_costs_one_key():
    """Right after a swap by a delete, when the old sector is still there."""
    nor, store, contents = before_swap()
    assert store.delete(b"key3") == 0
    del contents[b"key3"]
    target = 0 if store.stats()["sequence"] % 2 else SECTOR
    assert store.contents() == contents
    for bit in range(256 * 8):
        data = bytearray(nor.data)
        data[target + bit // 8] ^= 1 << bit % 8
        flipped = Store(Nor(256, data=bytes(data)), prepare=False)
        assert flipped.get(b"key3") == KS["KS_ENOTFOUND"]
        wrong = [name for name in contents if flipped.get(name) != contents[name]]
        assert len(wrong) <= 1
        assert flipped.stats()["corrupt"] >= 1
        assert flipped.maintain() == 0 and flipped.put(b"key4", b"on") == 0


def test_a_full_snapshot_heals_too():
    """The store is as full as it may be; the header block is cut short in every way."""
    nor = Nor(256)
    store = Store(nor, keys=40)
    contents = {}
    i = 0
    while True:
        name, value = b"full%d" % i, b"%d" % i * (30 + i % 70)
        assert store.maintain() == 0
        if store.put(name, value) == KS["KS_EFULL"]:
            break
        contents[name] = value
        i += 1
    assert len(contents) > 15
    for lot in range(60):
        name = b"full%d" % (lot % len(contents))
        value = b"%d" % (lot % 10) * len(contents[name])
        copy = nor.copy()
        trial = Store(copy, keys=40)
        assert trial.maintain() == 0
        copy.cut_after(lot % 20)
        result = trial.put(name, value)
        copy.revive()
        assert trial.reopen() == 0
        held = trial.contents()
        assert held in (contents, {**contents, name: value})
        assert result or held[name] == value
        assert trial.maintain() == 0
        assert trial.contents() == held
        assert trial.reopen() == 0 and trial.contents() == held
        assert copy.violations == 0
        assert store.maintain() == 0
        assert store.put(name, value) == 0
        contents[name] = value


def test_salts_never_repeat():
    """The salt of sealed values only grows, whatever is cut."""
    nor = Nor(1)
    store = Store(nor)
    last = 0
    for i in range(600):
        salt = lib.ks_seal_salt(store.handle)
        assert salt >= last
        last = salt
        if i % 5 == 0:
            nor.cut_after(i % 3)
        if store.put(b"k%d" % (i % 4), b"v" * (i % 60)) == 0:
            assert lib.ks_seal_salt(store.handle) > salt
        nor.revive()
        assert store.reopen() == 0
        store.maintain()
