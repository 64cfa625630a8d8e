"""Which boards are plugged in: serial ports that a board may be on, drives of boot ROMs."""

import os
import string
import sys
from dataclasses import dataclass
from pathlib import Path

from callboard_host.errors import NotBuilt

# USB vendors of the boards' chips and serial bridges, and the family behind them ("": either).
_VENDORS = {
    0x303A: "esp32",
    0x10C4: "esp32",
    0x1A86: "esp32",
    0x0403: "esp32",
    0x2E8A: "rp2",
}
INFO = "INFO_UF2.TXT"


@dataclass(frozen=True)
class Place:
    """A board that may be flashed. `port` a serial port or "", `drive` a folder or ""."""

    family: str
    port: str = ""
    drive: str = ""
    title: str = ""

    @property
    def name(self) -> str:
        """What to give as --port."""
        return self.port or self.drive


def serial_places() -> list[Place]:
    """The serial ports that look like a board's. Raises NotBuilt without pyserial."""
    try:
        from serial.tools import list_ports
    except ImportError as error:
        raise NotBuilt("pyserial is not installed", "pip install 'callboard[serial]'") from error
    found = []
    for port in sorted(list_ports.comports(), key=lambda port: port.device):
        family = _VENDORS.get(port.vid or 0)
        if family is not None:
            found.append(Place(family, port=port.device, title=port.description or ""))
    return found


def drive_places(roots: tuple[str, ...] = ()) -> list[Place]:
    """The drives of RP2 boot ROMs, mounted anywhere below `roots` or where systems do that."""
    found = []
    for folder in _mounted(roots):
        model = info(folder).get("Board-ID", "")
        if model.startswith("RP"):
            found.append(Place("rp2", drive=str(folder), title=model))
    return found


def info(folder: Path) -> dict[str, str]:
    """What the INFO_UF2.TXT of a drive says; {} if there is none."""
    try:
        lines = (folder / INFO).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, mark, value in map(_split, lines[:20]) if mark}


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def _mounted(roots: tuple[str, ...]) -> list[Path]:
    if not roots and sys.platform == "win32":
        return [
            Path(f"{letter}:/")
            for letter in string.ascii_uppercase
            if os.path.exists(f"{letter}:/")
        ]
    user = os.environ.get("USER", "")
    known = roots or ("/Volumes", f"/media/{user}", f"/run/media/{user}", "/media", "/mnt")
    found: list[Path] = []
    for root in known:
        try:
            found += sorted(path for path in Path(root).iterdir() if path.is_dir())
        except OSError:
            continue
    return list(dict.fromkeys(found))
