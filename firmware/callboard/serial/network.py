"""The network of a board that has none: its relay, through the bridge at the serial line.

What a voip Client takes for its `connect` and `post`. With TLS of its own the board speaks it
through the bridge with the relay, and the host reads nothing of it. Without, the host makes TLS
for it, and has to be trusted with the device's key: PROTOCOL.md §9.
"""

from ..errors import NetworkError
from .bridge import HOST_TLS


class HostTrust:
    """In place of a TLS context: the host makes TLS and checks the relay."""


class SerialNetwork:
    """`bridge` a Bridge; `host_tls`: the host makes TLS, and `trust` stands for the context."""

    def __init__(self, bridge, clock, host_tls=False):
        self.bridge = bridge
        self.host_tls = host_tls
        self.trust = HostTrust()
        self._clock = clock

    async def up(self, log):
        """Wait until a host bridges the line."""
        if not self.bridge.is_open:
            log.warn("no network of its own: run `callboard bridge` on the host")
        await self.bridge.wait_open()

    async def connect(self, url, tls=None):
        """As net.websocket.connect(), once there is a bridge."""
        from ..net import websocket

        await self.bridge.wait_open()
        return await websocket.connect(url, tls=tls, clock=self._clock, dial=self._dial)

    async def post(self, url, **options):
        """As net.http.post(), once there is a bridge."""
        from ..net import http

        await self.bridge.wait_open()
        return await http.post(url, dial=self._dial, **options)

    async def _dial(self, host, port_number, peer, tls, server_hostname):
        """A connection to the relay: the bridge leads nowhere else."""
        by_host = tls is self.trust
        pipe = await self.bridge.open(HOST_TLS if by_host else 0)
        if tls is None or by_host:
            return pipe
        pipe.close()
        raise NetworkError("TLS of its own through the bridge is not there yet")
