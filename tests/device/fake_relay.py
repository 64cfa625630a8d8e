"""A relay in memory, scripted by the test: it speaks PROTOCOL.md §2 and §3 to a link.

relay = FakeRelay(clock)
relay.answers["voip.call"] = lambda params: {"call_id": "c1"}
link = Link(URL, DeviceHello(...), connect=relay.connect, clock=clock, ...)
await relay.push("call.ended", {...})
relay.cut()                      # the line breaks; relay.close(4401) closes it properly
"""

import asyncio
import json

from callboard import codes, port
from callboard.errors import CallboardError, NetworkError
from callboard.net.websocket import WebSocketClosed
from callboard.signalling import hello, jsonrpc

URL = "wss://relay.test:8443/v1/device"
KEY = bytes(range(32))
CHALLENGE = "00112233445566778899aabbccddeeff"


def fixed_random(count):
    """The middle of the jitter: pauses are exactly the nominal ones (to 1 ms)."""
    return bytes((0x7F,) + (0xFF,) * (count - 1))


class FakeSocket:
    """The client's end of one connection, as net.websocket.WebSocket."""

    def __init__(self, relay, clock):
        self._relay = relay
        self._clock = clock
        self._inbox = []
        self._filled = asyncio.Event()
        self._error = None
        self.closed = False
        self.sent_close = None  # (code, reason) the client closed with
        self.last_received_ms = clock.ticks_ms()
        self.pings = 0
        self.congested = False
        self.pending = 0
        self.media = []

    # the relay's side

    def deliver(self, opcode, data):
        """Give the client a message."""
        self._inbox.append((opcode, data))
        self.last_received_ms = self._clock.ticks_ms()
        self._filled.set()

    def fail(self, error):
        """End the connection: the client's recv() raises `error` after what was delivered."""
        self.closed = True
        self._error = error
        self._filled.set()

    # the client's side

    async def recv(self):
        while not self._inbox:
            if self._error is not None:
                raise self._error
            self._filled.clear()
            await self._filled.wait()
        opcode, data = self._inbox.pop(0)
        return opcode, memoryview(data)

    def send_text_nowait(self, text):
        if self.congested:
            return False
        if not self.closed:
            self._relay.received(self, text)
        return True

    async def send_text(self, text):
        while self.congested:
            await self._clock.sleep_ms(10)
        if self.closed:
            raise WebSocketClosed(1006)
        self._relay.received(self, text)

    def send_binary_nowait(self, buf, payload_off, n):
        if self.closed or self.congested:
            return False
        self.media.append(bytes(buf[payload_off : payload_off + n]))
        return True

    def ping_nowait(self):
        self.pings += 1
        if self._relay.answers_pings:
            self.last_received_ms = self._clock.ticks_ms()
        return True

    async def close(self, code=1000, reason=""):
        if self.sent_close is None:
            self.sent_close = (code, reason)
        self.fail(WebSocketClosed(code))


class Answer:
    """An HTTP response as net.http gives it; body None: no JSON."""

    def __init__(self, status_code, body):
        self.status_code = status_code
        self._body = body

    def json(self):
        if self._body is None:
            raise ValueError("not JSON")
        return self._body


