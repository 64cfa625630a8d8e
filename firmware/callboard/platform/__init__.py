"""What a board is made of: one module per kind of board, each with the same functions."""

from ..errors import InvalidArgument


def create(board):
    """The platform for a `board` module (constants, see firmware/README.md)."""
    name = getattr(board, "BOARD", "UNIX")
    if name == "UNIX":
        from . import unix

        return unix.Platform(board)
    raise InvalidArgument("BOARD %s is not known here" % name)
