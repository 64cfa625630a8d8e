"""The native key store below callboard.keystore: states, re-entry, sealed bytes."""

from array import array
from binascii import hexlify

from callboard import port
from callboard.flash import seal
from callboard.flash.devices import RamFlash
from callboard.native import keystore as core
from support import raises


def test_a_state_that_is_not_open_is_refused():
    flash = RamFlash()
    state = bytearray(core.state_size(4, 64))
    raises(ValueError, core.put, state, flash, b"a", b"1")
    raises(ValueError, core.open, state, flash, 23, 4)
    raises(ValueError, core.open, state, flash, 64, 5)
    raises(ValueError, core.open, memoryview(state)[:50], flash, 64, 4)
    assert core.open(state, flash, 64, 4) == core.KS_EMPTY
    assert core.maintain(state, flash) == 0
    assert core.put(state, flash, b"a", b"1") == 0
    raises(ValueError, core.put, memoryview(state)[:60], flash, b"a", b"1")
    raises(TypeError, core.put, bytes(state), flash, b"a", b"1")
    raises(TypeError, core.put, state, flash, 5, b"1")
    raises(ValueError, core.stats, state, flash, array("i", [0] * 7))
    assert core.get(state, flash, b"a", None) == 1
    assert core.get(state, flash, b"a", bytearray(0)) == core.KS_ESMALL
    assert core.get(state, flash, b"b", bytearray(9)) == core.KS_ENOTFOUND
    assert core.delete(state, flash, b"b") == core.KS_ENOTFOUND
    assert core.put(state, flash, b"a", bytes(2000)) == core.KS_EVALUE
    assert core.put(state, flash, b"a", bytes(65535)) == core.KS_EVALUE

    class Broken(RamFlash):
        def read(self, at, buf):
            raise KeyError("broken")

    raises(KeyError, core.get, state, Broken(), b"a", None)
    raises(ValueError, core.get, state, flash, b"a", None)  # must be opened again
    assert core.open(state, flash, 64, 4) == 0
    assert core.get(state, flash, b"a", None) == 1


def test_a_device_must_not_use_its_own_store():
    class Curious(RamFlash):
        def read(self, at, buf):
            if self.store:
                store, self.store = self.store, None
                core.get(store, self, b"a", None)
            return super().read(at, buf)

    flash = Curious()
    flash.store = None
    state = bytearray(core.state_size(4, 64))
    core.open(state, flash, 64, 4)
    core.maintain(state, flash)
    core.put(state, flash, b"a", b"1")
    flash.store = state
    raises(ValueError, core.get, state, flash, b"a", None)


def test_sealed_bytes_are_the_same_everywhere():
    keys = bytearray(core.KS_SEAL_KEYS)
    out = bytearray(5 + core.KS_SEAL_EXTRA)
    aes, hmac = seal.encrypt_blocks, port.hmac_sha256
    assert core.seal_keys(aes, hmac, b"0123456789abcdef", keys) == 0
    assert core.seal(aes, hmac, keys, b"\x01\x00\x00\x00", b"name", b"value", out) == 25
    golden = "01000000501c2e5fef642b30dc01925aace9d03413690186a1"
    assert hexlify(out).decode() == golden
