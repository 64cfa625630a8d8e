"""What can be looked up and changed inside one transaction: queries, no rules."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables as t
from .vault import Vault


@dataclass(frozen=True, slots=True)
class Device:
    """A registered device, without its key."""

    model_id: str
    sn: str
    wxa_appid: str
    name: str
    ticket_hash: str | None
    modules: int
    firmware: str | None
    last_seen_ms: int | None


@dataclass(frozen=True, slots=True)
class User:
    """A user of one app."""

    open_id: str
    wxa_appid: str
    name: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """An SnTicket as stored: by its hash."""

    ticket_hash: str
    model_id: str
    sn: str
    expires_ms: int
    nonce_hash: str | None
    used_ms: int | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation as stored: by its hash."""

    open_id: str
    expires_ms: int
    used_ms: int | None


_DEVICE_COLUMNS = [t.devices.c[name] for name in Device.__dataclass_fields__]


def key_owner(model_id: str, sn: str) -> str:
    """The name a device's key is sealed for."""
    return f"device {model_id}/{sn}"


class Transaction:
    """One open transaction."""

    def __init__(self, connection: AsyncConnection, vault: Vault):
        self.connection = connection
        self._vault = vault

    # -- apps and models -----------------------------------------------------------------------

    async def put_app(self, wxa_appid: str, name: str, now_ms: int) -> None:
        """Add an app, or rename it."""
        same = t.apps.c.wxa_appid == wxa_appid
        changed = await self.connection.execute(update(t.apps).where(same).values(name=name))
        if not changed.rowcount:
            row = {"wxa_appid": wxa_appid, "name": name, "created_ms": now_ms}
            await self.connection.execute(insert(t.apps).values(row))

    async def put_model(self, model_id: str, name: str, now_ms: int) -> None:
        """Add a device type, or rename it."""
        same = t.models.c.model_id == model_id
        changed = await self.connection.execute(update(t.models).where(same).values(name=name))
        if not changed.rowcount:
            row = {"model_id": model_id, "name": name, "created_ms": now_ms}
            await self.connection.execute(insert(t.models).values(row))

    async def has_app(self, wxa_appid: str) -> bool:
        """Is it an app of this relay?"""
        query = select(t.apps.c.wxa_appid).where(t.apps.c.wxa_appid == wxa_appid)
        return await self._first(query) is not None

    async def has_model(self, model_id: str) -> bool:
        """Is it a device type of this relay?"""
        query = select(t.models.c.model_id).where(t.models.c.model_id == model_id)
        return await self._first(query) is not None

    # -- tickets -------------------------------------------------------------------------------

    async def add_ticket(self, ticket_hash: str, model_id: str, sn: str, expires_ms: int) -> None:
        """Remember an issued ticket."""
        row = {
            "ticket_hash": ticket_hash,
            "model_id": model_id,
            "sn": sn,
            "expires_ms": expires_ms,
        }
        await self.connection.execute(insert(t.tickets).values(row))

    async def ticket(self, ticket_hash: str) -> Ticket | None:
        """A ticket by its hash."""
        columns = [t.tickets.c[name] for name in Ticket.__dataclass_fields__]
        row = await self._first(select(*columns).where(t.tickets.c.ticket_hash == ticket_hash))
        return Ticket(*row) if row else None

    async def claim_ticket(self, ticket_hash: str, nonce_hash: str) -> None:
        """Bind a ticket to the nonce it was first used with."""
        same = t.tickets.c.ticket_hash == ticket_hash
        await self.connection.execute(update(t.tickets).where(same).values(nonce_hash=nonce_hash))

    async def use_ticket(self, ticket_hash: str, now_ms: int) -> None:
        """A ticket is good for nothing from now on."""
        same = t.tickets.c.ticket_hash == ticket_hash
        await self.connection.execute(update(t.tickets).where(same).values(used_ms=now_ms))

    async def drop_old_credentials(self, before_ms: int) -> None:
        """Forget tickets and invitations that expired before a time."""
        for table in (t.tickets, t.invitations):
            await self.connection.execute(delete(table).where(table.c.expires_ms < before_ms))

    # -- devices -------------------------------------------------------------------------------

    async def device(self, model_id: str, sn: str) -> Device | None:
        """A registered device."""
        row = await self._first(select(*_DEVICE_COLUMNS).where(*_is_device(model_id, sn)))
        return Device(*row) if row else None

    async def devices(self) -> list[Device]:
        """Every registered device, by model and serial number."""
        query = select(*_DEVICE_COLUMNS).order_by(t.devices.c.model_id, t.devices.c.sn)
        return [Device(*row) for row in await self.connection.execute(query)]

    async def device_key(self, model_id: str, sn: str) -> bytes | None:
        """The key of a device, opened."""
        row = await self._first(select(t.devices.c.sealed_key).where(*_is_device(model_id, sn)))
        return self._vault.open(row[0], key_owner(model_id, sn)) if row else None

    async def seal_key_again(self, device: Device, vault: Vault) -> None:
        """Move a device's key to another vault."""
        key = await self.device_key(device.model_id, device.sn)
        assert key is not None  # the device is in this transaction
        sealed = vault.seal(key, key_owner(device.model_id, device.sn))
        same = _is_device(device.model_id, device.sn)
        await self.connection.execute(update(t.devices).where(*same).values(sealed_key=sealed))

    async def put_device(
        self, model_id: str, sn: str, wxa_appid: str, key: bytes, ticket_hash: str, now_ms: int
    ) -> None:
        """Add a device, or give it a new key."""
        sealed = self._vault.seal(key, key_owner(model_id, sn))
        fresh = {"sealed_key": sealed, "ticket_hash": ticket_hash, "registered_ms": now_ms}
        changed = await self.connection.execute(
            update(t.devices).where(*_is_device(model_id, sn)).values(fresh)
        )
        if not changed.rowcount:
            row = {
                "model_id": model_id,
                "sn": sn,
                "wxa_appid": wxa_appid,
                "name": "",
                "modules": 0,
            }
            await self.connection.execute(insert(t.devices).values(row | fresh))

    async def device_seen(self, model_id: str, sn: str, firmware: str, now_ms: int) -> None:
        """A device said hello with its key: its ticket has done its work."""
        await self.connection.execute(
            update(t.devices)
            .where(*_is_device(model_id, sn))
            .values(ticket_hash=None, firmware=firmware, last_seen_ms=now_ms)
        )

    async def set_modules(self, model_id: str, sn: str, modules: int) -> None:
        """Which backend services a device has (000 §3, onModuleStatus)."""
        await self.connection.execute(
            update(t.devices).where(*_is_device(model_id, sn)).values(modules=modules)
        )

    # -- users ---------------------------------------------------------------------------------

    async def add_user(self, user: User, now_ms: int) -> None:
        """Add a user of an app."""
        row = {"open_id": user.open_id, "wxa_appid": user.wxa_appid, "name": user.name}
        await self.connection.execute(insert(t.users).values(row | {"created_ms": now_ms}))

    async def user(self, open_id: str) -> User | None:
        """A user by openId."""
        columns = [t.users.c[name] for name in User.__dataclass_fields__]
        row = await self._first(select(*columns).where(t.users.c.open_id == open_id))
        return User(*row) if row else None

    async def add_invitation(self, invitation_hash: str, open_id: str, expires_ms: int) -> None:
        """Remember an invitation."""
        row = {"invitation_hash": invitation_hash, "open_id": open_id, "expires_ms": expires_ms}
        await self.connection.execute(insert(t.invitations).values(row))

    async def invitation(self, invitation_hash: str) -> Invitation | None:
        """An invitation by its hash."""
        c = t.invitations.c
        query = select(c.open_id, c.expires_ms, c.used_ms)
        row = await self._first(query.where(c.invitation_hash == invitation_hash))
        return Invitation(*row) if row else None

    async def use_invitation(self, invitation_hash: str, now_ms: int) -> None:
        """An invitation works once."""
        same = t.invitations.c.invitation_hash == invitation_hash
        await self.connection.execute(update(t.invitations).where(same).values(used_ms=now_ms))

    async def add_token(
        self, token_hash: str, client_hash: str, open_id: str, now_ms: int
    ) -> None:
        """Give a user's client a token."""
        row = {"token_hash": token_hash, "client_hash": client_hash, "open_id": open_id}
        await self.connection.execute(insert(t.user_tokens).values(row | {"created_ms": now_ms}))

    async def token(self, token_hash: str) -> tuple[str, str] | None:
        """The open_id and the client hash of a token."""
        c = t.user_tokens.c
        row = await self._first(select(c.open_id, c.client_hash).where(c.token_hash == token_hash))
        return (row[0], row[1]) if row else None

    async def token_seen(self, token_hash: str, now_ms: int) -> None:
        """A client used its token."""
        same = t.user_tokens.c.token_hash == token_hash
        await self.connection.execute(
            update(t.user_tokens).where(same).values(last_seen_ms=now_ms)
        )

    async def authorise(self, open_id: str, model_id: str, sn: str, now_ms: int) -> None:
        """Let a device call a user; nothing happens when it may already."""
        if not await self.is_authorised(open_id, model_id, sn):
            row = {"open_id": open_id, "model_id": model_id, "sn": sn, "created_ms": now_ms}
            await self.connection.execute(insert(t.authorisations).values(row))

    async def is_authorised(self, open_id: str, model_id: str, sn: str) -> bool:
        """May the device call the user?"""
        c = t.authorisations.c
        query = select(c.id).where(c.open_id == open_id, c.model_id == model_id, c.sn == sn)
        return await self._first(query) is not None

    # -- properties ----------------------------------------------------------------------------

    async def properties(self, model_id: str, sn: str) -> dict[str, Any]:
        """The data model of a device as last reported or set."""
        c = t.properties.c
        query = select(c.name, c.value_json).where(c.model_id == model_id, c.sn == sn)
        rows = await self.connection.execute(query.order_by(c.name))
        return {name: json.loads(value) for name, value in rows}

    async def put_properties(
        self, model_id: str, sn: str, changes: dict[str, Any], now_ms: int
    ) -> None:
        """Replace these properties; None deletes."""
        c = t.properties.c
        for name, value in changes.items():
            same = (c.model_id == model_id, c.sn == sn, c.name == name)
            await self.connection.execute(delete(t.properties).where(*same))
            if value is not None:
                row = {"model_id": model_id, "sn": sn, "name": name, "updated_ms": now_ms}
                row["value_json"] = json.dumps(value)
                await self.connection.execute(insert(t.properties).values(row))

    async def _first(self, query: Any) -> Any:
        return (await self.connection.execute(query)).first()


def _is_device(model_id: str, sn: str) -> tuple[Any, ...]:
    return (t.devices.c.model_id == model_id, t.devices.c.sn == sn)
