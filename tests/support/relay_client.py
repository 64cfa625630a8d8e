"""A device or a phone as the relay sees it: a signalling client on the `websockets` package."""

import asyncio
import hashlib
import hmac
import json
import os
import ssl
from contextlib import suppress

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

PATHS = {"device": "/v1/device", "user": "/v1/user"}
WAIT_S = 30.0  # for what comes at once, on a machine that is busy


class Refusal(Exception):
    """The relay answered with an error."""

    def __init__(self, error):
        super().__init__(f"{error['message']} ({error['code']})")
        self.code = error["code"]


class SignallingClient:
    """One client over any number of connections: it remembers its session as a real one would."""

    def __init__(self, url, role, identity, ca_path=None):
        """`identity`: the members of hello beyond the common ones; of a device, `key` too."""
        self.url = url.replace("http", "ws", 1)
        self.role = role
        self.source = None  # the address to come from
        self.identity = dict(identity)
        self.tls = ssl.create_default_context(cafile=str(ca_path)) if ca_path else None
        self.socket = None
        self.challenge = None
        self.hello = None  # the answer to hello
        self.next_id = 1
        self.inbox = []  # messages received and not yet looked at
        self.media = asyncio.Queue()
        self.automatic = True  # answer pushes with {} by itself
        self._answers = {}
        self._arrived = asyncio.Event()
        self._reader = None

    async def dial(self):
        """Connect; the challenge is on its way."""
        self._reader = None  # an earlier connection's
        self.socket = await connect(
            self.url + PATHS[self.role],
            ssl=self.tls,
            subprotocols=["callboard.v1"],
            ping_interval=None,
            compression=None,
            max_size=20_000,
            **({"local_addr": (self.source, 0)} if self.source else {}),
        )

    async def open(self):
        """Connect and read the challenge."""
        await self.dial()
        message = json.loads(await asyncio.wait_for(self.socket.recv(), WAIT_S))
        assert message["method"] == "challenge", message
        self.challenge = message["params"]["challenge"]
        return self

    def hello_params(self, **more):
        """The members of hello, signed for the current challenge."""
        params = {
            "protocol": 1,
            "role": self.role,
            "firmware": "test",
            "caps": ["pcmu", "media-ws"],
        }
        params |= {name: value for name, value in self.identity.items() if name != "key"}
        if self.role == "device":
            host = self.url.split("/")[2]
            lines = ("callboard.v1", "GET", host, PATHS["device"], self.challenge)
            params["mac"] = hmac.new(
                self.identity["key"], "\n".join(lines).encode(), hashlib.sha256
            ).hexdigest()
        return params | more

    async def connect(self, again=False, **more):
        """Open, say hello (`again`: resume), start reading. Returns the answer; raises Refusal."""
        await self.open()
        if again:
            more["resume"] = self.hello["resume_token"]
        await self.send({"id": "hello", "method": "hello", "params": self.hello_params(**more)})
        message = json.loads(await asyncio.wait_for(self.socket.recv(), WAIT_S))
        assert message["id"] == "hello", message
        if "error" in message:
            raise Refusal(message["error"])
        self.hello = message["result"]
        if not self.hello["resumed"]:
            self.next_id = 1
        self._reader = asyncio.ensure_future(self._read())
        return self.hello

    async def send(self, message):
        """Send one JSON-RPC message."""
        await self.socket.send(json.dumps({"jsonrpc": "2.0"} | message))

    async def request(self, method, **params):
        """Send a request, wait for its answer. Raises Refusal."""
        return await self.answer_of(await self.start(method, **params))

    async def start(self, method, **params):
        """Send a request; returns its id."""
        request_id, self.next_id = self.next_id, self.next_id + 1
        await self.send({"id": request_id, "method": method, "params": params})
        return request_id

    async def answer_of(self, request_id):
        """Wait for the answer to a request."""
        message = await self.wait_for(lambda m: m.get("id") == request_id and "method" not in m)
        if "error" in message:
            raise Refusal(message["error"])
        return message["result"]

    async def pushed(self, method, **members):
        """Wait for a push with these params; it was answered unless `automatic` is False."""

        def is_it(message):
            params = message.get("params", {})
            return message.get("method") == method and members.items() <= params.items()

        return (await self.wait_for(is_it))["params"]

    async def wait_for(self, is_it):
        """Take the first message that fits out of the inbox."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for index, message in enumerate(self.inbox):
                    if is_it(message):
                        return self.inbox.pop(index)
                self._arrived.clear()
                await self._arrived.wait()

    async def settle(self):
        """Wait until everything the relay sent so far has been read: one round trip in order."""
        await self.request("call.hang_up", call_id="c_none")

    async def closed(self):
        """Wait until the relay has closed the connection; returns the code."""
        if self._reader:
            await asyncio.wait_for(asyncio.shield(self._reader), WAIT_S)
        else:
            with suppress(ConnectionClosed):
                async with asyncio.timeout(WAIT_S):
                    while True:
                        await self.socket.recv()
        return self.socket.close_code

    async def cut(self):
        """Lose the connection, as a cable would."""
        self.socket.transport.abort()
        if self._reader:
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None

    async def close(self):
        """Close the connection."""
        if self.socket is not None:
            await self.socket.close()
        if self._reader:
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None

    async def _read(self):
        with suppress(ConnectionClosed):
            while True:
                data = await self.socket.recv()
                if isinstance(data, bytes):
                    self.media.put_nowait(data)
                    continue
                message = json.loads(data)
                self.inbox.append(message)
                self._arrived.set()
                if self.automatic and "method" in message and "id" in message:
                    await self.send({"id": message["id"], "result": {}})


def rtp_packet(ssrc, sequence=0, payload=b"\x7f" * 160):
    """A PCMU packet."""
    head = bytes((0x80, 0)) + sequence.to_bytes(2, "big") + (sequence * 160).to_bytes(4, "big")
    return head + ssrc.to_bytes(4, "big") + payload


def new_client_id():
    """32 hex digits."""
    return os.urandom(16).hex()
