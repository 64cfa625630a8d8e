"""The admin face over HTTP: everything the relay's operator may do (PROTOCOL.md §7)."""

import hmac
from typing import Any

from aiohttp import web

from callboard import codes

from .. import fields
from ..auth import device_identity
from ..connection import CLOSE_IDENTITY
from ..core import Core
from ..http_json import Answer, TooMany, endpoint, read_object
from ..limiters import Limiters
from ..refusal import Refused
from ..tokens import new_token, token_hash
from ..transaction import Device
from . import data_model
from .app_actions import (
    Action,
    AppActions,
    bind,
    describe_device,
    describe_relation,
    describe_user,
    new_key_id,
    remove_user,
)

_NAME = 128  # characters of a name for people
_FLAGS = ("arrears", "in_review", "campus", "needs_token")


class Admin:
    """The handlers. Each asks for `Authorization: Bearer <admin token>`."""

    def __init__(self, core: Core, token: str, actions: AppActions, limiters: Limiters):
        self._core = core
        self._token = token
        self._actions = actions
        self._limiters = limiters

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add this face's paths."""
        app = "/v1/admin/apps/{wxa_appid}"
        device = "/v1/admin/devices/{model_id}/{sn}"
        for method, path, answer in (
            ("GET", "/v1/admin/apps", self.apps),
            ("PUT", app, self.put_app),
            ("GET", app + "/keys", self.keys),
            ("POST", app + "/keys", self.add_key),
            ("DELETE", app + "/keys/{key_id}", self.drop_key),
            ("PUT", "/v1/admin/models/{model_id}", self.put_model),
            ("POST", "/v1/admin/tickets", self.add_ticket),
            ("GET", "/v1/admin/users", self.users),
            ("POST", "/v1/admin/users", self.add_user),
            ("DELETE", "/v1/admin/users/{open_id}", self.remove_user),
            ("GET", "/v1/admin/authorisations", self.relations),
            ("POST", "/v1/admin/authorisations", self.authorise),
            ("DELETE", "/v1/admin/authorisations", self.revoke),
            ("POST", "/v1/admin/bindings", self.bind),
            ("DELETE", "/v1/admin/bindings", self.unbind),
            ("GET", "/v1/admin/devices", self.devices),
            ("DELETE", device, self.forget_device),
            ("PUT", device + "/name", self.name_device),
            ("GET", device + "/properties", self.get_properties),
            ("PUT", device + "/properties", self.put_properties),
            ("PUT", device + "/modules", self.put_modules),
            ("PUT", "/v1/admin/faults", self.put_faults),
        ):
            router.add_route(method, path, endpoint(self._guarded(answer)))
        for method, path, action in self._actions.routes:
            act = self._in_the_name_of_an_app(action)
            router.add_route(method, app + path, endpoint(self._guarded(act)))

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

    def _in_the_name_of_an_app(self, action: Action) -> Answer:
        async def act(request: web.Request) -> dict[str, Any]:
            return await action(await self._app(request), await read_object(request))

        return act

    # -- apps and models -----------------------------------------------------------------------

    async def apps(self, _request: web.Request) -> dict[str, Any]:
        """Every app, with its flags."""
        async with self._core.store.read() as tx:
            apps = await tx.apps()
        names = ("wxa_appid", "name", *_FLAGS)
        return {"apps": [{name: getattr(app, name) for name in names} for app in apps]}

    async def put_app(self, request: web.Request) -> dict[str, Any]:
        """Add an app or change it; what is not mentioned stays."""
        wxa_appid = fields.matching(dict(request.match_info), "wxa_appid", fields.NAME)
        body = await read_object(request)
        name = fields.text(body, "name", _NAME) if body.get("name") is not None else None
        flags = {flag: fields.boolean(body, flag) for flag in _FLAGS if flag in body}
        async with self._core.store.write() as tx:
            await tx.put_app(wxa_appid, name, self._core.clock.epoch_ms(), **flags)
        return {}

    async def keys(self, request: web.Request) -> dict[str, Any]:
        """The API keys of an app, without the keys."""
        wxa_appid = await self._app(request)
        async with self._core.store.read() as tx:
            keys = await tx.api_keys(wxa_appid)
        names = ("key_id", "name", "created_ms", "last_used_ms")
        return {"keys": [{name: getattr(key, name) for name in names} for key in keys]}

    async def add_key(self, request: web.Request) -> dict[str, Any]:
        """A new API key for an app's backend; it is told this once."""
        wxa_appid = await self._app(request)
        name = fields.text(await read_object(request), "name", _NAME, "")
        key, key_id = new_token("B"), new_key_id()
        async with self._core.store.write() as tx:
            now_ms = self._core.clock.epoch_ms()
            await tx.add_api_key(key_id, token_hash(key), wxa_appid, name, now_ms)
        return {"key_id": key_id, "key": key}

    async def drop_key(self, request: web.Request) -> dict[str, Any]:
        """Take an API key back."""
        wxa_appid = await self._app(request)
        async with self._core.store.write() as tx:
            if not await tx.drop_api_key(wxa_appid, request.match_info["key_id"]):
                raise fields.refuse("key_id is no key of this app")
        return {}

    async def put_model(self, request: web.Request) -> dict[str, Any]:
        """Add or change a device type; `wxa_appid`: the app it belongs to."""
        model_id = fields.matching(dict(request.match_info), "model_id", fields.NAME)
        body = await read_object(request)
        name = fields.text(body, "name", _NAME, "")
        wxa_appid = None
        if body.get("wxa_appid") is not None:
            wxa_appid = fields.matching(body, "wxa_appid", fields.NAME)
        async with self._core.store.write() as tx:
            if wxa_appid is not None and not await tx.has_app(wxa_appid):
                raise fields.refuse("wxa_appid is not an app of this relay")
            await tx.put_model(model_id, name, self._core.clock.epoch_ms(), wxa_appid)
        return {}

    async def add_ticket(self, request: web.Request) -> dict[str, Any]:
        """Issue an SnTicket."""
        body = await read_object(request)
        model_id, sn = fields.device_id(body)
        ticket, expires_ms = await self._core.registrar.issue_ticket(model_id, sn)
        return {"ticket": ticket, "expires_ms": expires_ms}

    # -- users ---------------------------------------------------------------------------------

    async def users(self, _request: web.Request) -> dict[str, Any]:
        """Every user."""
        async with self._core.store.read() as tx:
            users = await tx.users()
        return {"users": [describe_user(self._core, user) for user in users]}

    async def add_user(self, request: web.Request) -> dict[str, Any]:
        """Invite a user of an app."""
        body = await read_object(request)
        wxa_appid = fields.matching(body, "wxa_appid", fields.NAME)
        return await self._actions.add_user(wxa_appid, body)

    async def remove_user(self, request: web.Request) -> dict[str, Any]:
        """Remove a user: their phone is cut off, devices get -7."""
        await remove_user(self._core, request.match_info["open_id"])
        return {}

    async def relations(self, request: web.Request) -> dict[str, Any]:
        """Who is bound to what and authorised what; the query narrows it."""
        wanted = {name: request.query.get(name) for name in ("open_id", "model_id", "sn")}
        async with self._core.store.read() as tx:
            relations = await tx.relations(**wanted)
        return {"authorisations": [describe_relation(relation) for relation in relations]}

    async def authorise(self, request: web.Request) -> dict[str, Any]:
        """Bind a user to a device, and answer for the user, too."""
        pair = await self._pair(request)
        await bind(self._core, *pair, authorised=True)
        return {}

    async def revoke(self, request: web.Request) -> dict[str, Any]:
        """Take the user's authorisation back; the binding stays."""
        if not await self._core.users.revoke(*await self._pair(request)):
            raise fields.refuse("the user has not authorised this device")
        return {}

    async def bind(self, request: web.Request) -> dict[str, Any]:
        """Give a device a user; the user then authorises it on the phone."""
        await bind(self._core, *await self._pair(request))
        return {}

    async def unbind(self, request: web.Request) -> dict[str, Any]:
        """Take a user from a device."""
        await self._core.users.unbind(*await self._pair(request))
        return {}

    # -- devices -------------------------------------------------------------------------------

    async def devices(self, _request: web.Request) -> dict[str, Any]:
        """Every registered device."""
        async with self._core.store.read() as tx:
            devices = await tx.devices()
        return {"devices": [describe_device(self._core, device) for device in devices]}

    async def forget_device(self, request: web.Request) -> dict[str, Any]:
        """Forget a device, its users and properties: it may then be registered for any app."""
        device = await self._device(request)
        async with self._core.store.write() as tx:
            await tx.drop_device(device.model_id, device.sn)
        key = device_identity(device.model_id, device.sn).key
        self._core.hub.end_session(key, CLOSE_IDENTITY, "this device was removed")
        return {}

    async def name_device(self, request: web.Request) -> dict[str, Any]:
        """What people call a device."""
        device = await self._device(request)
        name = fields.text(await read_object(request), "name", _NAME)
        async with self._core.store.write() as tx:
            await tx.name_device(device.model_id, device.sn, name)
        return {}

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

    async def put_faults(self, request: web.Request) -> dict[str, Any]:
        """Fault switches, for tests of clients: `no_rooms` makes every call fail with -5."""
        no_rooms = fields.boolean(await read_object(request), "no_rooms")
        self._core.hub.engine.refuse_rooms(no_rooms)
        return {}

    # -- inside --------------------------------------------------------------------------------

    async def _app(self, request: web.Request) -> str:
        wxa_appid = request.match_info["wxa_appid"]
        async with self._core.store.read() as tx:
            if not await tx.has_app(wxa_appid):
                raise fields.refuse("wxa_appid is not an app of this relay")
        return wxa_appid

    async def _pair(self, request: web.Request) -> tuple[str, str, str]:
        body = await read_object(request)
        open_id = fields.matching(body, "open_id", fields.OPEN_ID)
        return open_id, *fields.device_id(body)

    async def _device(self, request: web.Request) -> Device:
        async with self._core.store.read() as tx:
            device = await tx.device(request.match_info["model_id"], request.match_info["sn"])
        if device is None:
            raise Refused(codes.INVALID_ARGUMENT, "no such device is registered")
        return device
