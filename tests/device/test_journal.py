"""The journal: what of the log is kept in flash, when, how much; what a boot tells of the last."""

import asyncio

from callboard.errors import StorageError
from callboard.flash import SECTOR
from callboard.flash.devices import RamFlash
from callboard.flash.log_ring import LogRing
from callboard.journal import FIRST_BYTES, WAITING_LINES, WRITE_MS, Journal, NoPlace
from callboard.log import Log
from support import FakeClock, raises, settle

SECTORS = 4


class Rig:
    """A board's log over flash; `boot()` is a new board on the same flash."""

    def __init__(self, flash=None):
        self.flash = flash or RamFlash(size=SECTORS * SECTOR)
        self.programs = 0
        self._program = self.flash.program
        self.clock = FakeClock()
        self.idle = True
        self.shown = []
        self.log = Log(self.shown.append, self.clock, "D")
        ring = LogRing(self.flash)
        self.journal = Journal(self.log, ring, self.clock, lambda: self.idle)
        self.app = self.log.module("app")

    def begin(self, cause="power on"):
        return self.journal.begin(cause, "1.2.3")

    async def run(self, ms):
        task = asyncio.create_task(self.journal.run())
        await self.clock.run(ms)
        task.cancel()
        await settle()

    def again(self):
        return Rig(RamFlash(self.flash.data))


async def test_what_was_said_before_the_power_failed():
    rig = Rig()
    rig.app.info("before the journal began")
    assert rig.begin() == "power on"
    rig.app.warn("one")
    rig.app.debug("not worth it")
    await rig.run(WRITE_MS + 100)
    rig.app.error("two")
    await rig.run(WRITE_MS + 100)
    rig.app.error("too late")
    rig = rig.again()
    assert rig.begin("watchdog") == "watchdog"
    first, second = rig.journal.boots()
    assert first["boot"] == 1 and first["reset"] == "power on" and first["firmware"] == "1.2.3"
    assert first["ended"] == "its power failed, or it was reset (watchdog)"
    assert second["boot"] == 2 and "ended" not in second
    lines, more = rig.journal.lines(1)
    assert [line.split("app: ")[1] for line in lines] == ["before the journal began", "one", "two"]
    assert not more and rig.journal.lines(2) == ([], False) and rig.journal.lines(9) == ([], False)


async def test_how_a_boot_ended_goes_before_what_the_chip_says():
    rig = Rig()
    rig.begin()
    for how, cause, reason in (
        ("restart", "watchdog", "restart"),
        ("crash: ValueError", "soft reset", "crash: ValueError"),
        ("off", "power on", "power on"),
        ("left to Python's prompt", "reset pin", "reset pin"),
    ):
        rig.app.info("the end of %s", how)
        rig.journal.end(how)
        rig = rig.again()
        assert rig.begin(cause) == reason
        assert rig.journal.boots()[-2]["ended"] == how
        lines, _ = rig.journal.lines(rig.journal.boots()[-2]["boot"])
        assert lines[-1].endswith("the end of " + how)


async def test_nothing_is_written_or_erased_in_a_call():
    rig = Rig()
    rig.begin()
    operations = []
    program, erase = rig.flash.program, rig.flash.erase
    rig.flash.program = lambda at, buf: (operations.append(at), program(at, buf))[1]
    rig.flash.erase = lambda at: (operations.append(at), erase(at))[1]
    rig.idle = False
    for number in range(WAITING_LINES + 20):
        rig.app.info("in the call %d", number)
        await rig.run(WRITE_MS)
    assert operations == [] and rig.journal.missed == 20
    rig.idle = True
    await rig.run(2 * WRITE_MS)
    assert operations
    lines, _ = rig.journal.lines(1)
    assert "20 lines are missing here" in lines[0] and lines[1].endswith("in the call 20")


async def test_it_takes_no_more_than_the_flash_can_bear():
    rig = Rig()
    rig.begin()
    erases = []
    erase = rig.flash.erase
    rig.flash.erase = lambda at: (erases.append(at), erase(at))[1]
    hours = 6
    for minute in range(60 * hours):
        for number in range(5):
            rig.app.error("trouble %d %d %s", minute, number, "x" * 200)
        rig.shown.clear()
        rig.clock.advance(60000)
        rig.journal.write()
    # One erase of each sector an hour, and what the first hour may begin with.
    assert SECTORS * hours * 3 // 4 <= len(erases) <= SECTORS * (hours + 1)
    assert rig.journal.missed > 1000
    lines, _ = rig.journal.lines(1)
    assert any("lines are missing here" in line for line in lines)


async def test_a_board_that_starts_over_and_over_wears_little():
    rig = Rig()
    rig.begin()
    for number in range(200):
        rig.app.info("%d %s", number, "x" * 100)
        rig.journal.write()
    lines, more, size = rig.journal.lines(1)[0], True, 0
    while more:
        page, more = rig.journal.lines(1, size)
        size += len(page)
    assert size * 100 <= FIRST_BYTES < (size + 20) * 130 and lines


async def test_pages():
    rig = Rig()
    rig.begin()
    for number in range(40):
        rig.app.info("%d %s", number, "x" * 100)
        rig.journal._allowed = 1000
        rig.journal.write()
    told, more, pages = [], True, 0
    while more:
        lines, more = rig.journal.lines(1, len(told))
        told += lines
        pages += 1
    assert [line.split()[3] for line in told] == ["%d" % n for n in range(40)] and pages > 2


async def test_flash_that_fails_is_given_up_and_said():
    rig = Rig()
    rig.begin()
    rig.flash.program = lambda at, buf: -1
    rig.app.info("one")
    await rig.run(5 * WRITE_MS)
    assert sum("nothing is kept in flash" in line for line in rig.shown) == 1
    rig.app.info("two")
    rig.journal.end("off")
    assert raises(StorageError, rig.journal.boots) and raises(StorageError, rig.journal.check)


async def test_a_board_without_a_place():
    shown = []
    log = Log(shown.append, FakeClock())
    journal = Journal(log, None, FakeClock(), lambda: True)
    assert journal.begin("brown-out", "1") == "brown-out"
    log.module("app").info("fine")
    journal.end("off")
    assert "no place" in raises(NoPlace, journal.lines, 1).message and len(shown) == 1
    assert "no place" in journal.check() and journal.reason == "brown-out"
