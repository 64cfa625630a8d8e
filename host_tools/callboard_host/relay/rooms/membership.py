"""Rooms of N: members, feeds, subscriptions, and events for the others (PROTOCOL.md §6)."""

import hmac
import json
from collections.abc import Iterable
from typing import Any

from callboard import codes

from ..refusal import Refused
from .effects import FeedClosed, FeedOpened, Push, RouteAdded, RouteRemoved
from .media import AUDIO, VIDEO, VIDEO_CODEC, can_receive, choose_audio, stream
from .model import DEVICE, Feed, Member, Participant, Room, State, Subscription

LEFT_NORMAL = 1
LEFT_ABNORMAL = 2
LEFT_KICKED = 3


class Rooms:
    """The room commands, and the steps that calls share with them."""

    def __init__(self, state: State):
        self._state = state

    # -- commands of the room API --------------------------------------------------------------

    def create(
        self, who: Participant, audio: bool, video: bool, auto_subscribe: bool, record: bool
    ) -> dict[str, Any]:
        """Open a room and enter it. `audio` and `video` say what the room carries."""
        kinds = frozenset(k for k, wanted in ((AUDIO, audio), (VIDEO, video)) if wanted)
        if not kinds:
            raise Refused(codes.INVALID_ARGUMENT, "audio or video must be true")
        self._check_may_enter(who)
        self.check_room_free()
        room = self.open(kinds)
        member = self.admit(room, who, auto_subscribe)
        who.rooms.add(room.room_id)
        result = {
            "room_id": room.room_id,
            "token": room.token,
            "session_id": room.session_id,
            "uid": member.uid,
        }
        if record:
            room.record_id = self._state.ids.name("rec_")
            result["record_id"] = room.record_id
        return result

    def join(
        self, who: Participant, room_id: str, token: str, auto_subscribe: bool
    ) -> dict[str, Any]:
        """Enter an existing room."""
        room = self._open_room(room_id)
        if not hmac.compare_digest(room.token.encode(), token.encode()):
            raise Refused(codes.UNAUTHENTICATED, "token is not the token of this room")
        if who.key in room.members:
            raise Refused(codes.INVALID_ARGUMENT, "room_id: you are in this room already")
        self._check_may_enter(who)
        if len(room.members) >= self._state.limits.members_per_room:
            limit = self._state.limits.members_per_room
            raise Refused(codes.CALL_NO_ROOM, f"the room is full: it holds {limit} members")
        others = [member.describe() for member in room.members.values()]
        member = self.admit(room, who, auto_subscribe)
        who.rooms.add(room_id)
        self._tell_others(room, member, "joined")
        result = {
            "room_id": room_id,
            "session_id": room.session_id,
            "uid": member.uid,
            "members": others,
        }
        if auto_subscribe:
            feeds = [feed for feed in room.feeds.values() if self._may_take(member, feed)]
            result["streams"] = [self._subscribe_and_tell(room, member, feed) for feed in feeds]
        return result

    def leave(self, who: Participant, room_id: str, kind: int = LEFT_NORMAL) -> dict[str, Any]:
        """Leave; the room ends with its last member."""
        room, member = self._membership(who, room_id)
        who.rooms.discard(room_id)
        self.expel(room, member)
        self._tell_others(room, member, "left", type=kind)
        return {}

    def publish(
        self,
        who: Participant,
        room_id: str,
        audio: bool,
        video: bool,
        tag: str,
        codecs: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        """Offer one feed for each kind asked; `codecs` of the audio, None: what its caps say."""
        room, member = self._membership(who, room_id)
        wanted = [kind for kind, asked in ((AUDIO, audio), (VIDEO, video)) if asked]
        self._check_may_publish(room, member, wanted, tag)
        audio_codec = choose_audio(member.caps if codecs is None else codecs)
        streams = []
        for kind in wanted:
            codec = audio_codec if kind == AUDIO else VIDEO_CODEC
            feed = self.add_feed(room, member, kind, codec, tag)
            streams.append(_described(feed.stream_id, feed))
            self._announce(room, member, feed)
        return {"streams": streams}

    def unpublish(self, who: Participant, room_id: str, stream_id: str) -> dict[str, Any]:
        """Withdraw a feed; its subscriptions end with it."""
        room, member = self._membership(who, room_id)
        feed = member.feeds.get(stream_id)
        if feed is None:
            raise Refused(codes.INVALID_ARGUMENT, "stream_id is not a stream you publish here")
        self._drop_feed(room, member, feed)
        self._tell_others(room, member, "unpublished", feed=feed.describe())
        return {}

    def subscribe(self, who: Participant, room_id: str, feed_id: str) -> dict[str, Any]:
        """Receive a feed of another member."""
        room, member = self._membership(who, room_id)
        feed = room.feeds.get(feed_id)
        if feed is None or feed.owner == who.key:
            raise Refused(codes.INVALID_ARGUMENT, "feed_id is not a feed of another member")
        if who.key in feed.subscriptions:
            raise Refused(codes.INVALID_ARGUMENT, "feed_id: you receive this feed already")
        if not _can_take(member, feed):
            text = f"you cannot take {feed.codec}; its publisher may publish pcmu"
            raise Refused(codes.CODEC_UNAVAILABLE, text)
        if not self._may_take(member, feed):
            raise Refused(
                codes.QUOTA_SUBSCRIBE, "a device receives one audio feed: unsubscribe first"
            )
        return self._subscribe_and_tell(room, member, feed)

    def unsubscribe(self, who: Participant, room_id: str, stream_id: str) -> dict[str, Any]:
        """Stop receiving a feed."""
        room, member = self._membership(who, room_id)
        subscription = member.subscriptions.get(stream_id)
        if subscription is None:
            raise Refused(codes.INVALID_ARGUMENT, "stream_id is not a subscription of yours here")
        self._drop_subscription(member, subscription)
        self._tell_others(room, member, "unsubscribed", feed_id=subscription.feed.feed_id)
        return {}

    # -- steps that calls use, too -------------------------------------------------------------

    def check_room_free(self) -> None:
        """Refuse when the relay holds as many rooms as it may."""
        if self._state.refuse_rooms or len(self._state.rooms) >= self._state.limits.rooms:
            raise Refused(codes.CALL_NO_ROOM, "the relay has no room free; try again later")

    def open(self, kinds: frozenset[str], closed: bool = False) -> Room:
        """Make an empty room, maybe `closed` to the room API."""
        ids = self._state.ids
        room = Room(ids.name("r_"), ids.secret(), ids.name("s_"), kinds, closed)
        self._state.rooms[room.room_id] = room
        return room

    def admit(self, room: Room, who: Participant, auto_subscribe: bool) -> Member:
        """Put a participant into a room."""
        identity = who.identity
        member = Member(who.key, who.uid, identity.role, who.caps, auto_subscribe)
        room.members[who.key] = member
        return member

    def expel(self, room: Room, member: Member) -> None:
        """Take a member and all its streams out; an empty room ends."""
        for feed in list(member.feeds.values()):
            self._drop_feed(room, member, feed)
        for subscription in list(member.subscriptions.values()):
            self._drop_subscription(member, subscription)
        del room.members[member.key]
        if not room.members:
            del self._state.rooms[room.room_id]

    def add_feed(self, room: Room, member: Member, kind: str, codec: str, tag: str) -> Feed:
        """Make a feed of a member."""
        ids = self._state.ids
        feed = Feed(
            feed_id=ids.name("f_"),
            stream_id=ids.name("p_"),
            ssrc=self._state.new_ssrc(),
            mid=_free_mid(room),
            kind=kind,
            codec=codec,
            tag=tag,
            owner=member.key,
            uid=member.uid,
        )
        room.feeds[feed.feed_id] = feed
        member.feeds[feed.stream_id] = feed
        self._state.emit(FeedOpened(feed.feed_id, feed.ssrc, feed.owner, kind))
        return feed

    def add_subscription(self, member: Member, feed: Feed) -> Subscription:
        """Let a member receive a feed."""
        subscription = Subscription(self._state.ids.name("u_"), feed, member.key)
        member.subscriptions[subscription.stream_id] = subscription
        feed.subscriptions[member.key] = subscription
        self._state.emit(RouteAdded(feed.feed_id, feed.ssrc, feed.owner, member.key))
        return subscription

    # -- inside --------------------------------------------------------------------------------

    def _open_room(self, room_id: str) -> Room:
        room = self._state.rooms.get(room_id)
        if room is None or room.closed:
            raise Refused(codes.ROOM_INVALID, "the room does not exist or has ended")
        return room

    def _membership(self, who: Participant, room_id: str) -> tuple[Room, Member]:
        room = self._open_room(room_id)
        member = room.members.get(who.key)
        if member is None:
            raise Refused(codes.ROOM_INVALID, "you are not in this room: join it first")
        return room, member

    def _check_may_enter(self, who: Participant) -> None:
        limit = self._state.limits.rooms_per_participant
        if len(who.rooms) >= limit:
            raise Refused(codes.CALL_NO_ROOM, f"you are in {limit} rooms already: leave one first")

    def _check_may_publish(self, room: Room, member: Member, wanted: list[str], tag: str) -> None:
        limits = self._state.limits
        if not wanted:
            raise Refused(codes.INVALID_ARGUMENT, "audio or video must be true")
        for kind in wanted:
            if kind not in room.kinds:
                raise Refused(codes.INVALID_ARGUMENT, f"{kind}: this room was made without {kind}")
        if len(json.dumps(tag)) - 2 > limits.tag_length:
            text = f"tag must have at most {limits.tag_length} characters as JSON"
            raise Refused(codes.INVALID_ARGUMENT, text)
        if len(member.feeds) + len(wanted) > limits.feeds_per_member:
            limit = limits.feeds_per_member
            raise Refused(codes.QUOTA_PUBLISH, f"a member may publish {limit} feeds in a room")
        if len(room.feeds) + len(wanted) > limits.feeds_per_room:
            limit = limits.feeds_per_room
            raise Refused(codes.QUOTA_PUBLISH, f"a room holds {limit} feeds")

    def _may_take(self, member: Member, feed: Feed) -> bool:
        if not _can_take(member, feed):
            return False
        if member.role != DEVICE or feed.kind != AUDIO:
            return True
        audio = sum(1 for sub in member.subscriptions.values() if sub.feed.kind == AUDIO)
        return audio < self._state.limits.audio_feeds_to_device

    def _announce(self, room: Room, publisher: Member, feed: Feed) -> None:
        """Tell the others of a new feed; auto-subscribers get the stream with the news."""
        takers = []
        for other in room.members.values():
            if other is publisher:
                continue
            more: dict[str, Any] = {"feed": feed.describe()}
            if other.auto_subscribe and self._may_take(other, feed):
                subscription = self.add_subscription(other, feed)
                more["stream"] = _described(subscription.stream_id, feed)
                takers.append(other)
            self._tell(room, other, publisher, "published", more)
        for taker in takers:
            self._tell_others(room, taker, "subscribed", feed_id=feed.feed_id)

    def _subscribe_and_tell(self, room: Room, member: Member, feed: Feed) -> dict[str, Any]:
        subscription = self.add_subscription(member, feed)
        self._tell_others(room, member, "subscribed", feed_id=feed.feed_id)
        return _described(subscription.stream_id, feed)

    def _drop_feed(self, room: Room, member: Member, feed: Feed) -> None:
        for subscription in list(feed.subscriptions.values()):
            self._drop_subscription(room.members[subscription.subscriber], subscription)
        del room.feeds[feed.feed_id]
        del member.feeds[feed.stream_id]
        self._state.ssrcs.discard(feed.ssrc)
        self._state.emit(FeedClosed(feed.feed_id, feed.ssrc, feed.owner))

    def _drop_subscription(self, member: Member, subscription: Subscription) -> None:
        feed = subscription.feed
        del member.subscriptions[subscription.stream_id]
        del feed.subscriptions[member.key]
        self._state.emit(RouteRemoved(feed.feed_id, feed.ssrc, feed.owner, member.key))

    def _tell_others(self, room: Room, actor: Member, event: str, **more: Any) -> None:
        for other in room.members.values():
            if other is not actor:
                self._tell(room, other, actor, event, more)

    def _tell(
        self, room: Room, to: Member, actor: Member, event: str, more: dict[str, Any]
    ) -> None:
        params = {"room_id": room.room_id, "event": event, "uid": actor.uid, **more}
        self._state.emit(Push(to.key, "room.event", params))


def _can_take(member: Member, feed: Feed) -> bool:
    """Whether the member knows an audio feed's codec; a transcoder does not exist yet."""
    return feed.kind != AUDIO or can_receive(member.caps, feed.codec)


def _described(stream_id: str, feed: Feed) -> dict[str, Any]:
    return {
        "stream_id": stream_id,
        "feed_id": feed.feed_id,
        "kind": feed.kind,
        "media": stream(feed),
    }


def _free_mid(room: Room) -> str:
    """The smallest number that no feed of the room has as its MID (RFC 8843: short, unique)."""
    taken = {feed.mid for feed in room.feeds.values()}
    number = 0
    while str(number) in taken:
        number += 1
    return str(number)
