"""What the shell must do after a command, as data."""

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Push:
    """Send a request to a participant; its answer needs no handling."""

    to: str
    method: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Invite:
    """Push `call.incoming`; report the answer: Engine.invitation_delivered or _refused."""

    to: str
    call_id: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallRinging:
    """Answer the caller's `voip.call`: the phone rings."""

    to: str
    call_id: str
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallFailed:
    """Refuse the caller's `voip.call`: the call never rang."""

    to: str
    call_id: str
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class FeedOpened:
    """Packets with this SSRC from `owner` are a feed from now on."""

    feed_id: str
    ssrc: int
    owner: str
    kind: str


@dataclass(frozen=True, slots=True)
class FeedClosed:
    """Packets with this SSRC are refused from now on."""

    feed_id: str
    ssrc: int
    owner: str


@dataclass(frozen=True, slots=True)
class RouteAdded:
    """Pass the feed's packets on to this participant."""

    feed_id: str
    ssrc: int
    owner: str
    to: str


@dataclass(frozen=True, slots=True)
class RouteRemoved:
    """Stop passing the feed's packets on to this participant."""

    feed_id: str
    ssrc: int
    owner: str
    to: str


@dataclass(frozen=True, slots=True)
class SessionExpired:
    """The participant did not come back within the grace time: forget its session."""

    participant: str


Effect = (
    Push
    | Invite
    | CallRinging
    | CallFailed
    | FeedOpened
    | FeedClosed
    | RouteAdded
    | RouteRemoved
    | SessionExpired
)


class Outcome(NamedTuple):
    """What a command gives: the answer for who asked, and the effects, in order."""

    result: dict[str, Any]
    effects: list[Effect]
