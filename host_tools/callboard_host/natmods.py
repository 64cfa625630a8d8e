"""What goes with native modules (.mpy) to a board: the list of their hashes, and lists for mip.

    python -m callboard_host.natmods build/natmods/armv6m ...

writes into each folder

    callboard_natmods.sha256   hashes of the .mpy files in it, as sha256sum writes them, under the
                               release and the CPU they are for; the firmware imports no .mpy that
                               is not as it says (firmware/callboard/native_files.py)
    package.json               for `mpremote mip install FOLDER/package.json`: the small modules
    opus.json                  the same for Opus, where the folder has it
"""

import hashlib
import json
import sys
from pathlib import Path

from callboard import __version__
from callboard.native_files import LIST
from callboard_host import paths

SMALL = ("callboard_keystore.mpy", "callboard_pcm.mpy", "callboard_wire.mpy")
OPUS = ("callboard_opus.mpy",)


def folder_for(cpu: str) -> Path:
    """Where `make natmods` puts the modules for a CPU, by MicroPython's name for it ("armv6m")."""
    return paths.BUILD / "natmods" / cpu


def hash_list(cpu: str, files: dict[str, bytes]) -> str:
    """The text of LIST, which must lie beside the .mpy files; `files` are names and contents."""
    lines = [f"# callboard {__version__} {cpu}"]
    lines += [
        f"{hashlib.sha256(files[name]).hexdigest()}  {name}"
        for name in sorted(files)
        if name.endswith(".mpy")
    ]
    return "\n".join(lines) + "\n"


def mip_package(names: tuple[str, ...]) -> str:
    """A package.json for mip that brings these files, and the list, to where Python finds them."""
    urls = [[name, name] for name in (*names, LIST)]
    return json.dumps({"version": __version__, "deps": [], "urls": urls}, indent=1) + "\n"


def write_lists(folder: Path) -> None:
    """Write the three files for the .mpy files in `folder`, whose name is that of the CPU."""
    files = {path.name: path.read_bytes() for path in folder.glob("callboard_*.mpy")}
    (folder / LIST).write_text(hash_list(folder.name, files), encoding="utf-8")
    for package, names in (("package.json", SMALL), ("opus.json", OPUS)):
        if files.keys() >= set(names):
            (folder / package).write_text(mip_package(names), encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        write_lists(Path(argument))
