"""The key store: what a device must not lose, names to bytes, in 8 KB of flash.

    store = keystore.open(esp32_partition())       # or another device of callboard.flash
    with store.transaction() as t:
        t.put("sn", b"SN0001")
    store.maintain()                               # when idle

Names of 1 to 15 printable ASCII characters, values of 0 to 1024 bytes. Everything that changes
something is durable when it returns; power that fails meanwhile leaves the old or the new
contents. Only maintain() erases, as long as it is called whenever the board is idle: so no put
waits for that. The work is done by native/keystore; where that is not installed there is no key
store, because a second implementation would have to be proven, too.
"""

from array import array

from . import port
from .errors import InvalidArgument, StorageError
from .flash import SIZE
from .native import keystore as core

NAME_MAX = 15
VALUE_MAX = 1024
_DEFAULT_KEYS = 32
_BUFFER = 128  # bytes written at once, unless the program unit is larger


def _text(code):
    """What a result of the core means, for a person."""
    if code == core.KS_EFULL:
        return "the key store is full"
    if code == core.KS_EKEYS:
        return "the key store has too many keys"
    if code == core.KS_EIO:
        return "the flash of the key store does not work"
    if code == core.KS_EVERSION:
        return "the key store was made by another version, or for other flash"
    if code == core.KS_EGEOMETRY:
        return "the key store cannot use flash with this program unit"
    if code == core.KS_ECLASH:
        return "this name cannot be told from another key's: choose another"
    if code == core.KS_EMAINTAIN:
        return "the key store must erase flash first, and may not during a call"
    return "the key store failed with code %d" % code


def open(device, identity=True, root_key=None, keys=_DEFAULT_KEYS):
    """Open the key store on `device`, which callboard.flash describes. Returns a KeyStore.

    `identity`: it is to hold who the device is, and so must survive power off (V-21); `root_key`
    a seal.RootKey if values are to be sealed: then all of them are; `keys` the most keys it may
    hold, 1..255. What is damaged does not stop it: it counts as absent and shows in stats().
    Raises StorageError.
    """
    if core is None:
        raise StorageError("this installation has no native key store: add callboard_keystore.mpy")
    if device.size < SIZE:
        text = "the key store needs %d bytes of flash, this place has %d"
        raise StorageError(text % (SIZE, device.size))
    if identity and device.volatile:
        raise StorageError("the key store must survive power off: this place does not")
    return KeyStore(device, root_key, keys)


