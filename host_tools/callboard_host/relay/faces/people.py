"""The users' face: which devices there are for them, and which may call (PROTOCOL.md §4)."""

from typing import Any

from callboard.port import json_text

from .. import fields
from ..auth import USER, device_identity, user_identity
from ..core import Core, Methods, Result
from ..session import Session
from ..transaction import Relation, User

LISTED_BYTES = 12_000  # of JSON, so that the answer fits into one message


def register(methods: Methods) -> None:
    """Add this face's requests."""
    methods.add("device.list", (USER,), list_devices)
    methods.add("device.authorise", (USER,), authorise)
    methods.add("device.revoke", (USER,), revoke)


async def list_devices(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """The devices that were bound to the user, or that the user authorised, from `skip` on."""
    user, skip = _user_of(session), fields.integer(params, "skip", 0, 100_000, 0)
    async with core.store.read() as tx:
        relations = (await tx.relations(open_id=user.open_id))[skip:]
        listed: list[dict[str, Any]] = []
        room = LISTED_BYTES
        for relation in relations:
            device = await tx.device(relation.model_id, relation.sn)
            listed.append(_describe(core, relation, device.name if device else ""))
            room -= len(json_text(listed[-1]).encode())
            if room < 0:
                listed.pop()
                break
    return {"devices": listed, "more": len(listed) < len(relations)}


async def authorise(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """The user lets a device call (003 §5.1)."""
    model_id, sn = fields.device_id(params)
    await core.users.authorise(_user_of(session), model_id, sn)
    return {}


async def revoke(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """The user lets a device call no longer."""
    model_id, sn = fields.device_id(params)
    await core.users.revoke(_user_of(session).open_id, model_id, sn)
    return {}


def tell_bound(core: Core, user: User, model_id: str, sn: str, name: str) -> None:
    """A device was given this user: their phone, if it is online, may ask them to authorise it."""
    session = core.hub.sessions.get(user_identity(user.open_id).key)
    if session is not None and session.connection is not None:
        device = {"model_id": model_id, "sn": sn, "name": name or sn}
        session.push("device.bound", {"device": device})


def _describe(core: Core, relation: Relation, name: str) -> dict[str, Any]:
    key = device_identity(relation.model_id, relation.sn).key
    return {
        "model_id": relation.model_id,
        "sn": relation.sn,
        "name": name or relation.sn,
        "bound": relation.bound,
        "authorised": relation.authorised,
        # Whom it may not call, it does not show whether it is there.
        "online": relation.bound and core.hub.is_online(key),
    }


def _user_of(session: Session) -> User:
    user = session.client.user
    assert user is not None  # the registry lets only users in
    return user
