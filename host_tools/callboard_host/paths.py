"""Where things lie in the source tree that this package runs from."""

import os
from pathlib import Path

import callboard
from callboard_host.errors import NotBuilt

ROOT = Path(__file__).resolve().parents[2]
BOARDS = ROOT / "boards"
BUILD = ROOT / "build"
FIRMWARE = Path(callboard.__file__).resolve().parents[1]
SPEECH = BUILD / "speech"
_NATIVE_HOST = ROOT / "native" / "host"


def main_py() -> Path:
    """What a board boots into. Raises NotBuilt when this is not the source tree."""
    path = FIRMWARE / "main.py"
    if not path.exists():
        raise NotBuilt(
            f"{path} is not there", "a virtual board runs from the source tree, not from a wheel"
        )
    return path


def micropython(bits: int) -> Path:
    """The MicroPython unix build for `bits` 32 or 64. Raises NotBuilt."""
    path = BUILD / "bin" / f"micropython{bits}"
    if not path.exists():
        raise NotBuilt(f"{path} is not there", "run `make micropython`")
    return path


def natmods(bits: int) -> Path:
    """Folder of the native modules for a MicroPython unix build."""
    return BUILD / "natmods" / {64: "x64", 32: "x86"}[bits]


def python_path() -> str:
    """PYTHONPATH for our own Python programs: what this program itself runs from."""
    return os.pathsep.join(str(path) for path in (FIRMWARE, ROOT / "host_tools", _NATIVE_HOST))