class KeyStore:
    """An open key store: made by open().

    `may_erase`: False during a call, which an erase would interrupt: then maintain() does nothing,
    and a put that cannot do without raises StorageError.
    """

    may_erase = True

    def __init__(self, device, root_key=None, keys=_DEFAULT_KEYS):
        self._device = device
        self._buffer_size = max(_BUFFER, device.geometry())
        self._state = bytearray(core.state_size(keys, self._buffer_size))
        self._keys = keys
        self._root = root_key
        self._seal_keys = None
        self._value = bytearray(core.KS_STORED_MAX)
        self._numbers = array("i", [0] * core.KS_STATS)
        self._unreadable = 0
        self._late_erases = 0
        self._open = False
        self._reopen()
        if root_key is not None:
            from .flash import seal

            self._encrypt = seal.encrypt_blocks
            self._seal_keys = bytearray(core.KS_SEAL_KEYS)
            self._crypto(core.seal_keys, root_key.key, self._seal_keys)

    # --- reading ---

    def get(self, name):
        """The value of `name`, or None if there is none or it is damaged."""
        n = self._call(core.get, _name(name), self._value)
        if n == core.KS_ENOTFOUND:
            return None
        if n >= 0 and self._seal_keys is not None:
            n = self._crypto(core.unseal, self._seal_keys, name.encode(), self._value, n)
        if n in (core.KS_EDAMAGED, core.KS_ESEAL):
            self._unreadable += 1
            return None
        return bytes(memoryview(self._value)[: _checked(n)])

    def keys(self):
        """The names, sorted."""
        names = []
        name = bytearray(NAME_MAX)
        for i in range(self._stats()[1]):
            n = self._call(core.key, i, name)
            if n != core.KS_EDAMAGED:
                names.append(bytes(name[: _checked(n)]).decode())
        return sorted(names)

    def stats(self):
        """What there is and what happened: all int but `sealed`.

        "keys"; "used", "size" and "free" in bytes: of the live records, what they may take, until
        the next swap; "sequence": swaps so far; "ready" 0 if maintain() has work; "torn" writes
        found cut short; "corrupt" records found damaged; "unreadable" gets of damaged values;
        "late_erases" puts that had to wait for one; "sealed" None, "obfuscated" or "secret".
        """
        numbers = self._stats()
        sealed = None
        if self._root is not None:
            sealed = "secret" if self._root.secret else "obfuscated"
        return {
            "sequence": numbers[0],
            "keys": numbers[1],
            "used": numbers[2],
            "size": numbers[3],
            "free": numbers[4],
            "ready": numbers[5],
            "torn": numbers[6],
            "corrupt": numbers[7],
            "unreadable": self._unreadable,
            "late_erases": self._late_erases,
            "sealed": sealed,
        }

    # --- writing ---

    def put(self, name, value):
        """Keep `value` (bytes) under `name`. Raises InvalidArgument or StorageError; then nothing
        has changed, but for a StorageError about the flash itself, which only a new look can
        tell."""
        _name(name)
        _check_value(name, value)
        if self.get(name) != value:
            self._write(lambda: self._put(name, value))

    def delete(self, name):
        """Remove `name`; nothing happens when it is not there."""
        self._write(lambda: self._delete(name))

    def transaction(self):
        """`with store.transaction() as t: t.put(...); t.delete(...)`: all of it or nothing.

        Takes effect at the end of the block, and not at all if that is left by an exception.
        """
        return Transaction(self)

    def erase_all(self):
        """Remove everything and erase where it was, as a factory reset does.

        A store that has become unusable is made anew.
        """
        if self._call(core.erase_all) < 0:
            self._open = False
            for at in (0, core.KS_SECTOR):
                if (self._device.erase(at) or 0) < 0:
                    raise StorageError(_text(core.KS_EIO))
            self._reopen()

    def maintain(self):
        """Erase the spare sector if it needs it; True if it took the time of an erase."""
        if not self.may_erase or self._stats()[5]:
            return False
        _checked(self._call(core.maintain))
        return True

    # --- within ---

    def _reopen(self):
        self._open = False
        result = core.open(self._state, self._device, self._buffer_size, self._keys)
        _checked(result)
        self._open = True
        if result == core.KS_EMPTY:
            _checked(self._call(core.maintain))

    def _call(self, function, *args):
        """A function of the core. What the device raises becomes StorageError, and the next call
        begins by opening the store anew."""
        if not self._open:
            self._reopen()
        self._open = False
        try:
            result = function(self._state, self._device, *args)
        except OSError as error:
            raise StorageError("the flash of the key store failed: %s" % error)
        self._open = result != core.KS_EIO
        return result

    def _crypto(self, function, *args):
        return function(self._encrypt, port.hmac_sha256, *args)

    def _stats(self):
        _checked(self._call(core.stats, self._numbers))
        return self._numbers

    def _write(self, action):
        """action(), again after an erase if the spare sector was not ready."""
        result = action()
        if result == core.KS_EMAINTAIN and self.may_erase:
            self._late_erases += 1
            _checked(self._call(core.maintain))
            result = action()
        _checked(result)

    def _put(self, name, value):
        name = name.encode()
        if self._seal_keys is None:
            return self._call(core.put, name, value)
        salt = bytearray(4)
        _checked(self._call(core.seal_salt, salt))
        args = (self._seal_keys, salt, name, value, self._value)
        n = _checked(self._crypto(core.seal, *args))
        return self._call(core.put, name, memoryview(self._value)[:n])

    def _delete(self, name):
        result = self._call(core.delete, _name(name))
        return 0 if result == core.KS_ENOTFOUND else result

    def _commit(self, changes):
        """Write a transaction: a dict of names to values, None for those to delete."""
        extra = core.KS_SEAL_EXTRA if self._seal_keys is not None else 0
        size = 0
        for name, value in changes.items():
            size += core.record_size(len(name), 0 if value is None else len(value) + extra)
        result = self._call(core.begin, size)
        for name, value in changes.items():
            if result >= 0:
                result = self._delete(name) if value is None else self._put(name, value)
        if result >= 0:
            return self._call(core.commit)
        if self._open:
            self._call(core.abort)
        return result


class Transaction:
    """Changes that take effect together: made by KeyStore.transaction()."""

    def __init__(self, store):
        self._store = store
        self._changes = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None and self._changes:
            self._store._write(lambda: self._store._commit(self._changes))
        return False

    def put(self, name, value):
        """Keep `value` under `name`, with the rest. Raises InvalidArgument."""
        _name(name)
        _check_value(name, value)
        self._changes[name] = bytes(value)

    def delete(self, name):
        """Remove `name`, with the rest."""
        _name(name)
        self._changes[name] = None


def _checked(result):
    """`result`, or StorageError if it is an error code."""
    if result < 0:
        raise StorageError(_text(result))
    return result


def _name(name):
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_MAX:
        raise InvalidArgument("a key's name must have 1 to %d characters" % NAME_MAX)
    data = name.encode()
    if not all(33 <= byte <= 126 for byte in data):
        raise InvalidArgument("a key's name must be printable ASCII without spaces")
    return data


def _check_value(name, value):
    if not isinstance(value, (bytes, bytearray)) or len(value) > VALUE_MAX:
        raise InvalidArgument("value of %s must be 0 to %d bytes" % (name, VALUE_MAX))
