"""The engine's nouns: participants, rooms, members, feeds, subscriptions, calls."""

import re
from dataclasses import dataclass, field
from typing import Any

from .effects import Effect
from .ids import IdSource
from .limits import Limits
from .timers import TimerQueue

UID = re.compile(r"[A-Za-z0-9_]{1,128}")

INVITING = "inviting"  # call.incoming is on its way; voip.call waits for its result
RINGING = "ringing"
TALKING = "talking"
ENDED = "ended"

DEVICE = "device"
USER = "user"

DEVICE_TO_PHONE = "device_to_phone"  # directions of calls
PHONE_TO_DEVICE = "phone_to_device"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is: `key` for the relay, `uid` for the other members of a room."""

    key: str
    uid: str
    role: str  # DEVICE or USER


@dataclass(slots=True)
class Participant:
    """One identity as the engine knows it. `present`: it has a session, connected or not."""

    identity: Identity
    caps: frozenset[str] = frozenset()
    present: bool = False
    connected: bool = False
    call_id: str | None = None
    rooms: set[str] = field(default_factory=set)  # the rooms joined through the room API

    @property
    def key(self) -> str:
        """The relay's name for it."""
        return self.identity.key

    @property
    def uid(self) -> str:
        """Its name among the members of a room."""
        return self.identity.uid


@dataclass(slots=True)
class Feed:
    """A published stream that others may subscribe to."""

    feed_id: str
    stream_id: str  # of the publish operation
    ssrc: int
    mid: str
    kind: str
    codec: str
    tag: str
    owner: str
    uid: str
    subscriptions: dict[str, "Subscription"] = field(default_factory=dict)  # by subscriber key

    def describe(self) -> dict[str, Any]:
        """The feed object of PROTOCOL.md §6."""
        return {"feed_id": self.feed_id, "uid": self.uid, "kind": self.kind, "tag": self.tag}


@dataclass(slots=True)
class Subscription:
    """One member receives one feed."""

    stream_id: str
    feed: Feed
    subscriber: str


@dataclass(slots=True)
class Member:
    """A participant inside one room."""

    key: str
    uid: str
    role: str
    caps: frozenset[str]
    auto_subscribe: bool
    feeds: dict[str, Feed] = field(default_factory=dict)  # by stream_id
    subscriptions: dict[str, Subscription] = field(default_factory=dict)  # by stream_id

    def describe(self) -> dict[str, Any]:
        """The member object of PROTOCOL.md §6."""
        return {
            "uid": self.uid,
            "feeds": [feed.describe() for feed in self.feeds.values()],
            "subscriptions": [sub.feed.feed_id for sub in self.subscriptions.values()],
        }


@dataclass(slots=True)
class Room:
    """Members and their feeds. One of a call or a view is `closed` to the room API."""

    room_id: str
    token: str
    session_id: str
    kinds: frozenset[str]
    closed: bool = False
    record_id: str | None = None
    members: dict[str, Member] = field(default_factory=dict)  # by participant key
    feeds: dict[str, Feed] = field(default_factory=dict)  # by feed_id


@dataclass(frozen=True, slots=True)
class CallDetails:
    """What the caller wants, checked by the face; passed on to the callee as it is."""

    call_type: int
    caller_peer: dict[str, Any]  # who calls, as the callee is told
    callee_peer: dict[str, Any]  # who is called, as the caller is told
    visitor: int  # names the user in a device's callbacks
    direction: str = DEVICE_TO_PHONE
    extra: dict[str, Any] = field(default_factory=dict)  # further members of call.incoming


@dataclass(slots=True)
class Call:
    """An invitation and the room it makes."""

    call_id: str
    room: Room
    caller: str
    callee: str
    details: CallDetails
    state: str = INVITING
    invited: bool = False  # the callee was told


@dataclass(frozen=True, slots=True)
class ViewWish:
    """What a visitor watches: a camera and a kind of stream, codes.RES_*."""

    visitor: int
    channel: int
    res_type: int

    @property
    def stream(self) -> tuple[int, int]:
        """What is watched, whoever watches it."""
        return self.channel, self.res_type

    def describe(self) -> dict[str, Any]:
        """As the device is told."""
        return {"visitor": self.visitor, "channel": self.channel, "res_type": self.res_type}


@dataclass(slots=True)
class View:
    """A user watches a device, in a room with all who watch the same."""

    view_id: str
    device: str
    viewer: str
    wish: ViewWish
    room: Room


class State:
    """What the parts of the engine share."""

    def __init__(self, ids: IdSource, limits: Limits):
        self.ids = ids
        self.limits = limits
        self.timers = TimerQueue()
        self.participants: dict[str, Participant] = {}
        self.uids: dict[str, str] = {}  # uid -> key
        self.rooms: dict[str, Room] = {}
        self.calls: dict[str, Call] = {}
        self.views: dict[str, View] = {}
        self.ssrcs: set[int] = set()
        self.refuse_rooms = False  # a fault that an operator switched on
        self.effects: list[Effect] = []

    def emit(self, effect: Effect) -> None:
        """Add an effect to the outcome of the running command."""
        self.effects.append(effect)

    def take_effects(self) -> list[Effect]:
        """The effects since the last call."""
        effects, self.effects = self.effects, []
        return effects

    def forget_idle(self, who: Participant) -> None:
        """Drop what is known of a participant that is neither here nor called."""
        if not who.present and who.call_id is None:
            self.participants.pop(who.key, None)
            self.uids.pop(who.uid, None)

    def new_ssrc(self) -> int:
        """An SSRC that no living feed has (1 … 2^32 − 1)."""
        while True:
            ssrc = self.ids.number(32)
            if ssrc not in self.ssrcs:
                self.ssrcs.add(ssrc)
                return ssrc
