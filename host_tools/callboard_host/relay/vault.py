"""The relay master key: device keys are encrypted under it before they reach the database.

Sealed form, version 1: one byte 0x01, 12 bytes nonce, AES-256-GCM ciphertext and tag. The
associated data names the owner, so that a sealed key cannot be moved to another row.
"""

import hashlib
import hmac
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callboard.errors import StorageError

KEY_BYTES = 32
ENVIRONMENT = "CALLBOARD_MASTER_KEY"
FILE_NAME = "master.key"
_VERSION = b"\x01"
_NONCE_BYTES = 12


class Vault:
    """Seals and opens small secrets. Neither str() nor repr() shows the key."""

    def __init__(self, master_key: bytes):
        if len(master_key) != KEY_BYTES:
            raise StorageError(f"the relay master key must have {KEY_BYTES} bytes")
        self._cipher = AESGCM(master_key)
        self.check = hmac.new(
            master_key, b"callboard master key check", hashlib.sha256
        ).hexdigest()

    def seal(self, secret: bytes, owner: str) -> bytes:
        """Encrypt `secret` for `owner`."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret, owner.encode())

    def open(self, sealed: bytes, owner: str) -> bytes:
        """Decrypt. Raises StorageError: damaged, moved, or of another master key."""
        nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if sealed[:1] != _VERSION or len(nonce) != _NONCE_BYTES:
            raise StorageError(f"the stored key of {owner} has an unknown form")
        try:
            return self._cipher.decrypt(nonce, ciphertext, owner.encode())
        except InvalidTag as error:
            raise StorageError(f"the stored key of {owner} cannot be opened") from error


def open_vault(data_dir: Path) -> Vault:
    """The vault of a data directory: key from the environment, else from a file made at first.

    Raises StorageError when the key is malformed or others may read its file.
    """
    text = os.environ.get(ENVIRONMENT)
    source = f"the environment variable {ENVIRONMENT}"
    if text is None:
        path = data_dir / FILE_NAME
        source = str(path)
        text = read_or_make_secret(path, os.urandom(KEY_BYTES).hex())
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StorageError(f"{source} must hold {2 * KEY_BYTES} hex digits")
    return Vault(key)


def read_or_make_secret(path: Path, fresh: str) -> str:
    """The text of a secret file; writes `fresh` (mode 0600, synced) when there is none."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_secret(path)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(fresh + "\n")
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)
    return fresh


def _read_secret(path: Path) -> str:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise StorageError(f"{path} may be read by others (mode {mode:04o}): chmod 600 it")
    return path.read_text(encoding="ascii")


def sync_directory(path: Path) -> None:
    """Make a new directory entry survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
