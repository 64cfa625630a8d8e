"""What a board is told once, and keeps: which network, which relay, who it is, whom it calls.

    config = Config(store, {"model_id": "doorbell"})      # defaults: what the board's image says
    config.change({"wifi_ssid": b"Caf\\xe9", "sn": "SN1"})  # all of it, or nothing and an error
    config.get("sn"), config.missing(), config.public()

Each field is one value of the key store, named `c.` and its name, so that a change writes little;
all fields of one change are one transaction. Format version 1: `c.version` is b"\\x01"; texts are
UTF-8, numbers decimal, lists joined by newlines.
"""

import binascii
import hashlib

from . import port
from .errors import CallboardError, InvalidArgument, StorageError
from .net.url import parse
from .parts import part
from .voip.identity import is_word
from .voip.registration import KEY_NAME, NONCE_NAME

VERSION = b"\x01"
VERSION_NAME = "c.version"
USERS_MAX = 8
URL_MAX = 200
CA_MAX = 1000
PIN_MIN, PIN_MAX = 4, 12
AUTO_ANSWER_MAX = 60  # seconds: as long as it rings
RING_MIN, RING_MAX = 5, 60
REQUIRED = ("relay_url", "model_id", "sn", "wxa_appid")
SECRETS = ("wifi_password", "ticket", "pin")
_IDENTITY = ("model_id", "sn", "wxa_appid")
_SALT = 8


def _bytes(name, value, limit):
    """Bytes as they are, a text as UTF-8, or {"hex": "…"}, which a JSON text cannot always be."""
    if isinstance(value, dict):
        text = value.get("hex")
        if not isinstance(text, str):
            raise InvalidArgument('%s must be a text or {"hex": "…"}' % name)
        try:
            value = binascii.unhexlify(text)
        except ValueError:
            raise InvalidArgument("%s: hex must be pairs of the digits 0-9 and a-f" % name)
    elif isinstance(value, str):
        value = value.encode()
    elif not isinstance(value, (bytes, bytearray)):
        raise InvalidArgument('%s must be a text or {"hex": "…"}' % name)
    if not 1 <= len(value) <= limit:
        raise InvalidArgument("%s must have 1 to %d bytes" % (name, limit))
    return bytes(value)


def _raw(limit):
    return lambda name, value: _bytes(name, value, limit)


def _digest(name, value):
    if isinstance(value, str):
        value = {"hex": value.replace(":", "")}
    value = _bytes(name, value, 32)
    if len(value) != 32:
        raise InvalidArgument("%s must be 64 hex digits" % name)
    return value


def _text(name, value, limit):
    if not isinstance(value, str) or not 1 <= len(value.encode()) <= limit:
        raise InvalidArgument("%s must be a text of 1 to %d bytes" % (name, limit))
    return value.encode()


def _word(limit):
    def check(name, value):
        if not is_word(value) or len(value) > limit:
            raise InvalidArgument("%s must be 1 to %d of A-Z a-z 0-9 _ -" % (name, limit))
        return value.encode()

    return check


def _url(name, value):
    value = _text(name, value, URL_MAX)
    parse(str(value, "utf-8"))
    return value


def _flavour(name, value):
    if isinstance(value, str) and value in ("0", "1", "2"):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2:
        raise InvalidArgument("%s must be 0 formal, 1 trial or 2 developer" % name)
    return b"%d" % value


def _number(low, high, unit=""):
    def check(name, value):
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InvalidArgument("%s must be %d to %d%s" % (name, low, high, unit))
        return b"%d" % value

    return check


def _ring_times(name, value):
    """Seconds for each user, in their order; the last one goes for those behind, too."""
    if isinstance(value, str):
        value = value.split()
    elif isinstance(value, int):
        value = [value]
    if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= USERS_MAX:
        raise InvalidArgument("%s must be 1 to %d numbers of seconds" % (name, USERS_MAX))
    check = _number(RING_MIN, RING_MAX, " seconds each")
    return b"\n".join([check(name, each) for each in value])


def _users(name, value):
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= USERS_MAX:
        raise InvalidArgument("%s must be 1 to %d openIds" % (name, USERS_MAX))
    check = _word(64)
    return b"\n".join([check(name, each) for each in value])


def _certificate(name, value):
    """A CA's certificate in DER: PEM would waste a quarter of the flash."""
    value = _bytes(name, value, CA_MAX)
    if not port.has_tls():  # it cannot be checked, nor used: the host at the bridge does that
        return value
    try:
        part("net.tls", "TLS").client_context(ca=value)
    except CallboardError as error:
        raise InvalidArgument("%s must be a certificate in DER: %s" % (name, error.message))
    return value


def _ticket(name, value):
    return _text(name, value, 256)


def _pin(name, value):
    if not isinstance(value, str) or not PIN_MIN <= len(value) <= PIN_MAX or not value.isdigit():
        raise InvalidArgument("%s must be %d to %d digits" % (name, PIN_MIN, PIN_MAX))
    salt = port.random_bytes(_SALT)
    return salt + _pin_hash(salt, value)


def _pin_hash(salt, pin):
    return hashlib.sha256(salt + pin.encode()).digest()


