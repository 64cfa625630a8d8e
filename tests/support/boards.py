"""Virtual boards on a pseudo-terminal, blank or with a program of our own."""

import subprocess
from pathlib import Path

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
