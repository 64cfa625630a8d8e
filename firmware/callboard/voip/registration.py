"""Registration: a ticket becomes a key that only this device holds (000 §3, PROTOCOL.md §1).

A lost answer must not burn the ticket, so the order is: choose a nonce and store it; ask; store
the key; only then use it. The same ticket with the same nonce gets the same key again.
"""

import binascii

from .. import codes, port
from ..errors import InvalidArgument, NotRegistered, ProtocolError, RemoteError

KEY_NAME = "device_key"
NONCE_NAME = "reg_nonce"
KEY_SIZE = 32
NONCE_SIZE = 16
TICKET_MAX = 256
TIMEOUT_S = 10


class Registration:
    """A device's registration, kept in `store`.

    Arguments: `store` a key store; `post` as net.http.post; `url` of the relay (https://host:port);
    `tls` its context; `random(n)` as port.random_bytes.
    """

    def __init__(self, store, post, url, tls=None, random=port.random_bytes):
        self._store = store
        self._post = post
        self._url = url
        self._tls = tls
        self._random = random

    def is_registered(self):
        """1 when a device key is stored, 0 when not or when what is stored cannot be one."""
        key = self._store.get(KEY_NAME)
        return 1 if key is not None and len(key) == KEY_SIZE else 0

    def key(self):
        """The device key, 32 bytes. Raises NotRegistered."""
        if not self.is_registered():
            raise NotRegistered("the device has no key: register it with a ticket")
        return self._store.get(KEY_NAME)

    async def check(self, identity):
        """Ask the relay whether a device of this identity may register with it (000 §3).

        Raises RemoteError with 9800003 (model unknown, or another app's), 9800001, 9800002 or 1;
        NetworkError. A relay that is too old to be asked says it when the ticket is traded.
        """
        response = await self._ask("/v1/check", _names(identity))
        if response.status_code not in (200, 404):
            raise _refusal(response)

    async def register(self, identity, ticket):
        """Trade `ticket` for a device key and store it. Returns at once when there is one already.

        Raises RemoteError with -10008 (ticket expired, used, or not for this device), 9800001,
        9800002, 9800003 or -19; NetworkError; StorageError: the same ticket may be tried again.
        """
        if self.is_registered():
            return
        if not isinstance(ticket, str) or not 1 <= len(ticket) <= TICKET_MAX:
            text = "the ticket must be a text of 1 to %d characters" % TICKET_MAX
            raise InvalidArgument(text, codes.TICKET_REFUSED)
        request = _names(identity)
        request["ticket"] = ticket
        request["nonce"] = binascii.hexlify(self._nonce()).decode()
        self._store.put(KEY_NAME, read_key(await self._ask("/v1/register", request)))
        self._store.delete(NONCE_NAME)

    async def _ask(self, path, request):
        return await self._post(self._url + path, json=request, timeout=TIMEOUT_S, tls=self._tls)

    def _nonce(self):
        """The nonce of this registration: stored before it is sent, the same in every attempt."""
        nonce = self._store.get(NONCE_NAME)
        if nonce is None or len(nonce) != NONCE_SIZE:
            nonce = self._random(NONCE_SIZE)
            self._store.put(NONCE_NAME, nonce)
        return nonce

    def forget(self):
        """Remove key and nonce: the device can be bound again with a new ticket (000 §3)."""
        self._store.delete(KEY_NAME)
        self._store.delete(NONCE_NAME)


def _names(identity):
    return {
        "model_id": identity.model_id,
        "sn": identity.sn,
        "wxa_appid": identity.wxa_appid,
    }


def _body(response):
    """The JSON object of an answer; {} when it has none."""
    try:
        body = response.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}


def read_key(response):
    """The device key in the relay's answer. Raises RemoteError when it refused, ProtocolError."""
    if response.status_code != 200:
        raise _refusal(response)
    text = _body(response).get("device_key")
    if not isinstance(text, str) or len(text) != 2 * KEY_SIZE:
        raise ProtocolError("the relay's answer has no device key of 64 hex digits")
    try:
        return binascii.unhexlify(text)
    except ValueError:
        raise ProtocolError("the relay's answer has no device key of 64 hex digits")


def _refusal(response):
    error = _body(response).get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(code, int) or isinstance(code, bool):
        return RemoteError("the relay answered HTTP %d" % response.status_code, codes.SERVER)
    return RemoteError(str(error.get("message", "the relay refused the registration")), code)
