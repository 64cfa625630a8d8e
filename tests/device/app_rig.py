"""The application on a scripted board, beside a relay in memory: what its tests stand on."""

import asyncio

from fake_relay import FakeRelay, fixed_random
from flash_rig import CutFlash, opened
from voip_bench import media

from callboard.app import App
from callboard.errors import CallboardError, InvalidArgument
from callboard.log import Log
from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.platform.settings import Settings
from callboard.voip.client import Client
from callboard.voip.registration import KEY_NAME
from support import FakeClock, settle

KEY = bytes(range(32))


class BoardConstants:
    """What a board.py holds."""

    RELAY_URL = "https://relay.test:8443"
    RELAY_CA = "ca.der"
    MODEL_ID = "doorbell"
    SN = "SN1"
    WXA_APPID = "wxdemo"
    OPEN_ID = "user1"
    TICKET = "ticket-1"


def changed(**constants):
    """A board module with some constants changed."""

    class Board(BoardConstants):
        pass

    for name in constants:
        setattr(Board, name, constants[name])
    return Board


class Empty:
    """The board.py of a board that is to be provisioned."""


class Gate:
    """The part of an Outlet that the application sees."""

    gentle = False
    dropped = 0


class Hardware:
    """A platform whose lines the test writes and reads."""

    def __init__(self, clock, constants, registered):
        self.settings = Settings(constants)
        self.clock = clock
        self.lines = []
        self.log = Log(self.lines.append, clock, "D")
        self.events = []
        self.leds = []
        self.closed = 0
        self.outlet = Gate()
        self.broken_microphone = False
        self.flash = CutFlash()
        self.store = opened(self.flash)
        if registered:
            self.store.put(KEY_NAME, KEY)
        self._quit = asyncio.Event()
        self.press = self.type = None

    def emit(self, event, fields=None):
        self.events.append((event, fields or {}))

    def led(self, state):
        if not self.leds or self.leds[-1] != state:
            self.leds.append(state)

    name = "SCRIPTED"

    async def read_console(self, on_button, on_quit, on_command, commands):
        self.commands = commands
        self.press = lambda action="press": on_button(action)
        self.type = on_command
        await self._quit.wait()
        on_quit()

    def quit(self):
        self._quit.set()

    async def network_up(self, ssid, password):
        pass

    def flush(self):
        pass

    def tls(self):
        return "context"

    ring = None
    chip = None

    def log_ring(self):
        return self.ring

    def reset_cause(self):
        return "watchdog"

    def watchdog(self):
        return self.chip

    def open_store(self):
        return self.store

    def microphone(self):
        if self.broken_microphone:
            raise InvalidArgument("cannot read microphone.wav")
        return NullMicrophone(16000, self.clock)

    def speaker(self):
        return NullSpeaker(16000, self.clock)

    def close(self):
        self.closed += 1


class Rig:
    """The application on its board, beside a relay."""

    def __init__(self, registered=True, constants=BoardConstants, post=None):
        self.clock = FakeClock()
        self.relay = FakeRelay(self.clock)
        self.relay.answers["voip.call"] = self._called
        self.calls = 0
        self.hardware = Hardware(self.clock, constants, registered)
        client = Client(
            clock=self.clock,
            connect=self.relay.connect,
            post=self.relay.posting(post),
            random=fixed_random,
            set_time=lambda ms: None,
            report=lambda what, error: self.app._mended(what, error),
        )
        self.app = App(self.hardware, client)
        self.task = None

    def _called(self, params):
        self.calls += 1
        return {"call_id": "c%d" % self.calls}

    async def boot(self):
        """Start, online and ready."""
        self.task = asyncio.create_task(self.app.main())
        await settle()
        self.relay.push("voip.peer_ready", {})
        await settle()

    async def ask(self, method, params):
        """What a tool on the serial line asks."""
        task = asyncio.create_task(self.hardware.commands.call(method, params))
        for _ in range(100):
            if task.done():
                break
            await self.clock.run(20)
        return await task

    async def refused(self, method, params):
        try:
            await self.ask(method, params)
        except CallboardError as error:
            return error
        raise AssertionError(method + " was not refused")

    def names(self):
        return [name for name, fields in self.hardware.events]

    def fields(self, event):
        return [fields for name, fields in self.hardware.events if name == event]

    async def press(self):
        """Shortly."""
        self.hardware.press()
        self.hardware.press("release")
        await settle()

    async def hold(self, ms=3000):
        """Until it counts as a long press."""
        self.hardware.press()
        await self.clock.run(ms)
        self.hardware.press("long")
        self.hardware.press("release")
        await settle()

    async def answer(self):
        call_id = "c%d" % self.calls
        self.relay.push("call.answered", {"call_id": call_id, "visitor": 1, "media": media()})
        await settle()

    async def end(self, reason, by):
        call_id = "c%d" % self.calls
        self.relay.push("call.ended", {"call_id": call_id, "reason": reason, "by": by})
        await settle()

    async def off(self):
        """Quit; returns the exit status."""
        self.hardware.quit()
        await self.clock.run(50)
        return await self.task
