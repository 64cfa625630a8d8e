"""The application: a button that calls somebody, on whatever board it is started.

button.py tells what the button means, calling.py whom it calls, indicator.py what the LED shows,
controls.py what can be turned, ringing.py what happens when a phone calls. Here they are put
together and kept online. What fails is reported and tried again; nothing but `quit` ends it.
Without a complete configuration it waits to be provisioned (PROTOCOL.md §9) and then goes online.
"""

import asyncio

from . import __version__, codes, indicator, native, platform, port, port_console
from .button import Button
from .calling import Calling
from .chores import Chores
from .config import Config
from .controls import HELP, Controls
from .core.supervisor import Supervisor
from .errors import CallboardError, InvalidArgument
from .online import Online
from .parts import part
from .ringing import Ringing
from .serial.commands import Commands
from .serial.way_in import interrupted_within
from .upkeep import Upkeep
from .voip import call as calls
from .voip.callbacks import NO_COMMANDS
from .voip.client import Client

CLOSE_MS = 8000
RESTART = 85  # exit status: the board is to be started again
BOOT_COLLECT = 8192  # bytes: what loads now stays, and must not be scattered among garbage
_CONGESTION = {
    codes.EVENT_CONGESTION_HIGH: "high",
    codes.EVENT_CONGESTION_NORMAL: "normal",
    codes.EVENT_CONGESTION_LOW: "low",
}
_EVENT_OF_STATE = {
    calls.RINGING: "ringing",
    calls.TALKING: "answered",
}


def run(board):
    """Run until the platform says quit. Returns the exit status: 1 when it could not start, None
    after Ctrl-C, which is for Python's prompt; a board waits for that one before it starts."""
    port_console.own_ctrl_c(True)
    if interrupted_within(getattr(board, "WINDOW_MS", port_console.WINDOW_MS)):
        port_console.own_ctrl_c(False)
        return None
    port.collect_every(BOOT_COLLECT)
    try:
        hardware = platform.create(board)
    except CallboardError as error:
        print("E (0) app: %s" % error)
        return 1
    app = App(hardware)
    try:
        return asyncio.run(app.main())
    except KeyboardInterrupt:
        _close(app)
        return None


def _close(app):
    """After Ctrl-C. On CPython main() has closed it; on MicroPython it never got to its end."""
    for _ in range(2):
        try:
            return asyncio.run(app.close())
        except KeyboardInterrupt:
            pass  # once more; or the first one, which waited behind a `finally`


