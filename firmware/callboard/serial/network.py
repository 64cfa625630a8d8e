"""The network of a board that has none: its relay, through the bridge at the serial line.

What a voip Client takes for its `connect`, `post` and `transport`. With TLS of its own the board
speaks it through the bridge with the relay, and the host reads nothing of it. Without, the host
makes TLS for it, and has to be trusted with the device's key: PROTOCOL.md §9.
"""

import asyncio

from .. import codes
from ..core.backoff import Backoff
from ..errors import CallboardError, NetworkError
from ..parts import part
from ..signalling.media import MediaTransport
from .bridge import HOST_TLS
from .budget import PAYLOADS, fits, refusal

LOOK_MS = 250  # how often it is looked whether the media socket stands


class HostTrust:
    """In place of a TLS context: the host makes TLS and checks the relay."""


class SerialTransport(MediaTransport):
    """Packets go in frames of their own, past the stream; in the stream while that cannot be."""

    def __init__(self, bridge, clock):
        super().__init__()
        self._bridge = bridge
        self._clock = clock
        self._task = None
        self._refusal = None  # why no call fits through the line
        bridge.on_media = self._arrived

    def send(self, buf, off, n):
        """As MediaTransport.send()."""
        if not self._bridge.media_open:
            return super().send(buf, off, n)
        if self._bridge.send_media(buf, off, n):
            self.sent += 1
            return True
        self.refused += 1
        return False

    def caps(self, caps):
        """`caps` without the codecs that do not fit through the line, and "narrow" if pcmu is one
        of these: then the relay chooses among the rest alone. Video never fits."""
        rate = self._bridge.rate
        codecs = [name for name in caps if name in PAYLOADS]
        fitting = [name for name in codecs if fits(rate, name)]
        self._refusal = None if fitting else refusal(rate, codecs)
        kept = [n for n in caps if n in fitting or n not in codecs and n != "h264"]
        return kept if fits(rate, "pcmu") else kept + ["narrow"]

    def check_call(self):
        """Raises CallboardError -5203 when no codec fits through the line."""
        if self._refusal is not None:
            raise CallboardError(self._refusal, codes.CODEC_UNAVAILABLE)

    def _arrived(self, buf, off, n):
        if self.receiver is not None:
            self.receiver(buf, off, n)

    def online(self, link):
        """See that the bridge has a media socket as long as the link is online."""
        if self._refusal is not None:
            link.report("no calls", self._refusal)
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if "media-socket" in (link.answer.get("caps") or ()):
            self._task = asyncio.create_task(self._keep_media(link))

    async def _keep_media(self, link):
        pauses = Backoff()
        while self.socket is not None:  # a variable for it would keep its memory
            pause_ms = LOOK_MS
            if not self._bridge.media_open:
                try:
                    answer = await link.request("media.open", {})
                    self._bridge.open_media(str(answer.get("token")))
                except CallboardError as error:
                    link.report("media", error)
                pause_ms = pauses.next_ms() + 1000
            await self._clock.sleep_ms(pause_ms)


class SerialNetwork:
    """`bridge` a Bridge; `host_tls`: the host makes TLS, and `trust` stands for the context."""

    def __init__(self, bridge, clock, host_tls=False):
        self.bridge = bridge
        self.host_tls = host_tls
        self.trust = HostTrust()
        self._clock = clock

    def client_options(self):
        """What a voip.client.Client is given, so that all its traffic goes this way."""
        transport = SerialTransport(self.bridge, self._clock)
        return {"connect": self.connect, "post": self.post, "transport": transport}

    async def up(self, log):
        """Wait until a host bridges the line."""
        if not self.bridge.is_open:
            log.warn("no network of its own: run `callboard bridge` on the host")
        await self.bridge.wait_open()

    async def connect(self, url, **options):
        """As net.websocket.connect(), once there is a bridge."""
        from ..net import websocket

        await self.bridge.wait_open()
        return await websocket.connect(url, clock=self._clock, dial=self._dial, **options)

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
        tls_pipe = part("port_pipe", "TLS")
        explain = part("net.tls", "TLS").explain
        try:
            socket = tls_pipe.TlsPipe(pipe, tls, server_hostname)
            await socket.start()
            return socket
        except (OSError, ValueError) as error:
            pipe.close()
            raise explain(error, peer) or NetworkError("no connection to %s: %s" % (peer, error))
        except BaseException:  # cancelled: nobody else knows the pipe
            pipe.close()
            raise
