"""What every group of queries stands on: an open connection and the vault."""

from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..vault import Vault


class Queries:
    """One open transaction."""

    def __init__(self, connection: AsyncConnection, vault: Vault):
        self.connection = connection
        self._vault = vault

    async def _first(self, query: Any) -> Any:
        return (await self.connection.execute(query)).first()

    async def _record(self, kind: Any, table: Table, *where: Any) -> Any:
        """The first row that fits, as a record of `kind`, or None."""
        row = await self._first(select(*columns(kind, table)).where(*where))
        return kind(*row) if row else None

    async def _records(self, kind: Any, table: Table, order: Any, *where: Any) -> list[Any]:
        """Every row that fits, as records of `kind`."""
        query = select(*columns(kind, table)).where(*where).order_by(*order)
        return [kind(*row) for row in await self.connection.execute(query)]

    async def _insert(self, table: Table, **values: Any) -> None:
        await self.connection.execute(insert(table).values(values))

    async def _update(self, table: Table, where: Any, **values: Any) -> bool:
        """Change the rows that fit; False when there was none."""
        changed = await self.connection.execute(update(table).where(*where).values(values))
        return bool(changed.rowcount)


def columns(kind: Any, table: Table) -> list[Any]:
    """The columns of a table that a record has."""
    return [table.c[name] for name in kind.__dataclass_fields__]
