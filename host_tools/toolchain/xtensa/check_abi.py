"""Refuses Xtensa code of the wrong calling convention before it is linked.

    check_abi.py FILE...        objects and libraries

The linker for native modules takes anything. A module with one function of the other convention
(that of the ESP8266, which Debian's own libraries have) crashes an ESP32 without a word. Every
object of the assembler says in its section .xtensa.info which one it follows.
"""

import io
import sys
from pathlib import Path

from ar import Archive  # type: ignore[import-untyped]
from elftools.elf.elffile import ELFFile  # type: ignore[import-untyped]

WINDOWED = b"ABI=0\n"


def objects(path: Path):
    """(name, contents) of an object, or of every object in a library."""
    content = path.read_bytes()
    if not content.startswith(b"!<arch>\n"):
        yield str(path), content
        return
    with path.open("rb") as file:
        library = Archive(file)
        for entry in library:
            yield f"{path}({entry.name})", library.open(entry, "rb").read()


def fault(content: bytes) -> str:
    """What is wrong with an object, or ""."""
    elf = ELFFile(io.BytesIO(content))
    if elf["e_machine"] != "EM_XTENSA":
        return f"is for {elf['e_machine']}"
    info = elf.get_section_by_name(".xtensa.info")
    if info is None:
        return "does not say which calling convention it has"
    if WINDOWED not in info.data():
        return "has the calling convention of the ESP8266 (call0)"
    return ""


def main() -> int:
    """Command line: name each wrong object; 1 if there is one, or none at all to look at."""
    found = [item for path in sys.argv[1:] for item in objects(Path(path))]
    wrong = [(name, reason) for name, content in found if (reason := fault(content))]
    for name, reason in wrong:
        print(f"check_abi: {name} {reason}", file=sys.stderr)
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
