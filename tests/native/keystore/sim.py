"""The C core of the key store on the NOR simulator of nor.h, for tests and the benchmark.

    nor = Nor(unit=16)
    store = Store(nor)          # opened; a new flash is made a store
    assert store.put(b"name", b"value") == 0
    nor.cut_after(3)            # the power fails in the fourth operation from now

Compiled on first use into build/keystore/ with the system's C compiler; needs nothing installed.
"""

import os
import re
import subprocess
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).parent
TOP = HERE.parents[2]
CORE = TOP / "native" / "keystore"
SOURCES = [CORE / name for name in ("record.c", "index.c", "sectors.c", "store.c", "seal.c")]
BUILD = TOP / "build" / "keystore"
UNITS = (1, 4, 16, 32, 256)
SECTOR, SIZE, HEADER = 4096, 8192, 24
STATE_WORDS = 1024


def compiled(name, sources, *flags, compiler="gcc", core=CORE):
    """build/keystore/<name> from these files of this folder and the core, unless it is newer."""
    BUILD.mkdir(parents=True, exist_ok=True)
    out = BUILD / name
    files = [HERE / source for source in sources] + [core / path.name for path in SOURCES]
    headers = [*HERE.glob("*.h"), *core.glob("*.h"), TOP / "native" / "common" / "bytes.h"]
    if out.exists() and all(f.stat().st_mtime < out.stat().st_mtime for f in files + headers):
        return out
    temporary = out.with_suffix(f".{compiler}.{os.getpid()}")  # tests run side by side
    command = [compiler, "-std=gnu99", "-O2", "-g", "-Wall", "-Wextra", f"-I{core}", f"-I{HERE}"]
    subprocess.run([*command, *flags, "-o", temporary, *files], check=True)
    temporary.rename(out)
    return out


def _declarations(path):
    """The types and functions of a header, with the values of its constants put in."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    constants = dict(
        re.findall(r"^#define (\w+)[ \t]+\(?(-?\w+)\)?[ \t]*$", text, flags=re.MULTILINE)
    )
    text = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    for name, value in constants.items():
        text = re.sub(rf"\b{name}\b", value, text)
    return text, {name: int(value, 0) for name, value in constants.items() if value[:1] != "K"}


def _load():
    ffi = FFI()
    constants = {}
    for path in (CORE / "keystore.h", CORE / "seal.h", HERE / "nor.h"):
        text, found = _declarations(path)
        ffi.cdef(text)
        constants.update(found)
    return (
        ffi,
        ffi.dlopen(str(compiled("libkeystore.so", ["nor.c"], "-shared", "-fPIC"))),
        constants,
    )


ffi, lib, KS = _load()


class Nor:
    """A simulated flash; `handle` is the nor_t."""

    def __init__(self, unit=1, seed=1, data=None):
        self.handle = ffi.new("nor_t *")
        lib.nor_init(self.handle, unit, seed)
        self.driver = ffi.new("ks_flash_t *")
        lib.nor_driver(self.handle, self.driver)
        if data is not None:
            self.data = data

    @property
    def unit(self):
        return self.handle.unit

    @property
    def data(self):
        """All bytes, as they were programmed."""
        return bytes(ffi.buffer(self.handle.data))

    @data.setter
    def data(self, data):
        ffi.buffer(self.handle.data)[:] = data
        for i in range(0, SIZE, self.unit):
            if data[i : i + self.unit] != b"\xff" * self.unit:
                for k in range(i, i + self.unit):
                    self.handle.used[k] = 1

    @property
    def erases(self):
        """Of both sectors."""
        return list(self.handle.erases)

    @property
    def violations(self):
        return self.handle.violations

    def cut_after(self, operations):
        """Let the power fail in the operation after so many more."""
        self.handle.countdown = operations

    @property
    def dead(self):
        return bool(self.handle.dead)

    def revive(self):
        lib.nor_revive(self.handle)

    def copy(self):
        """Another flash with the same contents and history."""
        other = Nor(self.unit)
        ffi.buffer(other.handle)[:] = ffi.buffer(self.handle)[:]
        return other


def default_buffer(unit):
    """The smallest write buffer there may be."""
    return (HEADER + unit - 1) // unit * unit


class Store:
    """The core's functions on one flash; results are the core's numbers."""

    def __init__(self, nor, keys=16, buffer=None, prepare=True):
        self.nor = nor
        self._memory = ffi.new("uint64_t[]", STATE_WORDS)
        self.handle = ffi.cast("ks_t *", self._memory)
        self._arguments = (buffer or default_buffer(nor.unit), keys)
        self.opened = self.reopen()
        if prepare and self.opened == KS["KS_EMPTY"]:
            assert self.maintain() == 0

    def reopen(self):
        size = 8 * STATE_WORDS
        return lib.ks_open(self.handle, size, self.nor.driver, *self._arguments)

    def get(self, name):
        """The value, or the negative result."""
        out = ffi.new("uint8_t[]", KS["KS_STORED_MAX"])
        n = lib.ks_get(self.handle, name, len(name), out, len(out))
        return bytes(out[0:n]) if n >= 0 else n

    def put(self, name, value):
        return lib.ks_put(self.handle, name, len(name), value, len(value))

    def delete(self, name):
        return lib.ks_put(self.handle, name, len(name), ffi.NULL, KS["KS_DELETE"])

    def begin(self, size):
        return lib.ks_begin(self.handle, size)

    def commit(self):
        return lib.ks_commit(self.handle)

    def abort(self):
        return lib.ks_abort(self.handle)

    def maintain(self):
        return lib.ks_maintain(self.handle)

    def erase_all(self):
        return lib.ks_erase_all(self.handle)

    def stats(self):
        stats = ffi.new("ks_stats_t *")
        assert lib.ks_stats(self.handle, stats) == 0
        return {name: getattr(stats, name) for name, _ in ffi.typeof("ks_stats_t").fields}

    def names(self):
        names = []
        out = ffi.new("uint8_t[]", KS["KS_NAME_MAX"])
        for i in range(self.stats()["keys"]):
            n = lib.ks_key(self.handle, i, out, len(out))
            assert n > 0, n
            names.append(bytes(out[0:n]))
        return sorted(names)

    def contents(self):
        """{name: value} of all keys."""
        return {name: self.get(name) for name in self.names()}


def record_size(name, value):
    """Bytes of a record."""
    return lib.ks_record_size(len(name), len(value))
