"""Notices that wait for their user (000 §3, sendMsgNotice)."""

from sqlalchemy import delete, func, select

from .. import tables as t
from .base import Queries
from .records import Notice


class NoticeQueries(Queries):
    """Notices on their way."""

    async def add_notice(self, notice: Notice) -> None:
        """Keep a notice until its user has it."""
        fields = Notice.__dataclass_fields__
        await self._insert(t.notices, **{name: getattr(notice, name) for name in fields})

    async def notices(self, open_id: str) -> list[Notice]:
        """What waits for a user, oldest first."""
        order = [t.notices.c.created_ms, t.notices.c.notice_id]
        return await self._records(Notice, t.notices, order, t.notices.c.open_id == open_id)

    async def count_notices(self, open_id: str, model_id: str, sn: str) -> tuple[int, int]:
        """How many notices wait for a user: all of them, and those of one device."""
        c = t.notices.c
        count = select(func.count()).select_from(t.notices).where(c.open_id == open_id)
        everyone = (await self.connection.execute(count)).scalar_one()
        own = count.where(c.model_id == model_id, c.sn == sn)
        return everyone, (await self.connection.execute(own)).scalar_one()

    async def drop_notice(self, notice_id: str) -> None:
        """A notice has arrived."""
        same = t.notices.c.notice_id == notice_id
        await self.connection.execute(delete(t.notices).where(same))

    async def drop_old_notices(self, before_ms: int) -> None:
        """Forget notices that nobody fetched."""
        await self.connection.execute(delete(t.notices).where(t.notices.c.created_ms < before_ms))
