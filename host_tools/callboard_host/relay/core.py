"""What the faces work with: store, hub, services, and the registry of request handlers."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from callboard import codes

from .auth import Authenticator
from .clock import Clock
from .config import RelayConfig
from .hub import Hub
from .refusal import Refused
from .registration import Registrar
from .rooms import Engine
from .session import Session
from .store import Store
from .users import Users

log = logging.getLogger(__name__)

Result = dict[str, Any] | None  # None: the answer comes later
Handler = Callable[["Core", Session, int, dict[str, Any]], Awaitable[Result]]


class Methods:
    """Request handlers by method name, each for the roles that may call it."""

    def __init__(self) -> None:
        self._handlers: dict[str, tuple[tuple[str, ...], Handler]] = {}

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

    async def _handle(
        self, session: Session, request_id: int, method: str, params: dict[str, Any]
    ) -> None:
        handler = self.methods.find(method, session.client.identity.role)
        result = await handler(self, session, request_id, params)
        if result is not None:
            session.peer.respond(request_id, result)
