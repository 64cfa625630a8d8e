"""What one address may do before it has shown who it is: handshakes and failed attempts."""

from .clock import Clock
from .config import RelayConfig
from .ratelimit import RateLimiter

_BURST_SECONDS = 5
_FAILURES = 20


class Limiters:
    """Counts by remote address."""

    def __init__(self, config: RelayConfig, clock: Clock):
        self._clock = clock
        rate = config.handshakes_per_s
        self._handshakes = RateLimiter(rate, rate * _BURST_SECONDS)
        self._failures = RateLimiter(config.failures_per_s, _FAILURES)

    def may_connect(self, address: str | None) -> bool:
        """May this address open one more WebSocket now?"""
        now_ms = self._clock.monotonic_ms()
        name = address or ""
        return self._failures.allows(name, now_ms) and self._handshakes.take(name, now_ms)

    def may_try(self, address: str | None) -> bool:
        """May this address present a secret (ticket, invitation, token) now?"""
        return self._failures.allows(address or "", self._clock.monotonic_ms())

    def failed(self, address: str | None) -> None:
        """A secret from this address was wrong."""
        self._failures.take(address or "", self._clock.monotonic_ms())
