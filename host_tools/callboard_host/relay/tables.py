"""The database schema, version 1, and how an older database becomes a newer one.

Whatever lets somebody in is stored hashed (tickets, invitations, user tokens) or sealed (device
keys). Times are ms since 1970.
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
)
from sqlalchemy.ext.asyncio import AsyncConnection

SCHEMA_VERSION = 1

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
)

models = Table(
    "models",
    metadata,
    Column("model_id", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
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
    Index("tickets_by_expiry", "expires_ms"),
)

users = Table(
    "users",
    metadata,
    Column("open_id", String(128), primary_key=True),
    Column("wxa_appid", String(64), ForeignKey("apps.wxa_appid"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
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

authorisations = Table(
    "authorisations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("open_id", String(128), ForeignKey("users.open_id"), nullable=False),
    Column("model_id", String(64), ForeignKey("models.model_id"), nullable=False),
    Column("sn", String(128), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("open_id", "model_id", "sn"),
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


async def _create_all(connection: AsyncConnection) -> None:
    await connection.run_sync(metadata.create_all)


# MIGRATIONS[n] turns version n into n + 1; an empty database is version 0.
MIGRATIONS: dict[int, Migration] = {0: _create_all}
