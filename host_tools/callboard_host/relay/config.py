"""What the relay can be told, with the defaults, and the limits on what comes from outside."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from .rooms import Limits

MAX_TEXT = 16_384  # bytes of a signalling message or a request body
MAX_BINARY = 1_500  # bytes of an RTP or RTCP packet


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """Everything `Relay` needs. Times in ms, rates per second.

    `names`: further host names and addresses the certificate is valid for. `database_url`:
    SQLAlchemy's form; None is a SQLite file in the data directory. `media_backlog` and
    `signalling_backlog`: bytes that may wait for a slow client before media is dropped, or the
    connection is closed.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = True
    names: tuple[str, ...] = ()
    database_url: str | None = None
    ready_file: Path | None = None
    limits: Limits = field(default_factory=Limits)
    heartbeat_ms: int = 10_000
    dead_ms: int = 30_000
    hello_ms: int = 10_000
    push_ms: int = 10_000  # how long the admin interface waits for a device
    ticket_ms: int = 300_000  # 5 minutes (000 §3)
    invitation_ms: int = 7 * 86_400_000
    voip_token_ms: int = 2 * 3_600_000
    notice_ms: int = 7 * 86_400_000  # how long a notice waits for its user
    media_backlog: int = 16_384
    signalling_backlog: int = 262_144
    connections: int = 4_096
    handshakes: int = 512  # connections that have not said hello yet
    handshakes_per_s: float = 20.0  # from one address; bursts of five seconds' worth
    app_requests_per_s: float = 5.0  # of one API key; bursts of ten seconds' worth
    failures_per_s: float = 0.5  # refused hellos, tickets, invitations, tokens from one address

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
