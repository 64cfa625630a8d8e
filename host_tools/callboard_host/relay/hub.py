"""Where the pure engine meets the connections: sessions, the engine's effects, its timers."""

import asyncio
import hmac
import logging
import os
from collections.abc import Callable
from typing import Any

from callboard import codes
from callboard.errors import RemoteError

from .auth import Client, Hello
from .clock import Clock
from .connection import CLOSE_GOING_AWAY, CLOSE_REPLACED, Connection
from .refusal import Refused
from .rooms import (
    CallFailed,
    CallRinging,
    Effect,
    Engine,
    FeedClosed,
    FeedOpened,
    Invite,
    Outcome,
    Push,
    RouteAdded,
    RouteRemoved,
    SessionExpired,
)
from .rooms.media import NARROW
from .router import Router
from .session import Handle, Session

log = logging.getLogger(__name__)

STOP_S = 5.0  # for requests that are being handled


class Hub:
    """The sessions of a node and the engine behind them."""

    def __init__(self, engine: Engine, clock: Clock, handle: Handle):
        self.engine = engine
        self.clock = clock
        self.router = Router()
        self.sessions: dict[str, Session] = {}
        self._handle = handle
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()  # workers of ended sessions

    # -- clients come and go -------------------------------------------------------------------

    def open_session(
        self, client: Client, hello: Hello, connection: Connection
    ) -> tuple[Session, bool, dict | None]:
        """A client was authenticated: continue its session, or begin a new one.

        Returns the session, whether it was resumed, and the call it is in.
        """
        key = client.identity.key
        old = self.sessions.get(key)
        resumed = old is not None and _is_resumed_by(old, hello.resume)
        if old is not None and old.connection is not None:
            old.connection.close(CLOSE_REPLACED, "another connection of this client took over")
        if old is not None and resumed:
            session = old
        else:
            if old is not None:
                self._end(old)
            session = Session(client, os.urandom(8).hex(), self._handle)
            self.sessions[key] = session
            self.router.replace(session)
        session.resume_token = os.urandom(16).hex()
        session.attach(connection)
        caps = set(hello.caps)
        if NARROW not in caps:
            caps.add("pcmu")  # mandatory for every endpoint that has the room
        outcome = self.engine.connect(client.identity, caps, resumed, self.clock.monotonic_ms())
        session.after_hello = outcome.effects
        return session, resumed, outcome.result["call"]

    def started(self, session: Session) -> None:
        """The answer to hello is out: send what waits."""
        log.info("%s is online", session.key)
        effects, session.after_hello = session.after_hello, []
        session.peer.resend()
        self.apply(effects)

    def connection_lost(self, session: Session, connection: Connection) -> None:
        """A connection ended; the session waits for the grace time."""
        if session.detach(connection) and not session.ended:
            log.info("%s lost its connection", session.key)
            self.apply(self.engine.disconnect(session.key, self.clock.monotonic_ms()).effects)

    def end_session(self, key: str, code: int, reason: str) -> None:
        """End a session at once and close its connection."""
        session = self.sessions.get(key)
        if session is None:
            return
        if session.connection is not None:
            session.connection.close(code, reason)
        self.apply(self.engine.expire(key).effects)

    async def stop(self) -> None:
        """Close every connection with 1001 and end every session."""
        if self._timer is not None:
            self._timer.cancel()
        sessions = list(self.sessions.values())
        self.sessions.clear()
        closing = []
        for session in sessions:
            if session.connection is not None:
                closing.append(session.connection.close(CLOSE_GOING_AWAY, "the relay stops"))
            self._end(session)
        await asyncio.gather(*closing, return_exceptions=True)
        if self._ending:
            await asyncio.wait(self._ending, timeout=STOP_S)

    def _end(self, session: Session) -> None:
        """End a session; what it is at work on is waited for when the relay stops."""
        worker = session.end()
        if not worker.done():
            self._ending.add(worker)
            worker.add_done_callback(self._ending.discard)

    # -- requests to clients -------------------------------------------------------------------

    def is_online(self, key: str) -> bool:
        """Has this client a connection?"""
        session = self.sessions.get(key)
        return session is not None and session.connection is not None

    async def push_and_wait(self, key: str, method: str, params: dict, timeout_ms: int) -> Any:
        """Push, wait for the client's answer and return it.

        Raises Refused: its error, offline, too slow.
        """
        session = self.sessions.get(key)
        whose = "phone" if key.startswith("user:") else "device"
        if session is None or session.connection is None:
            raise Refused(codes.NETWORK, f"the {whose} is offline")
        answered: asyncio.Future[tuple[Any, RemoteError | None]]
        answered = asyncio.get_running_loop().create_future()

        def done(result: object, error: RemoteError | None) -> None:
            if not answered.done():
                answered.set_result((result, error))

        session.push(method, params, done)
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                result, error = await answered
        except TimeoutError:
            raise Refused(codes.TIMEOUT, f"the {whose} did not answer in time") from None
        if error is not None:
            raise Refused(error.code, error.message)
        return result

    # -- the engine's effects ------------------------------------------------------------------

    def run(self, outcome: Outcome) -> dict:
        """Carry out what a command decided; returns its result."""
        self.apply(outcome.effects)
        return outcome.result

    def apply(self, effects: list[Effect]) -> None:
        """Carry out effects, in order, and set the timer for the engine's next deadline."""
        for effect in effects:
            _APPLY[type(effect)](self, effect)
        self._set_timer()

    def _push(self, effect: Push) -> None:
        session = self.sessions.get(effect.to)
        if session is not None:
            session.push(effect.method, effect.params)

    def _invite(self, effect: Invite) -> None:
        session = self.sessions.get(effect.to)
        if session is None:
            return

        def done(_result: object, error: RemoteError | None) -> None:
            engine = self.engine
            if error is None:
                outcome = engine.invitation_delivered(effect.call_id, self.clock.monotonic_ms())
            elif error.code == codes.NETWORK and session.ended:
                return  # a lost session: the next one is invited again
            else:
                outcome = engine.invitation_refused(effect.call_id, error.code, error.message)
            self.apply(outcome.effects)

        session.push("call.incoming", effect.params, done)

    def _call_ringing(self, effect: CallRinging) -> None:
        session, request_id = self._take_call_request(effect.to, effect.call_id)
        if session is not None:
            session.peer.respond(request_id, effect.result)

    def _call_failed(self, effect: CallFailed) -> None:
        session, request_id = self._take_call_request(effect.to, effect.call_id)
        if session is not None:
            session.peer.respond_error(request_id, effect.code, effect.message)

    def _take_call_request(self, key: str, call_id: str) -> tuple[Session | None, int]:
        session = self.sessions.get(key)
        if session is None or session.call_request is None or session.call_request[0] != call_id:
            return None, 0
        request_id = session.call_request[1]
        session.call_request = None
        return session, request_id

    def _feed_opened(self, effect: FeedOpened) -> None:
        session = self.sessions.get(effect.owner)
        if session is not None:
            self.router.open(session, effect.feed_id, effect.ssrc, effect.kind)

    def _feed_closed(self, effect: FeedClosed) -> None:
        route = self.router.close(effect.owner, effect.ssrc)
        if route is not None:
            counts = (route.packets, route.octets, route.dropped)
            log.info("feed %s closed: %d packets, %d bytes, %d dropped", effect.feed_id, *counts)

    def _route_added(self, effect: RouteAdded) -> None:
        session = self.sessions.get(effect.to)
        if session is not None:
            self.router.add(effect.owner, effect.ssrc, session)

    def _route_removed(self, effect: RouteRemoved) -> None:
        self.router.remove(effect.owner, effect.ssrc, effect.to)

    def _session_expired(self, effect: SessionExpired) -> None:
        session = self.sessions.pop(effect.participant, None)
        if session is not None:
            log.info("%s is gone", effect.participant)
            self._end(session)

    # -- time ----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let the engine act on the time; called by our timer, and by tests with a fake clock."""
        self.apply(self.engine.tick(self.clock.monotonic_ms()).effects)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.engine.next_deadline_ms()
        if deadline is not None:
            wait_ms = max(0, deadline - self.clock.monotonic_ms())
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait_ms / 1000, self.tick)


def _is_resumed_by(session: Session, token: str | None) -> bool:
    if token is None or session.broken:
        return False
    return hmac.compare_digest(session.resume_token.encode(), token.encode())


_APPLY: dict[type, Callable] = {
    Push: Hub._push,
    Invite: Hub._invite,
    CallRinging: Hub._call_ringing,
    CallFailed: Hub._call_failed,
    FeedOpened: Hub._feed_opened,
    FeedClosed: Hub._feed_closed,
    RouteAdded: Hub._route_added,
    RouteRemoved: Hub._route_removed,
    SessionExpired: Hub._session_expired,
}
