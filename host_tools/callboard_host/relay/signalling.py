"""The WebSocket endpoints: challenge, hello, then messages to the end (PROTOCOL.md §2, §3)."""

import asyncio
import json
import logging
import os
from typing import Any

from aiohttp import WSMsgType, web

from callboard import codes
from callboard.errors import ProtocolError, StorageError
from callboard.port import json_text

from . import media_socket
from .auth import CAPS, DEVICE, PROTOCOL, Client, Hello
from .config import MAX_BINARY, MAX_TEXT
from .connection import (
    CLOSE_GOING_AWAY,
    CLOSE_IDENTITY,
    CLOSE_PROTOCOL,
    CLOSE_SILENT,
    Connection,
)
from .core import Core
from .http_json import error_response
from .limiters import Limiters
from .refusal import Refused
from .session import Session

log = logging.getLogger(__name__)

SUBPROTOCOL = "callboard.v1"
MEDIA = "media"
CLOSE_TOO_BIG = 1009
CLOSE_INTERNAL = 1011
_CLOSE_TIMEOUT_S = 2.0


class _Closed(Exception):
    """The connection ends with this code and reason."""

    def __init__(self, code: int, reason: str):
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Signalling:
    """Serves /v1/device, /v1/user and /v1/media."""

    def __init__(self, core: Core, limiters: Limiters):
        self._core = core
        self._limiters = limiters
        self._connections: set[Connection] = set()
        self._unknown = 0  # connections that have not said hello yet
        self._stopping = False

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add the two paths."""
        router.add_get("/v1/device", self.device)
        router.add_get("/v1/user", self.user)
        router.add_get("/v1/media", self.media)

    async def device(self, request: web.Request) -> web.StreamResponse:
        """A device connects."""
        return await self._serve(request, DEVICE)

    async def user(self, request: web.Request) -> web.StreamResponse:
        """A user's client connects."""
        return await self._serve(request, "user")

    async def media(self, request: web.Request) -> web.StreamResponse:
        """A media socket of a session that stands already."""
        return await self._serve(request, MEDIA)

    def drop_silent(self) -> None:
        """Cut connections that said nothing for dead_ms. Called every second or so."""
        oldest = self._core.clock.monotonic_ms() - self._core.config.dead_ms
        for connection in [c for c in self._connections if c.last_received_ms < oldest]:
            log.info("a client is silent: connection cut")
            connection.abort()

    async def stop(self) -> None:
        """Refuse new connections and close those that have no session yet."""
        self._stopping = True
        closing = [c.close(CLOSE_GOING_AWAY, "the relay stops") for c in self._connections]
        await asyncio.gather(*closing, return_exceptions=True)

    # -- one connection ------------------------------------------------------------------------

    async def _serve(self, request: web.Request, role: str) -> web.StreamResponse:
        refusal = self._refuse_early(request)
        if refusal is not None:
            return refusal
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            autoping=False,
            timeout=_CLOSE_TIMEOUT_S,
            max_msg_size=MAX_TEXT + 1,  # aiohttp refuses messages of this size and above
            compress=False,
        )
        if not socket.can_prepare(request).ok:
            return error_response(400, codes.INVALID_ARGUMENT, "this path wants a WebSocket")
        await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket
        config = self._core.config
        limits = (config.media_backlog, config.signalling_backlog)
        connection = Connection(socket, transport, limits)
        connection.last_received_ms = self._core.clock.monotonic_ms()
        self._connections.add(connection)
        try:
            await self._converse(request, socket, connection, role)
        except _Closed as error:
            connection.close(error.code, error.reason)
        finally:
            await connection.finish()
            self._connections.discard(connection)
        return socket

    def _refuse_early(self, request: web.Request) -> web.Response | None:
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if SUBPROTOCOL not in [name.strip() for name in offered.split(",")]:
            text = f"the WebSocket subprotocol must be {SUBPROTOCOL}"
            return error_response(400, codes.RPC_VERSION, text)
        if not self._limiters.may_connect(request.remote):
            text = "too many connections from this address; wait a little"
            return error_response(429, codes.RPC_OVERLOADED, text)
        config = self._core.config
        full = len(self._connections) >= config.connections or self._unknown >= config.handshakes
        if full or self._stopping:
            return error_response(503, codes.RPC_OVERLOADED, "the relay is full or stops")
        return None

    async def _converse(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        connection: Connection,
        role: str,
    ) -> None:
        self._unknown += 1
        try:
            if role == MEDIA:
                member = await media_socket.greet(self._core, socket, connection)
            else:
                session = await self._greet(request, socket, connection, role)
        finally:
            self._unknown -= 1
        if role == MEDIA:
            if member is not None:
                await media_socket.carry(self._core, socket, connection, member)
            return
        try:
            await self._receive(socket, connection, session)
        finally:
            self._core.hub.connection_lost(session, connection)

    # -- hello ---------------------------------------------------------------------------------

    async def _greet(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        connection: Connection,
        role: str,
    ) -> Session:
        challenge = os.urandom(16).hex()
        connection.send_text(
            json_text(
                {"jsonrpc": "2.0", "method": "challenge", "params": {"challenge": challenge}}
            )
        )
        params = await self._await_hello(socket, connection)
        try:
            hello = Hello.parse(params, role)
            if role == DEVICE:
                host, path = request.headers.get("Host", ""), request.raw_path
                client = await self._core.authenticator.device(hello, host, path, challenge)
            else:
                client = await self._core.authenticator.user(hello)
        except Refused as error:
            self._refuse_hello(request, connection, error)
        except StorageError as error:
            log.error("a hello failed: %s", error)
            raise _Closed(CLOSE_INTERNAL, "the relay failed; see its log") from error
        if not connection.is_open:
            raise _Closed(CLOSE_GOING_AWAY, "closed during hello")
        return await self._welcome(client, hello, connection)

    def _refuse_hello(self, request: web.Request, connection: Connection, error: Refused) -> None:
        body = {"code": error.code, "message": error.message}
        connection.send_text(json_text({"jsonrpc": "2.0", "id": "hello", "error": body}))
        if error.code in (codes.UNAUTHENTICATED, codes.MODEL_REFUSED):
            self._limiters.failed(request.remote)
            log.warning("a hello from %s was refused: wrong identity", request.remote)
            raise _Closed(CLOSE_IDENTITY, error.message)
        raise _Closed(CLOSE_PROTOCOL, error.message)

    async def _await_hello(
        self, socket: web.WebSocketResponse, connection: Connection
    ) -> dict[str, Any]:
        """The params of hello; pings may come before it."""
        deadline = self._core.config.hello_ms / 1000
        try:
            async with asyncio.timeout(deadline):
                while True:
                    message = await socket.receive()
                    if message.type == WSMsgType.PING:
                        connection.send_pong(message.data)
                    elif message.type == WSMsgType.TEXT:
                        return _parse_hello(message.data)
                    elif message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
                        raise _Closed(CLOSE_GOING_AWAY, "closed before hello")
                    elif message.type == WSMsgType.ERROR:
                        raise _Closed(CLOSE_PROTOCOL, "not a WebSocket message")
                    elif message.type == WSMsgType.BINARY:
                        raise _Closed(CLOSE_PROTOCOL, "say hello first")
        except TimeoutError:
            raise _Closed(CLOSE_SILENT, f"no hello within {deadline:g} s") from None

    async def _welcome(self, client: Client, hello: Hello, connection: Connection) -> Session:
        core = self._core
        modules = client.device.modules if client.device else 0
        session, resumed, call = core.hub.open_session(client, hello, connection)
        connection.last_received_ms = core.clock.monotonic_ms()
        result: dict[str, Any] = {
            "protocol": PROTOCOL,
            "time_ms": core.clock.epoch_ms(),
            "session": session.session_id,
            "resume_token": session.resume_token,
            "resumed": resumed,
            "heartbeat_ms": core.config.heartbeat_ms,
            "dead_ms": core.config.dead_ms,
            "grace_ms": core.config.limits.grace_ms,
            "caps": list(CAPS),
            "modules": modules,
            "call": call,
        }
        if client.user is not None:
            result["user"] = {"open_id": client.user.open_id, "name": client.user.name}
        connection.send_text(json_text({"jsonrpc": "2.0", "id": "hello", "result": result}))
        core.hub.started(session)
        if client.device is not None and not resumed:
            session.push("voip.peer_ready", {})
        if not resumed:
            core.later(core.greet(session))
        return session

    # -- messages ------------------------------------------------------------------------------

    async def _receive(
        self, socket: web.WebSocketResponse, connection: Connection, session: Session
    ) -> None:
        forward = self._core.hub.router.forward
        monotonic_ms = self._core.clock.monotonic_ms
        while True:
            message = await socket.receive()
            if session.connection is not connection:
                return  # replaced
            connection.last_received_ms = monotonic_ms()
            if message.type == WSMsgType.BINARY:
                if len(message.data) > MAX_BINARY:
                    raise _Closed(CLOSE_TOO_BIG, f"a packet has at most {MAX_BINARY} bytes")
                forward(session, message.data)
            elif message.type == WSMsgType.TEXT:
                try:
                    session.peer.receive(message.data)
                except ProtocolError as error:
                    raise _Closed(CLOSE_PROTOCOL, error.message) from error
            elif message.type == WSMsgType.PING:
                connection.send_pong(message.data)
            elif message.type != WSMsgType.PONG:
                return


def _parse_hello(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise _Closed(CLOSE_PROTOCOL, "hello is not JSON") from None
    right = (
        isinstance(message, dict)
        and message.get("jsonrpc") == "2.0"
        and message.get("id") == "hello"
        and message.get("method") == "hello"
        and isinstance(message.get("params"), dict)
    )
    if not right:
        raise _Closed(CLOSE_PROTOCOL, 'the first message must be the request "hello"')
    return message["params"]
