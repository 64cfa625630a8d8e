"""The room engine: calls, feeds, subscriptions. A pure state machine: no I/O, no clock, no tasks.

Commands take the time, return a result with the effects that the shell has to carry out, or raise
Refused and change nothing. A call is a room of two made by an invitation, a live view one of a
device and those who watch it.
"""

from .effects import (
    CallFailed,
    CallRinging,
    Effect,
    FeedClosed,
    FeedOpened,
    Invite,
    Outcome,
    Push,
    RouteAdded,
    RouteRemoved,
    SessionExpired,
)
from .engine import Engine
from .ids import IdSource
from .limits import Limits
from .model import DEVICE_TO_PHONE, PHONE_TO_DEVICE, CallDetails, Identity, ViewWish

__all__ = [
    "DEVICE_TO_PHONE",
    "PHONE_TO_DEVICE",
    "CallDetails",
    "CallFailed",
    "CallRinging",
    "Effect",
    "Engine",
    "FeedClosed",
    "FeedOpened",
    "IdSource",
    "Identity",
    "Invite",
    "Limits",
    "Outcome",
    "Push",
    "RouteAdded",
    "RouteRemoved",
    "SessionExpired",
    "ViewWish",
]
