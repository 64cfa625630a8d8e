"""A console on a scripted board, and the host's end of its line."""

import asyncio
import json

from callboard import keystore
from callboard.config import Config
from callboard.errors import NetworkError
from callboard.flash.devices import RamFlash
from callboard.log import Log
from callboard.serial.channel import HOST, Channel
from callboard.serial.commands import Commands
from callboard.serial.console import Console
from callboard.serial.framing import Decoder, Handler
from callboard.serial.outlet import Outlet
from support import FakeClock, settle


class Board:
    """What the commands ask of a board."""

    def __init__(self):
        self.busy = False
        self.restarts = 0
        self.reconfigured = 0
        self.joined = []
        self.networks = [(b"Home", -50, True), (b"\xff\x00", -80, False)]

    log = None

    def identity(self):
        return {"firmware": "1.2.3", "sn": "SN1"}

    def status(self):
        return {"state": "ready", "registered": False}

    def in_call(self):
        return self.busy

    async def reconfigure(self):
        self.reconfigured += 1

    def restart(self):
        self.restarts += 1

    async def self_test(self):
        return [{"name": "random", "ok": True, "says": "fine"}]

    async def scan(self):
        return self.networks

    async def join(self, ssid, password):
        if ssid == b"nowhere":
            raise NetworkError("the Wi-Fi network is not to be found")
        self.joined.append((ssid, password))

    def addresses(self):
        return ()


class Rig(Handler):
    """Type on it, ask it, listen to it."""

    def __init__(self):
        self.clock = FakeClock()
        self.board = Board()
        self.config = Config(keystore.open(RamFlash(), identity=False))
        self.commands = Commands(self.config, self.board, self.clock)
        self.outlet = Outlet(self._written, lambda: True, self.clock)
        self.log = self.board.log = Log(self.outlet.line, self.clock)
        self.console = Console(
            self.commands,
            self.outlet,
            self.clock,
            self.log.module("console"),
            ("callboard", "1.2.3", "TEST", "test board"),
            self._taken,
        )
        self.lines = []
        self.improv = []
        self.messages = []
        self.buttons = []
        self._decoder = Decoder(self, salvage=True)
        self.channel = Channel(HOST, self.clock, self._to_board, self.messages.append)
        self._input = []
        self._arrived = asyncio.Event()
        self.task = None
        self._next_id = 0

    def _taken(self, line):
        if line == "quit":
            return None
        if line.startswith("button "):
            self.buttons.append(line)
            return True
        return False

    async def __aenter__(self):
        self._tasks = [
            asyncio.create_task(self.console.run(self._read)),
            asyncio.create_task(self.outlet.run()),
        ]
        self.task = self._tasks[0]
        await self.run(10)
        return self

    async def __aexit__(self, *error):
        for task in self._tasks:
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass

    async def _read(self, buf):
        while not self._input:
            self._arrived.clear()
            await self._arrived.wait()
        data = self._input.pop(0)
        buf[: len(data)] = data
        return len(data)

    def _written(self, data):
        self._decoder.feed(data, len(data), self.clock.ticks_ms())
        return len(data)

    def _to_board(self, data):
        for at in range(0, len(data), 64):
            self._input.append(bytes(data[at : at + 64]))
        self._arrived.set()

    # --- for tests ---

    async def run(self, ms):
        for _ in range(ms // 10):
            await self.clock.run(10)
            self.channel.tick()
        await settle()

    async def type(self, text, ms=50):
        """Type; returns the lines that came."""
        self.lines.clear()
        self._to_board(text if isinstance(text, bytes) else text.encode())
        await self.run(ms)
        return list(self.lines)

    async def ask(self, method, params=None):
        """A framed request; its answer's `result`, or `error`."""
        if not self.channel.open_now:
            self.channel.open(77)
        self._next_id += 1
        request = {"jsonrpc": "2.0", "id": self._next_id, "method": method}
        request["params"] = {} if params is None else params
        assert self.channel.send(json.dumps(request).encode())
        await self.run(300)
        answer = json.loads(str(self.messages.pop(), "utf-8"))
        assert answer["id"] == self._next_id and not self.messages
        return answer["error"] if "error" in answer else answer["result"]

    async def packet(self, data):
        """An Improv packet; returns those that came back."""
        self.improv.clear()
        self._to_board(data)
        await self.run(100)
        return list(self.improv)

    def on_line(self, line, cut):
        self.lines.append(str(line, "utf-8"))

    def on_frame(self, kind, payload):
        self.channel.received(kind, payload)

    def on_improv(self, kind, data):
        self.improv.append((kind, data))
