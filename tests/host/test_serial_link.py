"""A board that does not answer: what to do is said, by what comes over the line, and in time."""

import time

import pytest

from callboard.port import CLOCK
from callboard.serial import framing
from callboard.serial.channel import BOARD, Channel
from callboard_host import errors
from callboard_host.serial_line import shell
from callboard_host.serial_line.link import BoardSilent, SerialLink
from callboard_host.serial_line.port import PortFailed


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
