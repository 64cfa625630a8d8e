"""The database schema, version 2, and how an older database becomes a newer one.

Whatever lets somebody in is stored hashed (tickets, invitations, tokens, API keys) or sealed
(device keys). Times are ms since 1970.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateColumn

SCHEMA_VERSION = 2

metadata = MetaData()

meta = Table(  # "schema_version", "master_key_check"
    "meta",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

apps = Table(
    "apps",
    metadata,
    Column("wxa_appid", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    # What the platform thinks of it (000 §3): codes -15, -12, and which tokens a call needs.
    Column("arrears", Integer, nullable=False, server_default="0"),
    Column("in_review", Integer, nullable=False, server_default="0"),
    Column("campus", Integer, nullable=False, server_default="0"),
    Column("needs_token", Integer, nullable=False, server_default="0"),
)

api_keys = Table(  # what the backend of an app's developer shows
    "api_keys",
    metadata,
    Column("key_id", String(64), primary_key=True),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("wxa_appid", String(64), ForeignKey("apps.wxa_appid"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("last_used_ms", BigInteger),
)

models = Table(
    "models",
    metadata,
    Column("model_id", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("wxa_appid", String(64)),  # the app it belongs to; NULL: the relay's operator
)

devices = Table(
    "devices",
    metadata,
    Column("model_id", String(64), ForeignKey("models.model_id"), primary_key=True),
    Column("sn", String(128), primary_key=True),
    Column("wxa_appid", String(64), ForeignKey("apps.wxa_appid"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("ticket_hash", String(64)),  # the key came from this ticket and was never used yet
    Column("modules", Integer, nullable=False),
    Column("firmware", String(64)),
    Column("registered_ms", BigInteger, nullable=False),
    Column("last_seen_ms", BigInteger),
)

tickets = Table(
    "tickets",
    metadata,
    Column("ticket_hash", String(64), primary_key=True),
    Column("model_id", String(64), ForeignKey("models.model_id"), nullable=False),
    Column("sn", String(128), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("nonce_hash", String(64)),  # who claimed it
    Column("used_ms", BigInteger),
    Column("wxa_appid", String(64)),  # whose backend asked for it: good for that app only
    Index("tickets_by_expiry", "expires_ms"),
)

users = Table(
    "users",
    metadata,
    Column("open_id", String(128), primary_key=True),
    Column("wxa_appid", String(64), ForeignKey("apps.wxa_appid"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("removed_ms", BigInteger),  # the openId stays, so that it is never somebody else's
)

invitations = Table(
    "invitations",
    metadata,
    Column("invitation_hash", String(64), primary_key=True),
    Column("open_id", String(128), ForeignKey("users.open_id"), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Index("invitations_by_expiry", "expires_ms"),
)

user_tokens = Table(
    "user_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("open_id", String(128), ForeignKey("users.open_id"), nullable=False),
    Column("client_hash", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("last_seen_ms", BigInteger),
)


def _pairs(name: str) -> Table:
    """A table of (user, device). The device need not be registered yet."""
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("open_id", String(128), ForeignKey("users.open_id"), nullable=False),
        Column("model_id", String(64), ForeignKey("models.model_id"), nullable=False),
        Column("sn", String(128), nullable=False),
        Column("created_ms", BigInteger, nullable=False),
        UniqueConstraint("open_id", "model_id", "sn"),
    )


authorisations = _pairs("authorisations")  # the user said yes to this device (-8)
bindings = _pairs("bindings")  # the device's owner gave it this user (-9)

contacts = Table(  # campus face-pay: who belongs to a person that a device recognises (-9)
    "contacts",
    metadata,
    Column("wxa_appid", String(64), ForeignKey("apps.wxa_appid"), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("open_id", String(128), ForeignKey("users.open_id"), primary_key=True),
)

voip_tokens = Table(
    "voip_tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("wxa_appid", String(64), ForeignKey("apps.wxa_appid"), nullable=False),
    Column("kind", String(16), nullable=False),  # voip_tokens.KINDS
    Column("model_id", String(64), nullable=False),
    Column("sn", String(128)),  # NULL: any device of the model
    Column("open_id", String(128)),  # NULL: any user
    Column("user_id", String(128)),  # campus: the person that was recognised
    Column("expires_ms", BigInteger, nullable=False),
    Index("voip_tokens_by_expiry", "expires_ms"),
)

notices = Table(  # on their way to a user
    "notices",
    metadata,
    Column("notice_id", String(64), primary_key=True),
    Column("open_id", String(128), ForeignKey("users.open_id"), nullable=False),
    Column("model_id", String(64), nullable=False),
    Column("sn", String(128), nullable=False),
    Column("content_json", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("notices_by_user", "open_id", "created_ms"),
)

properties = Table(
    "properties",
    metadata,
    Column("model_id", String(64), primary_key=True),
    Column("sn", String(128), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value_json", Text, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)

Migration = Callable[[AsyncConnection], Awaitable[None]]

_NEW_IN_2 = ("api_keys", "bindings", "contacts", "voip_tokens", "notices")
_COLUMNS_OF_2 = (
    *((apps, name) for name in ("arrears", "in_review", "campus", "needs_token")),
    *((models, "wxa_appid"), (tickets, "wxa_appid"), (users, "removed_ms")),
)


async def create_all(connection: AsyncConnection) -> None:
    """Make the tables of SCHEMA_VERSION in an empty database."""
    await connection.run_sync(metadata.create_all)


async def _to_2(connection: AsyncConnection) -> None:
    """Version 1 knew one relation of user and device; whom it let call is bound and authorised."""
    new = [metadata.tables[name] for name in _NEW_IN_2]
    await connection.run_sync(lambda sync: metadata.create_all(sync, tables=new))
    for table, name in _COLUMNS_OF_2:
        column = CreateColumn(table.c[name]).compile(dialect=connection.dialect)
        await connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column}")
    columns = ("open_id", "model_id", "sn", "created_ms")
    pairs = select(*(authorisations.c[name] for name in columns))
    await connection.execute(insert(bindings).from_select(columns, pairs))


# MIGRATIONS[n] turns version n into n + 1; an empty database gets the newest at once.
MIGRATIONS: dict[int, Migration] = {1: _to_2}
