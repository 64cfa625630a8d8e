"""A slow line between two programs, or a dead one: a TCP proxy that passes so much on."""

import asyncio
import contextlib
import socket

_CHUNK = 512
_BUFFER = 4096  # what the kernels keep on either side, as small as they let us


class Throttle:
    """Listens on 127.0.0.1 and passes everything on to `port` there.

    `upward`: bytes per second from those who connect, None: all that comes; may be changed at any
    time. `dead`: nothing passes, and nobody is told. Use it with `async with`; `port` is where it
    listens.
    """

    def __init__(self, port: int, upward: float | None = None):
        self._target = port
        self.upward = upward
        self.dead = False
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Throttle":
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        listening.bind(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self._server = await asyncio.start_server(self._connected, sock=listening, limit=_BUFFER)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target, limit=_BUFFER)
        for source, sink, slow in ((reader, back, True), (there, writer, False)):
            task = asyncio.ensure_future(self._pass_on(source, sink, slow))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, slow: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                if slow and self.upward is not None:
                    await asyncio.sleep(len(data) / self.upward)
                while self.dead:
                    await asyncio.sleep(0.05)
                sink.write(data)
                await sink.drain()
        sink.close()
