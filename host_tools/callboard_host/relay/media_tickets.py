"""Tokens for media sockets: given out over signalling, good once and not for long."""

from dataclasses import dataclass

from .session import Session
from .tokens import new_token, token_hash

TOKEN_MS = 30_000


@dataclass(frozen=True, slots=True)
class _Ticket:
    session: Session
    expires_ms: int


class MediaTickets:
    """The tokens that were given out and not used: one for a session at most."""

    def __init__(self) -> None:
        self._tickets: dict[str, _Ticket] = {}

    def issue(self, session: Session, now_ms: int) -> str:
        """A new token; an older one of this session is void."""
        self._tickets = {
            digest: ticket
            for digest, ticket in self._tickets.items()
            if ticket.session is not session and ticket.expires_ms > now_ms
        }
        token = new_token("M")
        self._tickets[token_hash(token)] = _Ticket(session, now_ms + TOKEN_MS)
        return token

    def redeem(self, token: str, now_ms: int) -> Session | None:
        """The session that a token is for; it is used up then. None when it is for none."""
        ticket = self._tickets.pop(token_hash(token), None)
        if ticket is None or ticket.expires_ms <= now_ms or ticket.session.ended:
            return None
        return ticket.session
