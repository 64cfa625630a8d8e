"""Who may reach whom: bindings, authorisations, contacts, voipTokens."""

from typing import Any

from sqlalchemy import delete, func, select, union

from .. import tables as t
from .base import Queries
from .records import Relation, VoipToken


class AccessQueries(Queries):
    """Bindings (the device's owner said yes), authorisations (the user did), voipTokens."""

    async def bind(self, open_id: str, model_id: str, sn: str, now_ms: int) -> bool:
        """Give a device a user; False when it has them already."""
        return await self._put_pair(t.bindings, open_id, model_id, sn, now_ms)

    async def unbind(self, open_id: str, model_id: str, sn: str) -> bool:
        """Take a user from a device; False when it had them not."""
        return await self._drop_pair(t.bindings, open_id, model_id, sn)

    async def is_bound(self, open_id: str, model_id: str, sn: str) -> bool:
        """Is the user one of the device's?"""
        return await self._has_pair(t.bindings, open_id, model_id, sn)

    async def authorise(self, open_id: str, model_id: str, sn: str, now_ms: int) -> bool:
        """The user lets a device call; False when it may already."""
        return await self._put_pair(t.authorisations, open_id, model_id, sn, now_ms)

    async def revoke(self, open_id: str, model_id: str, sn: str) -> bool:
        """The user no longer lets a device call; False when it might not."""
        return await self._drop_pair(t.authorisations, open_id, model_id, sn)

    async def is_authorised(self, open_id: str, model_id: str, sn: str) -> bool:
        """Does the user let the device call?"""
        return await self._has_pair(t.authorisations, open_id, model_id, sn)

    async def count_authorised(self, open_id: str) -> int:
        """How many devices a user has authorised."""
        c = t.authorisations.c
        query = select(func.count()).select_from(t.authorisations).where(c.open_id == open_id)
        return (await self.connection.execute(query)).scalar_one()

    async def relations(
        self, open_id: str | None = None, model_id: str | None = None, sn: str | None = None
    ) -> list[Relation]:
        """Every pair of user and device that one of them said yes to; None: all."""
        wanted = (("open_id", open_id), ("model_id", model_id), ("sn", sn))
        parts = []
        for table in (t.bindings, t.authorisations):
            where = [table.c[name] == value for name, value in wanted if value is not None]
            parts.append(select(table.c.open_id, table.c.model_id, table.c.sn).where(*where))
        pairs = union(*parts).subquery()
        query = select(pairs, t.bindings.c.id, t.authorisations.c.id).select_from(
            pairs.outerjoin(t.bindings, _same_pair(t.bindings, pairs)).outerjoin(
                t.authorisations, _same_pair(t.authorisations, pairs)
            )
        )
        rows = await self.connection.execute(query.order_by(*pairs.c))
        return [
            Relation(open_id, model_id, sn, bound is not None, authorised is not None)
            for open_id, model_id, sn, bound, authorised in rows
        ]

    async def _has_pair(self, table: Any, open_id: str, model_id: str, sn: str) -> bool:
        where = _is_pair(table, open_id, model_id, sn)
        return await self._first(select(table.c.id).where(*where)) is not None

    async def _put_pair(
        self, table: Any, open_id: str, model_id: str, sn: str, now_ms: int
    ) -> bool:
        if await self._has_pair(table, open_id, model_id, sn):
            return False
        await self._insert(table, open_id=open_id, model_id=model_id, sn=sn, created_ms=now_ms)
        return True

    async def _drop_pair(self, table: Any, open_id: str, model_id: str, sn: str) -> bool:
        query = delete(table).where(*_is_pair(table, open_id, model_id, sn))
        return bool((await self.connection.execute(query)).rowcount)

    # -- campus contacts -----------------------------------------------------------------------

    async def put_contacts(self, wxa_appid: str, user_id: str, open_ids: list[str]) -> None:
        """These, and nobody else, are the contacts of a person (campus face-pay)."""
        c = t.contacts.c
        query = delete(t.contacts).where(c.wxa_appid == wxa_appid, c.user_id == user_id)
        await self.connection.execute(query)
        for open_id in open_ids:
            await self._insert(t.contacts, wxa_appid=wxa_appid, user_id=user_id, open_id=open_id)

    async def is_contact(self, wxa_appid: str, user_id: str | None, open_id: str) -> bool:
        """Is the user a contact of the person?"""
        c = t.contacts.c
        same = (c.wxa_appid == wxa_appid, c.user_id == user_id, c.open_id == open_id)
        return await self._first(select(c.open_id).where(*same)) is not None

    # -- voipTokens ----------------------------------------------------------------------------

    async def add_voip_token(self, token_hash: str, token: VoipToken) -> None:
        """Remember an issued voipToken."""
        row = {name: getattr(token, name) for name in VoipToken.__dataclass_fields__}
        await self._insert(t.voip_tokens, token_hash=token_hash, **row)

    async def voip_token(self, token_hash: str) -> VoipToken | None:
        """A voipToken by its hash."""
        same = t.voip_tokens.c.token_hash == token_hash
        return await self._record(VoipToken, t.voip_tokens, same)


def _is_pair(table: Any, open_id: str, model_id: str, sn: str) -> tuple[Any, ...]:
    return (table.c.open_id == open_id, table.c.model_id == model_id, table.c.sn == sn)


def _same_pair(table: Any, pairs: Any) -> Any:
    return (
        (table.c.open_id == pairs.c.open_id)
        & (table.c.model_id == pairs.c.model_id)
        & (table.c.sn == pairs.c.sn)
    )
