"""The admin face over HTTP: apps, models, tickets, users, devices (PROTOCOL.md §7)."""

import hmac
from typing import Any

from aiohttp import web

from callboard import codes

from .. import fields
from ..auth import device_identity
from ..core import Core
from ..http_json import Answer, TooMany, endpoint, read_object
from ..limiters import Limiters
from ..refusal import Refused
from ..transaction import Device
from . import data_model

_NAME = 128  # characters of a name for people


class Admin:
    """The handlers. Each asks for `Authorization: Bearer <admin token>`."""

    def __init__(self, core: Core, token: str, limiters: Limiters):
        self._core = core
        self._token = token
        self._limiters = limiters

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add this face's paths."""
        device = "/v1/admin/devices/{model_id}/{sn}"
        for method, path, answer in (
            ("PUT", "/v1/admin/apps/{wxa_appid}", self.put_app),
            ("PUT", "/v1/admin/models/{model_id}", self.put_model),
            ("POST", "/v1/admin/tickets", self.add_ticket),
            ("POST", "/v1/admin/users", self.add_user),
            ("POST", "/v1/admin/authorisations", self.authorise),
            ("GET", "/v1/admin/devices", self.devices),
            ("GET", device + "/properties", self.get_properties),
            ("PUT", device + "/properties", self.put_properties),
            ("PUT", device + "/modules", self.put_modules),
        ):
            router.add_route(method, path, endpoint(self._guarded(answer)))

    def _guarded(self, answer: Answer) -> Answer:
        async def guarded(request: web.Request) -> dict[str, Any]:
            if not self._limiters.may_try(request.remote):
                raise TooMany
            given = request.headers.get("Authorization", "")
            right = f"Bearer {self._token}"
            if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode()):
                self._limiters.failed(request.remote)
                raise Refused(codes.UNAUTHENTICATED, "the admin token is missing or wrong")
            return await answer(request)

        return guarded

    async def put_app(self, request: web.Request) -> dict[str, Any]:
        """Add or rename an app."""
        wxa_appid = fields.matching(dict(request.match_info), "wxa_appid", fields.NAME)
        name = fields.text(await read_object(request), "name", _NAME, "")
        async with self._core.store.write() as tx:
            await tx.put_app(wxa_appid, name, self._core.clock.epoch_ms())
        return {}

    async def put_model(self, request: web.Request) -> dict[str, Any]:
        """Add or rename a device type."""
        model_id = fields.matching(dict(request.match_info), "model_id", fields.NAME)
        name = fields.text(await read_object(request), "name", _NAME, "")
        async with self._core.store.write() as tx:
            await tx.put_model(model_id, name, self._core.clock.epoch_ms())
        return {}

    async def add_ticket(self, request: web.Request) -> dict[str, Any]:
        """Issue an SnTicket."""
        body = await read_object(request)
        sn = fields.serial_number(body)
        model_id = fields.matching(body, "model_id", fields.NAME)
        ticket, expires_ms = await self._core.registrar.issue_ticket(model_id, sn)
        return {"ticket": ticket, "expires_ms": expires_ms}

    async def add_user(self, request: web.Request) -> dict[str, Any]:
        """Invite a user of an app."""
        body = await read_object(request)
        wxa_appid = fields.matching(body, "wxa_appid", fields.NAME)
        name = fields.text(body, "name", _NAME)
        open_id, invitation, expires_ms = await self._core.users.invite(wxa_appid, name)
        return {"open_id": open_id, "invitation": invitation, "expires_ms": expires_ms}

    async def authorise(self, request: web.Request) -> dict[str, Any]:
        """Let a device call a user."""
        body = await read_object(request)
        open_id = fields.matching(body, "open_id", fields.OPEN_ID)
        model_id = fields.matching(body, "model_id", fields.NAME)
        await self._core.users.authorise(open_id, model_id, fields.serial_number(body))
        return {}

    async def devices(self, _request: web.Request) -> dict[str, Any]:
        """Every registered device."""
        async with self._core.store.read() as tx:
            devices = await tx.devices()
        return {"devices": [self._describe(device) for device in devices]}

    async def get_properties(self, request: web.Request) -> dict[str, Any]:
        """A device's data model."""
        device = await self._device(request)
        async with self._core.store.read() as tx:
            return {"properties": await tx.properties(device.model_id, device.sn)}

    async def put_properties(self, request: web.Request) -> dict[str, Any]:
        """Set properties on a device that is online."""
        device = await self._device(request)
        changes = fields.properties(await read_object(request))
        await data_model.set_properties(self._core, device, changes)
        return {}

    async def put_modules(self, request: web.Request) -> dict[str, Any]:
        """Switch a device's backend services."""
        device = await self._device(request)
        modules = fields.integer(await read_object(request), "modules", 0, 2**31 - 1)
        await data_model.set_modules(self._core, device, modules)
        return {}

    async def _device(self, request: web.Request) -> Device:
        async with self._core.store.read() as tx:
            device = await tx.device(request.match_info["model_id"], request.match_info["sn"])
        if device is None:
            raise Refused(codes.INVALID_ARGUMENT, "no such device is registered")
        return device

    def _describe(self, device: Device) -> dict[str, Any]:
        session = self._core.hub.sessions.get(device_identity(device.model_id, device.sn).key)
        return {
            "model_id": device.model_id,
            "sn": device.sn,
            "wxa_appid": device.wxa_appid,
            "online": session is not None and session.connection is not None,
            "last_seen_ms": device.last_seen_ms,
            "firmware": device.firmware,
        }
