"""Options that several commands share: a board's Python, and what both ends of a call have."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from callboard.media.codec import PREFERENCE

PHONE_STATE = Path.home() / ".config" / "callboard" / "phone.json"


class PythonName(Enum):
    """Which Python the board runs."""

    micropython = "micropython"
    cpython = "cpython"


class BitsName(Enum):
    """Word size of the MicroPython build."""

    b64 = "64"
    b32 = "32"


class NetworkName(Enum):
    """How the board reaches its relay."""

    own = "own"
    serial = "serial"


class DuplexName(Enum):
    """Whether both ends may speak at the same time."""

    full = "full"
    half = "half"


class TlsEnd(Enum):
    """Who makes TLS for a board whose network is its serial line."""

    board = "board"
    host = "host"


class CodecName(Enum):
    """What a call is to be coded in; `auto`: the best that both ends have."""

    auto = "auto"
    opus = "opus"
    opus_8k = "opus-8k"
    pcmu = "pcmu"


class End(Enum):
    """An end of a call."""

    board = "board"
    phone = "phone"


def codec_names(text: str) -> tuple[str, ...] | None:
    """The names in a list with commas; None for an empty one. Raises typer.BadParameter."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in names if name not in PREFERENCE]:
        raise typer.BadParameter(f"{unknown[0]!r} is not one of {', '.join(PREFERENCE)}")
    return names or None


Python = Annotated[PythonName, typer.Option(help="The board's Python.")]
Bits = Annotated[BitsName, typer.Option(help="Word size of the board's MicroPython.")]
Network = Annotated[
    NetworkName, typer.Option(help="serial: none but `callboard bridge` on its serial line.")
]
Duplex = Annotated[
    DuplexName, typer.Option(help="half: push to talk, the button is held to speak.")
]
BridgeTls = Annotated[TlsEnd, typer.Option(help="Who makes TLS through the bridge.")]
Camera = Annotated[
    Path | None, typer.Option(dir_okay=False, help="H.264 file (Annex B) that it shows.")
]
CameraFps = Annotated[int, typer.Option(min=1, max=60, help="Pictures per second of that.")]
Screen = Annotated[
    Path | None, typer.Option(dir_okay=False, help="H.264 file to write what it sees to.")
]
Codec = Annotated[CodecName, typer.Option(help="What both ends offer.")]
Codecs = Annotated[
    str,
    typer.Option(help="What it offers, e.g. opus-8k,pcmu; pcmu always is. All that it can do."),
]
Microphone = Annotated[Path | None, typer.Option(help="WAV that it says.")]
Speaker = Annotated[Path | None, typer.Option(help="WAV to write what it hears to.")]
Ppm = Annotated[int, typer.Option(help="Drift of its audio clock.", min=-1000, max=1000)]
HangUpAfter = Annotated[
    float | None, typer.Option(min=0, help="Hang up after these seconds of talk.")
]
GiveUpAfter = Annotated[float | None, typer.Option(min=0, help="Let it ring for these seconds.")]
Caller = Annotated[End, typer.Option(help="Who calls.")]
Speech = Annotated[Path | None, typer.Option(help="What both ends say: any audio file.")]
Events = Annotated[bool, typer.Option("--events", help="Print events as @{json} lines.")]
