"""keystore on CPython: see native/keystore/keystore.h and seal.h for what each function does.

The flash is an object with read(at, buf), program(at, buf), erase(at) and geometry() -> unit,
which return None, or a negative number for a failure; their buffers are valid during the call
only. What one of them raises is raised again here, and the state must then be opened again.
"""

from ._arguments import Buffers, call
from ._keystore import ffi, lib

IMPLEMENTATION = "cffi"

KS_VERSION = lib.KS_VERSION
KS_SECTOR = lib.KS_SECTOR
KS_SIZE = lib.KS_SIZE
KS_NAME_MAX = lib.KS_NAME_MAX
KS_VALUE_MAX = lib.KS_VALUE_MAX
KS_STORED_MAX = lib.KS_STORED_MAX
KS_UNIT_MAX = lib.KS_UNIT_MAX
KS_HEADER = lib.KS_HEADER
KS_KEYS_MAX = lib.KS_KEYS_MAX
KS_PER_KEY = lib.KS_PER_KEY
KS_EMPTY = lib.KS_EMPTY
KS_ENOTFOUND = lib.KS_ENOTFOUND
KS_EFULL = lib.KS_EFULL
KS_ENAME = lib.KS_ENAME
KS_EVALUE = lib.KS_EVALUE
KS_ESMALL = lib.KS_ESMALL
KS_EKEYS = lib.KS_EKEYS
KS_EMAINTAIN = lib.KS_EMAINTAIN
KS_EIO = lib.KS_EIO
KS_EDAMAGED = lib.KS_EDAMAGED
KS_EVERSION = lib.KS_EVERSION
KS_EGEOMETRY = lib.KS_EGEOMETRY
KS_EORDER = lib.KS_EORDER
KS_ECLASH = lib.KS_ECLASH
KS_ESEAL = lib.KS_ESEAL
KS_ECRYPTO = lib.KS_ECRYPTO
KS_SEAL_EXTRA = lib.KS_SEAL_EXTRA
KS_SEAL_KEYS = lib.KS_SEAL_KEYS
KS_STATS = 8

_SEAL_SALT = 4
_HMAC_SIZE = 32
_MASK32 = 0xFFFFFFFF
_buffers = Buffers(ffi)
_read = _buffers.read
_write = _buffers.write


class _Outside:
    """What C calls back into, for the length of one call, and what it raised."""

    def __init__(self, device=None, aes=None, hmac=None):
        self.device = device
        self.aes = aes
        self.hmac = hmac
        self.error = None
        self.handle = ffi.new_handle(self)

    def driver(self):
        """The ks_flash_t of the device."""
        return ffi.new(
            "ks_flash_t *",
            (
                lib.keystore_read,
                lib.keystore_program,
                lib.keystore_erase,
                lib.keystore_geometry,
                self.handle,
            ),
        )

    def crypto(self):
        """The ks_crypto_t of aes and hmac."""
        return ffi.new("ks_crypto_t *", (lib.keystore_aes, lib.keystore_hmac, self.handle))

    def run(self, function, *args):
        """The result of a function given by name, or what it raised."""
        if self.error is not None:  # nothing works any more, as after an exception in MicroPython
            return -1
        try:
            return function(*args)
        except BaseException as error:
            self.error = error
            return -1

    def finish(self):
        """Raise again what was raised in a callback."""
        error, self.error = self.error, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # or error, its traceback and this frame would keep each other


def _lent(function, first, pointer, n):
    """function(first, buffer of n bytes); the buffer is void afterwards, whoever still has it."""
    with memoryview(ffi.buffer(pointer, n)) as view:
        return function(first, view)


def _status(result):
    return -1 if isinstance(result, int) and result < 0 else 0


@ffi.def_extern()
def keystore_read(context, at, to, n):
    outside = ffi.from_handle(context)
    return _status(outside.run(lambda: _lent(outside.device.read, at, to, n)))


@ffi.def_extern()
def keystore_program(context, at, from_, n):
    outside = ffi.from_handle(context)
    return _status(outside.run(lambda: _lent(outside.device.program, at, from_, n)))


@ffi.def_extern()
def keystore_erase(context, at):
    outside = ffi.from_handle(context)
    return _status(outside.run(lambda: outside.device.erase(at)))


@ffi.def_extern()
def keystore_geometry(context):
    outside = ffi.from_handle(context)
    return outside.run(lambda: int(outside.device.geometry()))


@ffi.def_extern()
def keystore_aes(context, key, blocks, n):
    outside = ffi.from_handle(context)
    return _status(outside.run(lambda: _lent(outside.aes, ffi.buffer(key, 16)[:], blocks, n)))


@ffi.def_extern()
def keystore_hmac(context, key, key_size, message, n, out):
    outside = ffi.from_handle(context)
    args = ffi.buffer(key, key_size)[:], ffi.buffer(message, n)[:]
    digest = outside.run(lambda: bytes(outside.hmac(*args)))
    if digest == -1 or len(digest) != _HMAC_SIZE:
        return -1
    ffi.buffer(out, _HMAC_SIZE)[:] = digest
    return 0


