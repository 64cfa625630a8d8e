"""One connection to the relay, from the challenge to its end (PROTOCOL.md §2). See link.py."""

import asyncio

from .. import codes, port
from ..errors import CallboardError, NetworkError, ProtocolError, TimedOut
from . import closing
from . import hello as hellos

HELLO_MS = 10000  # from the open socket to the answer of hello
CLOSE_MS = 2000
OUTBOX_LIMIT = 48  # messages the socket does not take yet: all requests and answers, and some
_TEXT = 1


class Connection:
    """An open WebSocket on its way to hello, then in use.

    Arguments: `socket` as net.websocket.WebSocket; `clock`; `owner`, a Link, of which it calls
    hello_params(challenge), came_up(answer), text_arrived(text), media_arrived(data) and
    report(what, error).
    """

    def __init__(self, socket, clock, owner):
        self.socket = socket
        self._clock = clock
        self._owner = owner
        self._outbox = []
        self._wake_writer = asyncio.Event()
        self._up = False  # hello is answered
        self._down = asyncio.Event()  # it has ended, for the reason in _error
        self._error = None
        self._tasks = []

    async def run(self):
        """Returns the CallboardError that ended it. The socket is to be closed then."""
        self._tasks = [
            asyncio.create_task(task()) for task in (self._read, self._write, self._deadline)
        ]
        await self._down.wait()
        return self._error

    def end(self, error):
        """End it, from whichever task finds out first."""
        if not self._down.is_set():
            self._error = error
            self._owner.report("link", error)
            self._down.set()

    async def close(self, error):
        """Stop the tasks and close the socket with what `error` means (None: we are leaving).

        A board has no room for two connections, and on MicroPython finished tasks and coroutines
        hold their variables: afterwards nothing here holds the socket.
        """
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        await asyncio.sleep(0)  # the reader lets go of the socket
        code, reason = closing.code_and_reason(error)
        try:
            await port.wait_for_ms(self.socket.close(code, reason), CLOSE_MS)
        except (CallboardError, OSError) as failed:
            self._owner.report("close", failed)  # it is closed all the same
        self.socket = None

    # --- receiving ---

    async def _read(self):
        try:
            await self._handshake()
            while True:
                opcode, data = await self.socket.recv()
                if opcode == _TEXT:
                    self._owner.text_arrived(_text(data))
                else:
                    self._owner.media_arrived(data)
        except CallboardError as error:
            self.end(error)
        except Exception as error:  # a defect of ours: this connection ends, the board does not
            self._owner.report("defect", error)
            self.end(ProtocolError("internal error: %r" % error, codes.RPC_INTERNAL))

    async def _handshake(self):
        challenge = hellos.read_challenge(await self._receive_text())
        params = self._owner.hello_params(challenge)
        await self.socket.send_text(hellos.request_text(params))
        answer = hellos.check_answer(hellos.read_answer(await self._receive_text()))
        self._up = True
        self._tasks.append(asyncio.create_task(self._heartbeat(answer)))
        self._owner.came_up(answer)

    async def _receive_text(self):
        opcode, data = await self.socket.recv()
        if opcode != _TEXT:
            raise ProtocolError("a binary message before the answer to hello")
        return _text(data)

    async def _deadline(self):
        await self._clock.sleep_ms(HELLO_MS)
        if not self._up:
            self.end(TimedOut("the relay did not answer hello in %d ms" % HELLO_MS))

    # --- sending ---

    async def _heartbeat(self, answer):
        """A ping every heartbeat_ms; and something must be received within dead_ms."""
        heartbeat_ms, dead_ms = answer["heartbeat_ms"], answer["dead_ms"]
        try:
            while True:
                self.socket.ping_nowait()
                await self._clock.sleep_ms(heartbeat_ms)
                received_ms = self.socket.last_received_ms
                silent_ms = port.ticks_diff(self._clock.ticks_ms(), received_ms)
                if silent_ms >= dead_ms:
                    self.end(TimedOut("the relay was silent for %d ms" % silent_ms))
                    return
        except CallboardError as error:
            self.end(error)

    def send(self, text):
        """Send a text message, behind those that still wait."""
        try:
            if not self._outbox and self.socket.send_text_nowait(text):
                return
        except CallboardError as error:
            self.end(error)
            return
        if len(self._outbox) >= OUTBOX_LIMIT:
            self.end(NetworkError("the relay does not take our messages"))
            return
        self._outbox.append(text)
        self._wake_writer.set()

    async def _write(self):
        """Send what the socket did not take at once."""
        try:
            while True:
                await self._wake_writer.wait()
                self._wake_writer.clear()
                while self._outbox:
                    await self.socket.send_text(self._outbox[0])
                    self._outbox.pop(0)
        except CallboardError as error:
            self.end(error)


def _text(data):
    try:
        return str(data, "utf-8")
    except UnicodeError:
        raise ProtocolError("a text message is not UTF-8")
