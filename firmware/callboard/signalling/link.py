"""Keeps one authenticated connection to the relay alive (PROTOCOL.md §2, §3).

A device and a user hold the same Link; only their hello differs (hello.py). One connection at a
time runs through

    connect -> challenge -> hello -> online ... -> down -> pause -> connect

and a *session* may outlive several of them: requests are kept over a short outage and sent again.
The session is lost when it was not resumed within the relay's `grace_ms`, when the relay began a
new one, or when it refused us.
"""

import asyncio
import gc

from .. import codes, port
from ..core.backoff import Backoff
from ..errors import CallboardError, NetworkError, ProtocolError, RemoteError, TimedOut
from . import closing, jsonrpc
from . import hello as hellos
from .connection import Connection
from .media import MediaTransport

REQUEST_MS = 15000
STEADY_MS = 10000  # a connection that lasted this long makes the next pause a short one


def _nothing(*_):
    pass


class Link:
    """One client's connection to the relay.

    Arguments: `url` from hello.socket_url(); `hello` a DeviceHello or UserHello; `tls` a client
    context or None;
    `clock` as port.CLOCK. Callbacks, all quick and synchronous:
    `on_request(method, params)` returns the result (None means {}) or raises CallboardError, which
    refuses it;
    `on_online(answer)` after each hello, `answer["resumed"]` tells whether the session went on;
    `on_offline(status, error)` when an online connection is gone: codes.OFFLINE_*, and why;
    `on_lost()` when a session is over, before on_online of the next one;
    `on_media(buf, off, n, arrival_ms)` for each binary message, valid only during the call.
    `connect(url, tls=, memory=)` opens a WebSocket (default net.websocket.connect); `random(n)`
    as port.random_bytes;
    `transport`: a MediaTransport;
    `set_time(epoch_ms)` is told the relay's time; `report(what, error)` hears of what went wrong
    and was mended.
    """

    def __init__(
        self,
        url,
        hello,
        tls=None,
        clock=None,
        on_request=None,
        on_online=None,
        on_offline=None,
        on_media=None,
        random=None,
        connect=None,
        on_lost=None,
        set_time=None,
        report=None,
        transport=None,
    ):
        self._url = url
        self._host, self._path = hellos.host_and_path(url)
        self._hello = hello
        self._tls = tls
        self._clock = clock or port.CLOCK
        self._on_request = on_request
        self.on_online = on_online or _nothing
        self.on_offline = on_offline or _nothing
        self.on_lost = on_lost or _nothing
        self.on_media = on_media or _nothing
        self._connect = connect or _websocket_connect
        self._memory = []  # what a connection needs in one piece, kept for the next one
        self._set_time = set_time or _nothing
        self.report = report or _nothing
        random = random or port.random_bytes
        self._pauses = Backoff(random=random)
        self._long_pauses = Backoff(
            first_ms=closing.REFUSED_FIRST_MS, limit_ms=closing.REFUSED_LIMIT_MS, random=random
        )
        self._peer = jsonrpc.Peer(self._send, self._request_arrived)
        self.transport = transport or MediaTransport()
        self.transport.receiver = self.packet_arrived
        self._line = None  # the Connection, once its hello is answered
        self._changed = asyncio.Event()  # online or refused: whoever waits looks again
        self._resume_token = None
        self._grace_ms = 0
        self._grace = None  # the task that gives the session up
        self._task = None
        self._stopped = asyncio.Event()
        self._attempt = None  # the Connection, from its start
        self.answer = None  # of the last hello
        self.last_error = None  # why the last connection or attempt ended
        self.refused = False  # the last attempt ended in a refusal: the pause is a long one
        self.connections = self.resumes = self.media_errors = 0

    # --- what the owner calls ---

    @property
    def online(self):
        """True between the answer to hello and the end of the connection."""
        return self._line is not None

    @property
    def has_session(self):
        """True while requests can be made: online, or within the grace time of an outage."""
        return self._resume_token is not None

    def start(self):
        """Begin to connect, and stay connected until stop()."""
        if self._task is None:
            self._stopped.clear()
            self._task = asyncio.create_task(self.run())

    async def stop(self):
        """Close the connection and end the session: on_offline(OFFLINE_NORMAL), then on_lost."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.sleep(0)  # a task that had no turn yet ends without one
            if not task.done():
                await self._stopped.wait()
        self._lose_session()

    async def wait_online(self, timeout_ms):
        """The answer to hello, once online. Raises what the relay refused us with, or TimedOut."""
        timer = asyncio.create_task(self._set_after(self._changed, timeout_ms))
        try:
            while not self.online:
                if self.refused and self.last_error is not None:
                    raise self.last_error
                if timer.done():
                    why = self.last_error or "no answer"
                    raise TimedOut("no connection to the relay in %d ms: %s" % (timeout_ms, why))
                self._changed.clear()
                await self._changed.wait()
        finally:
            timer.cancel()
        return self.answer

    async def request(self, method, params, timeout_ms=REQUEST_MS):
        """Ask the relay. Returns the result.

        Raises RemoteError with the relay's code and sentence; NetworkError when there is no
        session or it was lost before the answer; TimedOut after `timeout_ms` (the relay may still
        do what was asked).
        """
        if not self.has_session:
            raise NetworkError("not connected to the relay")
        waiter = _Waiter()
        request_id = self._peer.request(method, params, waiter.finish)
        timer = asyncio.create_task(self._set_after(waiter.event, timeout_ms))
        try:
            await waiter.event.wait()
        finally:
            timer.cancel()
            if not waiter.done:
                self._peer.forget(request_id)
        if not waiter.done:
            raise TimedOut("the relay did not answer %s in %d ms" % (method, timeout_ms))
        if waiter.error is not None:
            raise waiter.error
        return waiter.result

    def notify(self, method, params):
        """Send a message that needs no answer; it may be lost."""
        self._peer.notify(method, params)

    # --- one connection after the other ---

    async def run(self):
        """Connect again and again until cancelled: start() does this in a task of its own."""
        try:
            while True:
                started_ms = self._clock.ticks_ms()
                error = await self._one_connection()
                lasted_ms = port.ticks_diff(self._clock.ticks_ms(), started_ms)
                await self._clock.sleep_ms(self._pause_ms(error, lasted_ms))
        finally:
            self._stopped.set()

    async def _one_connection(self):
        """Run one connection to its end. Returns the CallboardError that ended it."""
        gc.collect()  # a connection needs memory in large pieces
        try:
            socket = await self._connect(self._url, tls=self._tls, memory=self._memory)
        except (CallboardError, MemoryError) as error:
            if isinstance(error, MemoryError):  # the next attempt may find some
                error = NetworkError("no memory for a connection: %s" % error)
            self.report("link", error)
            self._drop(error)
            return error
        self._attempt = Connection(socket, self._clock, self)
        socket = error = None
        try:
            error = await self._attempt.run()
        finally:  # also when stop() cancels us: then error is None
            self._drop(error)
            await self._attempt.close(error)
            self._attempt = None
        return error

    def _drop(self, error):
        """The connection or attempt is over: stop sending, tell it, start the grace time."""
        outcome = closing.outcome(error)
        was_online = self.online
        self.last_error = error
        self.refused = outcome.refused
        self._line = self.transport.socket = None
        if was_online:
            self._grace = asyncio.create_task(self._give_up_after(self._grace_ms))
            self.on_offline(outcome.status, error)
        if not outcome.resumable:
            self._lose_session()
        self._changed.set()

    def _pause_ms(self, error, lasted_ms):
        """How long to stay away, in ms."""
        if closing.outcome(error).refused:
            return self._long_pauses.next_ms()
        if lasted_ms >= STEADY_MS:
            self._pauses.reset()
        return self._pauses.next_ms()

    def _send(self, text):
        """Peer's way out. Offline the text is dropped: the Peer keeps it and sends it again."""
        if self._line is not None:
            self._line.send(text)

    # --- what a Connection calls ---

    def hello_params(self, challenge):
        """The params of hello."""
        params = self._hello(challenge, self._host, self._path)
        params["caps"] = self.transport.caps(params["caps"])
        if self._resume_token is not None:
            params["resume"] = self._resume_token
        return params

    def came_up(self, answer):
        """Online. What is lost is told before what is new."""
        if answer["resumed"] and not self.has_session:
            raise ProtocolError("the relay resumed a session that was given up here meanwhile")
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        if not answer["resumed"]:
            self._lose_session()
        self.answer = answer
        self._resume_token = answer["resume_token"]
        self._grace_ms = answer["grace_ms"]
        self._set_time(answer["time_ms"])
        self.connections += 1
        self.refused = False
        self.last_error = None
        self._long_pauses.reset()
        self._line = self._attempt
        self.transport.socket = self._line.socket
        if answer["resumed"]:
            self.resumes += 1
            self._peer.resend()
        self._changed.set()
        self.on_online(answer)
        self.transport.online(self)

    def text_arrived(self, text):
        """A message after hello."""
        self._peer.receive(text)

    def _request_arrived(self, peer, request_id, method, params):
        try:
            if self._on_request is None:
                raise RemoteError("unknown method", codes.RPC_METHOD_NOT_FOUND)
            result = self._on_request(method, params)
        except CallboardError as error:
            peer.respond_error(request_id, error.code, error.message)
        except Exception as error:  # the owner's defect is answered and reported, the line goes on
            self.report("defect", error)
            peer.respond_error(request_id, codes.RPC_INTERNAL, "internal error in %s" % method)
        else:
            peer.respond(request_id, {} if result is None else result)

    def media_arrived(self, data):
        """A media message, valid only now."""
        self.packet_arrived(data, 0, len(data))

    def packet_arrived(self, buf, off, n):
        """A media packet, n bytes at buf[off:], valid only now."""
        try:
            self.on_media(buf, off, n, self._clock.ticks_ms())
        except Exception as error:  # a receiver's defect must not cost the line
            self.media_errors += 1
            if self.media_errors == 1:
                self.report("media", error)

    # --- the session ---

    async def _give_up_after(self, ms):
        await self._clock.sleep_ms(ms)
        self._grace = None
        self._lose_session()

    def _lose_session(self):
        """Unanswered requests fail, both ends will count from 1 again. Once per session."""
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        if self._resume_token is None:
            return
        self._resume_token = None
        for callback in self._peer.reset():
            callback(None, NetworkError("the connection to the relay was lost"))
        self.on_lost()

    async def _set_after(self, event, ms):
        await self._clock.sleep_ms(ms)
        event.set()

    def stats(self):
        """Counters since the start: connections, resumes, media messages failed, sent, refused."""
        return {
            "connections": self.connections,
            "resumes": self.resumes,
            "media_errors": self.media_errors,
            "media_sent": self.transport.sent,
            "media_refused": self.transport.refused,
        }


class _Waiter:
    """Where the answer to one request lands."""

    def __init__(self):
        self.event = asyncio.Event()
        self.done = False
        self.result = self.error = None

    def finish(self, result, error):
        self.done = True
        self.result = result
        self.error = error
        self.event.set()


async def _websocket_connect(url, **options):
    from ..net import websocket

    return await websocket.connect(url, **options)
