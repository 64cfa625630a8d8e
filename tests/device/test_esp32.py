"""Boards of the ESP32 family: which partition holds what, Wi-Fi; on scripted modules."""

import sys

from callboard import platform
from callboard.errors import InvalidArgument, StorageError
from callboard.flash import pin_files
from support import raises

BLOCK = 4096


class Partition:
    """esp32.Partition: a block device in memory; `table` has what find() finds."""

    TYPE_APP, TYPE_DATA = 0, 1
    table = {}

    def __init__(self, label, blocks, encrypted=False):
        self._info = (1, 6, 0x10000, blocks * BLOCK, label, encrypted)
        self._data = bytearray(b"\xff" * (blocks * BLOCK))

    @staticmethod
    def find(type=1, subtype=0xFF, label=None, block_size=BLOCK):
        found = Partition.table.get(label)
        return [found] if found is not None else []

    def info(self):
        return self._info

    def readblocks(self, number, buffer, offset=0):
        at = number * BLOCK + offset
        memoryview(buffer)[:] = memoryview(self._data)[at : at + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        at = number * BLOCK + offset
        for i in range(len(buffer)):
            self._data[at + i] &= buffer[i]

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self._data) // BLOCK
        if operation == 5:
            return BLOCK
        if operation == 6:
            at = argument * BLOCK
            self._data[at : at + BLOCK] = b"\xff" * BLOCK
        return 0


class Pin:
    IN, OUT, PULL_UP, PULL_DOWN = 0, 1, 2, 3

    def __init__(self, number, mode=None, pull=None):
        self.number = number

    def irq(self, handler):
        pass

    def value(self, level=None):
        return 1


class Machine:
    Pin = Pin
    PWRON_RESET = 1

    @staticmethod
    def reset_cause():
        return 1


class WLAN:
    def __init__(self, interface):
        self._active = False

    def active(self, on=None):
        self._active = self._active if on is None else on
        return self._active

    def scan(self):
        return [(b"Home", b"\0" * 6, 1, -40, 3, False)]


class Network:
    STA_IF = 0
    WLAN = WLAN


class Esp32:
    pass


Esp32.Partition = Partition


class Board:
    BOARD = "ESP32_GENERIC_S3"
    CHIP = "esp32s3"
    NETWORK = "wifi"
    KEY_STORE = "partition"
    BUTTON = {"pin": 0, "active": "low"}
    LED = {"pin": 2, "active": "high"}


def made(partitions, **constants):
    """`with` it: the platform of a board with these partitions, on modules of ours."""

    class Other(Board):
        pass

    for name, value in constants.items():
        setattr(Other, name, value)
    Partition.table = partitions
    kept = {}
    for name, module in (("machine", Machine), ("network", Network), ("esp32", Esp32)):
        kept[name] = sys.modules.get(name)
        sys.modules[name] = module
    try:
        return Scripted(platform.create(Other), kept)
    except Exception:
        restore(kept)
        raise


def restore(kept):
    for name, module in kept.items():
        if module is None:
            del sys.modules[name]
        else:
            sys.modules[name] = module


class Scripted:
    """`with` the modules of an ESP32."""

    def __init__(self, hardware, kept):
        self._hardware, self._kept = hardware, kept

    def __enter__(self):
        return self._hardware

    def __exit__(self, kind, value, trace):
        restore(self._kept)
        return False


def test_keys_and_log_have_partitions_of_their_own():
    table = {"keystore": Partition("keystore", 2), "log": Partition("log", 4)}
    with made(table) as board:
        store = board.open_store()
        store.put("device_key", b"k" * 32)
        assert board.log_ring() is not None
    with made(table) as board:  # after a restart
        assert board.open_store().get("device_key") == b"k" * 32
        assert board.reset_cause() == "power on" and board.name == "ESP32_GENERIC_S3"
        assert bytes(memoryview(table["log"]._data)[:2]) != b"KS"


def test_without_a_partition_it_says_so():
    with made({}) as board:
        assert "keystore" in raises(StorageError, board.open_store).message
        assert board.log_ring() is None


def test_an_encrypted_partition_is_refused():
    with made({"keystore": Partition("keystore", 2, True)}) as board:
        assert "encrypted" in raises(StorageError, board.open_store).message


def test_a_log_that_does_not_fit_is_told_and_the_board_runs():
    with made({"log": Partition("log", 2)}) as board:
        error = raises(StorageError, board.log_flash)
        assert "LOG_SECTORS is 4" in error.message and "has 2" in error.message
        assert board.log_ring() is None
    with made({"log": Partition("log", 2)}, LOG_SECTORS=0) as board:
        assert board.log_flash() is None


def test_keys_in_pin_files_behind_the_file_system():
    with made({}, KEY_STORE="pin_files") as board:
        assert "vfs" in raises(StorageError, board.open_store).message
    with made({"vfs": Partition("vfs", 8)}, KEY_STORE="pin_files") as board:
        assert "file system" in raises(StorageError, board.open_store).message
    assert len(pin_files.NAMES) == 2  # what they are like: test_keystore_pin_files, images


async def test_its_wifi_looks_around():
    with made({}) as board:
        assert await board.scan() == [(b"Home", -40, True)]


def test_a_chip_that_is_not_known_is_named():
    error = raises(InvalidArgument, made, {}, CHIP="esp8266")
    assert "esp8266" in error.message
