"""One transaction on the database, and the records it gives: queries, no rules."""

from .queries.access import AccessQueries
from .queries.apps import AppQueries
from .queries.devices import DeviceQueries, key_owner
from .queries.notices import NoticeQueries
from .queries.records import (
    ApiKey,
    App,
    Device,
    Invitation,
    Model,
    Notice,
    Relation,
    Ticket,
    User,
    VoipToken,
)
from .queries.users import UserQueries

__all__ = [
    "ApiKey",
    "App",
    "Device",
    "Invitation",
    "Model",
    "Notice",
    "Relation",
    "Ticket",
    "Transaction",
    "User",
    "VoipToken",
    "key_owner",
]


class Transaction(AppQueries, DeviceQueries, UserQueries, AccessQueries, NoticeQueries):
    """What can be looked up and changed inside one open transaction."""
