"""A board's Python prompt: mpremote, which leaves the line as it found it."""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence

from callboard_host.errors import NotBuilt

from .port import SerialPort


def command(url: str, arguments: Sequence[str]) -> list[str]:
    """mpremote's command line. It does not reset the board first (`resume`)."""
    words = list(arguments) or ["repl"]
    return [sys.executable, "-m", "mpremote", "connect", url, "resume", *words]


def run(url: str, arguments: Sequence[str] = ()) -> int:
    """Run mpremote on a port; its exit status. Raises NotBuilt, and PortFailed with a hint."""
    if importlib.util.find_spec("mpremote") is None:
        raise NotBuilt("mpremote is not installed", "pip install 'callboard[serial]'")
    SerialPort(url).close()  # whatever is wrong with the port, we say it better
    return subprocess.run(command(url, arguments), check=False).returncode
