"""A board that does not answer: what to do is said, by what comes over the line, and in time."""

import inspect
import itertools
import re
import time

import pytest

import callboard
from callboard import selftest
from callboard.port import CLOCK
from callboard.serial import framing
from callboard.serial.channel import BOARD, Channel
from callboard_host import errors
from callboard_host.serial_line import doctor, shell
from callboard_host.serial_line.link import BoardSilent, SerialLink
from callboard_host.serial_line.port import PortFailed
from support.covers import covers


class Line:
    """A port at whose other end a function `answers(bytes)` sits."""

    url = "/dev/test"

    def __init__(self, answers=lambda data: b"", says=b""):
        self._answers = answers
        self._waiting = says

    def read(self):
        if not self._waiting:
            time.sleep(0.01)
        data, self._waiting = self._waiting, b""
        return data

    def write(self, data):
        self._waiting += self._answers(data)

    def close(self):
        pass


@pytest.mark.parametrize(
    ("says", "word"),
    [
        (b"", "powered"),
        (b"MicroPython v1.25.0\r\n>>> ", "reset button"),
        (b"\x00\xff\x80\xff\xff\x00" * 20, "--baud"),
        (b"ets Jul 29 2019 12:21:46\r\nwaiting for download\r\n", "callboard's firmware"),
    ],
    ids=["nothing", "prompt", "garbage", "another program"],
)
def test_what_to_do_about_a_silent_board(says, word):
    started = time.monotonic()
    with pytest.raises(BoardSilent) as raised:
        SerialLink(Line(says=says)).wait_for_board(0.3)
    assert word in raised.value.hint and "/dev/test" in raised.value.message
    assert raised.value.exit_code == errors.EXIT_NO_BOARD and time.monotonic() - started < 5


class Board(framing.Handler):
    """The board's end of a line, that answers sessions; requests as `reply` wants."""

    def __init__(self, reply):
        self._out = b""
        self._reply = reply
        self._decoder = framing.Decoder(self)
        self._channel = Channel(BOARD, CLOCK, self._send, self._message)

    def _send(self, data):
        self._out += data

    def _message(self, message):
        self._reply(self, message)

    def forget(self):
        """As a reset does."""
        self._channel = Channel(BOARD, CLOCK, self._send, self._message)

    def send(self, message):
        self._channel.send(message)

    def on_frame(self, kind, payload):
        self._channel.received(kind, payload)

    def __call__(self, data):
        self._decoder.feed(data, len(data), CLOCK.ticks_ms())
        out, self._out = self._out, b""
        return out


def test_a_request_that_is_never_answered():
    link = SerialLink(Line(Board(lambda board, message: None)))
    started = time.monotonic()
    with pytest.raises(BoardSilent) as raised:
        link.request("status", timeout_s=0.5)
    assert "did not answer status in time" in raised.value.message
    assert time.monotonic() - started < 5


def test_a_bad_line_has_time_as_long_as_something_gets_through():
    board = Board(
        lambda board, message: board.send(b'{"id": 1, "result": {"n": %d}}' % len(message))
    )
    passed = itertools.cycle((False, True))
    link = SerialLink(Line(lambda data: board(data) if next(passed) else b""))
    link.wait_for_board(2)
    started = time.monotonic()
    assert link.request("config.set", {"sn": "x" * 600}, timeout_s=0.8)["n"] > 600
    assert link.repeated > 5 and time.monotonic() - started > 0.8


def test_answers_that_are_none_are_waited_out():
    def reply(board, message):
        for text in (b"no JSON", b"[1]", b'{"id": 99, "result": {}}', b'{"id": 1}', message[:1]):
            board.send(text)

    link = SerialLink(Line(Board(reply)))
    assert link.request("status", timeout_s=2) == {}  # {"id": 1}: an answer that tells nothing


def test_a_board_that_is_reset_again_and_again():
    def reply(board, message):
        board.forget()

    link = SerialLink(Line(Board(reply)))
    started = time.monotonic()
    with pytest.raises(BoardSilent) as raised:
        link.request("status", timeout_s=1.5)
    assert raised.value.hint and time.monotonic() - started < 8


def test_a_request_that_is_too_long_is_refused_here():
    link = SerialLink(Line(Board(lambda board, message: None)))
    with pytest.raises(errors.HostError) as raised:
        link.request("config.set", {"values": {"sn": "x" * 5000}})
    assert "too long for a board" in raised.value.message


def test_knocking_at_a_port_that_goes_away(monkeypatch):
    class Gone(Line):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def write(self, data):
            raise PortFailed("it went away", "is the cable plugged in?")

    monkeypatch.setattr(shell, "SerialPort", lambda url: Gone())
    with pytest.raises(PortFailed):
        shell.knock("/dev/test", 1)


class Told:
    """A link to a board whose answers are written down."""

    def __init__(self, tests, repeats=0, damages=0, **status):
        self.decoder = framing.Decoder(framing.Handler())
        self.repeated = 0
        self._bad = repeats, damages
        self._answers = {
            "hello": {
                "board": "TEST",
                "sn": "SN1",
                "firmware": callboard.__version__,
                "protocol": 1,
            },
            "status": {"missing": [], "lines_lost": 0, "registered": True, **status},
            "self_test": {"tests": tests},
        }

    def wait_for_board(self, timeout_s):
        self.repeated, self.decoder.damaged = 7, 3  # it was still starting

    def request(self, method, timeout_s=0):
        if method == "status":
            self.repeated += self._bad[0]
            self.decoder.damaged += self._bad[1]
        return self._answers[method]


@covers("V-01")
def test_the_doctor_has_advice_for_every_part():
    names = re.findall(r'\("([a-z -]+)", self\._', inspect.getsource(selftest.SelfTest.run))
    assert len(names) == 10
    fine = doctor.examine(Told([{"name": n, "ok": True, "says": "fine"} for n in names]), "tty")
    assert fine.ok and not any(finding.advice for finding in fine.findings)
    assert doctor.lines(fine)[-1] == ("head", "nothing is wrong")
    tests = [{"name": name, "ok": False, "says": "broken"} for name in names]
    status = {"missing": ["sn"], "lines_lost": 3, "registered": False, "reset": "brown-out"}
    bad = doctor.examine(Told(tests, **status), "tty")
    wrong = [finding for finding in bad.findings if not finding.ok]
    assert {finding.name for finding in wrong} >= {*names, "last start", "provisioned", "log"}
    assert len({finding.advice for finding in wrong}) == len(wrong)  # each has its own
    assert not any(finding.advice.startswith("see `callboard log`") for finding in wrong)
    assert doctor.lines(bad)[-1][1] == f"{len(wrong)} things are wrong"


@pytest.mark.parametrize(
    ("repeats", "damages", "fine"), [(0, 0, True), (1, 0, True), (2, 0, False), (0, 1, False)]
)
def test_the_doctor_tells_a_bad_line_from_a_board_that_starts(repeats, damages, fine):
    line = doctor.examine(Told([], repeats, damages), "tty").findings[0]
    assert (line.name, line.ok) == ("line", fine)
    assert line.says.endswith(f"{repeats + damages} frames damaged or lost")
