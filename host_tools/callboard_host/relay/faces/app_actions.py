"""What the backend of an app's developer may do, and the relay's operator in its name.

Each action gets the app and the request's body, and returns the answer or raises Refused
(PROTOCOL.md §7). Nothing of another app can be seen or changed here.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from callboard import codes

from .. import fields
from ..auth import user_identity
from ..connection import CLOSE_IDENTITY
from ..core import Core
from ..permission import CAMPUS, TOKEN_KINDS
from ..refusal import Refused
from ..tokens import new_token, token_hash
from ..transaction import Device, Relation, Transaction, User, VoipToken
from .people import tell_bound

Body = dict[str, Any]
Action = Callable[[str, Body], Awaitable[Body]]

CONTACTS = 32  # of one person
_TOKEN_MS = 86_400_000  # the longest life of a voipToken
_KEPT_MS = 86_400_000  # after that, so that its refusal can say why
_NAME = 128


class AppActions:
    """The actions by method and path below /v1/app or /v1/admin/apps/{wxa_appid}."""

    def __init__(self, core: Core):
        self._core = core
        self.routes: tuple[tuple[str, str, Action], ...] = (
            ("POST", "/tickets", self.add_ticket),
            ("GET", "/devices", self.devices),
            ("GET", "/users", self.users),
            ("POST", "/users", self.add_user),
            ("DELETE", "/users", self.remove_user),
            ("GET", "/authorisations", self.relations),
            ("POST", "/bindings", self.bind),
            ("DELETE", "/bindings", self.unbind),
            ("PUT", "/contacts", self.put_contacts),
            ("POST", "/voip_tokens", self.add_voip_token),
            ("POST", "/calls", self.prepare_call),
        )

    async def add_ticket(self, wxa_appid: str, body: Body) -> Body:
        """Issue an SnTicket for a device of one of the app's models, good for this app."""
        model_id, sn = fields.device_id(body)
        ticket, expires_ms = await self._core.registrar.issue_ticket(model_id, sn, wxa_appid)
        return {"ticket": ticket, "expires_ms": expires_ms}

    async def devices(self, wxa_appid: str, _body: Body) -> Body:
        """The app's registered devices."""
        async with self._core.store.read() as tx:
            devices = await tx.devices(wxa_appid)
        return {"devices": [describe_device(self._core, device) for device in devices]}

    # -- users ---------------------------------------------------------------------------------

    async def users(self, wxa_appid: str, _body: Body) -> Body:
        """The app's users."""
        async with self._core.store.read() as tx:
            users = await tx.users(wxa_appid)
        return {"users": [describe_user(self._core, user) for user in users]}

    async def add_user(self, wxa_appid: str, body: Body) -> Body:
        """Invite a user."""
        name = fields.text(body, "name", _NAME)
        open_id, invitation, expires_ms = await self._core.users.invite(wxa_appid, name)
        return {"open_id": open_id, "invitation": invitation, "expires_ms": expires_ms}

    async def remove_user(self, wxa_appid: str, body: Body) -> Body:
        """Remove a user: their phone is cut off, devices get -7."""
        open_id = fields.matching(body, "open_id", fields.OPEN_ID)
        await remove_user(self._core, open_id, wxa_appid)
        return {}

    async def relations(self, wxa_appid: str, _body: Body) -> Body:
        """Which users were bound to which devices, and which of these they authorised."""
        async with self._core.store.read() as tx:
            mine = {user.open_id for user in await tx.users(wxa_appid)}
            relations = [r for r in await tx.relations() if r.open_id in mine]
        return {"authorisations": [describe_relation(relation) for relation in relations]}

    async def bind(self, wxa_appid: str, body: Body) -> Body:
        """Give a device a user; the user then authorises it on the phone."""
        pair = await self._pair(wxa_appid, body)
        await bind(self._core, *pair)
        return {}

    async def unbind(self, wxa_appid: str, body: Body) -> Body:
        """Take a user from a device."""
        await self._core.users.unbind(*await self._pair(wxa_appid, body))
        return {}

    async def put_contacts(self, wxa_appid: str, body: Body) -> Body:
        """Whom a device may call for a person it recognised (campus face-pay)."""
        user_id = fields.matching(body, "user_id", fields.OPEN_ID)
        open_ids = body.get("open_ids")
        if not isinstance(open_ids, list) or len(open_ids) > CONTACTS:
            raise fields.refuse(f"open_ids must be a list of at most {CONTACTS} openIds")
        async with self._core.store.write() as tx:
            for open_id in open_ids:
                await _user_of_app(tx, wxa_appid, open_id)
            await tx.put_contacts(wxa_appid, user_id, sorted(set(open_ids)))
        return {}

    # -- calls ---------------------------------------------------------------------------------

    async def add_voip_token(self, wxa_appid: str, body: Body) -> Body:
        """Issue a voipToken: what a call of this kind shows when the app wants one."""
        kind = body.get("kind")
        if kind not in TOKEN_KINDS:
            raise fields.refuse(f"kind must be one of {', '.join(TOKEN_KINDS)}")
        model_id = fields.matching(body, "model_id", fields.NAME)
        sn = fields.serial_number(body) if body.get("sn") is not None else None
        open_id, user_id = (
            fields.matching(body, name, fields.OPEN_ID) if body.get(name) is not None else None
            for name in ("open_id", "user_id")
        )
        if (kind == CAMPUS) != (user_id is not None):
            raise fields.refuse(f"user_id goes with kind {CAMPUS}, and only with it")
        life_ms = self._core.config.voip_token_ms
        life_ms = fields.integer(body, "valid_ms", 1, _TOKEN_MS, life_ms)
        now_ms = self._core.clock.epoch_ms()
        expires_ms, token = now_ms + life_ms, new_token("V")
        async with self._core.store.write() as tx:
            await _check_model(tx, wxa_appid, model_id)
            if open_id is not None:
                await _user_of_app(tx, wxa_appid, open_id)
            await tx.drop_old_credentials(now_ms - _KEPT_MS)
            row = VoipToken(wxa_appid, kind, model_id, sn, open_id, user_id, expires_ms)
            await tx.add_voip_token(token_hash(token), row)
        return {"voip_token": token, "expires_ms": expires_ms}

    async def prepare_call(self, wxa_appid: str, body: Body) -> Body:
        """Prepare a call of a device to a user: the ids that the device calls with."""
        open_id, model_id, sn = await self._pair(wxa_appid, body)
        now_ms = self._core.clock.epoch_ms()
        made = self._core.reservations.add(model_id, sn, open_id, now_ms)
        return {
            "group_id": made.group_id,
            "voip_id": made.voip_id,
            "expires_ms": made.expires_ms,
        }

    async def _pair(self, wxa_appid: str, body: Body) -> tuple[str, str, str]:
        """A user and a device, both of this app as far as they are known."""
        model_id, sn = fields.device_id(body)
        async with self._core.store.read() as tx:
            user = await _user_of_app(tx, wxa_appid, body.get("open_id"))
            await _check_model(tx, wxa_appid, model_id)
        return user.open_id, model_id, sn


