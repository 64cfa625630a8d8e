"""The voip face: calls between a device and a user (PROTOCOL.md §4)."""

from typing import Any

from callboard import codes

from .. import fields
from ..auth import DEVICE, USER, device_identity, user_identity
from ..core import Core, Methods, Result
from ..peers import device_peer, user_peer, visitor_of
from ..permission import CallWish, check_call, find_device, find_user
from ..refusal import Refused
from ..rooms import DEVICE_TO_PHONE, PHONE_TO_DEVICE, CallDetails, Identity
from ..session import Session
from ..transaction import Device

CODECS = 8  # names in call.answer


def register(methods: Methods) -> None:
    """Add this face's requests."""
    methods.add("voip.call", (DEVICE, USER), call)
    methods.add("call.answer", (DEVICE, USER), answer)
    methods.add("call.reject", (DEVICE, USER), reject)
    methods.add("call.hang_up", (DEVICE, USER), hang_up)


async def call(core: Core, session: Session, request_id: int, params: dict[str, Any]) -> Result:
    """Ring a user, or a device. Answered when it rings, or when it will not."""
    if session.client.device is not None:
        callee, details = await _of_device(core, session.client.device, session, params)
    else:
        callee, details = await _of_user(core, session, params)
    group_id = None
    if session.client.device is not None:
        whom = details.callee_peer["open_id"]
        group_id = _reservation(core, session.client.device, whom, params)
    if session.ended:
        raise Refused(codes.NETWORK, "the client is gone")  # while we looked it up
    outcome = core.hub.engine.call(session.key, callee, details, core.clock.monotonic_ms())
    if group_id is not None:
        core.reservations.take(group_id)
    session.call_request = (outcome.result["call_id"], request_id)
    core.hub.run(outcome)
    return None


async def answer(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """The callee takes the call."""
    call_id = fields.text(params, "call_id", 64)
    offered = fields.names(params, "codecs", CODECS)
    camera = fields.boolean(params, "camera", False)
    now_ms = core.clock.monotonic_ms()
    return core.hub.run(core.hub.engine.answer(session.key, call_id, offered, camera, now_ms))


async def reject(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """The callee does not want the call."""
    call_id = fields.text(params, "call_id", 64)
    now_ms = core.clock.monotonic_ms()
    return core.hub.run(core.hub.engine.reject(session.key, call_id, now_ms))


async def hang_up(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """Either end hangs up, or was restarted and knows nothing of the call it is in."""
    call_id = None
    if params.get("call_id") is not None:
        call_id = fields.text(params, "call_id", 64)
    now_ms = core.clock.monotonic_ms()
    lost = params.get("lost", False)
    if not isinstance(lost, bool):
        raise fields.refuse("lost must be true or false")
    return core.hub.run(core.hub.engine.hang_up(session.key, call_id, now_ms, lost))


async def _of_device(
    core: Core, device: Device, session: Session, params: dict[str, Any]
) -> tuple[Identity, CallDetails]:
    """Whom a device calls, and how. Raises Refused with the codes of 000 §3."""
    call_type, wishes = _wishes(params)
    _check_own_ids(params, device)
    flavour = session.client.flavour
    wish = _wish(core, DEVICE_TO_PHONE, flavour, params)
    async with core.store.read() as tx:
        user = await find_user(tx, device, params.get("open_id"))
        await check_call(tx, device, user, wish)
    peers = device_peer(device), user_peer(user)
    details = CallDetails(
        call_type, *peers, visitor_of(user), DEVICE_TO_PHONE, wishes | {"flavour": flavour}
    )
    return user_identity(user.open_id), details


async def _of_user(
    core: Core, session: Session, params: dict[str, Any]
) -> tuple[Identity, CallDetails]:
    """Which device a user calls, and how. Raises Refused with the codes of 000 §3."""
    user = session.client.user
    assert user is not None  # a session is one or the other
    call_type, wishes = _wishes(params)
    flavour = fields.integer(params, "flavour", 0, 2, codes.FLAVOUR_FORMAL)
    wish = _wish(core, PHONE_TO_DEVICE, flavour, params)
    async with core.store.read() as tx:
        device = await find_device(tx, user, params)
        await check_call(tx, device, user, wish)
    peers = user_peer(user), device_peer(device)
    details = CallDetails(call_type, *peers, visitor_of(user), PHONE_TO_DEVICE, wishes)
    return device_identity(device.model_id, device.sn), details


def _wishes(params: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """What the caller wants: call_type, and what is passed on to the callee as it is."""
    return fields.integer(params, "call_type", 1, 2), {
        "caller_camera": fields.integer(params, "caller_camera", 0, 1, 0),
        "callee_camera": fields.integer(params, "callee_camera", 0, 1, 0),
        "video_info": fields.small_object(params, "video_info", 16),
    }


def _wish(core: Core, direction: str, flavour: int, params: dict[str, Any]) -> CallWish:
    voip_token = None
    if params.get("voip_token") is not None:
        voip_token = fields.token(params, "voip_token")
    return CallWish(direction, flavour, voip_token, core.clock.epoch_ms())


def _check_own_ids(params: dict[str, Any], device: Device) -> None:
    """A call may say again who calls (000 §3); it must be who said hello."""
    for name, right, code in (
        ("device_id", device.sn, codes.CALL_DEVICE_ID),
        ("model_id", device.model_id, codes.CALL_DEVICE_ID),
        ("wxa_appid", device.wxa_appid, codes.CALL_OTHER_APP),
    ):
        if params.get(name) is not None and params[name] != right:
            raise Refused(code, f"{name} is not that of this device")


def _reservation(core: Core, device: Device, open_id: str, params: dict[str, Any]) -> str | None:
    """The group of the prepared call that this one is; None: it is not prepared."""
    if params.get("group_id") is None and params.get("voip_id") is None:
        return None
    group_id, voip_id = (_id_or_nothing(params.get(name)) for name in ("group_id", "voip_id"))
    whose = (device.model_id, device.sn)
    now_ms = core.clock.epoch_ms()
    core.reservations.find(whose, group_id, voip_id, open_id, now_ms)
    return group_id


def _id_or_nothing(value: Any) -> str:
    return value if isinstance(value, str) else ""
