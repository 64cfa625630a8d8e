"""Apps, the API keys of their developers, and device types."""

from typing import Any

from sqlalchemy import delete

from .. import tables as t
from .base import Queries
from .records import ApiKey, App, Model


class AppQueries(Queries):
    """Apps, API keys, models."""

    async def put_app(self, wxa_appid: str, name: str | None, now_ms: int, **flags: bool) -> None:
        """Add an app, or change its name and these flags of it; None leaves the name."""
        same = (t.apps.c.wxa_appid == wxa_appid,)
        changes: dict[str, Any] = {flag: int(value) for flag, value in flags.items()}
        if name is not None:
            changes["name"] = name
        if await self.has_app(wxa_appid):
            if changes:
                await self._update(t.apps, same, **changes)
        else:
            row = {"wxa_appid": wxa_appid, "name": "", "created_ms": now_ms} | changes
            await self._insert(t.apps, **row)

    async def app(self, wxa_appid: str) -> App | None:
        """An app of this relay."""
        return _as_app(await self._record(App, t.apps, t.apps.c.wxa_appid == wxa_appid))

    async def apps(self) -> list[App]:
        """Every app."""
        found = await self._records(App, t.apps, [t.apps.c.wxa_appid])
        return [app for app in map(_as_app, found) if app]

    async def has_app(self, wxa_appid: str) -> bool:
        """Is it an app of this relay?"""
        return await self.app(wxa_appid) is not None

    # -- API keys ------------------------------------------------------------------------------

    async def add_api_key(
        self, key_id: str, key_hash: str, wxa_appid: str, name: str, now_ms: int
    ) -> None:
        """Give an app's backend a key."""
        row = {"key_id": key_id, "key_hash": key_hash, "wxa_appid": wxa_appid, "name": name}
        await self._insert(t.api_keys, **row, created_ms=now_ms)

    async def api_key(self, key_hash: str) -> ApiKey | None:
        """A key by its hash."""
        return await self._record(ApiKey, t.api_keys, t.api_keys.c.key_hash == key_hash)

    async def api_keys(self, wxa_appid: str) -> list[ApiKey]:
        """The keys of an app."""
        order = [t.api_keys.c.created_ms, t.api_keys.c.key_id]
        same = t.api_keys.c.wxa_appid == wxa_appid
        return await self._records(ApiKey, t.api_keys, order, same)

    async def api_key_used(self, key_id: str, now_ms: int) -> None:
        """An app's backend used its key."""
        same = (t.api_keys.c.key_id == key_id,)
        await self._update(t.api_keys, same, last_used_ms=now_ms)

    async def drop_api_key(self, wxa_appid: str, key_id: str) -> bool:
        """Take a key back; False when there is no such key."""
        c = t.api_keys.c
        query = delete(t.api_keys).where(c.wxa_appid == wxa_appid, c.key_id == key_id)
        return bool((await self.connection.execute(query)).rowcount)

    # -- models --------------------------------------------------------------------------------

    async def put_model(
        self, model_id: str, name: str, now_ms: int, wxa_appid: str | None = None
    ) -> None:
        """Add a device type, or change it."""
        same = (t.models.c.model_id == model_id,)
        values = {"name": name, "wxa_appid": wxa_appid}
        if not await self._update(t.models, same, **values):
            await self._insert(t.models, model_id=model_id, created_ms=now_ms, **values)

    async def model(self, model_id: str) -> Model | None:
        """A device type of this relay."""
        return await self._record(Model, t.models, t.models.c.model_id == model_id)

    async def models(self) -> list[Model]:
        """Every device type."""
        return await self._records(Model, t.models, [t.models.c.model_id])

    async def has_model(self, model_id: str) -> bool:
        """Is it a device type of this relay?"""
        return await self.model(model_id) is not None


def _as_app(row: App | None) -> App | None:
    """The flags are integers in the database."""
    if row is None:
        return None
    flags = (bool(v) for v in (row.arrears, row.in_review, row.campus, row.needs_token))
    return App(row.wxa_appid, row.name, *flags)
