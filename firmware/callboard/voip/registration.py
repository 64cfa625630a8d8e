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
        request = {
            "model_id": identity.model_id,
            "sn": identity.sn,
            "wxa_appid": identity.wxa_appid,
            "ticket": ticket,
            "nonce": binascii.hexlify(self._nonce()).decode(),
        }
        url = self._url + "/v1/register"
        response = await self._post(url, json=request, timeout=TIMEOUT_S, tls=self._tls)
        self._store.put(KEY_NAME, read_key(response))
        self._store.delete(NONCE_NAME)

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


def read_key(response):
    """The device key in the relay's answer. Raises RemoteError when it refused, ProtocolError."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.status_code != 200:
        raise _refusal(response.status_code, body)
    text = body.get("device_key") if isinstance(body, dict) else None
    if not isinstance(text, str) or len(text) != 2 * KEY_SIZE:
        raise ProtocolError("the relay's answer has no device key of 64 hex digits")
    try:
        return binascii.unhexlify(text)
    except ValueError:
        raise ProtocolError("the relay's answer has no device key of 64 hex digits")


def _refusal(status, body):
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(code, int) or isinstance(code, bool):
        return RemoteError("the relay answered HTTP %d" % status, codes.SERVER)
    return RemoteError(str(error.get("message", "the relay refused the registration")), code)
