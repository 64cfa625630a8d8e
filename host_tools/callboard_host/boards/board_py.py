"""`board.py`: the constants that a board's firmware reads, from its board.json."""

from types import SimpleNamespace
from typing import Any

from callboard.platform.settings import Settings

from .load import Board

# board.json's word for its network -> board.py's
_NETWORKS = {"wifi": "wifi", "bridge": "serial", "host": "own"}


def hardware(board: Board) -> dict[str, Any]:
    """The constants that tell the firmware its parts (firmware/README.md lists them)."""
    facts = board.facts
    audio = facts["audio"]
    constants: dict[str, Any] = {"BOARD": board.name, "CHIP": facts["chip"]}
    for role in ("microphone", "speaker"):
        line = audio.get(role)
        if line:
            constants[f"I2S_{role.upper()}"] = {k: v for k, v in line.items() if k != "part"}
    for part in ("button", "led"):
        if part in facts:
            constants[part.upper()] = facts[part]
    constants["DUPLEX"] = facts["duplex"]
    constants["AUDIO_OUTPUT"] = audio["output"]
    constants["NETWORK"] = _NETWORKS[facts["network"]]
    constants["KEY_STORE"] = board.key_store
    return constants


def text(board: Board, constants: dict[str, Any]) -> str:
    """The file: the board's own constants, its defaults, and `constants` over them.

    Raises InvalidArgument for a value that the board would refuse when it starts.
    """
    values = {**hardware(board), **board.facts["defaults"], **constants}
    Settings(SimpleNamespace(**values))
    lines = [f'"""What this board is made of: {board.name}; written by `callboard image`."""', ""]
    lines += [f"{name} = {value!r}" for name, value in values.items()]
    return "\n".join(lines) + "\n"
