"""A client's session: it outlives a connection by the grace time, and keeps things in order."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from callboard import codes
from callboard.errors import InvalidArgument, RemoteError
from callboard.signalling.jsonrpc import MAX_IN_FLIGHT, Peer

from .auth import Client
from .connection import CLOSE_GOING_AWAY, CLOSE_OVERFLOW, Connection
from .refusal import Refused
from .rooms import Effect

log = logging.getLogger(__name__)

PUSHES_WAITING = 256  # beyond those in flight

PushDone = Callable[[Any, RemoteError | None], None]
Handle = Callable[["Session", int, str, dict[str, Any]], Awaitable[None]]


class Session:
    """One client. Its requests go to `handle(session, id, method, params)`, one by one."""

    def __init__(self, client: Client, session_id: str, handle: Handle):
        self.client = client
        self.session_id = session_id
        self.resume_token = ""
        self.connection: Connection | None = None
        self.media: Connection | None = None  # a media socket, if there is one
        self.call_request: tuple[str, int] | None = (
            None  # call_id, request id of a waiting voip.call
        )
        self.peer = Peer(self._send, self._on_request)
        self.after_hello: list[Effect] = []  # what the engine decided when the client connected
        self.ended = False
        self.broken = False  # a push was lost: it cannot be resumed
        self._handle = handle
        self._requests: deque[tuple[int, str, dict[str, Any]]] = deque()
        self._working = False
        self._arrived = asyncio.Event()
        self._pushes: deque[tuple[str, dict[str, Any], PushDone | None]] = deque()
        self._worker = asyncio.ensure_future(self._work())

    @property
    def key(self) -> str:
        """The identity's key."""
        return self.client.identity.key

    def attach(self, connection: Connection) -> None:
        """Go on over a new connection."""
        self.connection = connection

    def detach(self, connection: Connection) -> bool:
        """The connection is gone; False when it was not the current one."""
        if self.connection is not connection:
            return False
        self.connection = None
        return True

    def send_media(self, data: bytes, is_video: bool = False) -> bool:
        """Send a frame from media_frame() on the media socket, or on the signalling one. False:
        dropped, because the client is congested or away."""
        way = self.media or self.connection
        return way is not None and way.send_media(data, is_video)

    def push(self, method: str, params: dict[str, Any], done: PushDone | None = None) -> None:
        """Send a request now, or when earlier ones are answered; done(result, error) runs once."""
        if self.ended:
            _finish(done, None, RemoteError("the client is offline", codes.NETWORK))
            return
        if len(self._pushes) >= PUSHES_WAITING:
            _finish(done, None, RemoteError("too much waits for the client", codes.RPC_OVERLOADED))
            log.warning("%s does not answer: session given up", self.key)
            self.broken = True
            if self.connection is not None:
                self.connection.close(CLOSE_OVERFLOW, "too many requests wait for you")
            return
        self._pushes.append((method, params, done))
        self._pump()

    def end(self) -> asyncio.Task[None]:
        """Stop working and fail what waits. The task ends with the request that is being handled:
        a database that is interrupted may never answer again.
        """
        if self.ended:
            return self._worker
        self.ended = True
        if self.media is not None:
            self.media.close(CLOSE_GOING_AWAY, "the session is over")
        self._requests.clear()
        if not self._working:
            self._worker.cancel()
        error = RemoteError("the client is offline", codes.NETWORK)
        waiting = list(self.peer.reset()) + [push[2] for push in self._pushes]
        self._pushes.clear()
        for done in waiting:
            _finish(done, None, error)
        return self._worker

    def _send(self, text: str) -> None:
        if self.connection is not None:
            self.connection.send_text(text)

    def _pump(self) -> None:
        while self._pushes and self.peer.unanswered < MAX_IN_FLIGHT:
            method, params, done = self._pushes.popleft()
            try:
                self.peer.request(method, params, self._answered(method, done))
            except InvalidArgument as error:  # longer than a message may be
                _finish(done, None, RemoteError(error.message, error.code))

    def _answered(self, method: str, done: PushDone | None) -> PushDone:
        def callback(result: Any, error: RemoteError | None) -> None:
            if error is not None and done is None:
                log.info("%s refused %s: code %d", self.key, method, error.code)
            _finish(done, result, error)
            self._pump()

        return callback

    def _on_request(
        self, _peer: Peer, request_id: int, method: str, params: dict[str, Any]
    ) -> None:
        self._requests.append(
            (request_id, method, params)
        )  # at most MAX_IN_FLIGHT: Peer sees to it
        self._arrived.set()

    async def _work(self) -> None:
        while not self.ended:
            await self._arrived.wait()
            self._arrived.clear()
            self._working = True
            while self._requests:
                await self._one(*self._requests.popleft())
            self._working = False

    async def _one(self, request_id: int, method: str, params: dict[str, Any]) -> None:
        try:
            await self._handle(self, request_id, method, params)
        except Refused as error:
            self.peer.respond_error(request_id, error.code, error.message)
        except Exception:  # a defect of ours must not silence the session; it is logged in full
            log.exception("%s failed", method)
            self.peer.respond_error(
                request_id, codes.RPC_INTERNAL, "the relay failed; see its log"
            )


def _finish(done: PushDone | None, result: Any, error: RemoteError | None) -> None:
    if done is not None:
        done(result, error)
