"""The view face: users watch devices live, or what they recorded (PROTOCOL.md §6; 000 §3)."""

from typing import Any

from callboard import codes

from .. import fields, permission
from ..auth import DEVICE, USER, device_identity
from ..core import Core, Methods, Result
from ..peers import user_peer, visitor_of
from ..refusal import Refused
from ..rooms import ViewWish
from ..session import Session

CHANNELS = 16
ARGS = 16  # members of what a viewer tells the device, and of what the device tells of its stream


def register(methods: Methods) -> None:
    """Add this face's requests."""
    methods.add("view.start", (USER,), start)
    methods.add("view.stop", (USER,), stop)
    methods.add("view.finish", (DEVICE,), finish)


async def start(core: Core, session: Session, request_id: int, params: dict[str, Any]) -> Result:
    """Watch a device. Answered when it has agreed, or has not."""
    user = session.client.user
    assert user is not None  # the registry lets only users in
    wish = _wish(params, visitor_of(user))
    args = fields.small_object(params, "args", ARGS)
    core.check_rate(session)
    async with core.store.read() as tx:
        device = await permission.find_device(tx, user, params)
        await permission.check_relation(tx, device, user)
    key = device_identity(device.model_id, device.sn).key
    opened = core.hub.run(core.hub.engine.start_view(session.key, key, wish))
    pushed = wish.describe() | {
        "peer": user_peer(user),
        "args": args,
        "address": session.connection.address if session.connection is not None else "",
        "media": {"send_video": opened["stream"]},
    }
    core.later(_ask(core, session, request_id, key, opened["view_id"], pushed))
    return None


async def _ask(
    core: Core, session: Session, request_id: int, key: str, view_id: str, pushed: dict[str, Any]
) -> None:
    """Ask the device beside the viewer's further requests; answer when it has answered."""
    try:
        answer = await core.hub.push_and_wait(key, "view.start", pushed, core.config.push_ms)
        answer = answer if isinstance(answer, dict) else {}
        info = fields.small_object(answer, "info", ARGS)
        result = core.hub.run(core.hub.engine.view_accepted(view_id))
    except Refused as error:
        core.hub.run(core.hub.engine.stop_view(view_id))
        session.peer.respond_error(request_id, error.code, error.message)
    else:
        session.peer.respond(request_id, {"view_id": view_id, "info": info, **result})


async def stop(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """Watch no more."""
    view_id = fields.text(params, "view_id", 64)
    return core.hub.run(core.hub.engine.stop_view(view_id, session.key))


async def finish(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """The device has nothing more for a visitor."""
    wish = _wish(params, fields.integer(params, "visitor", 0, 0x7FFFFFFF))
    return core.hub.run(core.hub.engine.finish_view(session.key, wish))


def _wish(params: dict[str, Any], visitor: int) -> ViewWish:
    channel = fields.integer(params, "channel", 0, CHANNELS - 1, 0)
    res_type = fields.integer(params, "res_type", codes.RES_HIGH, codes.RES_PLAYBACK, 0)
    return ViewWish(visitor, channel, res_type)
