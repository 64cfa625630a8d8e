"""What a board is made of: one module per kind of board, each with the same functions."""

from ..errors import InvalidArgument


def create(board):
    """The platform for a `board` module (constants, see firmware/README.md)."""
    name = getattr(board, "BOARD", "UNIX")
    chip = getattr(board, "CHIP", "unix" if name == "UNIX" else "none")
    if chip == "unix":
        from . import unix as kind
    elif chip in ("esp32", "esp32s3", "esp32c3"):
        from . import esp32 as kind
    elif chip in ("rp2040", "rp2350"):
        from . import rp2 as kind
    else:
        raise InvalidArgument("BOARD %s with CHIP %s is not known here" % (name, chip))
    return kind.Platform(board)
