"""Tickets, registered devices, and their properties."""

import json
from typing import Any

from sqlalchemy import delete, insert, select

from .. import tables as t
from ..vault import Vault
from .base import Queries
from .records import Device, Ticket


def key_owner(model_id: str, sn: str) -> str:
    """The name a device's key is sealed for."""
    return f"device {model_id}/{sn}"


class DeviceQueries(Queries):
    """Tickets, devices, properties."""

    # -- tickets -------------------------------------------------------------------------------

    async def add_ticket(
        self,
        ticket_hash: str,
        model_id: str,
        sn: str,
        expires_ms: int,
        wxa_appid: str | None = None,
    ) -> None:
        """Remember an issued ticket."""
        row = {"ticket_hash": ticket_hash, "model_id": model_id, "sn": sn, "wxa_appid": wxa_appid}
        await self._insert(t.tickets, **row, expires_ms=expires_ms)

    async def ticket(self, ticket_hash: str) -> Ticket | None:
        """A ticket by its hash."""
        return await self._record(Ticket, t.tickets, t.tickets.c.ticket_hash == ticket_hash)

    async def claim_ticket(self, ticket_hash: str, nonce_hash: str) -> None:
        """Bind a ticket to the nonce it was first used with."""
        same = (t.tickets.c.ticket_hash == ticket_hash,)
        await self._update(t.tickets, same, nonce_hash=nonce_hash)

    async def use_ticket(self, ticket_hash: str, now_ms: int) -> None:
        """A ticket is good for nothing from now on."""
        same = (t.tickets.c.ticket_hash == ticket_hash,)
        await self._update(t.tickets, same, used_ms=now_ms)

    async def drop_old_credentials(self, before_ms: int) -> None:
        """Forget tickets, invitations and voipTokens that expired before a time."""
        for table in (t.tickets, t.invitations, t.voip_tokens):
            await self.connection.execute(delete(table).where(table.c.expires_ms < before_ms))

    # -- devices -------------------------------------------------------------------------------

    async def device(self, model_id: str, sn: str) -> Device | None:
        """A registered device."""
        return await self._record(Device, t.devices, *_is_device(t.devices, model_id, sn))

    async def devices(self, wxa_appid: str | None = None) -> list[Device]:
        """Every registered device (of an app), by model and serial number."""
        order = [t.devices.c.model_id, t.devices.c.sn]
        where = [] if wxa_appid is None else [t.devices.c.wxa_appid == wxa_appid]
        return await self._records(Device, t.devices, order, *where)

    async def device_key(self, model_id: str, sn: str) -> bytes | None:
        """The key of a device, opened."""
        same = _is_device(t.devices, model_id, sn)
        row = await self._first(select(t.devices.c.sealed_key).where(*same))
        return self._vault.open(row[0], key_owner(model_id, sn)) if row else None

    async def seal_key_again(self, device: Device, vault: Vault) -> None:
        """Move a device's key to another vault."""
        key = await self.device_key(device.model_id, device.sn)
        assert key is not None  # the device is in this transaction
        sealed = vault.seal(key, key_owner(device.model_id, device.sn))
        same = _is_device(t.devices, device.model_id, device.sn)
        await self._update(t.devices, same, sealed_key=sealed)

    async def put_device(
        self, model_id: str, sn: str, wxa_appid: str, key: bytes, ticket_hash: str, now_ms: int
    ) -> None:
        """Add a device, or give it a new key."""
        sealed = self._vault.seal(key, key_owner(model_id, sn))
        fresh = {"sealed_key": sealed, "ticket_hash": ticket_hash, "registered_ms": now_ms}
        if not await self._update(t.devices, _is_device(t.devices, model_id, sn), **fresh):
            row = {"model_id": model_id, "sn": sn, "wxa_appid": wxa_appid, "name": ""}
            await self._insert(t.devices, **row, modules=0, **fresh)

    async def drop_device(self, model_id: str, sn: str) -> None:
        """Forget a device: its key, its users, its properties and tickets."""
        tables = (t.devices, t.properties, t.tickets, t.bindings, t.authorisations, t.notices)
        for table in (*tables, t.voip_tokens):
            await self.connection.execute(delete(table).where(*_is_device(table, model_id, sn)))

    async def name_device(self, model_id: str, sn: str, name: str) -> None:
        """What people call a device."""
        await self._update(t.devices, _is_device(t.devices, model_id, sn), name=name)

    async def device_seen(self, model_id: str, sn: str, firmware: str, now_ms: int) -> None:
        """A device said hello with its key: its ticket has done its work."""
        values = {"ticket_hash": None, "firmware": firmware, "last_seen_ms": now_ms}
        await self._update(t.devices, _is_device(t.devices, model_id, sn), **values)

    async def set_modules(self, model_id: str, sn: str, modules: int) -> None:
        """Which backend services a device has (000 §3, onModuleStatus)."""
        await self._update(t.devices, _is_device(t.devices, model_id, sn), modules=modules)

    # -- properties ----------------------------------------------------------------------------

    async def properties(self, model_id: str, sn: str) -> dict[str, Any]:
        """The data model of a device as last reported or set."""
        c = t.properties.c
        query = select(c.name, c.value_json).where(*_is_device(t.properties, model_id, sn))
        rows = await self.connection.execute(query.order_by(c.name))
        return {name: json.loads(value) for name, value in rows}

    async def put_properties(
        self, model_id: str, sn: str, changes: dict[str, Any], now_ms: int
    ) -> None:
        """Replace these properties; None deletes."""
        same = _is_device(t.properties, model_id, sn)
        for name, value in changes.items():
            query = delete(t.properties).where(*same, t.properties.c.name == name)
            await self.connection.execute(query)
            if value is not None:
                row = {"model_id": model_id, "sn": sn, "name": name, "updated_ms": now_ms}
                row["value_json"] = json.dumps(value)
                await self.connection.execute(insert(t.properties).values(row))


def _is_device(table: Any, model_id: str, sn: str) -> tuple[Any, ...]:
    return (table.c.model_id == model_id, table.c.sn == sn)
