"""What a phone keeps between runs: who it is, in a file that only its owner may read."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from callboard_host.errors import BadInput


@dataclass(frozen=True)
class Identity:
    """A user on one relay. The token never appears in a log: its repr is hidden."""

    open_id: str
    wxa_appid: str
    client: str
    user_token: str

    def __repr__(self) -> str:
        return f"Identity(open_id={self.open_id!r}, wxa_appid={self.wxa_appid!r})"


def new_client() -> str:
    """A client id: 32 hex digits that this client chooses and keeps."""
    return secrets.token_hex(16)


def load(path: Path) -> Identity | None:
    """The stored identity, or None when there is no file. Raises BadInput when it is damaged."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Identity(**{key: str(stored[key]) for key in Identity.__dataclass_fields__})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path} is not a phone's state ({type(error).__name__})",
            "delete it and redeem a new invitation with --invitation",
        ) from error


def save(path: Path, identity: Identity) -> None:
    """Store an identity, mode 0600: complete or not at all. Raises BadInput."""
    scratch = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.unlink(missing_ok=True)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(identity), file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        raise BadInput(
            f"cannot write {path}: {error.strerror}", "choose another --state"
        ) from error
