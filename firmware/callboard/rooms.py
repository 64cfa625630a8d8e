"""Rooms from a device's side: make, enter, leave; publish and subscribe (002 §6.4, PROTOCOL §6).

Thin: the relay's engine holds the rooms. Each function asks the relay and returns its answer; what
other members do arrives through `on_event`.
"""

from . import codes
from .errors import InvalidArgument, ProtocolError

EVENTS = ("joined", "left", "published", "unpublished", "subscribed", "unsubscribed")
LEFT_NORMAL = 1
LEFT_ABNORMAL = 2
LEFT_KICKED = 3
_TEXT_MAX = 128


class Rooms:
    """The rooms of one link.

    Arguments: `link` with `await request(method, params)`; `on_event(room_id, event, uid,
    details)` is called for each event of another member: `event` of EVENTS, `details` the dict of
    the message with `type` (LEFT_…), `feed` or `feed_id`.
    """

    def __init__(self, link, on_event=None):
        self._link = link
        self._on_event = on_event

    async def create(self, audio=True, video=False, auto_subscribe=True, record=False):
        """Make a room and be in it: {"room_id", "token", "session_id", "uid", "record_id"?}."""
        params = {
            "audio": audio,
            "video": video,
            "auto_subscribe": auto_subscribe,
            "record": record,
        }
        return await self._ask("room.create", params, ("room_id", "token", "session_id", "uid"))

    async def join(self, room_id, token, auto_subscribe=True):
        """Enter a room: {"room_id", "session_id", "uid", "members"}.

        Raises RemoteError -114 when the room does not exist or has ended, 6 for a wrong token.
        """
        params = {"room_id": _text("room_id", room_id), "token": _text("token", token)}
        params["auto_subscribe"] = auto_subscribe
        answer = await self._ask("room.join", params, ("room_id", "session_id", "uid", "members"))
        if not isinstance(answer["members"], list):
            raise ProtocolError("room.join: members must be a list")
        return answer

    async def leave(self, room_id):
        """Leave a room; its streams are gone."""
        await self._ask("room.leave", {"room_id": _text("room_id", room_id)})

    async def publish(self, room_id, audio=True, video=False, tag=None, codecs=None):
        """Offer feeds: a list of {"stream_id", "feed_id", "kind", "media"}, one for each kind.

        `codecs`: names of PROTOCOL.md §4 to send audio in; None: the best that this device has.
        """
        if not audio and not video:
            raise InvalidArgument("publish needs audio, video or both")
        params = {"room_id": _text("room_id", room_id), "audio": audio, "video": video}
        if tag is not None:
            params["tag"] = _text("tag", tag)
        if codecs is not None:
            params["codecs"] = list(codecs)
        streams = (await self._ask("room.publish", params, ("streams",)))["streams"]
        if not isinstance(streams, list) or len(streams) != int(audio) + int(video):
            raise ProtocolError("room.publish: one stream for each kind was expected")
        return streams

    async def unpublish(self, room_id, stream_id):
        """Take a feed back."""
        await self._ask("room.unpublish", _stream(room_id, stream_id))

    async def subscribe(self, room_id, feed_id):
        """Receive another member's feed: {"stream_id", "feed_id", "kind", "media"}."""
        params = {"room_id": _text("room_id", room_id), "feed_id": _text("feed_id", feed_id)}
        return await self._ask("room.subscribe", params, ("stream_id", "feed_id", "kind", "media"))

    async def unsubscribe(self, room_id, stream_id):
        """Stop receiving a feed."""
        await self._ask("room.unsubscribe", _stream(room_id, stream_id))

    async def _ask(self, method, params, members=()):
        answer = await self._link.request(method, params)
        if not isinstance(answer, dict):
            raise ProtocolError("%s: the answer must be an object" % method)
        for name in members:
            if name not in answer:
                raise ProtocolError("%s: the answer lacks %s" % (method, name))
        return answer

    def event(self, params):
        """Handle a `room.event` of the relay. Raises InvalidArgument when it is malformed."""
        name = params.get("event")
        if name not in EVENTS:
            raise InvalidArgument("event must be one of " + ", ".join(EVENTS))
        room_id = _text("room_id", params.get("room_id"))
        uid = _text("uid", params.get("uid"))
        if name == "left" and params.get("type") not in (LEFT_NORMAL, LEFT_ABNORMAL, LEFT_KICKED):
            raise InvalidArgument("left needs type 1, 2 or 3")
        if name in ("published", "unpublished") and not isinstance(params.get("feed"), dict):
            raise InvalidArgument("%s needs feed" % name)
        if name in ("subscribed", "unsubscribed"):
            _text("feed_id", params.get("feed_id"))
        if self._on_event is not None:
            self._on_event(room_id, name, uid, params)


def _stream(room_id, stream_id):
    return {"room_id": _text("room_id", room_id), "stream_id": _text("stream_id", stream_id)}


def _text(name, value):
    if not isinstance(value, str) or not 1 <= len(value) <= _TEXT_MAX:
        text = "%s must be a text of 1 to %d characters" % (name, _TEXT_MAX)
        raise InvalidArgument(text, codes.INVALID_ARGUMENT)
    return value
