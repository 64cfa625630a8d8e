"""The board's end of the serial line: a person, tools and Improv clients on one port.

    console = Console(commands, outlet, clock, log, identity, handle_line)
    await console.run(read)           # until the input ends, or `handle_line` says so

The board took Ctrl-C from its Python (micropython.kbd_intr), so that frames may contain it. A byte
0x03 that was typed (framing.Decoder) ends run(), which says so: the application then leaves the
line to Python's prompt, so that mpremote and a person get in. (A KeyboardInterrupt raised here
would kill a task that the application waits for when it hangs up.)
"""

import asyncio
import json

from .. import codes, port, port_console
from ..core.queue import BoundedQueue
from ..errors import CallboardError
from ..parts import part
from . import framing, typed
from .channel import BOARD, MESSAGE_MAX, Channel

LINE_MAX = 256
READ_MAX = 64
JOBS_MAX = 16
BUSY_MS = 20  # how long reading pauses, PAUSES times at most, while many commands wait
PAUSES = 50
TICK_MS = 50
POLL_MS = 4


class Console(framing.Handler):
    """`commands` a Commands; `outlet` an Outlet; `log` a log.Module; `info` Improv's four texts.

    `on_line(text)` sees each line first: True when it took it, None to end run(), False if it is
    not for it. `bridge`: a Bridge that shares the line.
    """

    def __init__(self, commands, outlet, clock, log, info, on_line, bridge=None):
        self._commands = commands
        self._outlet = outlet
        self._clock = clock
        self._log = log
        self._take_line = on_line
        self._over = asyncio.Event()
        self._interrupted = False
        self._jobs = BoundedQueue(JOBS_MAX)
        self._bridge = bridge
        self.channel = Channel(BOARD, clock, outlet.frame, self._message)
        self.decoder = framing.Decoder(self, LINE_MAX, typed=True)
        self._info = info
        self._improv = None  # made for the first packet

    async def run(self, read, take=None):
        """Until the end. `n = await read(buf)` reads at least one byte, 0 at the end of the input.
        `n = take(buf)` does not wait, nor allocate: 0 for nothing, -1 at the end. It is asked
        every POLL_MS in a call through the bridge.

        Returns True when Ctrl-C was typed.
        """
        tasks = [
            asyncio.create_task(job)
            for job in (self._read(read, take), self._work(), self._tick())
        ]
        port_console.own_ctrl_c(True)
        try:
            await self._over.wait()
            if tasks[0].done():
                await tasks[0]  # if it failed, that is told here
        finally:
            port_console.own_ctrl_c(False)
            for task in tasks:
                task.cancel()
        return self._interrupted

    async def _read(self, read, take):
        buf = bytearray(READ_MAX)
        try:
            while not self._over.is_set():
                if take is not None and self._bridge is not None and self._outlet.gentle:
                    n = take(buf)
                    if n == 0:
                        await self._clock.sleep_ms(POLL_MS)
                        continue
                else:
                    n = await read(buf)
                if n <= 0:
                    break
                self.decoder.feed(buf, n, self._clock.ticks_ms())
                if len(self._jobs) >= JOBS_MAX // 4:
                    await self._catch_up()
        finally:
            self._over.set()

    async def _catch_up(self):
        """After a pasted page of commands: let them run before more is read."""
        for _ in range(PAUSES):
            if len(self._jobs) < JOBS_MAX // 4:
                break
            await self._clock.sleep_ms(BUSY_MS)

    async def _tick(self):
        while True:
            await self._clock.sleep_ms(TICK_MS)
            if self.decoder.held:
                self.decoder.silence(self._clock.ticks_ms())
            self.channel.tick()
            if self._bridge is not None:
                self._bridge.tick()

    # --- from the decoder: quick, or put off ---

    def on_line(self, line, cut):
        try:
            text = str(line, "utf-8").strip()
        except UnicodeError:
            text = "?"
        if cut:
            self._log.warn("a line longer than %d bytes was ignored", LINE_MAX)
            return
        taken = self._take_line(text)
        if taken is None:
            self._over.set()
        elif not taken and text:
            self._later(self._typed, text)

    def on_packet(self, kind, buf, off, n):
        return self._bridge is not None and self._bridge.packet(kind, buf, off, n)

    def on_frame(self, kind, payload):
        self.channel.received(kind, payload)

    def on_improv(self, kind, data):
        self._later(self._improv_packet, (kind, data))

    def on_interrupt(self):
        self._interrupted = True
        self._over.set()

    def _message(self, message):
        self._later(self._request, message)

    def _later(self, job, what):
        if not self._jobs.put_nowait((job, what)):
            self._log.warn("too many commands at once: one was dropped")

    async def _work(self):
        while True:
            job, what = await self._jobs.get()
            try:
                await job(what)
            except Exception as error:  # of ours: the console must survive it
                self._broken(error)

    def _broken(self, error):
        self._log.error("a command failed: %s", type(error).__name__)
        self._log.exception(error)

    # --- typed commands ---

    async def _typed(self, text):
        if text == "help":
            return self._print(typed.HELP + tuple(self._commands.help))
        try:
            command = typed.parse(text)
            if command is None:
                word = text.split(" ")[0]  # not the rest: it may be a mistyped secret
                self._log.warn("not a command: %s (try help)", word[:20])
                return
            result = await self._commands.call(*command)
        except CallboardError as error:
            return self._print(("error: " + error.message,))
        self._print(typed.lines(command[0], result))

    def _print(self, lines):
        for line in lines:
            self._outlet.line(line)

    # --- framed requests ---

    async def _request(self, message):
        request_id = None
        try:
            request = _checked_request(message)
            request_id = request["id"]
            answer = await self._commands.call(request["method"], request.get("params", {}))
            reply = {"jsonrpc": "2.0", "id": request_id, "result": answer}
        except CallboardError as error:
            reply = _refusal(request_id, error.code, error.message)
        except Exception as error:  # of ours: whoever asked must hear of it
            self._broken(error)
            reply = _refusal(request_id, codes.RPC_INTERNAL, "the board failed: see its log")
        data = port.json_text(reply).encode()
        if len(data) > MESSAGE_MAX:
            error = _refusal(request_id, codes.RPC_INTERNAL, "the answer is too long")
            data = json.dumps(error).encode()
        if not self.channel.send(data):
            self._log.warn("an answer was dropped: nobody took it")

    # --- Improv ---

    async def _improv_packet(self, packet):
        if self._improv is None:
            if self._outlet.gentle:
                return self._log.warn("improv: not during a call")
            self._improv = self._make_improv()
        await self._improv.packet(packet[0], packet[1])

    def _make_improv(self):
        commands = self._commands
        return part("serial.improv", "Improv").Improv(
            self._outlet.frame,
            self._info,
            self._join,
            commands.scan_networks,
            commands.has_network,
            lambda: commands.locked,
        )

    async def _join(self, ssid, password):
        try:
            return await self._commands.join(ssid, password)
        except CallboardError as error:
            self._log.warn("improv: %s", error.message)
            raise


def _checked_request(message):
    try:
        request = json.loads(str(message, "utf-8"))
    except (ValueError, UnicodeError):
        raise CallboardError("the request is not JSON", codes.RPC_PARSE)
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        raise CallboardError("the request has no method", codes.RPC_INVALID_REQUEST)
    if not isinstance(request.get("id"), (int, str)):
        raise CallboardError("the request has no id", codes.RPC_INVALID_REQUEST)
    return request


def _refusal(request_id, code, message):
    error = {"code": code, "message": message}
    return {"jsonrpc": "2.0", "id": request_id, "error": error}