# Field -> what checks a value and makes the bytes that are stored. The limits of Wi-Fi's fields
# are IEEE 802.11's: any bytes, 32 for the name of a network, 64 for its passphrase or key.
FIELDS = {
    "wifi_ssid": _raw(32),
    "wifi_password": _raw(64),
    "relay_url": _url,
    "ca": _certificate,
    "leaf_sha256": _digest,
    "model_id": _word(64),
    "sn": _word(128),
    "wxa_appid": _word(64),
    "flavour": _flavour,
    "users": _users,
    "ring_s": _ring_times,
    "auto_answer": _number(0, AUTO_ANSWER_MAX, " seconds"),
    "volume": _number(0, 100),
    "ticket": _ticket,
    "pin": _pin,
}
NAMES = (  # in the order in which they are shown
    "wifi_ssid",
    "wifi_password",
    "relay_url",
    "ca",
    "leaf_sha256",
    "model_id",
    "sn",
    "wxa_appid",
    "flavour",
    "users",
    "ring_s",
    "auto_answer",
    "volume",
    "ticket",
    "pin",
)
_OPAQUE = ("wifi_ssid", "wifi_password", "ca", "leaf_sha256", "pin")


class Config:
    """The configuration in an open key store. `defaults`: fields -> values for those not stored.

    `trusts`: the board came with a CA or a leaf for its relay; `wifi`: it needs a network. Raises
    StorageError when the configuration was written by a later version.
    """

    def __init__(self, store, defaults=None, trusts=False, wifi=False):
        self._store = store
        self._defaults = defaults or {}
        self._trusts = trusts
        self._required = ("wifi_ssid",) + REQUIRED if wifi else REQUIRED
        version = store.get(VERSION_NAME)
        if version is not None and version != VERSION:
            raise StorageError("the configuration was written by a later version of callboard")

    def get(self, name):
        """A field's value: bytes, text, number or list as its kind is; None when it has none."""
        _known(name)
        value = self._store.get("c." + name)
        if value is None:
            return self._defaults.get(name)
        return _decoded(name, value)

    def missing(self):
        """Fields that are needed to come online and have no value."""
        names = [name for name in self._required if not self.get(name)]
        trusted = self._trusts or self.get("ca") or self.get("leaf_sha256")
        if not trusted and (self.get("relay_url") or "").startswith("https:"):
            names.append("ca")
        return names

    def public(self, names=None):
        """What may be shown, JSON-ready: secrets only as {"set": bool}, bytes as {"hex": "…"}."""
        shown = {}
        for name in names or NAMES:
            value = self.get(name)
            if name in SECRETS:
                value = {"set": bool(value)}
            elif isinstance(value, (bytes, bytearray)):
                value = {"hex": binascii.hexlify(value).decode()}
            shown[name] = value
        return shown

    def secrets(self):
        """Texts that must not be shown, for Log.hide(). Of the PIN only a hash is known."""
        texts = []
        for name in ("wifi_password", "ticket"):
            value = self.get(name)
            if isinstance(value, bytes):
                texts.append(binascii.hexlify(value).decode())
                try:
                    value = str(value, "utf-8")
                except UnicodeError:
                    value = None
            if value:
                texts.append(value)
        return texts

    def change(self, values):
        """Set fields to values, None to delete; atomic and durable. Returns the changed names.

        Another model_id, sn or wxa_appid makes it another device: its key is forgotten in the
        same step. Raises InvalidArgument that names field and limits, StorageError; nothing has
        changed then.
        """
        stored = {}
        for name in values:
            _known(name)
            value = values[name]
            stored[name] = None if value is None else FIELDS[name](name, value)
        changed = [n for n in stored if stored[n] != self._store.get("c." + n)]
        if not changed:
            return []
        before = [self.get(name) for name in _IDENTITY]
        after = [
            _decoded(n, stored[n]) if stored.get(n) is not None else self._without(n, stored)
            for n in _IDENTITY
        ]
        with self._store.transaction() as transaction:
            transaction.put(VERSION_NAME, VERSION)
            for name in changed:
                if stored[name] is None:
                    transaction.delete("c." + name)
                else:
                    transaction.put("c." + name, stored[name])
            if before != after:
                transaction.delete(KEY_NAME)
                transaction.delete(NONCE_NAME)
        return sorted(changed)

    def _without(self, name, stored):
        """The value of a field that `stored` does not set."""
        return self._defaults.get(name) if name in stored else self.get(name)

    def forget_key(self):
        """Forget the device key, so that a new ticket is used."""
        with self._store.transaction() as transaction:
            transaction.delete(KEY_NAME)
            transaction.delete(NONCE_NAME)

    def erase(self):
        """Factory reset: everything in the key store goes, the device key, too."""
        self._store.erase_all()

    def pin_fits(self, pin):
        """Whether `pin` is the one that was set. True when none was."""
        value = self._store.get("c.pin")
        if value is None:
            return True
        if not isinstance(pin, str):
            return False
        salt = value[:_SALT]
        return port.constant_time_equal(_pin_hash(salt, pin), value[_SALT:])


def _known(name):
    if not isinstance(name, str) or name not in FIELDS:
        raise InvalidArgument("no field is called %s; there are %s" % (name, ", ".join(NAMES)))


def _decoded(name, value):
    if name in _OPAQUE:
        return value
    text = str(value, "utf-8")
    if name in ("flavour", "auto_answer", "volume"):
        return int(text)
    if name == "ring_s":
        return [int(each) for each in text.split("\n")]
    return text.split("\n") if name == "users" else text
