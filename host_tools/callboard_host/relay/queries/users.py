"""Users, their invitations and tokens."""

from sqlalchemy import delete, select

from .. import tables as t
from .base import Queries
from .records import Invitation, User


class UserQueries(Queries):
    """Users, invitations, user tokens."""

    async def add_user(self, user: User, now_ms: int) -> None:
        """Add a user of an app."""
        row = {"open_id": user.open_id, "wxa_appid": user.wxa_appid, "name": user.name}
        await self._insert(t.users, **row, created_ms=now_ms)

    async def user(self, open_id: str) -> User | None:
        """A user by openId, also a removed one."""
        return await self._record(User, t.users, t.users.c.open_id == open_id)

    async def users(self, wxa_appid: str | None = None) -> list[User]:
        """Every user (of an app), by app and name."""
        order = [t.users.c.wxa_appid, t.users.c.name, t.users.c.open_id]
        where = [] if wxa_appid is None else [t.users.c.wxa_appid == wxa_appid]
        return await self._records(User, t.users, order, *where)

    async def remove_user(self, open_id: str, now_ms: int) -> None:
        """Take everything from a user but the openId, which is nobody else's ever after."""
        tables = (t.invitations, t.user_tokens, t.authorisations, t.bindings, t.contacts)
        for table in (*tables, t.notices, t.voip_tokens):
            await self.connection.execute(delete(table).where(table.c.open_id == open_id))
        await self._update(t.users, (t.users.c.open_id == open_id,), removed_ms=now_ms)

    async def add_invitation(self, invitation_hash: str, open_id: str, expires_ms: int) -> None:
        """Remember an invitation."""
        row = {"invitation_hash": invitation_hash, "open_id": open_id, "expires_ms": expires_ms}
        await self._insert(t.invitations, **row)

    async def invitation(self, invitation_hash: str) -> Invitation | None:
        """An invitation by its hash."""
        same = t.invitations.c.invitation_hash == invitation_hash
        return await self._record(Invitation, t.invitations, same)

    async def use_invitation(self, invitation_hash: str, now_ms: int) -> None:
        """An invitation works once."""
        same = (t.invitations.c.invitation_hash == invitation_hash,)
        await self._update(t.invitations, same, used_ms=now_ms)

    async def add_token(
        self, token_hash: str, client_hash: str, open_id: str, now_ms: int
    ) -> None:
        """Give a user's client a token."""
        row = {"token_hash": token_hash, "client_hash": client_hash, "open_id": open_id}
        await self._insert(t.user_tokens, **row, created_ms=now_ms)

    async def token(self, token_hash: str) -> tuple[str, str] | None:
        """The open_id and the client hash of a token."""
        c = t.user_tokens.c
        row = await self._first(select(c.open_id, c.client_hash).where(c.token_hash == token_hash))
        return (row[0], row[1]) if row else None

    async def token_seen(self, token_hash: str, now_ms: int) -> None:
        """A client used its token."""
        same = (t.user_tokens.c.token_hash == token_hash,)
        await self._update(t.user_tokens, same, last_seen_ms=now_ms)
