"""The log in flash: full and damaged rings, and the power cut at every operation of the flash."""

import json

from callboard.errors import StorageError
from callboard.flash import SECTOR
from callboard.flash.block import BlockFlash
from callboard.flash.devices import RamFlash
from callboard.flash.log_ring import BOOT, END, LINES, PAYLOAD_MAX, LogRing
from support import raises

UNITS = (1, 4, 16, 256)


class PowerCut(Exception):
    """In place of an operation."""


class CutFlash(RamFlash):
    """NOR flash that checks how it is used; `cut`: the operation in whose middle the power goes,
    of which `share` quarters take place, and more in the middle of a byte."""

    def __init__(self, data=None, unit=1, sectors=3, cut=None, share=2):
        super().__init__(data, unit, sectors * SECTOR)
        self.cut = cut
        self.share = share
        self.operations = 0
        self.erases = [0] * sectors
        self.erase_cut = False

    def _now(self):
        self.operations += 1
        if self.cut is not None and self.operations > self.cut:
            raise PowerCut
        return self.operations == self.cut

    def program(self, at, buf):
        unit = self.geometry()
        assert at % unit == 0 and len(buf) % unit == 0 and len(buf) > 0
        assert at // SECTOR == (at + len(buf) - 1) // SECTOR
        blank = bytes(self.data[at : at + len(buf)]) == b"\xff" * len(buf)
        assert blank, "programmed twice"
        if self._now():
            part = len(buf) * self.share // 4
            super().program(at, bytes(buf[:part]))
            if part < len(buf):
                super().program(at + part, bytes((buf[part] | 0x55,)))
            raise PowerCut
        super().program(at, buf)

    def erase(self, at):
        assert at % SECTOR == 0
        self.erases[at // SECTOR] += 1
        if self._now():
            first = at + (self.cut & 1) * SECTOR // 2
            for i in range(first, at + SECTOR, 5 - self.share):
                self.data[i] = 0xFF
            self.erase_cut = True
            raise PowerCut
        super().erase(at)


def lines(ring):
    return [str(payload, "utf-8") for kind, payload in ring.records() if kind == LINES]


def again(flash):
    """The same bytes with the power on again."""
    return CutFlash(flash.data, flash.geometry())


def text(number):
    return b"I (%d) app: line %d %s" % (number, number, b"x" * (number * 37 % 300))


def run(flash, count, start=0, done=None):
    """A boot that writes `count` lines; tells in `done` what was written whole."""
    ring = LogRing(flash)
    ring.begin({"reset": "power on"})
    for number in range(start, start + count):
        ring.write(LINES, text(number))
        if done is not None:
            done.append(str(text(number), "utf-8"))
        if number % 3 == 0:
            ring.prepare()
    return ring


def test_what_was_written_is_read_after_a_reboot():
    for unit in UNITS:
        flash = CutFlash(unit=unit)
        assert LogRing(flash).last is None and lines(LogRing(flash)) == []
        ring = run(flash, 5)
        assert ring.boot == 1 and ring.last is None
        ring.write(END, b"restart")
        ring = LogRing(again(flash))
        assert lines(ring) == [str(text(n), "utf-8") for n in range(5)]
        assert ring.last == {"boot": 1, "reset": "power on", "ended": "restart"}
        flash = again(flash)
        ring = run(flash, 2, 5)
        assert ring.boot == 2 and ring.last["boot"] == 1
        assert LogRing(again(flash)).last == {"boot": 2, "reset": "power on"}
        assert [kind for kind, _ in ring.records()].count(BOOT) == 2


def test_a_full_ring_keeps_the_newest_lines_and_wears_evenly():
    for unit in UNITS:
        flash = CutFlash(unit=unit, sectors=4)
        ring = run(flash, 400)
        kept = lines(LogRing(again(flash)))
        assert kept == [str(text(n), "utf-8") for n in range(400 - len(kept), 400)]
        # A spare sector is blank, the last one may just have begun.
        assert len(kept) > 2 * SECTOR // (300 + unit)
        assert max(flash.erases) - min(flash.erases) <= 1 and max(flash.erases) > 2
        told = [json.loads(str(data, "utf-8")) for kind, data in ring.records() if kind == BOOT]
        assert told and told[0] == {"reset": "power on", "boot": 1}  # said anew in each sector


def test_a_prepared_ring_does_not_erase_when_it_is_written():
    flash = CutFlash(sectors=2)
    ring = run(flash, 60)
    for number in range(200):
        ring.prepare()
        before = sum(flash.erases)
        ring.write(LINES, text(number))
        assert sum(flash.erases) == before


def check_cut(data, unit, cut, share):
    """Cut the power in operation `cut`. Returns whether that was an erase."""
    before = lines(LogRing(CutFlash(data, unit)))
    flash = CutFlash(data, unit, cut=cut, share=share)
    done = []
    raises(PowerCut, run, flash, 12, 1000, done)
    kept = lines(LogRing(again(flash)))
    if kept and kept[-1] not in before + done:  # the one that was being written got through
        assert kept.pop() == str(text(1000 + len(done)), "utf-8")
    expected = [line for line in before + done if line in kept]
    assert kept == expected and kept[len(kept) - len(done) :] == done
    third = len(before) // 3
    assert kept[: len(kept) - len(done)][-third:] == before[len(before) - third :]
    second = LogRing(again(flash))
    second.begin({"reset": "power on"})
    second.write(LINES, b"after")
    assert lines(second)[-1] == "after" and lines(second)[: len(kept)] == kept
    return flash.erase_cut


def test_power_cut_at_every_operation():
    """Nothing that was written is lost but what an erase that had begun held; it goes on."""
    cut_erases = 0
    for unit in UNITS:
        for fill in (0, 40, 52):
            flash = CutFlash(unit=unit)
            if fill:
                run(flash, fill)
            data = bytes(flash.data)
            whole = CutFlash(data, unit)
            run(whole, 12, 1000)
            for cut in range(1, whole.operations + 1):
                cut_erases += check_cut(data, unit, cut, (cut + unit) % 5)
    assert cut_erases > 4


def test_damage_costs_no_more_than_what_it_hits():
    flash = CutFlash(unit=4, sectors=2)
    run(flash, 20)
    whole = lines(LogRing(flash))
    seen = set()
    for at in range(0, len(flash.data), 61):
        data = bytearray(flash.data)
        data[at] ^= 0x20
        ring = LogRing(CutFlash(data, 4))
        kept = lines(ring)
        assert set(kept) <= set(whole)
        lost = len(whole) - len(kept)
        seen.add(min(lost, 2))
        if at % SECTOR >= 16:
            assert lost <= 1
        ring.begin({"reset": "power on"})
        ring.write(LINES, b"goes on")
        assert lines(ring)[-1] == "goes on"
    assert {0, 1} <= seen


def test_whatever_is_in_the_flash_it_opens_reads_and_goes_on():
    seed = 20261129
    for round in range(60):
        flash = CutFlash(unit=UNITS[round % 4], sectors=2)
        run(flash, 12)
        data = bytearray(flash.data)
        for _ in range(1 + round % 7):
            seed = (seed * 69069 + 1) & 0xFFFFFFF
            at = seed >> 4 & 0x1FFF
            for i in range(at, min(at + (seed >> 17 & 63), len(data))):
                seed = (seed * 69069 + 1) & 0xFFFFFFF
                data[i] = seed >> 16 & 0xFF
        ring = LogRing(CutFlash(data, flash.geometry(), 2))
        known = [str(text(number), "utf-8") for number in range(12)]
        assert all(line in known for line in lines(ring))  # nothing is invented
        ring.begin({"reset": "power on"})
        ring.write(LINES, b"goes on")
        assert lines(ring)[-1] == "goes on"


def test_garbage_and_other_versions_are_erased():
    for filling in (b"\x00", b"\x5a", b"\xa5\x3c"):
        flash = CutFlash(filling * (3 * SECTOR // len(filling)))
        ring = LogRing(flash)
        assert lines(ring) == [] and ring.last is None
        ring.begin({"reset": "power on"})
        ring.write(LINES, b"works")
        assert lines(LogRing(again(flash))) == ["works"]
    flash = CutFlash(unit=4)
    run(flash, 3)
    assert lines(LogRing(CutFlash(flash.data, 16))) == []  # another program unit


def test_flash_that_fails():
    class Dead(CutFlash):
        def program(self, at, buf):
            return -1

    class Forgetful(CutFlash):
        def program(self, at, buf):
            if at % SECTOR:
                buf = bytes(len(buf))
            super().program(at, buf)

    class Stuck(CutFlash):
        def erase(self, at):
            raise OSError(5)

    for flash in (Dead(), Forgetful(), Stuck(b"\x00" * 3 * SECTOR)):
        raises(StorageError, LogRing(flash).begin, {"reset": "power on"})
    raises(StorageError, LogRing, RamFlash(size=SECTOR))
    ring = run(CutFlash(), 1)
    for size in (0, PAYLOAD_MAX + 1):
        raises(ValueError, ring.write, LINES, bytes(size))
    ring.write(LINES, b"x" * PAYLOAD_MAX)


# Version 1, two sectors, program unit 16; the first bytes of sector 0, the rest is blank.
V1 = (
    "43424c52010f000000019210a48affff5a4200207b227265736574223a20227761746368646f6722"
    "2c2022626f6f74223a20377d444234a9ffffffffffffffff5a4c00205720283129206170703a206f"
    "6e650a4520283229206170703a207a77c3b66c66d5c18e1bffffffffffffffff5a4500036f6666b9"
    "55b7ebffffffffff"
)


def test_a_ring_of_version_1_is_read():
    from binascii import unhexlify

    data = unhexlify(V1)
    data += b"\xff" * (2 * SECTOR - len(data))
    ring = LogRing(CutFlash(data, 16, 2))
    assert ring.last == {"boot": 7, "reset": "watchdog", "ended": "off"}
    assert lines(ring) == ["W (1) app: one\nE (2) app: zw\u00f6lf"]


class Blocks:
    """A block device with 4 blocks; programs whole pages only."""

    def __init__(self, page):
        self.data = bytearray(b"\xff" * (4 * SECTOR))
        self.page = page

    def ioctl(self, op, arg):
        if op == 6:
            self.data[arg * SECTOR : arg * SECTOR + SECTOR] = b"\xff" * SECTOR
        return {4: 4, 5: SECTOR}.get(op, 0)

    def readblocks(self, n, buf, off=0):
        at = n * SECTOR + off
        memoryview(buf)[:] = memoryview(self.data)[at : at + len(buf)]

    def writeblocks(self, n, buf, off):
        assert off % self.page == 0 and len(buf) % self.page == 0
        for i in range(len(buf)):
            self.data[n * SECTOR + off + i] &= buf[i]


def test_on_a_block_device():
    for page, once in ((1, False), (256, False), (256, True)):
        device = Blocks(page)
        run(BlockFlash(device, (1, 2, 3), page, once), 100)
        kept = lines(LogRing(BlockFlash(device, (1, 2, 3), page, once)))
        assert len(kept) > 10 and kept[-1] == str(text(99), "utf-8")
        assert device.data[:SECTOR] == b"\xff" * SECTOR