def _store(state, device):
    """(the C state with the device attached, what must stay alive meanwhile)."""
    memory = _write(state)
    outside = _Outside(device)
    flash = outside.driver()
    store = ffi.cast("ks_t *", memory)
    call(lib.ks_attach, store, len(memory), flash)
    return store, (memory, outside, flash)


def _on_store(function, state, device, *args):
    """function(store, *args) with the device attached; an exception leaves it attached."""
    store, alive = _store(state, device)
    result = function(store, *args)
    alive[1].finish()
    lib.ks_detach(store)
    return call(lambda: result)


def state_size(keys, buffer):
    """Bytes of state for this many keys and this write buffer."""
    return call(lib.ks_state_size, keys, buffer)


def record_size(name_size, value_size):
    """Bytes that begin() is to reserve for one put."""
    return lib.ks_record_size(name_size, value_size)


def open(state, device, buffer, keys):
    """Open the store on the device; 0, KS_EMPTY or a KS_E code."""
    memory = _write(state)
    outside = _Outside(device)
    flash = outside.driver()
    store = ffi.cast("ks_t *", memory)
    result = call(lib.ks_open, store, len(memory), flash, buffer, keys)
    outside.finish()
    if result >= 0:
        lib.ks_detach(store)
    return result


def get(state, device, name, out):
    """The length of the value, which is in out unless that is None."""
    name = _read(name)
    out = ffi.NULL if out is None else _write(out)
    size = 0 if out == ffi.NULL else len(out)
    return _on_store(lib.ks_get, state, device, name, len(name), out, size)


def key(state, device, i, out):
    """The length of the name of key number i, which is in out."""
    out = _write(out)
    return _on_store(lib.ks_key, state, device, i, out, len(out))


def put(state, device, name, value):
    """Keep value under name, durably; 0 or a KS_E code."""
    name, value = _read(name), _read(value)
    size = min(len(value), KS_STORED_MAX + 1)  # anything longer must not look like KS_DELETE
    return _on_store(lib.ks_put, state, device, name, len(name), value, size)


def delete(state, device, name):
    """Remove name; 0, KS_ENOTFOUND or another KS_E code."""
    name = _read(name)
    size = lib.KS_DELETE
    return _on_store(lib.ks_put, state, device, name, len(name), ffi.NULL, size)


def begin(state, device, size):
    """Start a transaction of at most `size` bytes of records."""
    return _on_store(lib.ks_begin, state, device, size)


def commit(state, device):
    """Make what was put and deleted since begin() take effect together."""
    return _on_store(lib.ks_commit, state, device)


def abort(state, device):
    """Forget what was put and deleted since begin()."""
    return _on_store(lib.ks_abort, state, device)


def maintain(state, device):
    """Erase the other sector unless it is ready."""
    return _on_store(lib.ks_maintain, state, device)


def erase_all(state, device):
    """Remove every key and erase where they were."""
    return _on_store(lib.ks_erase_all, state, device)


def stats(state, device, out):
    """Write the ks_stats_t to out, an array('i') of KS_STATS entries."""
    out = _write(out)
    values = ffi.new("ks_stats_t *")
    if len(out) < ffi.sizeof("ks_stats_t"):
        raise ValueError("out of range")
    result = _on_store(lib.ks_stats, state, device, values)
    ffi.memmove(out, values, ffi.sizeof("ks_stats_t"))
    return result


def _sealing(function, aes, hmac, *args):
    outside = _Outside(aes=aes, hmac=hmac)
    crypto = outside.crypto()
    result = function(crypto, *args)
    outside.finish()
    return call(lambda: result)


def _keys(keys):
    if len(keys) < KS_SEAL_KEYS:
        raise ValueError("out of range")
    return keys


def seal_keys(aes, hmac, root, keys):
    """Derive the KS_SEAL_KEYS bytes of keys from a root key of 16 bytes or more."""
    root, keys = _read(root), _keys(_write(keys))
    return _sealing(lib.ks_seal_keys, aes, hmac, root, len(root), keys)


def seal_salt(state, device, out):
    """Write the 4 bytes of salt for the value that is put next."""
    out = _write(out)
    if len(out) < _SEAL_SALT:
        raise ValueError("out of range")

    def read_salt(store):
        ffi.buffer(out)[0:_SEAL_SALT] = lib.ks_seal_salt(store).to_bytes(_SEAL_SALT, "little")
        return 0

    return _on_store(read_salt, state, device)


def seal(aes, hmac, keys, salt, name, value, out):
    """Seal a value; the bytes written to out, or a KS_E code."""
    keys, name, value, out = _keys(_read(keys)), _read(name), _read(value), _write(out)
    if len(salt) != _SEAL_SALT:
        raise ValueError("out of range")
    number = int.from_bytes(salt, "little")
    args = (keys, number, name, len(name), value, len(value), out, len(out))
    return _sealing(lib.ks_seal, aes, hmac, *args)


def unseal(aes, hmac, keys, name, data, n):
    """Unseal the first n bytes of data in place; the length of the value, or a KS_E code."""
    keys, name, data = _keys(_read(keys)), _read(name), _write(data)
    if not 0 <= n <= len(data):
        raise ValueError("out of range")
    return _sealing(lib.ks_unseal, aes, hmac, keys, name, len(name), data, n)
