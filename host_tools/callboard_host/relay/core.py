"""What the faces work with: store, hub, services, and the registry of request handlers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from callboard import codes

from .auth import Authenticator
from .clock import Clock
from .config import RelayConfig
from .hub import STOP_S, Hub
from .media_tickets import MediaTickets
from .ratelimit import RateLimiter
from .refusal import Refused
from .registration import Registrar
from .reservations import Reservations
from .rooms import Engine
from .session import Session
from .store import Store
from .users import Users

MESSAGES_PER_S = 10.0  # notices and commands of one client
MESSAGES_BURST = 100.0

log = logging.getLogger(__name__)

Result = dict[str, Any] | None  # None: the answer comes later
Handler = Callable[["Core", Session, int, dict[str, Any]], Awaitable[Result]]
Greeting = Callable[["Core", Session], Awaitable[None]]


class Methods:
    """Request handlers by method name, each for the roles that may call it."""

    def __init__(self) -> None:
        self._handlers: dict[str, tuple[tuple[str, ...], Handler]] = {}
        self._greetings: list[tuple[str, Greeting]] = []

    def greet(self, role: str, greeting: Greeting) -> None:
        """Let `greeting` run whenever a client of this role has a new session."""
        self._greetings.append((role, greeting))

    def greetings(self, role: str) -> list[Greeting]:
        """What a new session of this role is told."""
        return [greeting for wanted, greeting in self._greetings if wanted == role]

    def add(self, name: str, roles: tuple[str, ...], handler: Handler) -> None:
        """Register a handler. A name is registered once."""
        if name in self._handlers:
            raise ValueError(f"{name} has a handler already")
        self._handlers[name] = (roles, handler)

    def find(self, name: str, role: str) -> Handler:
        """The handler. Raises Refused(RPC_METHOD_NOT_FOUND)."""
        roles, handler = self._handlers.get(name, ((), None))
        if handler is None or role not in roles:
            raise Refused(codes.RPC_METHOD_NOT_FOUND, "there is no such method for this client")
        return handler


class Core:
    """The relay without its sockets."""

    def __init__(self, config: RelayConfig, clock: Clock, store: Store, engine: Engine):
        self.config = config
        self.clock = clock
        self.store = store
        self.methods = Methods()
        self.hub = Hub(engine, clock, self._handle)
        self.registrar = Registrar(store, clock, config.ticket_ms)
        self.users = Users(store, clock, config.invitation_ms)
        self.authenticator = Authenticator(store, clock)
        self.media_tickets = MediaTickets()
        self.reservations = Reservations()
        self.message_limits = RateLimiter(MESSAGES_PER_S, MESSAGES_BURST)
        self._tasks: set[asyncio.Task[None]] = set()

    def check_rate(self, session: Session) -> None:
        """One message more of this client to another; Refused when there are too many."""
        if not self.message_limits.take(session.key, self.clock.monotonic_ms()):
            raise Refused(codes.RPC_OVERLOADED, "too many messages; wait a little")

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the running request; a failure is logged."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def stop(self) -> None:
        """End every session, and wait for what is still being done."""
        await self.hub.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)

    async def greet(self, session: Session) -> None:
        """A client has a new session: tell it what waits for it."""
        for greeting in self.methods.greetings(session.client.identity.role):
            await greeting(self, session)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("the relay failed", exc_info=error)

    async def _handle(
        self, session: Session, request_id: int, method: str, params: dict[str, Any]
    ) -> None:
        handler = self.methods.find(method, session.client.identity.role)
        result = await handler(self, session, request_id, params)
        if result is not None:
            session.peer.respond(request_id, result)
