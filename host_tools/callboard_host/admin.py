"""The relay's administration requests (PROTOCOL.md §7), as a client."""

from pathlib import Path
from typing import Any

from callboard.errors import ProtocolError, RemoteError
from callboard.net import http
from callboard.net.tls import context_from_file

_TIMEOUT_S = 10


class Admin:
    """An administrator of one relay.

    Arguments: `url` as `https://host:port`; `token` from the relay's data directory; `ca_path` its
    CA (PEM), or None for the system's list.
    """

    def __init__(self, url: str, token: str, ca_path: Path | None = None):
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._tls = context_from_file(str(ca_path)) if ca_path else None

    async def _ask(
        self, ask: Any, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        response = await ask(
            f"{self._url}/v1/admin/{path}",
            json=body,
            headers=self._headers,
            timeout=_TIMEOUT_S,
            tls=self._tls,
        )
        return checked(response)

    async def create_app(self, wxa_appid: str, name: str = "") -> None:
        """Make an app (a mini program), or leave the one there is."""
        await self._ask(http.put, f"apps/{wxa_appid}", {"name": name})

    async def create_model(self, model_id: str, name: str = "") -> None:
        """Make a device type, or leave the one there is."""
        await self._ask(http.put, f"models/{model_id}", {"name": name})

    async def create_ticket(self, model_id: str, sn: str) -> str:
        """A ticket for one device; valid five minutes."""
        return (await self._ask(http.post, "tickets", {"model_id": model_id, "sn": sn}))["ticket"]

    async def create_user(self, wxa_appid: str, name: str) -> tuple[str, str]:
        """A user of an app: (open_id, single-use invitation)."""
        answer = await self._ask(http.post, "users", {"wxa_appid": wxa_appid, "name": name})
        return answer["open_id"], answer["invitation"]

    async def authorise(self, open_id: str, model_id: str, sn: str) -> None:
        """Let this device call this user."""
        body = {"open_id": open_id, "model_id": model_id, "sn": sn}
        await self._ask(http.post, "authorisations", body)

    async def devices(self) -> list[dict[str, Any]]:
        """Every registered device."""
        return (await self._ask(http.get, "devices"))["devices"]


def checked(response: Any) -> dict[str, Any]:
    """The body of a good response. Raises RemoteError with the relay's code and sentence."""
    if response.status_code == 200:
        return response.json()
    try:
        error = response.json()["error"]
        code, message = int(error["code"]), str(error["message"])
    except (ProtocolError, ValueError, KeyError, TypeError):
        raise RemoteError(f"the relay answered HTTP {response.status_code}") from None
    raise RemoteError(message, code)
