"""A board that runs: its hello, after it was flashed."""

import contextlib
import time
from typing import Any

from callboard.errors import RemoteError
from callboard_host.serial_line.link import BoardSilent, SerialLink
from callboard_host.serial_line.port import PortFailed

from . import ports
from .job import ADVICE, FlashFailed, NoBoard

_AGAIN_S = 0.3
_LINE_MAX = 160


def wait_for_hello(port: str, limit_s: float, baud: int = 115200) -> dict[str, Any]:
    """What the board says of itself once it has started. Raises NoBoard with what it printed.

    Its port may go and come back while it does: USB boards appear anew.
    """
    deadline = time.monotonic() + limit_s
    lines: list[str] = []
    reason = f"the board on {port} did not start within {limit_s:g} s"
    while time.monotonic() < deadline:
        try:
            with contextlib.closing(
                SerialLink.open(port, baud, lambda line, cut: lines.append(_text(line)))
            ) as link:
                link.wait_for_board(max(0.1, deadline - time.monotonic()))
                return link.request("hello")
        except BoardSilent as error:
            reason = error.message
        except PortFailed:
            time.sleep(_AGAIN_S)
        except RemoteError as error:
            raise FlashFailed(f"the board refused to say hello: {error}") from error
    said = [line for line in lines if line][-3:]
    if said:
        reason += "; it says: " + " / ".join(said)
    raise NoBoard(reason, ADVICE["start"])


def new_port(known: set[str], limit_s: float) -> str:
    """The serial port of an RP2 board that has appeared since `known`. Raises NoBoard."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = [place.port for place in ports.serial_places() if place.family == "rp2"]
        for port in found:
            if port not in known:
                return port
        time.sleep(_AGAIN_S)
    raise NoBoard(
        f"no new serial port appeared within {limit_s:g} s",
        "unplug the board and plug it in again; then say --port",
    )


def _text(line: bytes) -> str:
    """A line for a person; empty if it is none, such as what a prompt makes of our frames."""
    text = line.decode("utf-8", "replace").strip()
    return text if text.isprintable() and len(text) <= _LINE_MAX else ""
