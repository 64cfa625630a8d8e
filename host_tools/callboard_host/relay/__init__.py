"""The relay: where devices register, users are invited, calls are made, and media is passed on.

`Relay` and `RelayConfig` load what they need (database, web server, cryptography) at first use, so
that `callboard --help` stays quick.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import RelayConfig
    from .server import Relay

__all__ = ["Relay", "RelayConfig"]


def __getattr__(name: str) -> Any:
    if name == "RelayConfig":
        from .config import RelayConfig

        return RelayConfig
    if name == "Relay":
        from .server import Relay

        return Relay
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
