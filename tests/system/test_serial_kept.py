"""What a board says of its last boot, bugs in compiled code, and the way into one that hangs."""

import contextlib
import json
import subprocess
import sys
import threading
import time

import pytest

import callboard
from callboard_host import errors
from callboard_host.serial_line import log, records
from callboard_host.serial_line.link import SerialLink
from callboard_host.serial_line.port import SerialPort
from support.boards import BOARDS, IDS, Blank, Kept, compile_package, wait_for
from system.programs import run

pytestmark = pytest.mark.system


@pytest.mark.parametrize(("python", "bits"), BOARDS, ids=IDS)
def test_the_last_lines_before_a_power_cut(tmp_path, python, bits):
    with Blank(tmp_path / "board", python, bits) as virtual:
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
            link.request("log.level", {"level": "D"})
            link._port.write(b"nonsense that is logged\n")
            _until_kept(link, "nonsense")
        status, out = run("log", virtual.path, "--last-boot")
        assert status == 0 and "nothing is kept of an earlier boot" in out
        virtual.reset("power on")  # at once: what was not yet in flash is lost
        status, out = run("log", virtual.path, "--last-boot", "--no-timestamps")
        lines = out.splitlines()
        assert status == 0, out
        assert (
            lines[0] == f"--- boot 1, callboard {callboard.__version__}; it started: power on ---"
        )
        assert any("to be provisioned" in line for line in lines[1:-1])
        assert "not a command: nonsense" in lines[-2]
        assert lines[-1] == "--- boot 1 ended: its power failed, or it was reset (power on) ---"
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
            link.request("reboot", repeatable=False)
            _until(lambda: virtual.running() and virtual.boots == 3, link)
        status, out = run("log", virtual.path, "--last-boot", "--json", "--level", "W")
        entries = [json.loads(line) for line in out.splitlines()]
        assert status == 0 and entries[-1]["text"] == "boot 2 ended: restart"
        assert entries[1]["module"] == "app" and entries[1]["level"] == "W"
        with SerialLink.open(virtual.path) as link:
            assert link.request("log.boots")["boots"][-1]["reset"] == "restart"


def _until_kept(link, text):
    """Wait until a line is in the flash of the running boot."""
    for _ in range(100):
        boot = link.request("log.boots")["boots"][-1]["boot"]
        if any(text in line for line in link.request("log.kept", {"boot": boot})["lines"]):
            return
        time.sleep(0.1)
    raise AssertionError(f"{text} was not kept")


def _until(condition, link, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        with contextlib.suppress(errors.CallboardError):
            link.pump()


def test_a_board_without_flash_for_its_log(tmp_path):
    with Blank(tmp_path / "board") as virtual:
        board_py = tmp_path / "board" / "board.py"
        board_py.write_text(board_py.read_text() + "LOG_SECTORS = 0\n")
        virtual.reset()
        status, out = run("log", virtual.path, "--last-boot")
        assert status == errors.EXIT_REFUSED and "no place in its flash" in out


def test_a_damaged_ring_is_begun_anew(tmp_path):
    with Blank(tmp_path / "board") as virtual:
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
        virtual.process.kill()
        virtual.process.wait()
        flash = tmp_path / "board" / "flash.log"
        flash.write_bytes(bytes(range(256)) * (flash.stat().st_size // 256))
        virtual.reset()
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
            link._port.write(b"nonsense that is logged\n")
            _until_kept(link, "nonsense")
        virtual.process.kill()
        virtual.process.wait()
        flash.write_bytes(b"too short")
        virtual.reset()
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
            assert any("kept in flash" in line for line in link.request("log.recent")["lines"])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return compile_package(tmp_path_factory.mktemp("mpy"))


@pytest.mark.parametrize("bits", [64, 32])
def test_a_bug_in_compiled_code_is_shown_with_its_source(tmp_path, compiled, bits):
    kept = Kept()
    with Blank(
        tmp_path / "board", bits=bits, program="board_with_prompt.py", package=compiled
    ) as virtual:
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
        port = SerialPort(virtual.path)  # open before the reset, and until the bug was told
        capture = log.Capture(lambda: port, [kept], records.Filter())
        thread = threading.Thread(target=capture.run, kwargs={"seconds": 120})
        thread.start()
        virtual.reset()
        texts = lambda: [record.text for record in kept.records]  # noqa: E731
        wait_for(lambda: capture.counts.boots and "to be provisioned" in "".join(texts()), 60)
        port.write(b"bug\nstatus\n")
        wait_for(lambda: any(text.startswith("TypeError: ") for text in texts()), 60)
        capture._over = lambda *_: True
        thread.join()
    joined = {record.text.strip(): record for record in kept.records if record.source}
    frames = [
        r for r in joined.values() if 'upkeep.py", line ' in r.text and "in status" in r.text
    ]
    assert frames and frames[0].source == '"heap_used": port.heap_used(),'
    assert any('serial/commands.py", line ' in text for text in joined)
    assert all(record.level == "E" for record in joined.values())
    assert frames[0].source in records.plain(frames[0]) and frames[0].json()["source"]


def test_the_way_into_a_board_that_hangs(tmp_path):
    """Its watchdog resets it, and it waits for Ctrl-C before it starts its application."""
    with Blank(
        tmp_path / "board", program="board_with_prompt.py", watchdog_s=6.0, window_ms=3000
    ) as virtual:
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
            link._port.write(b"hang\n")
        command = ["shell", virtual.path, "exec", "print('in', 6 * 7)"]
        shell = subprocess.Popen(
            [sys.executable, "-m", "callboard_host", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert "watchdog" in shell.stderr.readline()  # then only it bites: running() looks at it
        while shell.poll() is None:
            virtual.running()
            time.sleep(0.1)
        out, said = shell.communicate()
        assert shell.returncode == 0 and "in 42" in out, said
        assert virtual.boots == 2
        for _ in range(70):  # at the prompt it may take its time
            assert virtual.running()
            time.sleep(0.1)
        assert virtual.boots == 2


def test_a_reset_by_the_watchdog_is_told(tmp_path):
    kept = Kept()
    with Blank(tmp_path / "board", program="board_with_prompt.py", watchdog_s=4.0) as virtual:
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
            link._port.write(b"nonsense that is logged\n")
            _until_kept(link, "nonsense")
            link._port.write(b"hang\n")
        port = SerialPort(virtual.path)  # open before it is reset
        capture = log.Capture(lambda: port, [kept], records.Filter())
        thread = threading.Thread(target=capture.run, kwargs={"seconds": 120, "lines": 1})
        thread.start()
        while thread.is_alive():
            virtual.running()
            time.sleep(0.1)
        assert [r.text for r in kept.records if r.note] == ["the board started (watchdog)"]
        status, out = run("log", virtual.path, "--last-boot", "--no-timestamps")
        lines = out.splitlines()
        assert "nonsense" in lines[-2] and lines[-1].endswith("was reset (watchdog) ---")
