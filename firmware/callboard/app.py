"""The application: a button that calls somebody, on whatever board it is started.

LED: off while there is no relay, blinking while a call is made or rings there, "ring" while one
rings here, on otherwise (ready, or talking; the far end is then heard). A press calls the first of
the configured users; in a call it hangs up; while it rings here a press answers, a long one
rejects. What fails is reported and tried again; nothing but `quit` ends it. Without a complete
configuration it waits to be provisioned (PROTOCOL.md §9) and then goes online.
"""

import asyncio

from . import __version__, codes, native, platform, port
from .chores import Chores
from .config import Config
from .core.supervisor import Supervisor
from .errors import Busy, CallboardError, InvalidArgument, NotRegistered, RemoteError
from .ringing import Ringing
from .serial.commands import Commands
from .upkeep import Upkeep
from .voip import call as calls
from .voip.callbacks import NO_COMMANDS
from .voip.client import Client

CLOSE_MS = 8000
REFUSED_MS = 60000  # after the relay did not accept our key
RESTART = 85  # exit status: the board is to be started again
BOOT_COLLECT = 8192  # bytes: what loads now stays, and must not be scattered among garbage
_RELAY_BUSY = (codes.SERVER, codes.TIMEOUT, codes.RPC_OVERLOADED)  # and not the ticket refused
_CONGESTION = {
    codes.EVENT_CONGESTION_HIGH: "high",
    codes.EVENT_CONGESTION_NORMAL: "normal",
    codes.EVENT_CONGESTION_LOW: "low",
}
_EVENT_OF_STATE = {
    calls.CALLING: "calling",
    calls.RINGING: "ringing",
    calls.TALKING: "answered",
}


