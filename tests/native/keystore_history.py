"""The key store's proof in Python, on any CPU: a scripted history with the power cut.

    micropython tests/native/keystore_history.py        prints for each program unit
        {"unit", "calls", "operations", "cuts", "failures", "flash_sha256"}

The calls are drawn by lot, always the same ones: puts, deletes, transactions, abandoned ones,
maintenance and reopening, until the log has been swapped twice. Every few program operations, and
each erase, is also done half on a copy of the flash, which must then hold what the store held
before or after the call, and go on to work. `flash_sha256` covers the flash after every call: it
must be the same on every CPU. keystore/prove.c does this in C with every way of cutting.
"""

import hashlib
import json
import sys
from array import array
from binascii import hexlify

SECTOR, SIZE = 4096, 8192
UNITS = (1, 16, 256)
BUFFER, KEYS = 128, 8
NAMES = (b"ab00", b"cd01", b"ef02", b"gh03", b"i", b"a-name-of-15-ch")
CUT_EVERY = 5  # cut every so many operations: all of them would take a simulated CPU too long


class PowerCut(Exception):
    """The power has failed in this operation."""


class Lots:
    """The same numbers on every Python."""

    def __init__(self, seed):
        self._state = seed

    def below(self, n):
        self._state = (self._state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self._state >> 8) % n


class Flash:
    """NOR flash in memory: bits go from 1 to 0, a sector at a time back to 1."""

    def __init__(self, unit, data=None):
        self.unit = unit
        self.data = bytearray(data if data is not None else b"\xff" * SIZE)
        self.operations = 0
        self.before = None  # called before each operation with (at, bytes or None for an erase)

    def geometry(self):
        return self.unit

    def read(self, at, buf):
        memoryview(buf)[:] = memoryview(self.data)[at : at + len(buf)]

    def program(self, at, buf):
        assert at % self.unit == 0 and len(buf) % self.unit == 0 and len(buf)
        self.operations += 1
        if self.before:
            self.before(at, buf)
        self.put(at, buf, len(buf))

    def erase(self, at):
        assert at in (0, SECTOR)
        self.operations += 1
        if self.before:
            self.before(at, None)
        self.data[at : at + SECTOR] = b"\xff" * SECTOR

    def put(self, at, buf, n):
        data = self.data
        for i in range(n):
            data[at + i] &= buf[i]

    def tear(self, at, buf, lot):
        """Do one operation half, and in the unit at the end in one of several ways."""
        if buf is None:
            step = (1, 3, 2)[lot % 3]
            for i in range(at, at + (SECTOR if lot < 3 else SECTOR // 2), step):
                self.data[i] = 0xFF
            return
        whole = lot % (len(buf) // self.unit + 1) * self.unit
        self.put(at, buf, whole)
        for i in range(whole, min(whole + self.unit, len(buf))):
            if lot & 1:  # of the last unit only some bits
                self.data[at + i] &= buf[i] | (0x55 << (lot & 2 and 1))


class Store:
    """The core's calls on one flash, and what it must hold."""

    def __init__(self, core, flash):
        self.core, self.flash = core, flash
        self.state = bytearray(core.state_size(KEYS, max(BUFFER, flash.unit)))
        self.value = bytearray(core.KS_STORED_MAX)
        self.opened = self.open()

    def open(self):
        return self.core.open(self.state, self.flash, max(BUFFER, self.flash.unit), KEYS)

    def do(self, name, *args):
        return getattr(self.core, name)(self.state, self.flash, *args)

    def contents(self):
        held = {}
        name = bytearray(16)
        numbers = array("i", [0] * self.core.KS_STATS)
        self.do("stats", numbers)
        for i in range(numbers[1]):
            key = bytes(memoryview(name)[: self.do("key", i, name)])
            held[key] = bytes(memoryview(self.value)[: self.do("get", key, self.value)])
        return held, numbers[0]


class History:
    """One run of the script."""

    def __init__(self, core, unit):
        self.core = core
        self.lots = Lots(unit)
        self.flash = Flash(unit)
        self.store = Store(core, self.flash)
        self.now, self.next = {}, {}
        self.calls = self.cuts = self.failures = 0
        self.digest = hashlib.sha256()
        if self.store.opened != core.KS_EMPTY or self.store.do("maintain"):
            self.failures += 1

    def value(self):
        kind = self.lots.below(12)
        n = 0
        if kind == 1:
            n = 200 + self.lots.below(200)
        elif kind > 1:
            n = 16 + self.lots.below(49)
        return bytes([0xFF if kind == 2 else self.lots.below(256) for _ in range(n)])

    def cut(self, at, buf):
        """Before an operation: try on copies what a power cut in it leaves."""
        if self.flash.operations % CUT_EVERY and buf is not None:
            return
        self.cuts += 1
        flash = Flash(self.flash.unit, self.flash.data)
        flash.tear(at, buf, self.lots.below(6))
        store = Store(self.core, flash)
        held = store.contents()[0] if store.opened in (0, self.core.KS_EMPTY) else None
        if held != self.now and held != self.next:
            self.failures += 1
            return
        after = dict(held)
        after[b"new"] = b"the store works on"
        if (
            store.do("maintain")
            or store.do("put", b"new", after[b"new"])
            or Store(self.core, flash).contents()[0] != after
        ):
            self.failures += 1

    def put(self, name):
        value = self.value()
        if name in self.now and self.lots.below(8) == 0:
            del self.next[name]
            return self.store.do("delete", name)
        self.next[name] = value
        return self.store.do("put", name, value)

    def transaction(self, commit):
        result = self.store.do("begin", 200)
        if result:
            return result
        for name in NAMES[:2]:
            value = bytes([self.lots.below(256)] * (1 + self.lots.below(60)))
            result = result or self.store.do("put", name, value)
            self.next[name] = value
        if commit and not result:
            return self.store.do("commit")
        self.next = dict(self.now)
        return self.store.do("abort")

    def call(self):
        self.calls += 1
        self.next = dict(self.now)
        lot = self.lots.below(40)
        if lot < 8:
            result = self.store.do("maintain")
        elif lot < 11:
            result = self.transaction(lot < 10)
        elif lot < 12:
            result = self.store.open()
        else:
            result = self.put(NAMES[self.lots.below(len(NAMES))])
        if result == self.core.KS_EMAINTAIN:
            self.next = dict(self.now)
            result = self.store.do("maintain")
        if result == self.core.KS_EFULL:
            self.next, result = dict(self.now), 0
        held, sequence = self.store.contents()
        if result or held != self.next:
            self.failures += 1
        self.now = self.next
        self.digest.update(self.flash.data)
        return sequence

    def run(self):
        self.flash.before = self.cut
        while self.call() < 3:  # the first is the new store, two swaps follow
            pass
        self.flash.before = None
        return {
            "unit": self.flash.unit,
            "calls": self.calls,
            "operations": self.flash.operations,
            "cuts": self.cuts,
            "failures": self.failures,
            "flash_sha256": hexlify(self.digest.digest()).decode(),
        }


def history(core, unit):
    """Run the script on flash with this program unit."""
    return History(core, unit).run()


def main():
    here = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."
    if sys.implementation.name == "micropython":
        sys.path.insert(0, here + "/../../build/natmods/" + ("x86", "x64")[sys.maxsize > 1 << 32])
    sys.path.insert(0, here + "/../../firmware")
    from callboard.native import keystore

    for unit in UNITS:
        print(json.dumps(history(keystore, unit)))


if __name__ == "__main__":
    main()
