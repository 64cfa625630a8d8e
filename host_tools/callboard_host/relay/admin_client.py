"""The admin interface from the other side, for shell commands and tests (PROTOCOL.md §7)."""

import ssl
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import aiohttp

from callboard import codes
from callboard.errors import NetworkError, RemoteError, TimedOut, TLSError

_TIMEOUT_S = 15.0


class AdminClient:
    """`async with AdminClient(url, token, ca_path) as admin: ...`

    Every method raises RemoteError with the relay's code and sentence, or NetworkError, TimedOut,
    TLSError.
    """

    def __init__(self, url: str, token: str, ca_path: Path | None = None):
        self._url = url.rstrip("/")
        self._token = token
        self._ca_path = ca_path
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "AdminClient":
        trust: ssl.SSLContext | bool = True
        if self._ca_path is not None:
            trust = ssl.create_default_context(cafile=str(self._ca_path))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
            headers={"Authorization": f"Bearer {self._token}"},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """One request; `path` follows the relay's URL, e.g. /v1/health."""
        if self._session is None:
            raise RuntimeError("use `async with AdminClient(...)`")
        try:
            async with self._session.request(method, self._url + path, json=body) as response:
                answer = await response.json(content_type=None)
        except TimeoutError as error:
            raise TimedOut(f"{self._url} did not answer within {_TIMEOUT_S:g} s") from error
        except aiohttp.ClientSSLError as error:
            raise TLSError(f"the certificate of {self._url} is not trusted: {error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NetworkError(f"{self._url} cannot be reached: {error}") from error
        if not isinstance(answer, dict):
            raise NetworkError(f"{self._url} is not a callboard relay")
        if "error" in answer:
            raise RemoteError(answer["error"]["message"], answer["error"]["code"])
        return answer

    async def health(self) -> dict[str, Any]:
        """Is the relay there? `{"status", "protocol", "time_ms"}`"""
        return await self.request("GET", "/v1/health")

    async def add_app(self, wxa_appid: str, name: str | None = "", **flags: bool) -> None:
        """Add or change an app; flags: arrears, in_review, campus, needs_token. None: leave it."""
        body = {"name": name, **flags}
        await self.request("PUT", _app(wxa_appid), body)

    async def apps(self) -> list[dict[str, Any]]:
        """Every app."""
        return (await self.request("GET", "/v1/admin/apps"))["apps"]

    async def add_key(self, wxa_appid: str, name: str = "") -> dict[str, Any]:
        """An API key for an app's backend: `{"key_id", "key"}`."""
        return await self.request("POST", _app(wxa_appid) + "/keys", {"name": name})

    async def keys(self, wxa_appid: str) -> list[dict[str, Any]]:
        """An app's API keys, without the keys."""
        return (await self.request("GET", _app(wxa_appid) + "/keys"))["keys"]

    async def drop_key(self, wxa_appid: str, key_id: str) -> None:
        """Take an API key back."""
        await self.request("DELETE", f"{_app(wxa_appid)}/keys/{quote(key_id, '')}")

    async def of_app(
        self, method: str, wxa_appid: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """A request of the app's backend, in its name: `path` as below /v1/app."""
        return await self.request(method, _app(wxa_appid) + path, body)

    async def add_model(self, model_id: str, name: str = "", wxa_appid: str | None = None) -> None:
        """Add or change a device type; `wxa_appid`: the app it belongs to."""
        body = {"name": name, "wxa_appid": wxa_appid}
        await self.request("PUT", f"/v1/admin/models/{quote(model_id, '')}", body)

    async def ticket(self, model_id: str, sn: str) -> dict[str, Any]:
        """An SnTicket: `{"ticket", "expires_ms"}`."""
        return await self.request("POST", "/v1/admin/tickets", {"model_id": model_id, "sn": sn})

    async def invite(self, wxa_appid: str, name: str) -> dict[str, Any]:
        """A new user: `{"open_id", "invitation", "expires_ms"}`."""
        return await self.request(
            "POST", "/v1/admin/users", {"wxa_appid": wxa_appid, "name": name}
        )

    async def users(self) -> list[dict[str, Any]]:
        """Every user."""
        return (await self.request("GET", "/v1/admin/users"))["users"]

    async def remove_user(self, open_id: str) -> None:
        """Remove a user for good."""
        await self.request("DELETE", f"/v1/admin/users/{quote(open_id, '')}")

    async def authorisations(self, **wanted: str) -> list[dict[str, Any]]:
        """Pairs of users and devices; narrowed by open_id, model_id, sn."""
        query = "&".join(f"{name}={quote(value, '')}" for name, value in wanted.items())
        answer = await self.request("GET", f"/v1/admin/authorisations?{query}")
        return answer["authorisations"]

    async def authorise(self, open_id: str, model_id: str, sn: str) -> None:
        """Bind a user to a device and answer for the user: the two may call each other."""
        await self.request("POST", "/v1/admin/authorisations", _pair(open_id, model_id, sn))

    async def revoke(self, open_id: str, model_id: str, sn: str) -> None:
        """Take the user's authorisation back."""
        await self.request("DELETE", "/v1/admin/authorisations", _pair(open_id, model_id, sn))

    async def bind(self, open_id: str, model_id: str, sn: str) -> None:
        """Give a device a user, who may then authorise it on the phone."""
        await self.request("POST", "/v1/admin/bindings", _pair(open_id, model_id, sn))

    async def unbind(self, open_id: str, model_id: str, sn: str) -> None:
        """Take a user from a device."""
        await self.request("DELETE", "/v1/admin/bindings", _pair(open_id, model_id, sn))

    async def devices(self) -> list[dict[str, Any]]:
        """Every registered device."""
        return (await self.request("GET", "/v1/admin/devices"))["devices"]

    async def forget_device(self, model_id: str, sn: str) -> None:
        """Forget a device, its key, users and properties."""
        await self.request("DELETE", _device(model_id, sn))

    async def name_device(self, model_id: str, sn: str, name: str) -> None:
        """What people call a device."""
        await self.request("PUT", _device(model_id, sn) + "/name", {"name": name})

    async def faults(self, no_rooms: bool) -> None:
        """Fault switches: with `no_rooms` every call fails with -5."""
        await self.request("PUT", "/v1/admin/faults", {"no_rooms": no_rooms})

    async def properties(self, model_id: str, sn: str) -> dict[str, Any]:
        """A device's data model."""
        return (await self.request("GET", _device(model_id, sn) + "/properties"))["properties"]

    async def set_properties(self, model_id: str, sn: str, changes: dict[str, Any]) -> None:
        """Set properties on a device that is online."""
        path = _device(model_id, sn) + "/properties"
        await self.request("PUT", path, {"properties": changes})

    async def set_modules(self, model_id: str, sn: str, modules: int) -> None:
        """Switch a device's backend services (codes.MODULE_*)."""
        await self.request("PUT", _device(model_id, sn) + "/modules", {"modules": modules})


def _app(wxa_appid: str) -> str:
    return f"/v1/admin/apps/{quote(wxa_appid, '')}"


def _pair(open_id: str, model_id: str, sn: str) -> dict[str, Any]:
    return {"open_id": open_id, "model_id": model_id, "sn": sn}


def _device(model_id: str, sn: str) -> str:
    return f"/v1/admin/devices/{quote(model_id, '')}/{quote(sn, '')}"


def is_wrong_token(error: RemoteError) -> bool:
    """Was the admin token refused?"""
    return error.code == codes.UNAUTHENTICATED
