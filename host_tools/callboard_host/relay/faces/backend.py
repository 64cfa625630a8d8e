"""The backend face over HTTP: an app's developer, with an API key of this app (PROTOCOL.md §7)."""

from aiohttp import web

from callboard import codes

from ..core import Core
from ..http_json import Answer, TooMany, endpoint, read_object
from ..limiters import Limiters
from ..ratelimit import RateLimiter
from ..refusal import Refused
from ..tokens import token_hash
from .app_actions import Action, AppActions

_BURST_SECONDS = 10
_USED_EVERY_MS = 60_000  # how often last_used_ms is written


class Backend:
    """The handlers below /v1/app. Each asks for `Authorization: Bearer <API key>`."""

    def __init__(self, core: Core, actions: AppActions, limiters: Limiters):
        self._core = core
        self._actions = actions
        self._limiters = limiters
        rate = core.config.app_requests_per_s
        self._requests = RateLimiter(rate, rate * _BURST_SECONDS)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add this face's paths."""
        for method, path, action in self._actions.routes:
            router.add_route(method, "/v1/app" + path, endpoint(self._guarded(action)))

    def _guarded(self, action: Action) -> Answer:
        async def guarded(request: web.Request) -> dict:
            wxa_appid = await self._app_of(request)
            return await action(wxa_appid, await read_object(request))

        return guarded

    async def _app_of(self, request: web.Request) -> str:
        """The app whose key the request shows. Raises Refused, TooMany."""
        if not self._limiters.may_try(request.remote):
            raise TooMany
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        now_ms = self._core.clock.epoch_ms()
        async with self._core.store.read() as tx:
            key = await tx.api_key(token_hash(secret)) if scheme == "Bearer" else None
        if key is None:
            self._limiters.failed(request.remote)
            raise Refused(codes.UNAUTHENTICATED, "the API key is missing or wrong")
        if not self._requests.take(key.key_id, self._core.clock.monotonic_ms()):
            raise TooMany
        if key.last_used_ms is None or now_ms - key.last_used_ms > _USED_EVERY_MS:
            async with self._core.store.write() as tx:
                await tx.api_key_used(key.key_id, now_ms)
        return key.wxa_appid
