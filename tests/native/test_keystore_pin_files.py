"""The key store in pin files behind a littlefs that is worked hard: nothing moves or touches them.

littlefs-python stands in for the board's littlefs, with MicroPython's settings for rp2 and esp32.
In a soak: ten times as much.
"""

import random

import pytest
from keystore.proof_file import note
from littlefs import LittleFS, LittleFSError
from littlefs.context import UserContext

from callboard import keystore
from callboard.errors import StorageError
from callboard.flash import SECTOR, pin_files
from support.covers import covers
from support.soak import times

ROUNDS = times(400, 4000)
BLOCKS = 48


class Board:
    """A flash with a littlefs on it: `fs` mounted; and the block device that MicroPython has."""

    def __init__(self, prog):
        self.context = UserContext(buffsize=BLOCKS * SECTOR)
        self._config = {
            "block_size": SECTOR,
            "block_count": BLOCKS,
            "read_size": 32,
            "prog_size": prog,
            "cache_size": min(SECTOR, 4 * max(32, prog)),
            "lookahead_size": 32,
            "block_cycles": 100,
            "disk_version": 0x00020001,
        }
        self.fs = LittleFS(context=self.context, mount=False, **self._config)
        self.fs.format()
        self.fs.mount()
        self.raw_writes = set()

    def remount(self):
        self.fs.unmount()
        self.fs = LittleFS(context=self.context, mount=True, **self._config)

    def write(self, name, data):
        with self.fs.open(name, "wb") as file:
            file.write(data)

    def read(self, name):
        with self.fs.open(name, "rb") as file:
            return file.read()

    # The extended block protocol, for BlockFlash.

    def ioctl(self, op, arg):
        if op == 6:
            self.raw_writes.add(arg)
            self.context.buffer[arg * SECTOR : (arg + 1) * SECTOR] = b"\xff" * SECTOR
            return 0
        return {4: BLOCKS, 5: SECTOR}[op]

    def readblocks(self, n, buf, off=0):
        at = n * SECTOR + off
        buf[:] = self.context.buffer[at : at + len(buf)]

    def writeblocks(self, n, buf, off):
        self.raw_writes.add(n)
        at = n * SECTOR + off
        for i, byte in enumerate(buf):
            self.context.buffer[at + i] &= byte


@pytest.fixture(params=[256, 32])
def board(request):
    """A board with a few files, then the pin files, then more."""
    board = Board(request.param)
    board.fs.mkdir("lib")
    for i in range(4):
        board.write(f"before{i}", b"x" * (900 * i))
    for name in pin_files.NAMES:
        board.write(name, pin_files.pin_content())
    board.write("lib/after", b"y" * 9000)
    board.page = 256 if request.param == 256 else 1
    return board


@covers("V-22")
@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(60 + ROUNDS // 4)
def test_nothing_moves_or_touches_them(board):
    lot = random.Random(1)
    blocks = pin_files.find_blocks(board)
    store = keystore.open(pin_files.pin_flash(board, page=board.page))
    files, held = {}, {}
    full = 0
    for i in range(ROUNDS):
        name, data = (
            f"lib/file{lot.randrange(12)}",
            lot.randbytes(lot.choice((10, 500, 5000, 20000))),
        )
        try:
            board.write(name, data)
            files[name] = data
        except LittleFSError:  # the disk is full
            full += 1
            files.pop(name, None)
            for victim in list(files)[: lot.randrange(3)]:
                board.fs.remove(victim)
                del files[victim]
            if name in board.fs.listdir("lib"):
                board.fs.remove(name)
        key, value = f"key{lot.randrange(5)}", lot.randbytes(lot.randrange(80))
        store.put(key, value)
        store.maintain()
        held[key] = value
        if i % 40 == 39:
            board.remount()
            assert pin_files.find_blocks(board) == blocks
            store = keystore.open(pin_files.pin_flash(board, page=board.page))
            assert {key: store.get(key) for key in store.keys()} == held  # noqa: SIM118
            for path, content in files.items():
                assert board.read(path) == content
    assert full > ROUNDS // 80, "the disk was hardly ever full"
    assert board.raw_writes == set(blocks)
    assert store.stats()["sequence"] > ROUNDS // 200
    assert store.stats()["corrupt"] == store.stats()["torn"] == 0
    assert board.read("before3") == b"x" * 2700
    note(pin_file_rewrites=ROUNDS)


def test_files_that_are_not_as_they_should_be(board):
    find = pin_files.find_blocks
    blocks = find(board)
    assert len(set(blocks)) == 2
    board.fs.rename(pin_files.NAMES[1], "elsewhere")
    with pytest.raises(StorageError, match="not there"):
        find(board)
    board.write(pin_files.NAMES[1], b"short")
    with pytest.raises(StorageError):
        find(board)
    board.write(pin_files.NAMES[1], bytes(SECTOR + 1))
    with pytest.raises(StorageError, match="4096"):
        find(board)
    board.write(pin_files.NAMES[1], b"written by somebody".ljust(SECTOR))
    with pytest.raises(StorageError, match="somebody"):
        pin_files.pin_flash(board)
    board.fs.remove(pin_files.NAMES[1])
    board.fs.rename("elsewhere", pin_files.NAMES[1])
    assert find(board) == blocks
    keystore.open(pin_files.pin_flash(board)).put("a", b"1")
    assert keystore.open(pin_files.pin_flash(board)).get("a") == b"1"


def test_a_directory_of_many_pairs(board):
    """So many names in the root that it takes several metadata pairs."""
    blocks = pin_files.find_blocks(board)
    for i in range(150):
        board.write(f"a-rather-long-name-of-a-file-{i:03}", b"%d" % i)
        if i % 10 == 0:
            assert pin_files.find_blocks(board) == blocks
    for i in range(0, 150, 2):
        board.fs.remove(f"a-rather-long-name-of-a-file-{i:03}")
        assert pin_files.find_blocks(board) == blocks


def test_no_file_system(board):
    board.context.buffer[: 2 * SECTOR] = b"\xff" * (2 * SECTOR)
    with pytest.raises(StorageError, match="cannot be read"):
        pin_files.find_blocks(board)
    lot = random.Random(1)
    for _ in range(300):
        board.context.buffer[: 2 * SECTOR] = lot.randbytes(2 * SECTOR)
        with pytest.raises(StorageError):
            pin_files.find_blocks(board)
