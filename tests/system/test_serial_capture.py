"""The log of a board through pulled cables and resets, as fast as its line takes it."""

import contextlib
import threading

import pytest

from callboard_host.errors import BadInput
from callboard_host.serial_line import log, records
from callboard_host.serial_line.link import SerialLink
from callboard_host.serial_line.port import SerialPort
from support.boards import Blank, Kept, wait_for
from support.cable import UART, Cable
from support.soak import times

pytestmark = pytest.mark.system


@contextlib.contextmanager
def talkative(tmp_path, lines):
    """A board that logs `lines` lines of 100 bytes as fast as its line takes them, once booted."""
    with Blank(tmp_path / "board", program="serial_logger.py") as virtual:
        virtual.process.kill()
        virtual.process.wait()
        virtual._argv.append(str(lines))
        virtual._program = None
        yield virtual


def joined(kept):
    """The records, and as one what was told in pieces: a line that stopped half way for so long
    that its beginning was shown. What a pulled cable cut is followed by a note and stays cut.
    """
    found = []
    for record in kept:
        if found and found[-1].cut and not record.note:
            pieces = found.pop(), record
            whole = "".join(records.plain(r, False).removesuffix(" [cut]") for r in pieces)
            record = records.parse(whole.encode(), record.cut)
        found.append(record)
    return found


# 115200 baud need 90 s for 1 MB: in `make test` eight times as fast.
PACED = times(8 * UART, UART)


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(240)
@pytest.mark.parametrize("rate", [None, PACED], ids=["usb-like", "uart-like"])
def test_a_log_of_a_megabyte_with_three_disconnects(tmp_path, rate):
    """Nothing is lost or doubled while connected, and each gap is where it is told."""
    kept, lines = Kept(), 10_000
    with (
        talkative(tmp_path, lines) as virtual,
        Cable(virtual.path, tmp_path / "tty", rate) as cable,
    ):
        capture = log.Capture(lambda: SerialPort(str(cable.path)), [kept], records.Filter())
        thread = threading.Thread(target=capture.run, args=(180,))

        def numbers():
            whole = [r for r in joined(kept.records) if r.module == "count" and not r.cut]
            return [int(record.text.split()[0]) for record in whole]

        thread.start()
        virtual._boot()
        for part in (0.2, 0.4, 0.6):
            wait_for(lambda part=part: numbers()[-1:] > [int(part * lines)], 60)
            cable.disconnect()
            wait_for(lambda part=part: capture.counts.disconnects == round(part * 5))
            cable.connect()
        wait_for(lambda: numbers()[-1:] == [lines - 1], 90)
        capture.counts.lines = 0
        virtual.process.wait(30)
        capture._over = lambda *_: True
        thread.join(30)
    seen = numbers()
    assert seen == sorted(set(seen))  # none doubled, none out of order
    # How much a fast board says while the cable is out depends on this machine.
    assert capture.counts.disconnects == 3 and len(seen) > lines // 2
    last, told = -1, False
    for record in joined(kept.records):
        told = told or (record.note and "lines are missing" in record.text)
        if record.module == "count" and not record.cut:
            number = int(record.text.split()[0])
            assert number == last + 1 or told, (
                f"{last} is followed by {number}, and nothing is told"
            )
            last, told = number, False
    whole = [r for r in joined(kept.records) if r.module == "count" and not r.cut]
    assert all(r.text.endswith(" end") for r in whole)
    notes = [r.text for r in kept.records if r.note]
    assert sum("connected again" in note for note in notes) == 3
    assert capture.counts.damaged == 0


def test_what_was_said_before_anybody_listened(any_board):
    kept = Kept()
    with SerialLink.open(any_board.path) as link:
        link.wait_for_board(30)
    log.capture(any_board.path, [kept], records.Filter(), history=True, seconds=0.3)
    assert kept.records[0].note and "1 lines from the board's memory" in kept.records[0].text
    assert "to be provisioned" in kept.records[1].text and kept.records[1].level == "W"


def test_a_board_is_made_to_say_more(tmp_path):
    with Blank(tmp_path / "board") as virtual:
        log.set_levels(virtual.path, ["W", "net=D", "app=E"])
        with SerialLink.open(virtual.path) as link:
            told = link.request("log.level")
            assert told == {"level": "W", "modules": {"net": "D", "app": "E"}}
        for wrong in ("X", "net=", "DI", "net=D=", ""):
            with pytest.raises(BadInput) as raised:
                log.set_levels(virtual.path, [wrong])
            assert "MODULE=LEVEL" in raised.value.message


def test_the_log_says_when_the_board_was_reset(tmp_path):
    kept = Kept()
    with Blank(tmp_path / "board") as virtual:
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
        port = SerialPort(virtual.path)  # open before the reset
        capture = log.Capture(lambda: port, [kept], records.Filter())
        thread = threading.Thread(target=capture.run, kwargs={"seconds": 60})
        thread.start()
        virtual.reset()
        wait_for(lambda: capture.counts.boots)
        capture._over = lambda *_: True
        thread.join()
    assert capture.counts.boots == 1
    assert [r.text for r in kept.records if r.note] == ["the board started (reset pin)"]
