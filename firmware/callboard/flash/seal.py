"""Keys and cryptography for sealed values (native/keystore/seal.h): AES-128 blocks and
HMAC-SHA-256.

A root key that the chip keeps from everyone else makes a copy of the flash worthless. Stock
firmware has none: there `obfuscation_root()` is all there is, and whoever has the board can
compute it, too.
"""

from .. import port

try:
    from cryptolib import aes as _new_cipher  # MicroPython

    _ECB = 1

    def encrypt_blocks(key, blocks):
        """Encrypt `blocks` (a writable buffer of a multiple of 16 bytes) in place, AES in ECB
        mode."""
        _new_cipher(key, _ECB).encrypt(blocks, blocks)

except ImportError:

    def encrypt_blocks(key, blocks):
        """Encrypt `blocks` (a writable buffer of a multiple of 16 bytes) in place, AES in ECB
        mode."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        # Single blocks, each different, as the input of counter mode: what ECB is safe for.
        encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
        blocks[:] = encryptor.update(bytes(blocks)) + encryptor.finalize()


class RootKey:
    """What the keys of sealed values are derived from: `key`, 16 bytes or more.

    `secret` is True if only this chip knows it, for statistics and for whoever asks.
    """

    def __init__(self, key, secret):
        self.key = key
        self.secret = secret

    def __repr__(self):
        return "RootKey(secret=%s)" % self.secret


def obfuscation_root(unique_id):
    """The RootKey of firmware without a hardware key: made from the chip's public number.

    It keeps values from showing in a hex dump and from being moved to another board unnoticed. It
    does not keep them from anyone who has this source and the board.
    """
    return RootKey(port.hmac_sha256(b"callboard keystore root", bytes(unique_id)), False)
