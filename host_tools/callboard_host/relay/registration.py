"""Tickets and registration: an SnTicket becomes a device key (PROTOCOL.md §1, DESIGN §4).

A ticket is issued, then claimed by the first nonce it comes with, then used once the device has
proved that it holds the key. While it is only claimed, the same (ticket, nonce) gets the same key:
a lost answer burns nothing.
"""

import os
from dataclasses import dataclass
from typing import Any

from callboard import codes

from . import fields
from .clock import Clock
from .refusal import Refused
from .store import Store
from .tokens import new_token, same_hash, token_hash
from .transaction import Ticket, Transaction

KEY_BYTES = 32
_KEEP_EXPIRED_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Names:
    """Who asks, checked."""

    model_id: str
    sn: str
    wxa_appid: str

    @classmethod
    def parse(cls, body: dict[str, Any]) -> "Names":
        """Check the members of POST /v1/check. Raises Refused."""
        return cls(**_names(body))


@dataclass(frozen=True, slots=True)
class Registration(Names):
    """What a device asked for, checked."""

    ticket: str
    nonce: str

    @classmethod
    def parse(cls, body: dict[str, Any]) -> "Registration":
        """Check the members of POST /v1/register. Raises Refused."""
        return cls(
            **_names(body),
            ticket=fields.token(body, "ticket"),
            nonce=fields.matching(body, "nonce", fields.HEX32),
        )


def _names(body: dict[str, Any]) -> dict[str, str]:
    return {
        "sn": fields.serial_number(body),
        "model_id": fields.matching(body, "model_id", fields.NAME),
        "wxa_appid": fields.matching(body, "wxa_appid", fields.NAME),
    }


@dataclass(frozen=True, slots=True)
class Registered:
    """The answer: the key, and whether it replaces an older one."""

    key: bytes
    is_new: bool


class Registrar:
    """Issues tickets and trades them for keys."""

    def __init__(self, store: Store, clock: Clock, ticket_ms: int):
        self._store = store
        self._clock = clock
        self._ticket_ms = ticket_ms

    async def issue_ticket(
        self, model_id: str, sn: str, wxa_appid: str | None = None
    ) -> tuple[str, int]:
        """A new ticket and when it expires (ms since 1970). Raises Refused: model unknown.

        `wxa_appid`: the app whose backend asks; the model must be its own, and the ticket is good
        for this app only. None: the relay's operator asks.
        """
        now_ms = self._clock.epoch_ms()
        ticket = new_token("T")
        expires_ms = now_ms + self._ticket_ms
        async with self._store.write() as tx:
            model = await tx.model(model_id)
            if model is None:
                raise Refused(codes.MODEL_REFUSED, "model_id is not a model of this relay")
            if wxa_appid is not None and model.wxa_appid != wxa_appid:
                raise Refused(codes.MODEL_REFUSED, f"model_id is not a model of {wxa_appid}")
            await tx.drop_old_credentials(now_ms - _KEEP_EXPIRED_MS)
            await tx.add_ticket(token_hash(ticket), model_id, sn, expires_ms, wxa_appid)
        return ticket, expires_ms

    async def check(self, asked: Names) -> None:
        """May a device of this name register here? Raises Refused."""
        async with self._store.read() as tx:
            await _check_model(tx, asked)

    async def register(self, asked: Registration) -> Registered:
        """Trade the ticket for a key. Raises Refused; the ticket is then as good as before."""
        now_ms = self._clock.epoch_ms()
        async with self._store.write() as tx:
            await _check_model(tx, asked)
            ticket = await self._valid_ticket(tx, asked, now_ms)
            await _check_app(tx, asked)
            if ticket.nonce_hash is not None:
                return Registered(await _claimed_key(tx, asked, ticket), is_new=False)
            key = os.urandom(KEY_BYTES)
            await tx.claim_ticket(ticket.ticket_hash, token_hash(asked.nonce))
            await tx.put_device(
                asked.model_id, asked.sn, asked.wxa_appid, key, ticket.ticket_hash, now_ms
            )
        return Registered(key, is_new=True)

    async def _valid_ticket(self, tx: Transaction, asked: Registration, now_ms: int) -> Ticket:
        ticket = await tx.ticket(token_hash(asked.ticket))
        if ticket is None or (ticket.model_id, ticket.sn) != (asked.model_id, asked.sn):
            raise _ticket_refused("unknown or for another device")
        if ticket.wxa_appid not in (None, asked.wxa_appid):
            raise _ticket_refused("for another app")
        if ticket.used_ms is not None:
            raise _ticket_refused("used already")
        if now_ms >= ticket.expires_ms:
            raise _ticket_refused("expired")
        return ticket


async def _check_model(tx: Transaction, asked: Names) -> None:
    model = await tx.model(asked.model_id)
    if model is None:
        raise Refused(codes.MODEL_REFUSED, "model_id is not a model of this relay")
    if model.wxa_appid not in (None, asked.wxa_appid):
        raise Refused(codes.MODEL_REFUSED, "model_id is a model of another app")


async def _check_app(tx: Transaction, asked: Registration) -> None:
    device = await tx.device(asked.model_id, asked.sn)
    if device is not None and device.wxa_appid != asked.wxa_appid:
        raise Refused(codes.CALL_OTHER_APP, "the device is bound to another app (wxa_appid)")
    if not await tx.has_app(asked.wxa_appid):
        raise Refused(codes.INVALID_ARGUMENT, "wxa_appid is not an app of this relay")


async def _claimed_key(tx: Transaction, asked: Registration, ticket: Ticket) -> bytes:
    """The key this ticket gave, for who claimed it, as long as that key is current and unused."""
    claimed_by = ticket.nonce_hash or ""
    device = await tx.device(asked.model_id, asked.sn)
    current = device is not None and device.ticket_hash == ticket.ticket_hash
    if not current or not same_hash(claimed_by, token_hash(asked.nonce)):
        raise _ticket_refused("used already")
    key = await tx.device_key(asked.model_id, asked.sn)
    assert key is not None  # same row as device
    return key


def _ticket_refused(why: str) -> Refused:
    return Refused(codes.TICKET_REFUSED, f"the ticket is {why}: ask for a new one")
