"""The open HTTP face: health, registration, invitations (PROTOCOL.md §1)."""

from typing import Any

from aiohttp import web

from callboard import codes

from ..auth import PROTOCOL, device_identity
from ..connection import CLOSE_REPLACED
from ..core import Core
from ..http_json import TooMany, endpoint, read_object
from ..limiters import Limiters
from ..refusal import Refused
from ..registration import Names, Registration

# What a stranger would be told by trying long enough.
_GUESSES = (codes.TICKET_REFUSED, codes.UNAUTHENTICATED, codes.MODEL_REFUSED)


class Public:
    """The handlers that need no token."""

    def __init__(self, core: Core, limiters: Limiters):
        self._core = core
        self._limiters = limiters

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add this face's paths."""
        router.add_get("/v1/health", endpoint(self.health))
        router.add_post("/v1/check", endpoint(self.check))
        router.add_post("/v1/register", endpoint(self.register))
        router.add_post("/v1/users/redeem", endpoint(self.redeem))

    async def health(self, _request: web.Request) -> dict[str, Any]:
        """Is the relay there?"""
        return {"status": "ok", "protocol": PROTOCOL, "time_ms": self._core.clock.epoch_ms()}

    async def check(self, request: web.Request) -> dict[str, Any]:
        """Tell a device that has no key yet whether it may have one of this relay."""
        self._check_rate(request)
        try:
            await self._core.registrar.check(Names.parse(await read_object(request)))
        except Refused as error:
            self._count(request, error)
            raise
        return {"time_ms": self._core.clock.epoch_ms()}

    async def register(self, request: web.Request) -> dict[str, Any]:
        """Trade a ticket for a device key."""
        self._check_rate(request)
        try:
            asked = Registration.parse(await read_object(request))
            registered = await self._core.registrar.register(asked)
        except Refused as error:
            self._count(request, error)
            raise
        if registered.is_new:
            key = device_identity(asked.model_id, asked.sn).key
            self._core.hub.end_session(key, CLOSE_REPLACED, "the device was registered anew")
        return {
            "device_key": registered.key.hex(),
            "time_ms": self._core.clock.epoch_ms(),
        }

    async def redeem(self, request: web.Request) -> dict[str, Any]:
        """Trade an invitation for a user token."""
        self._check_rate(request)
        try:
            user, token = await self._core.users.redeem(await read_object(request))
        except Refused as error:
            self._count(request, error)
            raise
        return {"open_id": user.open_id, "user_token": token, "wxa_appid": user.wxa_appid}

    def _check_rate(self, request: web.Request) -> None:
        if not self._limiters.may_try(request.remote):
            raise TooMany

    def _count(self, request: web.Request, error: Refused) -> None:
        if error.code in _GUESSES:
            self._limiters.failed(request.remote)
