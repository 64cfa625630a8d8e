"""A board by its name: what its board.json says, and its chip."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callboard_host import paths
from callboard_host.errors import BadInput

from . import check
from .chips import CHIPS, Chip


@dataclass(frozen=True)
class Board:
    """A board whose board.json is in order; `facts` is that file."""

    facts: dict[str, Any]

    @property
    def name(self) -> str:
        """As the folder, e.g. ESP32_GENERIC_S3."""
        return self.facts["name"]

    @property
    def chip(self) -> Chip:
        """Its chip."""
        return CHIPS[self.facts["chip"]]

    @property
    def flash_bytes(self) -> int:
        """The size of its flash."""
        return self.facts["flash"]["bytes"]

    @property
    def key_store(self) -> str:
        """Where the key store lives: "file", "partition" or "pin_files"."""
        return self.facts["flash"]["key_store"]

    @property
    def program_bytes(self) -> int:
        """The program unit of its file system."""
        return self.facts["flash"]["file_system"]["program_bytes"]

    @property
    def file_system(self) -> tuple[int, int] | None:
        """(offset, bytes) of its file system in the flash; None where a partition table tells."""
        system = self.facts["flash"].get("file_system", {})
        return (system["offset"], system["bytes"]) if "offset" in system else None


def names() -> list[str]:
    """The names of all boards."""
    return sorted(path.parent.name for path in paths.BOARDS.glob("*/board.json"))


def load(name: str) -> Board:
    """The board called `name`. Raises BadInput when there is none or its file is wrong."""
    path = paths.BOARDS / name / "board.json"
    if name not in names():
        raise BadInput(f"there is no board {name}", f"boards: {', '.join(names())}")
    return load_file(path, name)


def load_file(path: Path, folder: str = "") -> Board:
    """The board that a board.json describes. Raises BadInput that names the first wrong field."""
    facts = check.read(path)
    found = check.problems(facts, folder)
    if found:
        raise BadInput(f"{path}: {found[0]}", "`callboard boards check FILE` tells all of it")
    return Board(facts)


def load_all() -> list[Board]:
    """Every board. Raises BadInput."""
    return [load(name) for name in names()]
