"""A new relay master key: every device key is sealed again. The relay must not run meanwhile.

Order: the new key is on the disk, then the database changes in one transaction, then the key file
is replaced. A crash in between leaves a database that fits one of the two files.
"""

import os
from pathlib import Path

from callboard.errors import InvalidArgument

from .lock import DirectoryLock
from .store import Store
from .vault import ENVIRONMENT, FILE_NAME, KEY_BYTES, Vault, open_vault, read_or_make_secret


async def rotate_master_key(data_dir: Path, url: str | None = None) -> int:
    """Seal every device key under a fresh master key; returns how many there are.

    `url`: the database as in RelayConfig. Raises InUse, StorageError, and InvalidArgument when the
    master key comes from the environment and not from the data directory.
    """
    if ENVIRONMENT in os.environ:
        raise InvalidArgument(f"unset {ENVIRONMENT}: only a key in the data directory is rotated")
    lock = DirectoryLock(data_dir)
    try:
        store = await Store.open(data_dir, open_vault(data_dir), url)
        try:
            return await _rotate(store, data_dir)
        finally:
            await store.close()
    finally:
        lock.close()


async def _rotate(store: Store, data_dir: Path) -> int:
    fresh = os.urandom(KEY_BYTES)
    path = data_dir / FILE_NAME
    following = path.with_name(FILE_NAME + ".new")
    following.unlink(missing_ok=True)
    read_or_make_secret(following, fresh.hex())
    count = await store.seal_again(Vault(fresh))
    following.replace(path)
    return count
