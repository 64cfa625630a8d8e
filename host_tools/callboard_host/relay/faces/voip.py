"""The voip face: calls between a device and a user (PROTOCOL.md §4)."""

from typing import Any

from callboard import codes

from .. import fields
from ..auth import DEVICE, USER, user_identity
from ..core import Core, Methods, Result
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
    user = await _callable_user(core, device, params.get("open_id"))
    details = _with_callee(details, user)
    now_ms = core.clock.monotonic_ms()
    outcome = core.hub.engine.call(session.key, user_identity(user.open_id), details, now_ms)
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


async def _callable_user(core: Core, device: Device, open_id: Any) -> User:
    """The user, if this device may call them. Raises Refused with the codes of 000 §3."""
    if not isinstance(open_id, str) or not fields.OPEN_ID.fullmatch(open_id):
        raise Refused(codes.CALL_OPEN_ID_INVALID, f"open_id must match {fields.OPEN_ID.pattern}")
    async with core.store.read() as tx:
        user = await tx.user(open_id)
        authorised = await tx.is_authorised(open_id, device.model_id, device.sn)
    if user is None:
        raise Refused(codes.CALL_OPEN_ID_INVALID, "open_id is not a user of this relay")
    if user.wxa_appid != device.wxa_appid:
        raise Refused(codes.CALL_OTHER_APP, "open_id belongs to another app than the device")
    if not authorised:
        raise Refused(codes.CALL_NOT_AUTHORISED, "the user has not authorised this device to call")
    return user
