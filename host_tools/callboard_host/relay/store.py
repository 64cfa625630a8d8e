"""The relay's database: acknowledged writes survive a killed process and a power cut."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from callboard.errors import StorageError

from . import tables
from .transaction import Transaction
from .vault import Vault

FILE_NAME = "relay.db"


class Store:
    """One database. `read()` and `write()` are transactions; writes are one at a time."""

    def __init__(self, engine: AsyncEngine, vault: Vault):
        self._engine = engine
        self._vault = vault
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, data_dir: Path, vault: Vault, url: str | None = None) -> "Store":
        """Open the database and bring its schema up to date.

        Raises StorageError when it cannot be opened, is newer than this program, or is of another
        master key.
        """
        path = None
        if url is None:
            path = data_dir / FILE_NAME
            _make_private(path)
        engine = create_async_engine(url or URL.create("sqlite+aiosqlite", database=str(path)))
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        store = cls(engine, vault)
        try:
            with _readable_errors():
                async with engine.begin() as connection:
                    await _migrate(connection)
                    await _check_master_key(connection, vault)
        except StorageError:
            await engine.dispose()
            raise
        return store

    async def close(self) -> None:
        """Close every connection to the database."""
        await self._engine.dispose()

    async def seal_again(self, vault: Vault) -> int:
        """Seal every device key under another master key, all or none; returns how many."""
        async with self.write() as tx:
            devices = await tx.devices()
            for device in devices:
                await tx.seal_key_again(device, vault)
            await _put_meta(tx.connection, "master_key_check", vault.check)
        self._vault = vault
        return len(devices)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A transaction that looks only."""
        with _readable_errors():
            async with self._engine.connect() as connection:
                yield Transaction(connection, self._vault)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A transaction that is on the disk when the block has ended, or never happened."""
        with _readable_errors():
            async with self._writing, self._engine.begin() as connection:
                yield Transaction(connection, self._vault)


@contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise StorageError(f"the database cannot be used: {error.orig}") from error


def _make_private(path: Path) -> None:
    """Create the file for its owner alone; SQLite gives its side files the same mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(f"{path} cannot be opened: {error.strerror}") from error


def _prepare_sqlite(engine: AsyncEngine) -> None:
    """Write-ahead log, a sync for each commit, foreign keys, transactions that begin at BEGIN."""

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy emits BEGIN, below
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")


async def _migrate(connection: AsyncConnection) -> None:
    version = await _schema_version(connection)
    if version > tables.SCHEMA_VERSION:
        raise StorageError(
            f"the database has schema version {version}, this program knows "
            f"{tables.SCHEMA_VERSION}: update it"
        )
    if version == 0:
        await tables.create_all(connection)
    else:
        for number in range(version, tables.SCHEMA_VERSION):
            await tables.MIGRATIONS[number](connection)
    if version != tables.SCHEMA_VERSION:
        await _put_meta(connection, "schema_version", str(tables.SCHEMA_VERSION))


async def _schema_version(connection: AsyncConnection) -> int:
    if not await connection.run_sync(lambda sync: inspect(sync).has_table("meta")):
        return 0
    return int(await _get_meta(connection, "schema_version") or "0")


async def _check_master_key(connection: AsyncConnection, vault: Vault) -> None:
    stored = await _get_meta(connection, "master_key_check")
    if stored is None:
        await _put_meta(connection, "master_key_check", vault.check)
    elif stored != vault.check:
        raise StorageError(
            "the database belongs to another relay master key (if a rotation was interrupted, "
            "rename master.key.new to master.key)"
        )


async def _get_meta(connection: AsyncConnection, name: str) -> str | None:
    query = select(tables.meta.c.value).where(tables.meta.c.name == name)
    return (await connection.execute(query)).scalar_one_or_none()


async def _put_meta(connection: AsyncConnection, name: str, value: str) -> None:
    await connection.execute(tables.meta.delete().where(tables.meta.c.name == name))
    await connection.execute(tables.meta.insert().values(name=name, value=value))
