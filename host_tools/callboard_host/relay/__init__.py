"""The relay: where devices register, users are invited, calls are made, and media is passed on."""

from .config import RelayConfig
from .server import Relay

__all__ = ["Relay", "RelayConfig"]
