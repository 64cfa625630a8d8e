"""How the relay says no: the documented code and a sentence a person can act on; state is untouched."""

from callboard.errors import CallboardError


class Refused(CallboardError):
    """A request cannot be granted. `code` is one of callboard.codes, `message` names the field and its limits."""

    def __init__(self, code: int, message: str):
        super().__init__(message, code)
