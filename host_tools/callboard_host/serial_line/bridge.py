"""A board without a network calls over its serial line: streams to the relay, and media.

    bridge = Bridge(lambda: SerialPort("/dev/ttyUSB0", 921600), "https://relay:8443", tls, rate)
    await bridge.run()         # for ever; through resets, pulled cables and relays that restart

The board asks for "the relay" and gets the one we were told of, never another address.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callboard.core.backoff import Backoff
from callboard.errors import CallboardError, NetworkError
from callboard.net import stream as streams
from callboard.net import url as urls
from callboard.net import websocket
from callboard.net.ws_parser import BINARY
from callboard.serial.bridge import HOST_TLS
from callboard.serial.pipes import Pipe

from .bridge_line import BridgeLine
from .port import PortFailed

TICK_S = 0.01
MEDIA_S = 8.0  # until the relay's media socket is open
PING_S = 5.0
CONNECTS_MAX, CONNECTS_S = 30, 10.0  # connections to the relay in so many seconds
_ROOM_S = 0.005
_READ = 4096


@dataclass
class Counts:
    """What a bridge carried, in both directions; media in packets, the rest in bytes."""

    sessions: int = 0
    disconnects: int = 0
    streams: int = 0
    streams_refused: int = 0
    bytes_to_relay: int = 0
    bytes_to_board: int = 0
    media_to_relay: int = 0
    media_to_board: int = 0
    media_dropped: int = 0
    chunks_repeated: int = 0
    stalls: int = 0
    frames_damaged: int = 0

    def json(self) -> dict[str, int]:
        """All of them."""
        return dict(vars(self))


class Bridge:
    """`open_port()` as SerialPort(...); `tls` of net.tls.client_context(), or None for http://.

    `rate`: bytes/s of the line in each direction, 0 when it has no limit; `on_line(bytes, cut)`
    gets what the board prints, `note(sentence)` what happens to the bridge.
    """

    def __init__(
        self,
        open_port: Callable[[], Any],
        relay: str,
        tls: Any = None,
        rate: int = 0,
        on_line: Callable[[bytes, bool], None] | None = None,
        note: Callable[[str], None] | None = None,
        reconnect: bool = True,
    ):
        self._open_port = open_port
        self._relay = urls.parse(relay)
        self._tls = tls
        self._rate = rate
        self._on_line = on_line or (lambda line, cut: None)
        self._note = note or (lambda text: None)
        self._reconnect = reconnect
        self._line: BridgeLine | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._counts = Counts()
        self._last_refusal = self._last_failure = ""
        self._connects: deque[float] = deque()  # when the last ones were made
        self._media: websocket.WebSocket | None = None
        self._media_task: asyncio.Task[None] | None = None
        self.bridged = asyncio.Event()  # a board is at the other end

    @property
    def counts(self) -> Counts:
        """What it carried so far."""
        line, counts = self._line, Counts(**vars(self._counts))
        if line is not None:
            _add(counts, line)
        return counts

    def type(self, text: str) -> bool:
        """Type a line to the board. False: there is none, or too much waits."""
        return self._line is not None and self._line.type(text)

    async def run(self) -> None:
        """Until it is cancelled. Raises PortFailed when the port cannot be opened at first, or
        went away and is not to be opened again.
        """
        port = await asyncio.to_thread(self._open_port)
        while port is not None:
            try:
                await self._serve(port)
            except PortFailed as error:
                if not self._reconnect:
                    raise
                self._counts.disconnects += 1
                self._note(f"disconnected: {error.message}")
            port = await self._again()

    async def _again(self) -> Any:
        backoff = Backoff(first_ms=100, limit_ms=2000)
        while True:
            await asyncio.sleep(backoff.next_ms() / 1000)
            try:
                return await asyncio.to_thread(self._open_port)
            except PortFailed:
                continue

    async def _serve(self, port: Any) -> None:
        """One opened port, to its end, which is PortFailed."""
        loop = asyncio.get_running_loop()
        broken: asyncio.Future[None] = loop.create_future()

        def fail(error: Exception) -> None:
            if not broken.done():
                broken.set_exception(error)

        def write(data: bytes) -> None:
            try:
                port.write(data)
            except PortFailed as error:
                fail(error)

        line = self._line = BridgeLine(
            write,
            self._stream_asked,
            self._media_arrived,
            self._token_arrived,
            self._on_line,
            self._state,
            self._rate,
        )
        stop = threading.Event()
        reader = threading.Thread(
            target=_read_port, args=(port, stop, loop, line.feed, fail), daemon=True
        )
        reader.start()
        try:
            line.begin()
            while True:
                await asyncio.wait([broken], timeout=TICK_S)
                if broken.done():
                    broken.result()
                line.tick()
        finally:
            stop.set()
            broken.cancel()
            self.bridged.clear()
            line.pipes.lost()
            _add(self._counts, line)
            self._line = None
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.to_thread(reader.join, 2)
            port.close()

    def _state(self, up: bool) -> None:
        if up:
            self.bridged.set()
            self._note(f"the board is bridged to {self._relay.scheme}://{self._relay.authority}")
        else:
            self.bridged.clear()
            if self._media_task is not None:
                self._media_task.cancel()
            self._note("the board does not answer any more; waiting for it")

    def _start(self, coroutine: Any) -> "asyncio.Task[None]":
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- streams ---

    def _stream_asked(self, pipe: Pipe, flags: int) -> None:
        if self._may_connect():
            self._start(self._stream(pipe, flags))
        elif self._line is not None:
            self._counts.streams_refused += 1
            self._line.pipes.refuse(pipe, "too many connections in a short time")

    def _may_connect(self) -> bool:
        """Whether the board has not asked for too many connections lately: it may be anything."""
        now = time.monotonic()
        while self._connects and self._connects[0] <= now - CONNECTS_S:
            self._connects.popleft()
        if len(self._connects) >= CONNECTS_MAX:
            return False
        self._connects.append(now)
        return True

    async def _stream(self, pipe: Pipe, flags: int) -> None:
        """One byte stream between the board and the relay, from its opening to its end."""
        assert self._line is not None
        pipes, relay = self._line.pipes, self._relay
        try:
            tls = self._tls_for(flags)
            stream = await streams.connect(relay.host, relay.port, tls, timeout_ms=8000)
        except CallboardError as error:
            self._counts.streams_refused += 1
            if error.message != self._last_refusal:
                self._note(f"no connection for the board: {error.message}")
            self._last_refusal = error.message
            pipes.refuse(pipe, error.message)
            return
        self._last_refusal = ""
        self._counts.streams += 1
        try:
            pipes.accept(pipe)
            directions = [
                asyncio.create_task(self._to_relay(pipe, stream)),
                asyncio.create_task(self._to_board(pipe, stream)),
            ]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
                if directions[1].done() and not pipe.closed and not pipe.gone:
                    pipe.end()  # the board closes it when it has read what is left
                    await asyncio.wait(directions, timeout=5)
            finally:
                for task in directions:
                    task.cancel()
                await asyncio.gather(*directions, return_exceptions=True)
        finally:
            pipe.close()
            stream.close()

    def _tls_for(self, flags: int) -> Any:
        if not flags & HOST_TLS:
            return None
        if not self._relay.secure:
            raise NetworkError(
                "the board wants TLS, and the bridge's --relay is a plain http:// address"
            )
        return self._tls

    async def _to_relay(self, pipe: Pipe, stream: streams.Stream) -> None:
        buffer = bytearray(_READ)
        view = memoryview(buffer)
        while True:
            await pipe.readable()
            try:
                count = pipe.readinto(view)
            except OSError:
                return
            if pipe.closed or count == 0:
                return
            if count:
                self._counts.bytes_to_relay += count
                await stream.write(view[:count])

    async def _to_board(self, pipe: Pipe, stream: streams.Stream) -> None:
        buffer = bytearray(_READ)
        view = memoryview(buffer)
        while True:
            while not pipe.room:
                if pipe.closed or pipe.gone:
                    return
                await asyncio.sleep(_ROOM_S)
            count = await stream.readinto(view[: pipe.room])
            if not count:
                return
            self._counts.bytes_to_board += count
            at = 0
            while at < count:
                with contextlib.suppress(OSError):
                    at += pipe.write(buffer, at, count - at) or 0
                if pipe.closed or pipe.gone:
                    return
                if at < count:
                    await asyncio.sleep(_ROOM_S)

    # --- media ---

    def _media_arrived(self, packet: bytes) -> None:
        if self._media is None:
            self._counts.media_dropped += 1
            return
        buffer = bytearray(websocket.HEADROOM) + packet
        if not self._media.send_binary_nowait(buffer, websocket.HEADROOM, len(packet)):
            self._counts.media_dropped += 1

    def _token_arrived(self, token: str) -> None:
        if not self._may_connect():
            return  # the board will ask again
        if self._media_task is not None:
            self._media_task.cancel()
        self._media_task = self._start(self._carry_media(token))

    async def _carry_media(self, token: str) -> None:
        """One media socket at the relay, from the board's token to its end."""
        line = self._line
        assert line is not None
        socket = None
        try:
            socket = await self._open_media(token)
            self._media = socket
            self._last_failure = ""
            line.media_state(True)
            pings = asyncio.create_task(_ping(socket))
            try:
                while True:
                    kind, data = await socket.recv()
                    if kind == BINARY:
                        line.send_media(bytes(data))
            finally:
                pings.cancel()
        except CallboardError as error:
            if socket is None and error.message != self._last_failure:
                self._note(f"audio has to wait for signalling: {error.message}")
                self._last_failure = error.message
        finally:
            if self._media is socket:
                self._media = None
                if line.up:
                    line.media_state(False)
            if socket is not None:
                await socket.close()

    async def _open_media(self, token: str) -> websocket.WebSocket:
        relay = self._relay
        path = relay.target.rstrip("/")
        url = f"{'wss' if relay.secure else 'ws'}://{relay.authority}{path}/v1/media"
        socket = await websocket.connect(url, tls=self._tls)
        try:
            await socket.send_text(json.dumps({"token": token}))
            async with asyncio.timeout(MEDIA_S):
                _, data = await socket.recv()
            answer = json.loads(bytes(data))
        except (TimeoutError, ValueError) as error:
            await socket.close()
            raise NetworkError("the relay's media socket does not answer") from error
        except BaseException:
            await socket.close()
            raise
        if not isinstance(answer, dict) or "result" not in answer:
            await socket.close()
            raise NetworkError("the relay refused the board's media token")
        return socket


async def _ping(socket: websocket.WebSocket) -> None:
    """Keep a silent media socket from being taken for a dead one."""
    while socket.ping_nowait():
        await asyncio.sleep(PING_S)


def _add(counts: Counts, line: BridgeLine) -> None:
    """Add what a line counted."""
    counts.sessions += line.sessions
    counts.media_to_board += line.media_out
    counts.media_to_relay += line.media_in
    counts.media_dropped += line.media_dropped
    counts.chunks_repeated += line.repeated
    counts.stalls += line.stalls
    counts.frames_damaged += line.decoder.damaged


def _read_port(
    port: Any,
    stop: threading.Event,
    loop: asyncio.AbstractEventLoop,
    feed: Callable[[bytes], None],
    fail: Callable[[Exception], None],
) -> None:
    """In a thread of its own: a port can be waited for in no other way on every system."""
    while not stop.is_set():
        try:
            data = port.read()
        except Exception as error:  # whatever it is, the loop must hear of it
            with contextlib.suppress(RuntimeError):  # it is closed already
                loop.call_soon_threadsafe(fail, error)
            return
        if data:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(feed, data)
