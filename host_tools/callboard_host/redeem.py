"""A single-use invitation becomes a user token bound to this client (PROTOCOL.md §1)."""

from typing import Any

from callboard.errors import ProtocolError, RemoteError
from callboard.net import http
from callboard_host.phone_state import Identity

_TIMEOUT_S = 10


async def redeem(relay_url: str, invitation: str, client: str, tls: Any) -> Identity:
    """Ask the relay. Raises RemoteError with its code and sentence, NetworkError, TLSError."""
    response = await http.post(
        relay_url.rstrip("/") + "/v1/users/redeem",
        json={"invitation": invitation, "client": client},
        timeout=_TIMEOUT_S,
        tls=tls,
    )
    try:
        body = response.json()
        if response.status_code == 200:
            return Identity(body["open_id"], body["wxa_appid"], client, body["user_token"])
        code, message = int(body["error"]["code"]), str(body["error"]["message"])
    except (ProtocolError, ValueError, KeyError, TypeError):
        raise RemoteError(f"the relay answered HTTP {response.status_code}") from None
    raise RemoteError(message, code)
