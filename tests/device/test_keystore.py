"""The key store's facade over a file: durable, bounded, and damage is noticed."""

import os

from callboard import codes, keystore
from callboard.errors import InvalidArgument, StorageError
from callboard.keystore import NAME_MAX, SIZE_MAX, VALUE_MAX, FileDevice, RamDevice
from support import raises

PATH = "/tmp/callboard_test_keystore_%d" % (id(object()) & 0xFFFFFFFF)


def fresh(path=PATH):
    for name in (path, path + ".new"):
        keystore.remove(name)
    return keystore.open(FileDevice(path))


def reopened():
    return keystore.open(FileDevice(PATH))


def test_what_is_put_is_there_after_reopening():
    store = fresh()
    store.put("device_key", bytes(range(32)))
    store.put("nonce", b"")
    assert store.get("device_key") == bytes(range(32))
    again = reopened()
    assert again.keys() == ["device_key", "nonce"]
    assert again.get("device_key") == bytes(range(32)) and again.get("nonce") == b""
    again.delete("nonce")
    again.delete("nonce")
    assert reopened().keys() == ["device_key"] and reopened().get("nonce") is None
    again.erase_all()
    assert reopened().keys() == []
    keystore.remove(PATH)
    keystore.remove(PATH)


def test_new_device_is_empty():
    store = fresh()
    assert store.keys() == [] and store.get("x") is None
    assert not store.stats()["corrupt"]


def test_limits_are_checked_and_leave_the_store_alone():
    store = fresh()
    store.put("a" * NAME_MAX, bytes(VALUE_MAX))
    for name in ("", "a" * (NAME_MAX + 1), "a b", "é", "\n", None, 5, b"x"):
        raises(InvalidArgument, store.put, name, b"1")
        raises(InvalidArgument, store.get, name)
        raises(InvalidArgument, store.delete, name)
    for value in (None, "text", 5, bytes(VALUE_MAX + 1)):
        raises(InvalidArgument, store.put, "x", value)
    assert reopened().keys() == ["a" * NAME_MAX]
    keystore.remove(PATH)


def test_full_store_says_so_and_loses_nothing():
    store = fresh()
    for n in range(3):
        store.put("k%d" % n, bytes(VALUE_MAX))
    error = raises(StorageError, store.put, "k3", bytes(VALUE_MAX))
    assert error.code == codes.STORAGE and "full" in error.message
    assert reopened().keys() == ["k0", "k1", "k2"]
    assert os.stat(PATH)[6] <= SIZE_MAX
    keystore.remove(PATH)


def test_equal_value_is_not_written_again():
    store = fresh()
    store.put("a", b"1")
    store.put("a", b"1")
    assert store.stats()["writes"] == 1
    keystore.remove(PATH)


def test_every_damaged_byte_is_noticed_and_counts_as_empty():
    data = keystore.encode({"device_key": bytes(range(32)), "b": b"x"})
    assert keystore.decode(data) == {"device_key": bytes(range(32)), "b": b"x"}
    for at in range(len(data)):
        for flip in (1, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[at] ^= flip
            assert keystore.decode(bytes(damaged)) is None, at
            store = keystore.open(RamDevice(bytes(damaged)), identity=False)
            assert store.keys() == [] and store.stats()["corrupt"]
    for size in range(len(data)):
        assert keystore.decode(data[:size]) is None
    assert keystore.decode(data + b"\0") is None


def test_valid_checksum_over_nonsense_is_not_believed():
    import binascii
    import struct

    def sealed(body):
        return body + struct.pack(">I", binascii.crc32(body))

    header = struct.pack(">4sBBH", b"CBKS", 1, 1, 4)
    assert keystore.decode(sealed(header + b"\x01\x00\x00a")) == {"a": b""}
    for body in (
        struct.pack(">4sBBH", b"CBKS", 2, 1, 4) + b"\x01\x00\x00a",  # a later version
        struct.pack(">4sBBH", b"CBKS", 1, 2, 4) + b"\x01\x00\x00a",  # an entry too few
        struct.pack(">4sBBH", b"CBKS", 1, 0, 4) + b"\x01\x00\x00a",  # one too many
        struct.pack(">4sBBH", b"XXXX", 1, 1, 4) + b"\x01\x00\x00a",
        header + b"\x09\x00\x00a",  # a name longer than the file
        header + b"\x01\x00\x09a",  # a value longer than the file
        header + b"\x01\x00\x00\xff",  # not a name
        struct.pack(">4sBBH", b"CBKS", 1, 1, 3) + b"\x00\x00\x00",  # no name
    ):
        assert keystore.decode(sealed(body)) is None, body


def test_damaged_store_can_be_written_again():
    with open(PATH, "wb") as file:
        file.write(b"garbage")
    store = reopened()
    assert store.stats()["corrupt"]
    store.put("a", b"1")
    assert reopened().get("a") == b"1" and not reopened().stats()["corrupt"]
    keystore.remove(PATH)


class FailingDevice(RamDevice):
    """Fails at the n-th write from now on, having written nothing."""

    volatile = False
    fails = False

    def replace(self, data):
        if self.fails:
            raise StorageError("the flash is gone")
        super().replace(data)


def test_failed_write_leaves_the_old_value():
    device = FailingDevice()
    store = keystore.open(device)
    store.put("a", b"1")
    device.fails = True
    raises(StorageError, store.put, "a", b"2")
    raises(StorageError, store.delete, "a")
    assert store.get("a") == b"1" and keystore.open(device).get("a") == b"1"


def test_left_over_temporary_file_is_ignored():
    store = fresh()
    store.put("a", b"1")
    with open(PATH + ".new", "wb") as file:
        file.write(b"half a write")
    assert reopened().get("a") == b"1"
    reopened().put("a", b"2")
    assert reopened().get("a") == b"2"
    keystore.remove(PATH)


def test_place_that_forgets_is_refused_for_an_identity():
    error = raises(StorageError, keystore.open, RamDevice())
    assert error.code == codes.STORAGE
    store = keystore.open(RamDevice(), identity=False)
    store.put("a", b"1")
    assert store.get("a") == b"1"


def test_unusable_path_is_a_storage_error():
    store = keystore.open(FileDevice("/nowhere/at/all/flash"))
    raises(StorageError, store.put, "a", b"1")
    raises(StorageError, keystore.open, FileDevice("/tmp"))  # a directory


def test_stats():
    store = fresh()
    store.put("abc", b"12345")
    stats = store.stats()
    assert stats["keys"] == 1 and stats["size"] == SIZE_MAX and not stats["corrupt"]
    assert stats["used"] == len(keystore.encode({"abc": b"12345"})) == os.stat(PATH)[6]
    keystore.remove(PATH)


def test_transaction_is_one_write_or_none():
    device = FailingDevice()
    store = keystore.open(device)
    store.put("a", b"1")
    with store.transaction() as changes:
        changes.put("b", b"2")
        changes.delete("a")
        assert store.keys() == ["a"]
    assert keystore.open(device).keys() == ["b"] and store.stats()["writes"] == 2
    try:
        with store.transaction() as changes:
            changes.put("c", b"3")
            raise ValueError
    except ValueError:
        pass
    device.fails = True
    transaction = store.transaction()
    transaction.put("d", b"4")
    raises(StorageError, transaction.__exit__, None, None, None)
    raises(InvalidArgument, store.transaction().put, "e", bytes(VALUE_MAX + 1))
    assert store.keys() == keystore.open(device).keys() == ["b"]
