"""Who may reach whom, and with which code the answer is no (000 §3; 003 §2, §5).

Two people must have said yes: the device's owner **bound** the user to it (-9), and the user
**authorised** the device on the phone (-8). The user is asked first: without that yes a device
learns nothing about bindings. Calls must be paid for (-15), reviewed (-12) and, where the app
wants it, carry a voipToken (-13, -14, -17; campus -4).
"""

from dataclasses import dataclass
from typing import Any

from callboard import codes

from . import fields
from .refusal import Refused
from .rooms import DEVICE_TO_PHONE, PHONE_TO_DEVICE
from .tokens import token_hash
from .transaction import App, Device, Transaction, User, VoipToken

CAMPUS = "campus"
TOKEN_KINDS = (DEVICE_TO_PHONE, PHONE_TO_DEVICE, CAMPUS)

_WRONG_TOKEN = {
    DEVICE_TO_PHONE: codes.CALL_DEVICE_TOKEN,
    PHONE_TO_DEVICE: codes.CALL_PHONE_TOKEN,
    CAMPUS: codes.CALL_CAMPUS_TOKEN,
}


@dataclass(frozen=True, slots=True)
class CallWish:
    """What a call is to be, as far as permission goes. `flavour`: the release that is opened."""

    direction: str
    flavour: int
    voip_token: str | None
    now_ms: int


async def find_user(tx: Transaction, device: Device, open_id: Any) -> User:
    """The user a device means. Raises Refused: -20, -7, -19."""
    if not isinstance(open_id, str) or not fields.OPEN_ID.fullmatch(open_id):
        raise Refused(codes.CALL_OPEN_ID_INVALID, f"open_id must match {fields.OPEN_ID.pattern}")
    user = await tx.user(open_id)
    if user is None:
        raise Refused(codes.CALL_OPEN_ID_INVALID, "open_id is not a user of this relay")
    if user.removed_ms is not None:
        raise Refused(codes.CALL_OPEN_ID, "this user was removed: take it off the device's list")
    if user.wxa_appid != device.wxa_appid:
        raise Refused(codes.CALL_OTHER_APP, "open_id belongs to another app than the device")
    return user


async def find_device(tx: Transaction, user: User, params: dict[str, Any]) -> Device:
    """The device a user means by `model_id` and `sn`. Raises Refused: -2, -19, 9800001 …"""
    model_id = fields.matching(params, "model_id", fields.NAME)
    device = await tx.device(model_id, fields.serial_number(params))
    if device is None:
        raise Refused(codes.CALL_DEVICE_ID, "no such device is registered here")
    if device.wxa_appid != user.wxa_appid:
        raise Refused(codes.CALL_OTHER_APP, "the device belongs to another app than you")
    return device


async def check_relation(tx: Transaction, device: Device, user: User) -> None:
    """May these two reach each other at all? Raises Refused: -8, -9."""
    pair = (user.open_id, device.model_id, device.sn)
    if not await tx.is_authorised(*pair):
        text = "the user has not authorised this device: they do it on the phone"
        raise Refused(codes.CALL_NOT_AUTHORISED, text)
    if not await tx.is_bound(*pair):
        raise Refused(codes.CALL_NOT_BOUND, "the user is not bound to this device")


async def check_call(tx: Transaction, device: Device, user: User, wish: CallWish) -> None:
    """May the call be made? Raises Refused with one of the codes of 000 §3."""
    app = await tx.app(device.wxa_appid)
    assert app is not None  # a foreign key
    if app.arrears:
        raise Refused(codes.CALL_ARREARS, f"the calls of {app.wxa_appid} are not paid for")
    if app.in_review and wish.flavour == codes.FLAVOUR_FORMAL:
        text = f"{app.wxa_appid} is under review: only its trial and developer releases may call"
        raise Refused(codes.CALL_IN_REVIEW, text)
    token = await _voip_token(tx, app, device, user, wish)
    if app.campus and wish.direction == DEVICE_TO_PHONE:
        person = token.user_id if token else None
        if not await tx.is_contact(app.wxa_appid, person, user.open_id):
            text = "the user is no contact of the person whom the device recognised"
            raise Refused(codes.CALL_NOT_BOUND, text)
    else:
        await check_relation(tx, device, user)


async def _voip_token(
    tx: Transaction, app: App, device: Device, user: User, wish: CallWish
) -> VoipToken | None:
    """The call's voipToken, checked; None when there is none and none is needed."""
    kind = CAMPUS if app.campus and wish.direction == DEVICE_TO_PHONE else wish.direction
    wrong = _WRONG_TOKEN[kind]
    if wish.voip_token is None:
        if app.needs_token or kind == CAMPUS:
            raise Refused(wrong, "this app's calls need a voip_token: its backend issues them")
        return None
    token = await tx.voip_token(token_hash(wish.voip_token))
    if token is None or wish.now_ms >= token.expires_ms:
        raise Refused(wrong, "the voip_token is unknown or expired: ask for a new one")
    if token.kind != kind or token.wxa_appid != app.wxa_appid:
        raise Refused(wrong, f"the voip_token is not for {kind} calls of {app.wxa_appid}")
    if token.model_id != device.model_id:
        text = f"the voip_token is for model {token.model_id}, not {device.model_id}"
        raise Refused(codes.CALL_TOKEN_MODEL, text)
    if token.sn not in (None, device.sn):
        raise Refused(wrong, "the voip_token is for another device")
    if token.open_id not in (None, user.open_id):
        raise Refused(codes.CALL_OPEN_ID, "the voip_token is for a call with another open_id")
    return token