class App:
    """The application on one board. It is also the client's device and AV callbacks."""

    def __init__(self, hardware, client=None):
        self._hardware = hardware
        self._settings = hardware.settings
        self._emit = hardware.emit
        self._log = hardware.log.module("app")
        self._network = getattr(hardware, "network", None)  # None: the system's sockets
        self._client = client or self._make_client()
        self._tasks = Supervisor(hardware.clock, self._task_failed)
        self._quit = asyncio.Event()
        self._act = None
        self._sounds = False  # a call was answered, and its devices are not released yet
        self._reason = None  # why the call ended that is not reported yet
        self._rang = False
        self._open = False
        self._status = 0
        self._how = "off"
        self._config = self._upkeep = self._commands = self._ringing = None
        self._calling = self._button = self._controls = self._online = None
        self._chores = Chores(hardware, self._log, self._idle)

    def _make_client(self):
        network = self._network
        options = network.client_options() if network else {}
        return Client(clock=self._hardware.clock, report=self._mended, **options)

    async def main(self):
        """Bring everything up, and down again at the end. Returns the exit status."""
        self._open = True
        fields = port.implementation()
        fields["firmware"] = __version__
        fields["reset"] = self._chores.begin(__version__)
        fields["native"] = native.implementations()
        self._emit("boot", fields)
        self._show()
        try:
            self._make_parts()
            self._tasks.start("connect", self._online.connect)
            self._tasks.start("network", self._online.keep_network)
            self._tasks.start("console", self._console)
            self._chores.start(self._tasks, self._store, self._controls.keep)
            await self._quit.wait()
        except Exception as error:
            self._failed(error)
            self._status = 1
            if not isinstance(error, CallboardError):
                self._how = "crash: " + type(error).__name__
                self._status = RESTART
        finally:
            await self.close()
        return self._status

    def _make_parts(self):
        """What the whole run needs. Raises CallboardError: then this board cannot start."""
        hardware, settings = self._hardware, self._settings
        hardware.tls()
        self._store = hardware.open_store()
        self._config = Config(self._store, settings.defaults(), settings.trusts, settings.wifi)
        self._sound = hardware.microphone(), hardware.speaker()
        duplex = None
        if settings.half_duplex:
            parts = part("media.half_duplex", "half duplex")
            duplex = parts.HalfDuplex(*self._sound, clock=hardware.clock)
            self._sound = duplex.microphone, duplex.speaker
        pictures = getattr(hardware, "pictures", None)  # most boards have neither
        self._camera, self._screen = pictures() if pictures else (None, None)
        self._make_person(duplex)
        parts = hardware, self._config, self._store, self._client, self._init_client
        self._online = Online(*parts, self._emit, self._failed, self._log)
        parts = hardware, self._config, self._store, self._client, self._sound
        self._upkeep = Upkeep(*parts, self._chores.journal, self.reconfigure, self.quit)
        hardware.log.hide(self._config.secrets())
        self._commands = Commands(self._config, self._upkeep, hardware.clock, HELP)

    def _make_person(self, duplex):
        """What a person at the board hears and turns."""
        client, config, clock = self._client, self._config, self._hardware.clock
        self._ringing = Ringing(
            self._sound[1],
            clock,
            lambda: self._start(client.answer),
            lambda error: self._mended("ring tone", error),
        )
        parts = client, config, clock, self._wishes(), self._failed, self._emit, self._show
        self._calling = calling = Calling(*parts)
        self._button = Button(client, calling, self._start, clock, duplex, self._show)
        parts = client, config, self._ringing, self._button, calling
        tell = self._emit, self._start, self._mended, self._show
        self._controls = Controls(*parts, *tell)

    def _init_client(self):
        client = self._client
        url = self._config.get("relay_url")
        client.init_system({"relay_url": url, "tls": self._trust(url)}, self)
        client.init_data_model(self._controls.set)
        screen = self._screen.picture_max if self._screen else 0
        codecs, camera = self._settings.codecs, self._camera
        client.init_av(self, self._sound[0], self._sound[1], codecs, camera, screen)
        self._controls.begin()

    def _trust(self, url):
        """What proves the relay: what was provisioned, or what the board came with."""
        if not url.startswith("https:"):
            return None
        if self._network is not None and self._network.host_tls:
            return self._network.trust
        ca, leaf = self._config.get("ca"), self._config.get("leaf_sha256")
        if not (ca or leaf):
            return self._hardware.tls()
        return part("net.tls", "TLS").client_context(ca, leaf)

    def quit(self, restart=False, prompt=False):
        """End main(). Its status says whether to start again (`restart`), or to leave the line to
        Python's `prompt`."""
        if restart:
            self._status = RESTART
            self._how = "restart"
        elif prompt:
            self._status = None
            self._how = "left to Python's prompt"
        self._quit.set()

    async def reconfigure(self):
        """The configuration has changed: go offline, and online with the new one."""
        await self._tasks.stop("connect")
        self._upkeep.error = None
        await self._down()
        self._show()
        self._hardware.log.hide(self._config.secrets())
        self._tasks.start("connect", self._online.connect)

    async def _down(self):
        client = self._client
        if self._calling is not None:
            self._calling.stop()
        if client.level == "voip":
            await client.exit_voip()
        for level in ("av", "data_model", "system"):
            if client.level == level:
                getattr(client, "exit_" + level)()

    async def close(self):
        """Hang up, disconnect, switch the hardware off. Once; later calls do nothing."""
        if not self._open:
            return
        self._open = False
        over = asyncio.Event()
        tasks = [asyncio.create_task(self._leave(over)), asyncio.create_task(self._hurry(over))]
        await over.wait()  # no task is awaited: one that a Ctrl-C has hit would never end
        for task in tasks:
            task.cancel()
        self._hardware.close()
        self._log.info("switched off")
        self._chores.end(self._how)
        self._hardware.flush()

    async def _hurry(self, over):
        await self._hardware.clock.sleep_ms(CLOSE_MS)
        self._log.warn("it did not come down in %d ms", CLOSE_MS)
        over.set()

    async def _leave(self, over):
        try:
            await self._tasks.stop("connect")
            await self._down()
            await self._tasks.stop()
        except Exception as error:
            self._failed(error)
        over.set()

    # --- tasks ---

    async def _console(self):
        hardware = self._hardware
        await hardware.read_console(self._pressed, self.quit, self._command, self._commands)

    def _idle(self):
        """Whether the flash may be written: no call, none whose sound still plays, no viewer."""
        client = self._client
        return client.call_state == calls.IDLE and not self._sounds and not client.watched

    def _task_failed(self, name, error, delay_ms):
        self._failed(error)
        self._log.warn("%s: again in %d ms", name, delay_ms)

    def _failed(self, error):
        if not isinstance(error, CallboardError):
            self._log.exception(error)
        code = getattr(error, "code", codes.AVT_FAILED)
        message = self._hardware.log.redact(getattr(error, "message", repr(error)))
        self._log.error("%s (code %d)", message, code)
        if self._upkeep is not None:
            self._upkeep.error = code, message
        self._emit("error", {"code": code, "message": message})

    def _mended(self, what, error):
        """Something went wrong below and is being dealt with there."""
        if isinstance(error, Exception) and not isinstance(error, CallboardError):
            self._log.exception(error)
        self._log.warn("%s: %s", what, error)

    # --- what a person does ---

    def _pressed(self, action):
        self._emit("button", {"action": action})
        if action == "long" and not self._button.talking:
            self._commands.button_held()
        self._button(action)

    def _command(self, line):
        """A word that is typed; False when it is none of ours."""
        try:
            return self._controls.word(line)
        except CallboardError as error:
            self._failed(error)
            return True

    def _start(self, act):
        """Run what was asked for beside the rest; its errors are events."""

        async def guarded():
            try:
                await act()
            except CallboardError as error:
                self._failed(error)
            self._act = None

        self._act = asyncio.create_task(guarded())

    def _wishes(self):
        """(call_type, caller_camera, callee_camera) of the calls that this board makes."""
        sends, shows = int(self._camera is not None), int(self._screen is not None)
        video = sends or shows
        return codes.CALL_TYPE_VIDEO if video else codes.CALL_TYPE_AUDIO, sends, shows

    # --- callbacks of the client ---

    def on_online(self, time_ms):
        self._upkeep.error = None
        self._log.info("online")
        self._emit("online", {"time_ms": time_ms})
        self._show()

    def on_offline(self, status):
        self._log.warn("offline, status %d", status)
        self._emit("offline", {"status": status})
        self._show()

    def on_module_status(self, mask):
        self._log.info("modules %d", mask)

    def on_notify(self, event, visitor, channel, stream_type):
        if event == codes.EVENT_P2P_PEER_READY:
            self._log.info("ready to call")
            port.collect_every(-1)
            self._emit("ready")
            self._start(self._controls.tell)
        elif event in _CONGESTION:
            self._emit("congestion", {"level": _CONGESTION[event]})

    def on_recv_command(self, command, visitor, video_res_type, args):
        if command == codes.COMMAND_CALL_INCOMING:
            self._emit("incoming", {"open_id": args["open_id"], "name": args["name"]})
            self._ringing.start(self._config.get("auto_answer"))
        elif command == codes.COMMAND_USER_DEFINE:
            raise InvalidArgument(NO_COMMANDS)

    def on_call_state(self, state, reason):
        self._log.info("call %s%s", state, ": " + reason if reason else "")
        if state != calls.INCOMING:
            self._ringing.stop()
        if state == calls.CALLING:
            self._emit("calling", {"user": self._calling.number})
        elif state in _EVENT_OF_STATE:
            self._emit(_EVENT_OF_STATE[state])
        self._button.call_state(state)
        self._calling.call_state(state, reason)
        self._hardware.outlet.gentle = state != calls.IDLE
        if state != calls.IDLE:
            self._store.may_erase = False
        if state == calls.TALKING:
            self._sounds = True
        elif state in (calls.RINGING, calls.INCOMING):
            self._rang = True
        elif state == calls.IDLE:
            refused = reason == codes.END_BUSY and not self._rang  # an error tells of it
            self._reason = None if refused else reason
            self._rang = False
            if not self._sounds:
                self._ended()
        self._show()

    def on_call_stats(self, stats):
        self._emit("stats", stats)
        self._sounds = False
        self._ended()

    def _ended(self):
        """The call is over and its sound, if any, has come to rest."""
        self._store.may_erase = True
        if self._reason is not None:
            self._emit("ended", {"reason": self._reason})
            self._reason = None

    def on_start_recv_stream(self, visitor, channel, stream_type, info):
        if stream_type == codes.STREAM_VIDEO:
            self._emit("picture_first", {"codec": info["codec"]})
        else:
            self._emit("audio_first", {"codec": info["codec"], "rate": info["rate"]})

    def on_recv_stream(self, visitor, channel, stream_type, buf, off, n, time):
        self._screen.show(buf, off, n)  # sound runs by itself

    def _show(self):
        calling, button = self._calling, self._button
        talks = button is not None and button.talking
        self._hardware.led(indicator.shown(self._client, calling and calling.active, talks))