class FakeRelay:
    """`answers`: method -> function(params) giving the result or raising CallboardError, which
    refuses it; a method that is not there is answered with {}; one in `silent` not at all.
    """

    def __init__(self, clock, grace_ms=5000):
        self.clock = clock
        self.grace_ms = grace_ms
        self.answers = {}
        self.silent = set()
        self.answers_pings = True
        self.challenges = True
        self.unreachable = False
        self.thinking = None  # {}: keep the next hello until think() is called
        self.refusal = None  # (code, message) for hello
        self.check_answer = Answer(200, {"time_ms": 1})  # to POST /v1/check
        self.checked = []  # what was asked there
        self.modules = 0
        self.call = None
        self.requests = []  # (method, params) in order of arrival
        self.hellos = []  # params
        self.attempts = 0
        self.attempted_ms = []  # when
        self.session = 0
        self.socket = None
        self.memory = None  # what the client kept for its connection
        self.peer = None
        self.unseen = 0  # messages of the client to be lost, as on a line that breaks

    # HTTP

    def posting(self, post):
        """What a client uses for HTTP: this relay answers /v1/check, `post` the rest."""

        async def ask(url, **options):
            if not url.endswith("/v1/check"):
                return await post(url, **options)
            self.checked.append(options["json"])
            if isinstance(self.check_answer, Exception):
                raise self.check_answer
            return self.check_answer

        return ask

    # connections

    async def connect(self, url, tls=None, memory=None):
        """What the link calls."""
        self.attempts += 1
        self.memory = memory
        self.attempted_ms.append(self.clock.ticks_ms())
        await asyncio.sleep(0)
        if self.unreachable:
            raise NetworkError("nobody listens")
        socket = FakeSocket(self, self.clock)
        self.socket = socket
        if self.challenges:
            params = {"challenge": CHALLENGE}
            self._deliver({"jsonrpc": "2.0", "method": "challenge", "params": params})
        return socket

    def cut(self):
        """The line breaks."""
        self.socket.fail(NetworkError("connection reset"))

    def close(self, code, reason=""):
        """The relay closes the connection."""
        self.socket.fail(WebSocketClosed(code, reason))

    def restart(self):
        """The relay forgets everything, and the line breaks."""
        self.peer = None
        self.call = None
        self.cut()

    def _deliver(self, message):
        self.socket.deliver(1, json.dumps(message).encode())

    def _send(self, text):
        if self.socket is not None and not self.socket.closed:
            self.socket.deliver(1, text.encode())

    # what arrives

    def received(self, socket, text):
        """One text message from the client."""
        if self.unseen:
            self.unseen -= 1
            return
        message = json.loads(text)
        if message.get("id") == "hello":
            if self.thinking is not None:
                self.thinking = message["params"]
                return
            self._hello(message["params"])
        else:
            self.peer.receive(text)

    def think(self):
        """Answer the hello that was kept."""
        params, self.thinking = self.thinking, None
        self._hello(params)

    def _hello(self, params):
        self.hellos.append(params)
        if self.refusal is not None:
            error = {"code": self.refusal[0], "message": self.refusal[1]}
            self._deliver({"jsonrpc": "2.0", "id": "hello", "error": error})
            return
        resumed = self.peer is not None and params.get("resume") == "t%d" % len(self.hellos[:-1])
        if not resumed:
            self.session += 1
            self.peer = jsonrpc.Peer(self._send, self._requested)
        result = {
            "protocol": 1,
            "time_ms": self.clock.epoch_ms(),
            "session": "s%d" % self.session,
            "resume_token": "t%d" % len(self.hellos),
            "resumed": resumed,
            "heartbeat_ms": 1000,
            "dead_ms": 3000,
            "grace_ms": self.grace_ms,
            "caps": ["pcmu", "media-ws"],
            "modules": self.modules,
            "call": self.call,
        }
        self._deliver({"jsonrpc": "2.0", "id": "hello", "result": result})
        if resumed:
            self.peer.resend()

    def _requested(self, peer, request_id, method, params):
        self.requests.append((method, params))
        if method in self.silent:
            return
        answer = self.answers.get(method)
        try:
            result = answer(params) if answer else {}
        except CallboardError as error:
            peer.respond_error(request_id, error.code, error.message)
        else:
            peer.respond(request_id, result)

    def methods(self):
        """The methods asked for so far."""
        return [method for method, params in self.requests]

    # what it pushes

    def push(self, method, params):
        """Ask the client; returns a list that gets the answer: [result] or [error]."""
        answered = []
        self.peer.request(method, params, lambda result, error: answered.append(error or result))
        return answered

    def media(self, data):
        """Send a media message."""
        self.socket.deliver(2, data)


def mac_is_right(params, key=KEY, host="relay.test:8443", path="/v1/device"):
    """True when a device's hello proves the key (PROTOCOL.md §2, worked out here anew)."""
    text = "callboard.v1\nGET\n%s\n%s\n%s" % (host, path, CHALLENGE)
    mac = port.hmac_sha256(key, text.encode())
    return params["mac"] == "".join("%02x" % byte for byte in mac)


def device_hello(key=KEY):
    """The hello of a device for tests."""
    return hello.DeviceHello(key, "doorbell", "SN1", "wxdemo", codes.FLAVOUR_TRIAL)
