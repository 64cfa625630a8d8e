"""Users: an invitation, single use, becomes a user token bound to one client (DESIGN §4)."""

from typing import Any

from callboard import codes

from . import fields
from .clock import Clock
from .refusal import Refused
from .store import Store
from .tokens import new_open_id, new_token, token_hash
from .transaction import User


class Users:
    """Invites users, redeems invitations, authorises devices."""

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

    async def authorise(self, open_id: str, model_id: str, sn: str) -> None:
        """The user lets the device call. Raises Refused when the user or the model is unknown."""
        async with self._store.write() as tx:
            if await tx.user(open_id) is None:
                raise Refused(codes.CALL_OPEN_ID_INVALID, "open_id is not a user of this relay")
            if not await tx.has_model(model_id):
                raise Refused(codes.MODEL_REFUSED, "model_id is not a model of this relay")
            await tx.authorise(open_id, model_id, sn, self._clock.epoch_ms())
