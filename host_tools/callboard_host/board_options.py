"""The options that choose a board's Python, the same for every command that has a board."""

from enum import Enum
from typing import Annotated

import typer


class PythonName(Enum):
    """Which Python the board runs."""

    micropython = "micropython"
    cpython = "cpython"


class BitsName(Enum):
    """Word size of the MicroPython build."""

    b64 = "64"
    b32 = "32"


Python = Annotated[PythonName, typer.Option(help="The board's Python.")]
Bits = Annotated[BitsName, typer.Option(help="Word size of the board's MicroPython.")]
