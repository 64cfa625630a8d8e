"""The voip face: calls between a device and a user (PROTOCOL.md §4)."""

from typing import Any

from callboard import codes

from .. import fields
from ..auth import DEVICE, USER, user_identity
from ..core import Core, Methods, Result
from ..permission import DEVICE_TO_PHONE, CallWish, check_call, find_user
from ..refusal import Refused
from ..rooms import CallDetails
from ..session import Session
from ..transaction import Device, User

CODECS = 8  # names in call.answer


def register(methods: Methods) -> None:
    """Add this face's requests."""
    methods.add("voip.call", (DEVICE,), call)
    methods.add("call.answer", (USER,), answer)
    methods.add("call.reject", (USER,), reject)
    methods.add("call.hang_up", (DEVICE, USER), hang_up)


async def call(core: Core, session: Session, request_id: int, params: dict[str, Any]) -> Result:
    """Ring a user. Answered when the phone rings, or when it will not."""
    device = session.client.device
    assert device is not None  # the registry lets only devices in
    details = _parse_call(params, device, session.client.flavour)
    _check_own_ids(params, device)
    user = await _callable_user(core, device, session.client.flavour, params)
    group_id = _reservation(core, device, user, params)
    details = _with_callee(details, user)
    now_ms = core.clock.monotonic_ms()
    outcome = core.hub.engine.call(session.key, user_identity(user.open_id), details, now_ms)
    if group_id is not None:
        core.reservations.take(group_id)
    session.call_request = (outcome.result["call_id"], request_id)
    core.hub.run(outcome)
    return None


async def answer(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """The user takes the call."""
    call_id = fields.text(params, "call_id", 64)
    offered = fields.names(params, "codecs", CODECS)
    now_ms = core.clock.monotonic_ms()
    return core.hub.run(core.hub.engine.answer(session.key, call_id, offered, now_ms))


async def reject(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """The user does not want the call."""
    call_id = fields.text(params, "call_id", 64)
    now_ms = core.clock.monotonic_ms()
    return core.hub.run(core.hub.engine.reject(session.key, call_id, now_ms))


async def hang_up(core: Core, session: Session, _id: int, params: dict[str, Any]) -> Result:
    """Either end hangs up."""
    call_id = None
    if params.get("call_id") is not None:
        call_id = fields.text(params, "call_id", 64)
    now_ms = core.clock.monotonic_ms()
    return core.hub.run(core.hub.engine.hang_up(session.key, call_id, now_ms))


def _parse_call(params: dict[str, Any], device: Device, flavour: int) -> CallDetails:
    extra = {
        "flavour": flavour,
        "caller_camera": fields.integer(params, "caller_camera", 0, 1, 0),
        "callee_camera": fields.integer(params, "callee_camera", 0, 1, 0),
        "video_info": fields.small_object(params, "video_info", 16),
    }
    name = device.name or device.sn
    return CallDetails(
        call_type=fields.integer(params, "call_type", 1, 2),
        caller_peer={"model_id": device.model_id, "sn": device.sn, "name": name},
        callee_peer={},
        extra=extra,
    )


def _with_callee(details: CallDetails, user: User) -> CallDetails:
    peer = {"open_id": user.open_id, "name": user.name}
    return CallDetails(
        call_type=details.call_type,
        caller_peer=details.caller_peer,
        callee_peer=peer,
        extra=details.extra,
    )


def _check_own_ids(params: dict[str, Any], device: Device) -> None:
    """A call may say again who calls (000 §3); it must be who said hello."""
    for name, right, code in (
        ("device_id", device.sn, codes.CALL_DEVICE_ID),
        ("model_id", device.model_id, codes.CALL_DEVICE_ID),
        ("wxa_appid", device.wxa_appid, codes.CALL_OTHER_APP),
    ):
        if params.get(name) is not None and params[name] != right:
            raise Refused(code, f"{name} is not that of this device")


async def _callable_user(core: Core, device: Device, flavour: int, params: dict[str, Any]) -> User:
    """The user, if this device may call them. Raises Refused with the codes of 000 §3."""
    voip_token = None
    if params.get("voip_token") is not None:
        voip_token = fields.token(params, "voip_token")
    wish = CallWish(DEVICE_TO_PHONE, flavour, voip_token, core.clock.epoch_ms())
    async with core.store.read() as tx:
        user = await find_user(tx, device, params.get("open_id"))
        await check_call(tx, device, user, wish)
    return user


def _reservation(core: Core, device: Device, user: User, params: dict[str, Any]) -> str | None:
    """The group of the prepared call that this one is; None: it is not prepared."""
    if params.get("group_id") is None and params.get("voip_id") is None:
        return None
    group_id, voip_id = (_id_or_nothing(params.get(name)) for name in ("group_id", "voip_id"))
    whose = (device.model_id, device.sn)
    now_ms = core.clock.epoch_ms()
    core.reservations.find(whose, group_id, voip_id, user.open_id, now_ms)
    return group_id


def _id_or_nothing(value: Any) -> str:
    return value if isinstance(value, str) else ""
