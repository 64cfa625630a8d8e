"""Virtual boards on a pseudo-terminal, blank or with a program of our own, for tests."""

import subprocess
import time
from pathlib import Path

from callboard import keystore
from callboard.flash.devices import FileFlash
from callboard_host import board, paths
from callboard_host.board_pty import PtyBoard

BOARDS = [("micropython", 64), ("micropython", 32), ("cpython", 64)]
IDS = ["micropython64", "micropython32", "cpython"]
PROGRAMS = Path(__file__).parent / "programs"


class Blank(PtyBoard):
    """A board that was told nothing. `program` runs instead of main.py; `package`: the folder
    that its callboard is in."""

    def __init__(
        self,
        run_dir,
        python="micropython",
        bits=64,
        program=None,
        package=None,
        watchdog_s=30.0,
        **options,
    ):
        self._program = program
        self._package = package
        config = board.BoardConfig(
            run_dir=run_dir, python=python, bits=bits, blank=True, **options
        )
        super().__init__(config, watchdog_s=watchdog_s)

    def _boot(self, cause="power on"):
        if self._program is not None:
            self._argv[-1] = str(PROGRAMS / self._program)
        if self._package is not None:
            for name, value in self._environment.items():
                self._environment[name] = value.replace(str(paths.FIRMWARE), str(self._package))
        super()._boot(cause)


def compile_package(into: Path) -> Path:
    """The device package as .mpy files, as a board has it. Returns `into`."""
    for source in sorted((paths.FIRMWARE / "callboard").rglob("*.py")):
        name = source.relative_to(paths.FIRMWARE)
        target = (into / name).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        mpy_cross = paths.BUILD / "bin" / "mpy-cross"
        subprocess.run([mpy_cross, "-s", str(name), "-o", target, source], check=True)
    return into


def stored(virtual, name):
    """A value in the key store of a board that is switched off."""
    device = FileFlash(str(virtual._run_dir / "flash"))
    try:
        return keystore.open(device, identity=False).get(name)
    finally:
        device.close()


def every_byte():
    """Eight networks whose names hold every byte, their passwords, too."""
    everything = bytes(range(256)) * 2
    return [
        (everything[at : at + 32], everything[at + 7 : at + 7 + 64]) for at in range(0, 256, 32)
    ]


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self):
        self.records = []

    def write(self, record):
        self.records.append(record)


def wait_for(condition, seconds=60):
    """Wait until `condition()` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
