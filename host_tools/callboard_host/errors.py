"""What the host tools raise, and the exit status that each kind of error gives.

CallboardError                  (callboard.errors: what the device package raises, too)
└── HostError                   a sentence, and a hint at what to do about it
    ├── CallFailed              the call did not come about, or missed a bar
    ├── BadInput                a file the user gave cannot be used
    ├── InUse                   a port or a directory belongs to another program
    ├── NotBuilt                something has to be built or fetched first
    ├── ProgramFailed           a program that we started ended, or did not do its part in time
    └── Interrupted             Ctrl-C or SIGTERM
"""

import asyncio

from callboard import errors as device_errors
from callboard.errors import CallboardError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_NETWORK = 4
EXIT_CERTIFICATE = 5
EXIT_FILE = 6
EXIT_IN_USE = 7
EXIT_NOT_BUILT = 8
EXIT_NO_BOARD = 9
EXIT_INTERRUPTED = 130

EXIT_MEANINGS = {
    EXIT_OK: "done",
    EXIT_FAILED: "the call failed or missed a bar, or an error that has no number of its own",
    EXIT_USAGE: "the command line is wrong",
    EXIT_REFUSED: "refused; the message shows the documented code",
    EXIT_NETWORK: "the relay cannot be reached or did not answer in time",
    EXIT_CERTIFICATE: "the relay's certificate is not one we trust",
    EXIT_FILE: "a file cannot be read, written or understood",
    EXIT_IN_USE: "a port or a directory is in use by another program",
    EXIT_NOT_BUILT: "something has to be built or fetched first",
    EXIT_NO_BOARD: "the board on the serial line does not answer",
    EXIT_INTERRUPTED: "interrupted by Ctrl-C",
}


class HostError(CallboardError):
    """Base class. `hint` says what to do, or is empty; `exit_code` is the exit status."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str, hint: str = "", code: int | None = None):
        super().__init__(message, code)
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class CallFailed(HostError):
    """The call did not come about, or missed a bar."""


class BadInput(HostError):
    """A file that the user gave cannot be read, written or understood."""

    exit_code = EXIT_FILE


class InUse(HostError):
    """A port or a directory belongs to another program."""

    exit_code = EXIT_IN_USE


class NotBuilt(HostError):
    """Something has to be built or fetched first."""

    exit_code = EXIT_NOT_BUILT


class ProgramFailed(HostError):
    """A program that we started ended, or did not do its part in time."""


class Interrupted(HostError):
    """Ctrl-C or SIGTERM. Everything that was started is stopped."""

    exit_code = EXIT_INTERRUPTED


# The first match counts: subclasses before their bases.
_EXIT_OF = (
    (device_errors.TLSError, EXIT_CERTIFICATE),
    (device_errors.NetworkError, EXIT_NETWORK),
    (device_errors.RemoteError, EXIT_REFUSED),
    (device_errors.Busy, EXIT_REFUSED),
    (device_errors.NotRegistered, EXIT_REFUSED),
    (device_errors.WrongOrder, EXIT_REFUSED),
    (device_errors.InvalidArgument, EXIT_USAGE),
    (device_errors.StorageError, EXIT_FILE),
    (CallboardError, EXIT_FAILED),
    (OSError, EXIT_FILE),
)

_HINTS = (
    (device_errors.TLSError, "give the relay's own CA with --ca (ca.pem in its data)"),
    (device_errors.TimedOut, "is the relay still running, and the URL right?"),
    (device_errors.NetworkError, "is `callboard relay` running, and the URL right?"),
)


def exit_code(error: BaseException) -> int:
    """The exit status for an error that reaches the command line."""
    if isinstance(error, HostError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
        return EXIT_INTERRUPTED
    return next((code for kind, code in _EXIT_OF if isinstance(error, kind)), EXIT_FAILED)


def hint(error: BaseException) -> str:
    """What the user can do about an error, or an empty string."""
    if isinstance(error, HostError):
        return error.hint
    return next((text for kind, text in _HINTS if isinstance(error, kind)), "")
