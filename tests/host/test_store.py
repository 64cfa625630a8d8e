"""The relay's database: what was acknowledged is there, secrets are not readable."""

import asyncio
import os
import signal
import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from callboard.errors import InvalidArgument, StorageError
from callboard_host.relay.rotation import rotate_master_key
from callboard_host.relay.store import Store
from callboard_host.relay.tokens import token_hash
from callboard_host.relay.transaction import App, Relation, User, VoipToken
from callboard_host.relay.vault import ENVIRONMENT, Vault, open_vault
from support.covers import covers

KEY = bytes(range(32))

WRITER = """
import asyncio, sys
from pathlib import Path
from callboard_host.relay.rotation import rotate_master_key
from callboard_host.relay.store import Store
from callboard_host.relay.vault import open_vault

async def main(folder, first):
    store = await Store.open(folder, open_vault(folder))
    for number in range(first, first + 1000):
        async with store.write() as tx:
            await tx.put_model(f"m{number}", "", number)
            await tx.add_ticket(f"t{number}", f"m{number}", "SN", 2**40)
        print(number, flush=True)

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


@pytest.fixture
async def store(tmp_path):
    store = await Store.open(tmp_path, open_vault(tmp_path))
    yield store
    await store.close()


async def add_device(store, key=KEY):
    async with store.write() as tx:
        await tx.put_app("wx1", "", 1)
        await tx.put_model("m1", "", 1)
        await tx.put_device("m1", "SN1", "wx1", key, "hash", 1)


async def test_acknowledged_writes_survive_kill_9(tmp_path):
    """Killed four times right after an acknowledgement; each time all of it is there."""
    first, kept = 0, set()
    for writes in (1, 7, 20, 33):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRITER, str(tmp_path), str(first)),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        for _ in range(writes):
            last = int(await asyncio.wait_for(process.stdout.readline(), 20))
        process.send_signal(signal.SIGKILL)
        rest = (await process.stdout.read()).split()
        await process.wait()
        acknowledged = int(rest[-1]) if rest else last
        kept |= set(range(first, acknowledged + 1))
        store = await Store.open(tmp_path, open_vault(tmp_path))
        async with store.read() as tx:
            for number in kept:
                assert await tx.has_model(f"m{number}")
                assert await tx.ticket(f"t{number}")
            beyond = await tx.has_model(f"m{acknowledged + 2}")
        assert not beyond  # at most the one write that was not acknowledged
        await store.close()
        first = acknowledged + 2


async def test_writes_are_synced_to_disk(store):
    async with store.read() as tx:
        connection = tx.connection
        assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar() == "wal"
        assert (await connection.exec_driver_sql("PRAGMA synchronous")).scalar() == 2  # FULL
        assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar() == 1


async def test_a_transaction_happens_whole_or_not_at_all(store):
    with pytest.raises(ZeroDivisionError):
        async with store.write() as tx:
            await tx.put_app("wx1", "", 1)
            1 / 0  # noqa: B018
    async with store.read() as tx:
        assert not await tx.has_app("wx1")


async def test_writers_at_the_same_time_do_not_disturb_each_other(store):
    async def write(number):
        async with store.write() as tx:
            await tx.put_model(f"m{number}", "", number)
            await asyncio.sleep(0)

    await asyncio.gather(*(write(n) for n in range(50)))
    async with store.read() as tx:
        assert all([await tx.has_model(f"m{n}") for n in range(50)])


async def test_nothing_secret_lies_in_the_files(tmp_path, store):
    await add_device(store)
    async with store.write() as tx:
        await tx.add_user(User("o1", "wx1", "Ada"), 1)
        await tx.add_ticket(token_hash("Tsecret-ticket"), "m1", "SN1", 2**40)
        await tx.add_invitation(token_hash("Isecret-invitation"), "o1", 2**40)
        await tx.add_token(token_hash("Usecret-token"), token_hash("c" * 32), "o1", 1)
        await tx.add_api_key("k1", token_hash("Bsecret-key"), "wx1", "", 1)
        row = VoipToken("wx1", "device_to_phone", "m1", None, None, None, 2**40)
        await tx.add_voip_token(token_hash("Vsecret-voip"), row)
    await store.close()
    secrets = [KEY, KEY.hex().encode()]
    secrets += [
        b"secret-" + name for name in (b"ticket", b"invitation", b"token", b"key", b"voip")
    ]
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        assert not [secret for secret in secrets if secret in data], path
    for name in ("relay.db", "master.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


async def test_a_sealed_key_opens_only_for_its_owner_and_master_key(tmp_path, store):
    await add_device(store)
    async with store.read() as tx:
        assert await tx.device_key("m1", "SN1") == KEY
        assert await tx.device_key("m1", "SN2") is None
    vault = Vault(b"m" * 32)
    sealed = vault.seal(KEY, "device m1/SN1")
    assert vault.open(sealed, "device m1/SN1") == KEY
    for wrong, owner in (
        (sealed, "device m1/SN2"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), "device m1/SN1"),
        (b"\x02" + sealed[1:], "device m1/SN1"),
        (b"\x01", "device m1/SN1"),
    ):
        with pytest.raises(StorageError):
            vault.open(wrong, owner)
    with pytest.raises(StorageError):
        Vault(b"n" * 32).open(sealed, "device m1/SN1")
    assert "m" * 8 not in repr(vault) and KEY.hex() not in repr(vault)


async def test_another_master_key_is_refused(tmp_path, monkeypatch):
    await (await Store.open(tmp_path, open_vault(tmp_path))).close()
    monkeypatch.setenv(ENVIRONMENT, "ab" * 32)
    with pytest.raises(StorageError, match="another relay master key"):
        await Store.open(tmp_path, open_vault(tmp_path))


async def test_the_master_key_can_be_rotated(tmp_path, store):
    await add_device(store)
    await store.close()
    old = (tmp_path / "master.key").read_text()
    assert await rotate_master_key(tmp_path) == 1
    assert (tmp_path / "master.key").read_text() != old
    store = await Store.open(tmp_path, open_vault(tmp_path))
    async with store.read() as tx:
        assert await tx.device_key("m1", "SN1") == KEY
    await store.close()
    with pytest.raises(StorageError, match=r"master\.key\.new"):
        await Store.open(tmp_path, Vault(bytes.fromhex(old)))


async def test_a_failed_rotation_changes_nothing(tmp_path, store, monkeypatch):
    await add_device(store)
    await store.close()
    monkeypatch.setattr(Vault, "seal", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await rotate_master_key(tmp_path)
    store = await Store.open(tmp_path, open_vault(tmp_path))
    async with store.read() as tx:
        assert await tx.device_key("m1", "SN1") == KEY
    await store.close()


async def test_a_key_from_the_environment_is_not_rotated(tmp_path, monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, "ab" * 32)
    with pytest.raises(InvalidArgument):
        await rotate_master_key(tmp_path)


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 31])
def test_a_malformed_master_key_is_refused(tmp_path, monkeypatch, text):
    monkeypatch.setenv(ENVIRONMENT, text)
    with pytest.raises(StorageError, match="64 hex digits") as refused:
        open_vault(tmp_path)
    assert not text or text not in str(refused.value)


def test_a_master_key_that_others_may_read_is_refused(tmp_path):
    open_vault(tmp_path)
    (tmp_path / "master.key").chmod(0o644)
    with pytest.raises(StorageError, match="chmod 600"):
        open_vault(tmp_path)


async def test_a_database_of_version_1_is_brought_up_to_date(tmp_path):
    """Whom it let call is bound and authorised now; nothing else has changed."""
    old = Path(__file__).parent / "databases" / "version_1.sql"
    with sqlite3.connect(tmp_path / "relay.db") as database:
        database.executescript(old.read_text())
    for _ in range(2):  # once is enough
        store = await Store.open(tmp_path, Vault(b"\x11" * 32))
        async with store.read() as tx:
            assert await tx.device_key("m1", "SN1") == KEY
            assert await tx.apps() == [App("wx1", "One"), App("wx2", "Two")]
            assert await tx.relations() == [Relation("o1", "m1", "SN1", True, True)]
            assert await tx.user("o2") == User("o2", "wx2", "Zoe")
            assert (await tx.ticket(token_hash("Told"))).wxa_appid is None
            assert await tx.token(token_hash("Uold")) == ("o1", token_hash("c" * 32))
            assert await tx.properties("m1", "SN1") == {"volume": 7}
        await store.close()
    new = tmp_path / "new"
    new.mkdir()
    await _open_and_close(new)
    assert _schema(tmp_path / "relay.db") == _schema(new / "relay.db")


def _schema(path):
    """Tables, columns and indices, whatever their order."""
    with sqlite3.connect(path) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master")]
        columns = {
            name: sorted(row[1:] for row in database.execute(f"PRAGMA table_info({name})"))
            for name in names
        }
        keys = {
            name: sorted(row[2:5] for row in database.execute(f"PRAGMA foreign_key_list({name})"))
            for name in names
        }
    return columns, keys


async def test_a_newer_database_is_refused(tmp_path):
    await (await Store.open(tmp_path, open_vault(tmp_path))).close()
    with sqlite3.connect(tmp_path / "relay.db") as database:
        database.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    with pytest.raises(StorageError, match="schema version 99"):
        await Store.open(tmp_path, open_vault(tmp_path))


async def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "relay.db").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(StorageError, match="cannot be used"):
        await Store.open(tmp_path, open_vault(tmp_path))


async def test_a_database_url_is_used(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'elsewhere.db'}"
    store = await Store.open(tmp_path, open_vault(tmp_path), url)
    await store.close()
    assert (tmp_path / "elsewhere.db").exists() and not (tmp_path / "relay.db").exists()


@covers("V-03")
async def test_properties_come_back_as_they_were_put(store):
    values = {"volume": 7, "name": "Tür 😀", "on": True, "off": False, "gone": None}
    async with store.write() as tx:
        await tx.put_properties("m1", "SN1", values, 1)
        await tx.put_properties("m1", "SN2", {"volume": 1}, 1)
    async with store.read() as tx:
        del values["gone"]
        assert await tx.properties("m1", "SN1") == values
    async with store.write() as tx:
        await tx.put_properties("m1", "SN1", {"volume": 8, "on": None}, 2)
    async with store.read() as tx:
        after = await tx.properties("m1", "SN1")
    assert after == {"volume": 8, "name": values["name"], "off": False}


async def test_expired_credentials_are_forgotten(store):
    await add_device(store)
    async with store.write() as tx:
        await tx.add_ticket("old", "m1", "SN1", 10)
        await tx.add_ticket("new", "m1", "SN1", 20)
        await tx.drop_old_credentials(15)
    async with store.read() as tx:
        assert await tx.ticket("old") is None
        assert await tx.ticket("new") is not None


def test_the_store_keeps_its_own_directory(tmp_path):
    """Special characters in the path are no part of a URL."""
    folder = Path(tmp_path / "a b?c#d%20")
    folder.mkdir()
    asyncio.run(_open_and_close(folder))
    assert (folder / "relay.db").exists()


async def _open_and_close(folder):
    await (await Store.open(folder, open_vault(folder))).close()
