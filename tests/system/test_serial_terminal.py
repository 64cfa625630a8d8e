"""`callboard provision` at a terminal: prompts that do not echo, progress, Ctrl-C."""

import contextlib
import fcntl
import os
import select
import subprocess
import sys
import termios
import time

import pytest

from callboard_host import errors, paths
from callboard_host.serial_line.link import SerialLink
from support.boards import Blank, stored

pytestmark = pytest.mark.system

PASSWORD = "sesame open 99"
PIN = "975310"


class Terminal:
    """`callboard ARGUMENTS` with a terminal of its own, as a person has it."""

    def __init__(self, *arguments):
        self._ours, theirs = os.openpty()
        environment = {**os.environ, "PYTHONPATH": paths.python_path(), "TERM": "xterm"}
        for name in [name for name in environment if name.startswith("CALLBOARD_")]:
            del environment[name]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "callboard_host", *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.shown = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def wait_for(self, text, seconds=60):
        """Until `text` is on the screen, behind what was waited for before."""
        seen, deadline = "", time.monotonic() + seconds
        while text not in seen:
            assert time.monotonic() < deadline, self.shown
            seen += self._read()

    def _read(self):
        if not select.select([self._ours], [], [], 0.2)[0]:
            return ""
        try:
            text = os.read(self._ours, 4096).decode("utf-8", "replace")
        except OSError:  # the last one that had it open is gone
            time.sleep(0.1)
            text = ""
        self.shown += text
        return text

    def type(self, text):
        os.write(self._ours, text.encode())

    def finish(self, seconds=60):
        """Its exit status."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.shown
            self._read()
        with contextlib.suppress(OSError):
            while self._read():
                pass
        return self.process.returncode


def test_prompts_do_not_echo_and_progress_is_shown(tmp_path):
    networks = ((b"Home", PASSWORD.encode(), -50),)
    with Blank(tmp_path / "board", wifi=networks) as virtual:
        arguments = ["provision", virtual.path, "--sn", "SN1", "--wifi", "Home"]
        with Terminal(*arguments, "--set-pin", "--no-wait") as terminal:
            terminal.wait_for("password of Home (empty: none): ")
            terminal.type(PASSWORD + "\n")
            terminal.wait_for("new PIN: ")
            terminal.type(PIN + "\n")
            terminal.wait_for("new PIN once more: ")
            terminal.type(PIN + "\n")
            assert terminal.finish() == 0, terminal.shown
        assert PASSWORD not in terminal.shown and PIN not in terminal.shown
        assert "writing the configuration" in terminal.shown and "\x1b[" in terminal.shown
        assert f"/SN1 on {virtual.path}: configured, not registered yet" in terminal.shown
        with Terminal(*arguments, "--set-pin", "--no-wait") as terminal:
            terminal.wait_for("password of Home")
            terminal.type(PASSWORD + "\n")
            terminal.wait_for("new PIN: ")
            terminal.type(PIN + "\n")
            terminal.wait_for("once more: ")
            terminal.type("123456\n")
            assert terminal.finish() == errors.EXIT_FILE
        assert "the two are not the same" in terminal.shown and "123456" not in terminal.shown
    assert stored(virtual, "c.wifi_password") == PASSWORD.encode()


def test_ctrl_c_leaves_board_and_port_as_they_were(tmp_path):
    with Blank(tmp_path / "board") as virtual:
        (tmp_path / "ticket").write_text("T" + "0" * 40)
        words = ["--relay", "http://127.0.0.1:9", "--model-id", "m", "--wxa-appid", "w"]
        words += ["--ticket-file", tmp_path / "ticket"]
        with Terminal("provision", virtual.path, "--sn", "SN1", *words) as terminal:
            terminal.wait_for("the board is offline")
            terminal.type("\x03")
            assert terminal.finish() == errors.EXIT_INTERRUPTED, terminal.shown
        assert "Traceback" not in terminal.shown and "\x1b[?25h" in terminal.shown  # the cursor
        with SerialLink.open(virtual.path) as link:  # the port is free
            assert link.request("hello")["sn"] == "SN1"
        for verb, word, status in (
            (["log", "--history"], "from now on", 0),  # how one leaves it
            (["doctor"], "a tone will be heard", errors.EXIT_INTERRUPTED),
        ):
            with Terminal(*verb, virtual.path) as terminal:
                terminal.wait_for(word)
                terminal.type("\x03")
                assert terminal.finish() == status, terminal.shown
            assert "Traceback" not in terminal.shown
