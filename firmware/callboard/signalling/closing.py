"""What a connection's end means: can the session go on, how long to stay away (PROTOCOL.md §2)."""

from .. import codes
from ..errors import ProtocolError, RemoteError

BROKE_RULES = 4400
UNAUTHENTICATED = 4401
TOO_SLOW = 4408
REPLACED = 4409

# After a refusal another attempt soon would be refused as well: a minute, then up to a quarter of
# an hour.
REFUSED_FIRST_MS = 60000
REFUSED_LIMIT_MS = 900000

_REFUSALS = (
    codes.UNAUTHENTICATED,
    codes.MODEL_REFUSED,
    codes.RPC_CAPABILITY,
    codes.RPC_VERSION,
)


class Outcome:
    """How it ended: `status` codes.OFFLINE_*, `resumable`, `refused` (stay away for long)."""

    def __init__(self, status, resumable, refused):
        self.status = status
        self.resumable = resumable
        self.refused = refused


def outcome(error):
    """The Outcome of a connection that ended with `error`; None when we closed it ourselves."""
    if error is None:
        return Outcome(codes.OFFLINE_NORMAL, False, False)
    code = getattr(error, "code_received", None)
    if code == UNAUTHENTICATED:
        return Outcome(codes.OFFLINE_AUTH, False, True)
    if code == REPLACED:
        return Outcome(codes.OFFLINE_KICKED, False, True)
    if code == BROKE_RULES:  # to send the same again would break the same rule
        return Outcome(codes.OFFLINE_NETWORK, False, False)
    if isinstance(error, RemoteError):  # hello was answered with an error
        refused = error.code in _REFUSALS
        return Outcome(
            codes.OFFLINE_AUTH if refused else codes.OFFLINE_NETWORK, not refused, refused
        )
    return Outcome(codes.OFFLINE_NETWORK, not isinstance(error, ProtocolError), False)


def code_and_reason(error):
    """The close code and reason that we send when `error` ends a connection."""
    if isinstance(error, ProtocolError):
        return BROKE_RULES, error.message[:60]
    if error is None:
        return 1000, ""
    return 1001, error.message[:60]