def run(board):
    """Run until the platform says quit. Returns the exit status: 1 when it could not start, None
    after Ctrl-C, which is for Python's prompt; a board waits for that one before it starts."""
    if port.interrupted_within(getattr(board, "WINDOW_MS", port.WINDOW_MS)):
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
        self._button_task = None
        self._sounds = False  # a call was answered, and its devices are not released yet
        self._reason = None  # why the call ended that is not reported yet
        self._open = False
        self._status = 0
        self._how = "off"
        self._config = self._upkeep = self._commands = self._ringing = None
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
            self._tasks.start("connect", self._connect)
            self._tasks.start("console", self._console)
            self._chores.start(self._tasks, self._store)
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
        pictures = getattr(hardware, "pictures", None)  # most boards have neither
        self._camera, self._screen = pictures() if pictures else (None, None)
        self._ringing = Ringing(
            self._sound[1],
            hardware.clock,
            lambda: self._start(self._client.answer),
            lambda error: self._mended("ring tone", error),
        )
        parts = (
            hardware,
            self._config,
            self._store,
            self._client,
            self._sound,
            self._chores.journal,
        )
        self._upkeep = Upkeep(*parts, self.reconfigure, self.quit)
        hardware.log.hide(self._config.secrets())
        self._commands = Commands(self._config, self._upkeep, hardware.clock)

    def _init_client(self):
        client = self._client
        url = self._config.get("relay_url")
        client.init_system({"relay_url": url, "tls": self._trust(url)}, self)
        client.init_data_model(self._properties_set)
        screen = self._screen.picture_max if self._screen else 0
        codecs, camera = self._settings.codecs, self._camera
        client.init_av(self, self._sound[0], self._sound[1], codecs, camera, screen)

    def _trust(self, url):
        """What proves the relay: what was provisioned, or what the board came with."""
        if not url.startswith("https:"):
            return None
        if self._network is not None and self._network.host_tls:
            return self._network.trust
        ca, leaf = self._config.get("ca"), self._config.get("leaf_sha256")
        if not (ca or leaf):
            return self._hardware.tls()
        from .net.tls import client_context

        return client_context(ca, leaf)

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
        await self._down()
        self._show()
        self._hardware.log.hide(self._config.secrets())
        self._tasks.start("connect", self._connect)

    async def _down(self):
        client = self._client
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

    async def _connect(self):
        """Get online, registered if need be. The link stays online by itself from then on."""
        config, client = self._config, self._client
        missing = config.missing()
        if missing:
            self._log.warn("to be provisioned: it lacks %s", ", ".join(missing))
            self._emit("unprovisioned", {"missing": missing})
            return  # reconfigure() starts this again
        if client.level == "off":
            self._init_client()
        if client.level != "voip":
            await self._hardware.network_up(config.get("wifi_ssid"), config.get("wifi_password"))
            await self._init_voip()
        ticket = config.get("ticket")
        if not client.is_registered():
            await self._register(ticket)
        elif ticket:
            config.change({"ticket": None})  # it was used, and the power failed

    async def _register(self, ticket):
        try:
            if not ticket:
                raise NotRegistered("the device is not registered, and there is no ticket")
            await self._client.register(ticket)
            self._emit("registered")
        except (NotRegistered, RemoteError) as error:
            if error.code in _RELAY_BUSY:
                raise  # the ticket is as good as before: it is tried again
            self._failed(error)  # the same ticket would be refused again
            self._log.error("it needs a (new) ticket")
        self._config.change({"ticket": None})

    async def _init_voip(self):
        """Identity, key store, first connection. A refusal is not asked for again at once."""
        flavour, model_id, sn, wxa_appid = (
            self._config.get(name) for name in ("flavour", "model_id", "sn", "wxa_appid")
        )
        try:
            await self._client.init_voip(flavour, self._store, model_id, sn, wxa_appid)
        except RemoteError as error:
            self._failed(error)
            await self._hardware.clock.sleep_ms(REFUSED_MS)
            raise

    async def _console(self):
        hardware = self._hardware
        await hardware.read_console(self._button, self.quit, self._command, self._commands)

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

    # --- the button ---

    def _button(self, action):
        self._emit("button", {"action": action})
        if action == "long":
            self._commands.button_held()
        act = self._meaning(action)
        if act is not None:
            self._start(act)

    def _meaning(self, action):
        """What the button asks for in the present state; None: nothing."""
        client = self._client
        if client.call_state == calls.INCOMING:
            return {"press": client.answer, "long": client.reject}.get(action)
        if action != "press":
            return None
        return self._call if client.call_state == calls.IDLE else client.hang_up

    def _start(self, act):
        """Run what the button asked for beside the rest; its errors are events."""

        async def guarded():
            try:
                await act()
            except CallboardError as error:
                self._failed(error)
            self._button_task = None

        self._button_task = asyncio.create_task(guarded())

    def _wishes(self):
        """(call_type, caller_camera, callee_camera) of the calls that this board makes."""
        sends, shows = int(self._camera is not None), int(self._screen is not None)
        video = sends or shows
        return codes.CALL_TYPE_VIDEO if video else codes.CALL_TYPE_AUDIO, sends, shows

    async def _call(self):
        user = (self._config.get("users") or ("",))[0]
        try:
            await self._client.call(user, *self._wishes())
        except Busy:
            invitation = self._client.invitation
            if invitation is None or invitation["open_id"] != user:
                raise
            await self._client.answer()  # they called us in the same moment: both want to talk

    # --- lines typed ---

    def _command(self, line):
        """`mute on`, `mute off` and `levels`; False for anything else."""
        try:
            if line in ("mute on", "mute off"):
                self._client.mute = line == "mute on"
                self._emit("mute", {"on": self._client.mute})
            elif line == "levels":
                self._emit("levels", self._client.levels())
            else:
                return False
        except CallboardError as error:
            self._failed(error)
        return True

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
        if state in _EVENT_OF_STATE:
            self._emit(_EVENT_OF_STATE[state])
        self._hardware.outlet.gentle = state != calls.IDLE
        if state != calls.IDLE:
            self._store.may_erase = False
        if state == calls.TALKING:
            self._sounds = True
        elif state == calls.IDLE:
            self._reason = reason
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

    def _properties_set(self, properties):
        self._log.info("%d properties set", len(properties))

    def _show(self):
        state = self._client.call_state
        if state in (calls.CALLING, calls.RINGING):
            self._hardware.led("blink")
        elif state == calls.INCOMING:
            self._hardware.led("ring")
        else:
            self._hardware.led("on" if self._client.online else "off")
