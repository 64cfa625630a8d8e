"""A board's Python prompt: mpremote, which leaves the line as it found it.

An application that hangs hears nothing: then Ctrl-C is sent again and again, until the board's
watchdog has reset it and it waits for that one before it starts anew.
"""

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from callboard_host.errors import NotBuilt

from .link import BoardSilent
from .port import SerialPort

KNOCK_S = 60.0  # a watchdog takes 40 s, and then the board boots
_PATIENCE_S = 3.0
_PROMPT = b">>>"


def command(url: str, arguments: Sequence[str]) -> list[str]:
    """mpremote's command line. It does not reset the board first (`resume`)."""
    words = list(arguments) or ["repl"]
    return [sys.executable, "-m", "mpremote", "connect", url, "resume", *words]


def knock(url: str, limit_s: float = KNOCK_S, progress: Callable[[str], None] = print) -> None:
    """Make the board on a port show its prompt; a call is hung up. Raises BoardSilent, PortFailed.

    `progress` is told when it takes long.
    """
    started, heard, told = time.monotonic(), b"", False
    with SerialPort(url) as port:
        while _PROMPT not in heard:
            waited = time.monotonic() - started
            if waited > limit_s:
                raise BoardSilent(
                    f"the board on {url} shows no prompt",
                    "press its reset button and try again at once: it waits 2 s for you",
                )
            if waited > _PATIENCE_S and not told:
                told = True
                progress("the board does not react: waiting until its watchdog resets it")
                port.write(b"\r\x02")  # it may be in a program's raw prompt
            port.write(b"\r\x03")
            pause = time.monotonic() + 0.2
            while time.monotonic() < pause and _PROMPT not in heard:
                heard = (heard + port.read())[-4096:]


def run(url: str, arguments: Sequence[str] = (), limit_s: float = KNOCK_S) -> int:
    """Run mpremote on a port; its exit status. Raises NotBuilt, and as knock()."""
    if importlib.util.find_spec("mpremote") is None:
        raise NotBuilt("mpremote is not installed", "pip install 'callboard[serial]'")
    knock(url, limit_s, lambda text: print(text, file=sys.stderr))
    return subprocess.run(command(url, arguments), check=False).returncode
