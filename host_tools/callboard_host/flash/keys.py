"""The key store while a board is flashed: on the host's disk before anything is written.

The board's identity must survive a pulled cable. So what was read from it is kept in a file of its
own (mode 0600) until the board has it back and it was compared; the next run finds it there.
"""

import contextlib
import os
from pathlib import Path

from callboard_host import keystore_image
from callboard_host.errors import BadInput

from .job import Refused

BLANK = b"\xff" * keystore_image.SIZE


def folder(given: str = "") -> Path:
    """Where backups are kept."""
    if given:
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "callboard" / "keys"


def is_store(data: bytes) -> bool:
    """Whether these 8 KB are a key store. Raises Refused for one of a later version."""
    try:
        return keystore_image.read(data).active is not None
    except BadInput as error:
        raise Refused(
            f"the board's keys cannot be kept: {error.message}",
            "use the callboard that wrote them, or --erase to lose them",
        ) from error


def same(first: bytes, second: bytes) -> bool:
    """Whether two images hold the same values: a board that has started may have rearranged."""
    one, other = keystore_image.read(first), keystore_image.read(second)
    return one.active is not None and one.values == other.values


class Backup:
    """The file with the keys of the board called `name` (its number, unique in the world)."""

    def __init__(self, name: str, given: str = ""):
        safe = "".join(c if c.isalnum() else "-" for c in name)
        self.path = folder(given) / f"{safe}.keys"

    def load(self) -> bytes | None:
        """What an earlier run has left here; None if it finished, or what it left is no store."""
        with contextlib.suppress(OSError):
            data = self.path.read_bytes()
            if len(data) == keystore_image.SIZE and is_store(data):
                return data
        return None

    def save(self, data: bytes) -> None:
        """Keep it, durably. Raises BadInput: then nothing may be written to the board."""
        temporary = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(number, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError as error:
            raise BadInput(
                f"cannot keep the board's keys in {self.path}: {error.strerror}",
                "make room there, or give another folder with --backups",
            ) from error

    def forget(self) -> None:
        """The board has its keys back."""
        self.path.unlink(missing_ok=True)
