"""Users: an invitation, single use, becomes a user token bound to one client (DESIGN §4).

The owner of a device binds users to it; a user authorises devices (permission.py).
"""

from typing import Any

from callboard import codes

from . import fields
from .clock import Clock
from .refusal import Refused
from .store import Store
from .tokens import new_open_id, new_token, token_hash
from .transaction import Transaction, User

AUTHORISED = 64  # devices of one user


class Users:
    """Invites users, redeems invitations; binds and authorises; removes."""

    def __init__(self, store: Store, clock: Clock, invitation_ms: int):
        self._store = store
        self._clock = clock
        self._invitation_ms = invitation_ms

    async def invite(self, wxa_appid: str, name: str) -> tuple[str, str, int]:
        """A new user of an app: open_id, invitation, and when it expires (ms since 1970)."""
        now_ms = self._clock.epoch_ms()
        open_id, invitation = new_open_id(), new_token("I")
        expires_ms = now_ms + self._invitation_ms
        async with self._store.write() as tx:
            if not await tx.has_app(wxa_appid):
                raise Refused(codes.INVALID_ARGUMENT, "wxa_appid is not an app of this relay")
            await tx.add_user(User(open_id, wxa_appid, name), now_ms)
            await tx.add_invitation(token_hash(invitation), open_id, expires_ms)
        return open_id, invitation, expires_ms

    async def redeem(self, body: dict[str, Any]) -> tuple[User, str]:
        """Trade an invitation for a token bound to the client. Raises Refused; 6: not valid."""
        invitation = fields.token(body, "invitation")
        client = fields.matching(body, "client", fields.HEX32)
        now_ms = self._clock.epoch_ms()
        hashed = token_hash(invitation)
        token = new_token("U")
        async with self._store.write() as tx:
            found = await tx.invitation(hashed)
            if found is None or found.used_ms is not None or now_ms >= found.expires_ms:
                raise Refused(
                    codes.UNAUTHENTICATED,
                    "the invitation is unknown, used or expired: ask for a new one",
                )
            user = await tx.user(found.open_id)
            assert user is not None  # a foreign key
            await tx.use_invitation(hashed, now_ms)
            await tx.add_token(token_hash(token), token_hash(client), user.open_id, now_ms)
        return user, token

    async def bind(
        self, open_id: str, model_id: str, sn: str, authorised: bool = False
    ) -> tuple[User, bool]:
        """Give a device a user; `authorised`: and answer for the user, too.

        Returns the user, and whether the binding is new. Raises Refused.
        """
        now_ms = self._clock.epoch_ms()
        async with self._store.write() as tx:
            user = await _living_user(tx, open_id)
            await _check_same_app(tx, user, model_id, sn)
            is_new = await tx.bind(open_id, model_id, sn, now_ms)
            if authorised:
                await tx.authorise(open_id, model_id, sn, now_ms)
        return user, is_new

    async def unbind(self, open_id: str, model_id: str, sn: str) -> None:
        """Take a user from a device. Raises Refused when it had them not."""
        async with self._store.write() as tx:
            if not await tx.unbind(open_id, model_id, sn):
                raise fields.refuse("the user is not bound to this device")

    async def authorise(self, user: User, model_id: str, sn: str) -> None:
        """The user lets the device call, bound or not. Raises Refused."""
        async with self._store.write() as tx:
            await _check_same_app(tx, user, model_id, sn)
            if await tx.is_authorised(user.open_id, model_id, sn):
                return
            if await tx.count_authorised(user.open_id) >= AUTHORISED:
                raise fields.refuse(f"a user authorises at most {AUTHORISED} devices")
            await tx.authorise(user.open_id, model_id, sn, self._clock.epoch_ms())

    async def revoke(self, open_id: str, model_id: str, sn: str) -> bool:
        """The user no longer lets the device call; False when it might not anyway."""
        async with self._store.write() as tx:
            return await tx.revoke(open_id, model_id, sn)

    async def remove(self, open_id: str, wxa_appid: str | None = None) -> None:
        """Remove a user (of this app): tokens, bindings, authorisations. Raises Refused."""
        async with self._store.write() as tx:
            user = await _living_user(tx, open_id)
            if wxa_appid not in (None, user.wxa_appid):
                raise Refused(codes.CALL_OTHER_APP, "open_id belongs to another app")
            await tx.remove_user(open_id, self._clock.epoch_ms())


async def _living_user(tx: Transaction, open_id: str) -> User:
    user = await tx.user(open_id)
    if user is None:
        raise Refused(codes.CALL_OPEN_ID_INVALID, "open_id is not a user of this relay")
    if user.removed_ms is not None:
        raise Refused(codes.CALL_OPEN_ID, "this user was removed")
    return user


async def _check_same_app(tx: Transaction, user: User, model_id: str, sn: str) -> None:
    """A device that nobody registered yet has its model's app, if that has one."""
    model = await tx.model(model_id)
    if model is None:
        raise Refused(codes.MODEL_REFUSED, "model_id is not a model of this relay")
    device = await tx.device(model_id, sn)
    wxa_appid = device.wxa_appid if device else model.wxa_appid
    if wxa_appid not in (None, user.wxa_appid):
        raise Refused(codes.CALL_OTHER_APP, "the device belongs to another app than the user")
