"""A board on a serial line: its lines go to a callback, requests get their answer."""

import json
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from callboard import port as device_port
from callboard.errors import RemoteError
from callboard.serial import framing
from callboard.serial.channel import HOST, OPEN, Channel
from callboard_host.errors import EXIT_NO_BOARD, HostError

from .port import BAUD, SerialPort

REQUEST_S = 10.0
OPEN_S = 3.0
LINE_MAX = 65536
_PROMPT = b">>>"


class BoardSilent(HostError):
    """The board on the line does not answer."""

    exit_code = EXIT_NO_BOARD


class Port(Protocol):
    """What a link needs of a port: SerialPort, or a test's own."""

    url: str

    def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class SerialLink(framing.Handler):
    """One end of a line. `on_line(bytes, cut)` gets every line the board prints; `clock` tells
    when a chunk is sent again.

    Not for several threads. Use it as a context manager, or close() it.
    """

    def __init__(
        self,
        port: Port,
        on_line: Callable[[bytes, bool], None] | None = None,
        clock: Any = device_port.CLOCK,
    ):
        self._port = port
        self._on_line = on_line
        self.decoder = framing.Decoder(self, LINE_MAX, salvage=True)
        self._channel = Channel(HOST, clock, port.write, self._received, self._lost)
        self._answers: dict[int, dict[str, Any]] = {}
        self._last_lines: deque[bytes] = deque(maxlen=3)
        self._next_id = 0
        self._why_lost = ""
        self._echoed = False  # what only we send came back
        self.received = 0

    @classmethod
    def open(
        cls, url: str, baud: int = BAUD, on_line: Callable[[bytes, bool], None] | None = None
    ) -> "SerialLink":
        """Open a port by name or pyserial URL. Raises PortFailed."""
        return cls(SerialPort(url, baud), on_line)

    def __enter__(self) -> "SerialLink":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    @property
    def repeated(self) -> int:
        """Chunks that had to be sent again."""
        return self._channel.repeated

    # --- requests ---

    def request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        timeout_s: float = REQUEST_S,
        repeatable: bool = True,
    ) -> dict[str, Any]:
        """Ask the board. Raises RemoteError when it refuses, BoardSilent, PortFailed.

        `timeout_s` may pass in which nothing of the request or its answer gets through: on a bad
        line, whole ones take longer. When the board is reset before it answers, a `repeatable`
        request is made once more.
        """
        for attempt in (1, 2):
            try:
                return self._request_once(method, params or {}, timeout_s)
            except _SessionLost:
                if attempt == 2 or not repeatable:
                    break
        raise BoardSilent(f"the board was reset while it was asked for {method}", "try again")

    def _request_once(self, method: str, params: dict[str, Any], timeout_s: float) -> dict:
        if not self._channel.open_now:
            self._open_session(min(OPEN_S, timeout_s))
        self._next_id += 1
        request_id = self._next_id
        request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        data = json.dumps(request, ensure_ascii=False).encode()
        if not self._channel.send(data):
            raise HostError(f"a request for {method} of {len(data)} bytes is too long for a board")
        moved, since = self._channel.moved, time.monotonic()
        while request_id not in self._answers:
            if not self._channel.open_now:
                if self._why_lost == "unknown":
                    raise _SessionLost
                raise self._silent(f"does not acknowledge {method}")
            if self._channel.moved != moved:
                moved, since = self._channel.moved, time.monotonic()
            elif time.monotonic() - since >= timeout_s:
                raise self._silent(f"did not answer {method} in time")
            self.pump()
        answer = self._answers.pop(request_id)
        if "error" in answer:
            error = answer["error"]
            raise RemoteError(str(error.get("message")), int(error.get("code", 0)))
        return answer.get("result", {})

    def _open_session(self, timeout_s: float) -> None:
        self._answers.clear()
        self._channel.open(secrets.randbelow(65536))
        deadline = time.monotonic() + timeout_s
        while not self._channel.open_now:
            if time.monotonic() >= deadline:
                raise self._silent("does not answer")
            self.pump()

    def wait_for_board(self, timeout_s: float) -> None:
        """Wait until a board answers; it may still be starting. Raises BoardSilent."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return self._open_session(min(OPEN_S, timeout_s))
            except BoardSilent:
                if time.monotonic() >= deadline:
                    raise

    # --- input ---

    def pump(self) -> None:
        """Take what has arrived, waiting 50 ms at most, and send again what was lost."""
        data = self._port.read()
        if data:
            self.received += len(data)
            self.decoder.feed(data, len(data), device_port.ticks_ms())
        self._channel.tick()

    def on_line(self, line: bytes, cut: bool) -> None:
        """From the decoder."""
        self._last_lines.append(line)
        if self._on_line is not None:
            self._on_line(line, cut)

    def on_frame(self, kind: int, payload: bytes) -> None:
        """From the decoder."""
        self._echoed = self._echoed or kind == OPEN
        self._channel.received(kind, payload)

    def _received(self, message: bytes) -> None:
        try:
            answer = json.loads(message)
        except ValueError:
            return  # not an answer: the request will time out
        if isinstance(answer, dict) and answer.get("id") == self._next_id:
            self._answers[self._next_id] = answer

    def _lost(self, why: str) -> None:
        self._why_lost = why

    def _silent(self, what: str) -> BoardSilent:
        """What is wrong, and what to do: by what came over the line instead."""
        seen = b"\n".join([*self._last_lines, self.decoder.partial])
        if self._echoed:
            hint = "what is sent comes back: do the wires of the line touch, or is it loop://?"
        elif not self.received:
            hint = "is it powered, is this its port, and was it flashed?"
        elif _PROMPT in seen:
            hint = "it is at Python's prompt: press its reset button to start the application"
        elif seen.count(b"\xff") + seen.count(b"\x00") > len(seen) // 4:
            hint = "what it sends is no text: is the speed (--baud) right?"
        else:
            hint = "it sends text but does not answer: is callboard's firmware on it?"
        return BoardSilent(f"the board on {self._port.url} {what}", hint)


class _SessionLost(Exception):
    """The board was reset."""
