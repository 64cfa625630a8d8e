"""Who says hello: the members of `hello`, a device's HMAC, a user's token (PROTOCOL.md §2)."""

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Any

from callboard import codes

from . import fields
from .clock import Clock
from .refusal import Refused
from .rooms import Identity
from .store import Store
from .tokens import same_hash, token_hash
from .transaction import Device, User

PROTOCOL = 1
CAPS = ("opus", "opus-8k", "pcmu", "media-ws", "media-socket", "rooms", "data-model")
DEVICE = "device"
USER = "user"
_NO_KEY = os.urandom(32)  # so that an unknown device costs the same as a wrong key


@dataclass(frozen=True, slots=True)
class Hello:
    """The members of hello that both roles have, and the rest."""

    caps: tuple[str, ...]
    firmware: str
    resume: str | None
    params: dict[str, Any]

    @classmethod
    def parse(cls, params: dict[str, Any], role: str) -> "Hello":
        """Check hello. Raises Refused: RPC_VERSION, RPC_CAPABILITY, or INVALID_ARGUMENT."""
        if params.get("protocol") != PROTOCOL or isinstance(params.get("protocol"), bool):
            raise Refused(codes.RPC_VERSION, f"this relay speaks protocol {PROTOCOL} only")
        if params.get("role") != role:
            raise fields.refuse(f'role must be "{role}" on this path')
        required = fields.names(params, "require", 32, [])
        unknown = [name for name in required if name not in CAPS]
        if unknown:
            raise Refused(codes.RPC_CAPABILITY, f"this relay cannot do {', '.join(unknown)}")
        resume = params.get("resume")
        return cls(
            caps=tuple(fields.names(params, "caps", 32)),
            firmware=fields.text(params, "firmware", 64),
            resume=None if resume is None else fields.token(params, "resume"),
            params=params,
        )


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who proved who they are."""

    identity: Identity
    device: Device | None = None
    user: User | None = None
    flavour: int = codes.FLAVOUR_FORMAL


def device_identity(model_id: str, sn: str) -> Identity:
    """How the engine knows a device. A uid has no dash and 128 characters, hence a hash."""
    digest = hashlib.sha256(f"{model_id}\n{sn}".encode()).hexdigest()
    return Identity(f"device:{model_id}/{sn}", f"dev_{digest[:32]}", DEVICE)


def user_identity(open_id: str) -> Identity:
    """How the engine knows a user."""
    return Identity(f"user:{open_id}", f"user_{open_id}", USER)


def hello_text(host: str, path: str, challenge: str) -> bytes:
    """The five lines that a device's mac covers."""
    return "\n".join(("callboard.v1", "GET", host, path, challenge)).encode(
        "utf-8", "surrogateescape"
    )


def device_mac(key: bytes, host: str, path: str, challenge: str) -> str:
    """The mac of a device's hello, hex."""
    return hmac.new(key, hello_text(host, path, challenge), hashlib.sha256).hexdigest()


class Authenticator:
    """Checks hellos against the database."""

    def __init__(self, store: Store, clock: Clock):
        self._store = store
        self._clock = clock

    async def device(self, hello: Hello, host: str, path: str, challenge: str) -> Client:
        """Check a device's hello. Raises Refused: UNAUTHENTICATED, the same for every cause, or
        MODEL_REFUSED, which whoever registers is told as well."""
        model_id = fields.matching(hello.params, "model_id", fields.NAME)
        sn = fields.serial_number(hello.params)
        wxa_appid = fields.matching(hello.params, "wxa_appid", fields.NAME)
        flavour = fields.integer(hello.params, "flavour", 0, 2, codes.FLAVOUR_FORMAL)
        mac = fields.token(hello.params, "mac")
        now_ms = self._clock.epoch_ms()
        async with self._store.write() as tx:  # one transaction: the key cannot change meanwhile
            device = await tx.device(model_id, sn)
            key = await tx.device_key(model_id, sn)
            right = device_mac(key or _NO_KEY, host, path, challenge)
            proved = hmac.compare_digest(right, mac)
            if device is None and not await tx.has_model(model_id):
                raise Refused(codes.MODEL_REFUSED, "model_id is not a model of this relay")
            if device is None or key is None or not proved or device.wxa_appid != wxa_appid:
                text = "model_id, sn, wxa_appid or the device key is wrong"
                raise Refused(codes.UNAUTHENTICATED, text)
            if device.ticket_hash is not None:
                await tx.use_ticket(device.ticket_hash, now_ms)
            await tx.device_seen(model_id, sn, hello.firmware, now_ms)
        return Client(device_identity(model_id, sn), device=device, flavour=flavour)

    async def user(self, hello: Hello) -> Client:
        """Check a user's hello. Raises Refused(UNAUTHENTICATED), the same for every cause."""
        token = token_hash(fields.token(hello.params, "token"))
        client = token_hash(fields.matching(hello.params, "client", fields.HEX32))
        async with self._store.write() as tx:
            found = await tx.token(token)
            user = await tx.user(found[0]) if found else None
            if user is None or found is None or not same_hash(found[1], client):
                text = "token is unknown or bound to another client"
                raise Refused(codes.UNAUTHENTICATED, text)
            await tx.token_seen(token, self._clock.epoch_ms())
        return Client(user_identity(user.open_id), user=user)
