"""Secrets from a file, the environment or a prompt; never from the command line."""

import getpass
import os
import sys
from pathlib import Path

from callboard_host.errors import BadInput


def read_secret(
    what: str, variable: str, file: Path | None, prompt: bool = True, twice: bool = False
) -> bytes | None:
    """The secret's bytes, or None when nothing gives it.

    `file` wins, then the environment's `variable`, then a prompt on a terminal, which is not
    echoed; `twice` asks again to be sure. One newline at the end of a file does not count.
    Raises BadInput.
    """
    if file is not None:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise BadInput(f"cannot read {what} from {file}: {error.strerror}") from error
        return data.removesuffix(b"\n").removesuffix(b"\r")
    if variable in os.environ:
        return os.fsencode(os.environ[variable])
    if not prompt or not sys.stdin.isatty():
        return None
    text = getpass.getpass(f"{what}: ")
    if twice and getpass.getpass(f"{what} once more: ") != text:
        raise BadInput(f"the two are not the same: {what}", "try again")
    return os.fsencode(text)
