"""How the relay says no: a documented code, a sentence a person can act on, state untouched."""

from callboard.errors import CallboardError


class Refused(CallboardError):
    """A request cannot be granted. `code`: one of callboard.codes; `message`: what is wrong."""

    def __init__(self, code: int, message: str):
        super().__init__(message, code)
