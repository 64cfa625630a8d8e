"""The room face: the room API for devices and users (PROTOCOL.md §6)."""

from typing import Any

from .. import fields
from ..auth import DEVICE, USER
from ..core import Core, Methods, Result
from ..session import Session

BOTH = (DEVICE, USER)
_ID = 64  # characters of an id
_TAG = 64
_CODECS = 8


def register(methods: Methods) -> None:
    """Add this face's requests."""
    methods.add("room.create", BOTH, create)
    methods.add("room.join", BOTH, join)
    methods.add("room.leave", BOTH, leave)
    methods.add("room.publish", BOTH, publish)
    methods.add("room.unpublish", BOTH, unpublish)
    methods.add("room.subscribe", BOTH, subscribe)
    methods.add("room.unsubscribe", BOTH, unsubscribe)


async def create(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """Open a room and enter it."""
    outcome = core.hub.engine.create_room(
        session.key,
        audio=fields.boolean(params, "audio", True),
        video=fields.boolean(params, "video", True),
        auto_subscribe=fields.boolean(params, "auto_subscribe", True),
        record=fields.boolean(params, "record", False),
    )
    return core.hub.run(outcome)


async def join(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """Enter a room."""
    outcome = core.hub.engine.join_room(
        session.key,
        fields.text(params, "room_id", _ID),
        fields.token(params, "token"),
        fields.boolean(params, "auto_subscribe", True),
    )
    return core.hub.run(outcome)


async def leave(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """Leave a room."""
    room_id = fields.text(params, "room_id", _ID)
    return core.hub.run(core.hub.engine.leave_room(session.key, room_id))


async def publish(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """Offer feeds."""
    outcome = core.hub.engine.publish(
        session.key,
        fields.text(params, "room_id", _ID),
        fields.boolean(params, "audio"),
        fields.boolean(params, "video"),
        fields.text(params, "tag", _TAG, ""),
        fields.names(params, "codecs", _CODECS) if "codecs" in params else None,
    )
    return core.hub.run(outcome)


async def unpublish(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """Withdraw a feed."""
    room_id = fields.text(params, "room_id", _ID)
    stream_id = fields.text(params, "stream_id", _ID)
    return core.hub.run(core.hub.engine.unpublish(session.key, room_id, stream_id))


async def subscribe(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """Receive a feed."""
    room_id = fields.text(params, "room_id", _ID)
    feed_id = fields.text(params, "feed_id", _ID)
    return core.hub.run(core.hub.engine.subscribe(session.key, room_id, feed_id))


async def unsubscribe(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """Stop receiving a feed."""
    room_id = fields.text(params, "room_id", _ID)
    stream_id = fields.text(params, "stream_id", _ID)
    return core.hub.run(core.hub.engine.unsubscribe(session.key, room_id, stream_id))
