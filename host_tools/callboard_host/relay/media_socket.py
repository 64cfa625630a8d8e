"""The media socket: a second WebSocket that carries a session's packets, and nothing else.

For a device behind a bridge: its signalling is a stream that must not lose anything, its audio
must not wait. The device asks for a token over its signalling (`media.open`), and whoever has the
token, the bridge, opens `/v1/media` with it (PROTOCOL.md §5). The token opens the media of this
session once, and nothing else.
"""

import json
import logging
from typing import Any

from aiohttp import WSMsgType, web

from callboard import codes
from callboard.port import json_text

from .auth import DEVICE
from .config import MAX_BINARY
from .connection import CLOSE_IDENTITY, CLOSE_PROTOCOL, CLOSE_REPLACED, CLOSE_SILENT, Connection
from .core import Core, Methods, Result
from .session import Session

log = logging.getLogger(__name__)


def register(methods: Methods) -> None:
    """Add this face's request."""
    methods.add("media.open", (DEVICE,), open_media)


async def open_media(core: Core, session: Session, _id: int, _params: dict[str, Any]) -> Result:
    """A token for a media socket of this session."""
    return {"token": core.media_tickets.issue(session, core.clock.monotonic_ms())}


async def greet(
    core: Core, socket: web.WebSocketResponse, connection: Connection
) -> Session | None:
    """The session that a new media socket has the token of; None: it is being closed."""
    token = await _await_token(socket, connection, core.config.hello_ms / 1000)
    if token is None:
        return None
    session = core.media_tickets.redeem(token, core.clock.monotonic_ms())
    if session is None:
        error = {"code": codes.UNAUTHENTICATED, "message": "the token is unknown, used or too old"}
        connection.send_text(json_text({"error": error}))
        connection.close(CLOSE_IDENTITY, "wrong token")
        return None
    return session


async def carry(
    core: Core, socket: web.WebSocketResponse, connection: Connection, session: Session
) -> None:
    """Packets both ways until either end closes it."""
    if session.media is not None:
        session.media.close(CLOSE_REPLACED, "another media socket of this client took over")
    session.media = connection
    log.info("%s has a media socket", session.key)
    connection.send_text(json_text({"result": {}}))
    try:
        await _receive(core, socket, connection, session)
    finally:
        if session.media is connection:
            session.media = None
            log.info("%s lost its media socket", session.key)


async def _await_token(
    socket: web.WebSocketResponse, connection: Connection, limit_s: float
) -> str | None:
    """The token in the first message; None: the connection is being closed."""
    try:
        message = await socket.receive(limit_s)
    except TimeoutError:
        connection.close(CLOSE_SILENT, f"no token within {limit_s:g} s")
        return None
    token = None
    if message.type == WSMsgType.TEXT:
        try:
            token = json.loads(message.data)["token"]
        except (ValueError, RecursionError, TypeError, KeyError):
            token = None
    if not isinstance(token, str):
        connection.close(CLOSE_PROTOCOL, "the first message must hold the token")
        return None
    return token


async def _receive(
    core: Core, socket: web.WebSocketResponse, connection: Connection, session: Session
) -> None:
    forward = core.hub.router.forward
    while session.media is connection and not session.ended:
        message = await socket.receive()
        connection.last_received_ms = core.clock.monotonic_ms()
        if message.type == WSMsgType.BINARY and len(message.data) <= MAX_BINARY:
            if session.media is connection:
                forward(session, message.data)
        elif message.type == WSMsgType.PING:
            connection.send_pong(message.data)
        elif message.type in (WSMsgType.BINARY, WSMsgType.TEXT):
            connection.close(CLOSE_PROTOCOL, f"packets of at most {MAX_BINARY} bytes, no text")
            return
        elif message.type != WSMsgType.PONG:
            return
