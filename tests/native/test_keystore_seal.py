"""Sealed values against an independent implementation, and against whoever changes them."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from callboard.flash import seal
from callboard_host import keystore_image
from callboard_native import keystore as core
from device.flash_rig import CutFlash, PowerCut, opened

ROOT = bytes(range(32))
NAME = b"device-key"


def aes(key, blocks):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    blocks[:] = encryptor.update(bytes(blocks)) + encryptor.finalize()


def hmac_sha256(key, message):
    return hmac.digest(key, message, hashlib.sha256)


def derived(root=ROOT):
    keys = bytearray(core.KS_SEAL_KEYS)
    assert core.seal_keys(aes, hmac_sha256, root, keys) == 0
    return keys


def sealed(value, salt=b"\x01\x02\x03\x04", name=NAME, keys=None):
    out = bytearray(len(value) + core.KS_SEAL_EXTRA)
    n = core.seal(aes, hmac_sha256, keys or derived(), salt, name, value, out)
    assert n == len(out), n
    return out


def unsealed(data, name=NAME, keys=None):
    data = bytearray(data)
    n = core.unseal(aes, hmac_sha256, keys or derived(), name, data, len(data))
    return bytes(data[:n]) if n >= 0 else n


def by_the_format(root, salt, name, value):
    """What FORMAT.md says, with nothing but Python and a counter mode from elsewhere."""
    tag_key = hmac_sha256(root, b"callboard keystore seal 1")
    aes_key = hmac_sha256(root, b"callboard keystore seal 2")[:16]
    tag = hmac_sha256(tag_key, salt + bytes([len(name)]) + name + value)[:16]
    stream = b""
    for i in range((len(value) + 15) // 16):
        count = (int.from_bytes(tag[12:], "big") + i) % 2**32
        block = bytearray(tag[:12] + count.to_bytes(4, "big"))
        aes(aes_key, block)
        stream += block
    return salt + tag + bytes(a ^ b for a, b in zip(value, stream, strict=False))


@given(
    st.binary(max_size=1024), st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=15)
)
def test_format(value, salt, name):
    data = sealed(value, salt, name)
    assert data == by_the_format(ROOT, salt, name, value)
    assert unsealed(data, name) == value


def test_counter_wraps_within_its_four_bytes():
    """After FF FF FF FF, which one tag in four thousand million ends with, comes 00 00 00 00."""
    tag = bytes(12) + b"\xff" * 4
    data = bytearray(bytes(4) + tag + bytes(32))
    seen = []

    def spy(key, blocks):
        seen.append(bytes(blocks))
        aes(key, blocks)

    assert core.unseal(spy, hmac_sha256, derived(), NAME, data, len(data)) == core.KS_ESEAL
    assert seen == [tag + bytes(16)]


def test_every_changed_bit_is_noticed():
    data = sealed(b"a secret of some length")
    for bit in range(len(data) * 8):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        assert unsealed(bad) == core.KS_ESEAL


def test_bound_to_its_name_and_key():
    data = sealed(b"value")
    assert unsealed(data, b"other-key") == core.KS_ESEAL
    assert unsealed(data, keys=derived(ROOT[::-1])) == core.KS_ESEAL
    assert unsealed(data[:19]) == unsealed(b"") == core.KS_ESEAL
    assert unsealed(data) == b"value"


def test_refused_data_is_wiped():
    data = sealed(b"secret value")
    data[3] ^= 1
    assert core.unseal(aes, hmac_sha256, derived(), NAME, data, len(data)) == core.KS_ESEAL
    assert bytes(data) == bytes(len(data))


def test_equal_values_differ_by_salt_and_nonces_by_value():
    first, second = sealed(b"same"), sealed(b"same", b"\x05\x02\x03\x04")
    assert first[4:20] != second[4:20] and first[20:] != second[20:]
    nonces = {bytes(sealed(b"value %d" % i)[4:20]) for i in range(500)}  # one salt for all
    assert len(nonces) == 500


def test_limits():
    keys = derived()
    call = (aes, hmac_sha256, keys, bytes(4))
    assert core.seal(*call, NAME, bytes(1025), bytearray(2000)) == core.KS_EVALUE
    assert core.seal(*call, b"", b"", bytearray(100)) == core.KS_ENAME
    assert core.seal(*call, b"x" * 16, b"", bytearray(100)) == core.KS_ENAME
    assert core.seal(*call, NAME, bytes(10), bytearray(29)) == core.KS_ESMALL
    with pytest.raises(ValueError):
        core.seal_keys(aes, hmac_sha256, bytes(15), bytearray(64))
    with pytest.raises(ValueError):
        core.seal_keys(aes, hmac_sha256, bytes(16), bytearray(63))
    with pytest.raises(ValueError):
        core.unseal(aes, hmac_sha256, keys, NAME, bytearray(20), 21)


def test_what_the_callbacks_raise_comes_through():
    class NoCipherError(Exception):
        pass

    def fails(*_):
        raise NoCipherError

    with pytest.raises(NoCipherError):
        core.seal(fails, hmac_sha256, derived(), bytes(4), NAME, b"x", bytearray(30))
    with pytest.raises(NoCipherError):
        core.seal_keys(aes, fails, ROOT, bytearray(64))
    short = core.seal(aes, lambda *_: b"short", derived(), bytes(4), NAME, b"x", bytearray(30))
    assert short == core.KS_ECRYPTO


# --- in a store whose power fails ---


class Seen:
    """Every nonce that somebody who reads the flash at any time may see, and what it sealed."""

    def __init__(self):
        self.sealed = {}

    def read(self, data):
        """Note the sealed values in an image, superseded ones and copies included."""
        for sector in keystore_image.read(bytes(data)).sectors:
            for record in sector.records:
                if record.name and record.value is not None:
                    nonce, rest = record.value[4:20], record.value[20:]
                    assert self.sealed.setdefault(nonce, (record.name, rest)) == (
                        record.name,
                        rest,
                    ), "one nonce for two messages"


@pytest.mark.parametrize("unit", [1, 16, 256])
def test_no_power_cut_makes_a_nonce_repeat(unit):
    """Cut at every operation, then another value in the same place of the log."""
    root = seal.RootKey(ROOT, True)
    flash = CutFlash(unit=unit)
    store = opened(flash, root_key=root)
    seen = Seen()
    cuts = 0
    for number in range(120 if unit < 256 else 40):
        value = b"the secret number %d" % number * 3
        for cut in range(40):
            torn = CutFlash(flash.data, unit)
            trial = opened(torn, root_key=root)
            torn.cut = cut
            try:
                trial.put("key", value)
                trial.maintain()
            except PowerCut:
                cuts += 1
            whole = torn.cut is not None and torn.cut >= 0
            torn = CutFlash(torn.data, unit)
            seen.read(torn.data)
            again = opened(torn, root_key=root)
            again.put("key", b"not %d but %d.%d" % (number, cut, unit) * 4)
            seen.read(torn.data)
            if whole:
                break
        else:
            pytest.fail("a put that has no end")
        store.put("key", value)
        store.maintain()
        seen.read(flash.data)
    assert store.stats()["sequence"] > 2 and cuts > 50 and len(seen.sealed) > cuts


def test_an_equal_value_sealed_anew_shows_no_equality():
    flash = CutFlash()
    store = opened(flash, root_key=seal.RootKey(ROOT, True))
    for value in (b"same", b"other", b"same"):
        store.put("key", value)
    store.put("twin", b"same")
    records = keystore_image.read(bytes(flash.data)).sectors[0].records
    stored = [record.value for record in records if record.name]
    assert len(stored) == 4 and len({value[20:] for value in stored}) == 4
