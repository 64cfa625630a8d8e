"""One relay for a data directory: a lock that the operating system drops when its owner dies."""

import fcntl
import os
from pathlib import Path

from ..errors import BadInput, InUse
from .files import LOCK_FILE


class DirectoryLock:
    """Held from construction until close(). Raises InUse, BadInput."""

    def __init__(self, data_dir: Path):
        try:
            self._descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise BadInput(f"{data_dir} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise InUse(
                f"another relay runs on {data_dir}", "stop it, or give another --data"
            ) from None

    def close(self) -> None:
        """Let others have the directory."""
        os.close(self._descriptor)
