"""A board that runs: its hello, after it was flashed."""

import contextlib
import time
from typing import Any

from callboard.errors import RemoteError
from callboard_host.serial_line.link import BoardSilent, SerialLink
from callboard_host.serial_line.port import PortFailed

from .job import ADVICE, FlashFailed, NoBoard

_AGAIN_S = 0.3


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


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()