# -- what the operator's face does, too --------------------------------------------------------


async def bind(core: Core, open_id: str, model_id: str, sn: str, authorised: bool = False) -> None:
    """Bind, and tell the user's phone when there is something to authorise."""
    user, is_new = await core.users.bind(open_id, model_id, sn, authorised)
    async with core.store.read() as tx:
        device = await tx.device(model_id, sn)
        asked = is_new and not await tx.is_authorised(open_id, model_id, sn)
    if asked:
        tell_bound(core, user, model_id, sn, device.name if device else "")


async def remove_user(core: Core, open_id: str, wxa_appid: str | None = None) -> None:
    """Remove a user and end the session of their phone."""
    await core.users.remove(open_id, wxa_appid)
    core.hub.end_session(user_identity(open_id).key, CLOSE_IDENTITY, "this user was removed")


def new_key_id() -> str:
    """The public name of an API key."""
    return "k_" + os.urandom(6).hex()


def describe_device(core: Core, device: Device) -> Body:
    """The device object of PROTOCOL.md §7."""
    return {
        "model_id": device.model_id,
        "sn": device.sn,
        "name": device.name or device.sn,
        "wxa_appid": device.wxa_appid,
        "online": core.hub.is_online(f"device:{device.model_id}/{device.sn}"),
        "last_seen_ms": device.last_seen_ms,
        "firmware": device.firmware,
    }


def describe_user(core: Core, user: User) -> Body:
    """The user object of PROTOCOL.md §7."""
    return {
        "open_id": user.open_id,
        "name": user.name,
        "wxa_appid": user.wxa_appid,
        "online": core.hub.is_online(user_identity(user.open_id).key),
        "removed": user.removed_ms is not None,
    }


def describe_relation(relation: Relation) -> Body:
    """The authorisation object of PROTOCOL.md §7."""
    return {name: getattr(relation, name) for name in Relation.__dataclass_fields__}


async def _user_of_app(tx: Transaction, wxa_appid: str, open_id: Any) -> User:
    if not isinstance(open_id, str) or not fields.OPEN_ID.fullmatch(open_id):
        raise Refused(codes.CALL_OPEN_ID_INVALID, f"open_id must match {fields.OPEN_ID.pattern}")
    user = await tx.user(open_id)
    if user is None:
        raise Refused(codes.CALL_OPEN_ID_INVALID, "open_id is not a user of this relay")
    if user.wxa_appid != wxa_appid:
        raise Refused(codes.CALL_OTHER_APP, "open_id belongs to another app")
    return user


async def _check_model(tx: Transaction, wxa_appid: str, model_id: str) -> None:
    model = await tx.model(model_id)
    if model is None or model.wxa_appid not in (None, wxa_appid):
        raise Refused(codes.MODEL_REFUSED, f"model_id is not a model that {wxa_appid} may use")
