"""The device's API: everything a call needs, in the documents' order (000 §2-§4).

    client = Client()
    client.init_system({"relay_url": "https://relay:8443", "tls": context}, callbacks)
    client.init_data_model()
    client.init_av(av_callbacks, microphone, speaker)
    await client.init_voip(0, "flash.bin", "model", "serial", "wx123")
    if not client.is_registered():
        await client.register(ticket)
    ...                                     # on_notify(EVENT_P2P_PEER_READY)
    await client.call(open_id)              # returns when the phone rings
    await client.hang_up()

The documents' names are mapped to these in firmware/README.md.
"""

from .. import codes, keystore, port
from ..core.events import Fanout
from ..errors import InvalidArgument, NotRegistered, RemoteError, WrongOrder
from ..net.url import parse
from ..rooms import Rooms
from ..signalling import hello
from ..signalling.link import Link
from .av import CHANNEL, Av
from .caller import Caller
from .data_model import check_properties
from .identity import Identity, is_word
from .lifecycle import Lifecycle
from .messages import Messages
from .registration import Registration

CONNECT_MS = 20000
OPEN_ID_MAX = 64
DEVICE_CALLBACKS = ("on_online", "on_offline", "on_module_status")


class DeviceCallbacks:
    """What an application may override; any object with some of these methods will do."""

    def on_online(self, time_ms):
        """The relay is there; its time in ms since 1970."""

    def on_offline(self, status):
        """The connection is gone; codes.OFFLINE_*. It comes back by itself unless stopped."""

    def on_module_status(self, mask):
        """Services of the relay that are on: codes.MODULE_*, or'ed."""


class Client:
    """One device. What it uses may be given: `clock`, `connect` (a WebSocket), `post` (HTTP),
    `random(n)`, `set_time(ms)`; `report(what, error)` hears what was mended.
    """

    def __init__(
        self,
        clock=None,
        connect=None,
        post=None,
        random=None,
        set_time=None,
        report=None,
    ):
        self._clock = clock or port.CLOCK
        self._connect = connect
        self._post = post or _http_post
        self._random = random or port.random_bytes
        self._set_time = set_time or port.set_epoch_ms
        self._report = report or _nothing
        self._steps = Lifecycle()
        self._pushes = {
            "dm.set": self._dm_set,
            "voip.module_status": self._module_status,
            "voip.peer_ready": self._peer_ready,
        }
        self._config = self._events = self._on_set = self._av = None
        self._identity = self._registration = self._link = self._caller = self._rooms = None
        self._ready = False
        self._modules = None

    @property
    def level(self):
        """How far it is up: "off", "system", "data_model", "av" or "voip"."""
        return self._steps.level

    # --- system ---

    def init_system(self, config, callbacks=None):
        """First step. `config`: {"relay_url": "https://…", "tls": context or None}."""
        self._steps.check("init_system")
        parse(config.get("relay_url"))
        self._config = config
        self._events = _listen(self._clock, callbacks, DEVICE_CALLBACKS, self._report)
        self._steps.done("init_system")

    def exit_system(self):
        """Last step."""
        self._steps.check("exit_system")
        self._config = self._events = None
        self._steps.done("exit_system")

    # --- data model ---

    def init_data_model(self, on_set=None):
        """Second step. `on_set(properties)` is called when the relay sets some; it may raise
        InvalidArgument that names the one it refuses.
        """
        self._steps.check("init_data_model")
        self._on_set = on_set
        self._steps.done("init_data_model")

    def exit_data_model(self):
        """Undo init_data_model."""
        self._steps.check("exit_data_model")
        self._on_set = None
        self._steps.done("exit_data_model")

    async def report(self, properties):
        """Tell the relay `properties`: names to text, integer, boolean, or None to delete."""
        self._steps.check("report")
        check_properties(properties)
        await self._online_link().request("dm.report", {"properties": properties})

    def _dm_set(self, params):
        properties = check_properties(params.get("properties"))
        if self._on_set is None:
            raise InvalidArgument("this device has no properties to set")
        self._on_set(properties)

    # --- audio and video ---

    def init_av(self, callbacks=None, microphone=None, speaker=None, codecs=None):
        """Third step. `callbacks` as AvCallbacks. With `microphone` and `speaker` audio runs by
        itself; without, send_audio and on_recv_stream carry it. `codecs` as in av.Av.
        """
        self._steps.check("init_av")
        self._av = Av(self._clock, callbacks, microphone, speaker, self._report, codecs)
        self._steps.done("init_av")

    def exit_av(self):
        """Undo init_av."""
        self._steps.check("exit_av")
        self._av = None
        self._steps.done("exit_av")

    def send_audio(self, visitor, channel, buf, off, n):
        """Send one frame's payload (sendAudioData). True when it left; see av.Av.send_audio."""
        self._steps.check("send_audio")
        return self._av.send_audio(visitor, channel, buf, off, n)

    @property
    def mute(self):
        """True: the far end hears nothing of this one, also in the calls to come. May be set.

        WrongOrder before init_av, as for levels().
        """
        return self._av_up().mute

    @mute.setter
    def mute(self, value):
        self._av_up().mute = value

    def levels(self):
        """{"send", "receive"} in dBov (0 the loudest, -127 silence); None without a call."""
        return self._av_up().levels()

    def _av_up(self):
        if self._av is None:
            raise WrongOrder("mute and levels need level av; this is " + self.level)
        return self._av

    # --- voip ---

    async def init_voip(
        self, flavour, data_path, model_id, device_id, wxa_appid, timeout_ms=CONNECT_MS
    ):
        """Fourth step: check the identity, open the key store, authenticate if registered.

        `flavour` codes.FLAVOUR_*; `data_path` a file's path or an open key store; `device_id` the
        serial number. Raises InvalidArgument (9800001, 9800002, 9800003, 1), StorageError,
        RemoteError 6 when the relay refuses the key, TimedOut; the level is unchanged then.
        """
        self._steps.check("init_voip")
        identity = Identity(flavour, model_id, device_id, wxa_appid)
        store = data_path
        if isinstance(data_path, str):
            store = keystore.open(keystore.FileDevice(data_path))
        url, tls = self._config["relay_url"], self._config.get("tls")
        url = url[:-1] if url.endswith("/") else url
        self._identity = identity
        self._registration = Registration(store, self._post, url, tls, self._random)
        if self._registration.is_registered():
            self._start_link()
            try:
                await self._link.wait_online(timeout_ms)
            except (
                BaseException
            ):  # also when cancelled: nothing may go on behind the caller's back
                await self._stop_link()
                raise
        self._steps.done("init_voip")

    async def exit_voip(self):
        """Undo init_voip: a call is hung up, the connection closed."""
        self._steps.check("exit_voip")
        if self._caller is not None:
            await self._caller.hang_up()
        await self._stop_link()
        self._steps.done("exit_voip")

    def is_registered(self):
        """1 or 0 (isAvtVoipRegistered)."""
        self._steps.check("is_registered")
        return self._registration.is_registered()

    async def register(self, ticket):
        """Trade a ticket for a device key, then connect in the background.

        Returns at once when registered. Raises what registration.Registration.register raises.
        """
        self._steps.check("register")
        await self._registration.register(self._identity, ticket)
        if self._link is None:
            self._start_link()

    @property
    def ready(self):
        """True once the relay said that calls may be made (EVENT_P2P_PEER_READY)."""
        return self._ready

    @property
    def online(self):
        """True while the connection to the relay stands."""
        return self._link is not None and self._link.online

    @property
    def call_state(self):
        """ "idle", "calling", "ringing", "talking" or "ending"."""
        return self._caller.call.state if self._caller is not None else "idle"

    async def call(
        self,
        open_id,
        call_type=codes.CALL_TYPE_AUDIO,
        caller_camera=0,
        callee_camera=0,
        video_info=None,
        voip_token=None,
        prepared=None,
    ):
        """Call a user; returns the call object when the phone rings (doWxCloudVoipCall).

        `voip_token` and `prepared`, a pair (group_id, voip_id), come from the app's backend.
        Raises WrongOrder before EVENT_P2P_PEER_READY, NotRegistered, Busy, InvalidArgument,
        RemoteError with one of the documented codes, NetworkError, TimedOut.
        """
        self._steps.check("call")
        params = _call_params(open_id, call_type, caller_camera, callee_camera, video_info)
        if voip_token is not None:
            params["voip_token"] = voip_token
        if prepared is not None:
            params["group_id"], params["voip_id"] = prepared
        link = self._online_link()
        if self._caller.call.busy:
            self._caller.call.start(open_id)  # raises Busy
        if not self._ready or not link.has_session:
            raise WrongOrder("calls are possible after EVENT_P2P_PEER_READY")
        return await self._caller.begin(params)

    async def hang_up(self):
        """End the call (doWxCloudVoipHangUp); nothing happens when there is none."""
        self._steps.check("hang_up")
        if self._caller is not None:
            await self._caller.hang_up()

    def is_busy(self):
        """1 while a call rings or runs, 0 otherwise (isWxCloudVoipBusy)."""
        self._steps.check("is_busy")
        return 1 if self._caller is not None and self._caller.call.busy else 0

    async def send_notice(self, open_id, notice):
        """Tell a user something (sendMsgNotice); see messages.Messages.send_notice."""
        self._steps.check("send_notice")
        return await Messages(self._online_link(), self._av).send_notice(open_id, notice)

    async def send_command(self, open_id, args):
        """Ask a user's phone something; see messages.Messages.send_command."""
        self._steps.check("send_command")
        return await Messages(self._online_link(), self._av).send_command(open_id, args)

    def rooms(self, on_event=None):
        """The Rooms of this device's connection; `on_event` as there."""
        self._steps.check("rooms")
        self._rooms = Rooms(self._online_link(), on_event)
        return self._rooms

    # --- the link ---

    def _online_link(self):
        if self._link is None:
            raise NotRegistered("the device has no key: register it with a ticket")
        return self._link

    def _start_link(self):
        identity = self._identity
        self._link = Link(
            hello.socket_url(self._config["relay_url"], "device"),
            hello.DeviceHello(
                self._registration.key(),
                identity.model_id,
                identity.sn,
                identity.wxa_appid,
                identity.flavour,
                self._av.codecs,
            ),
            tls=self._config.get("tls"),
            clock=self._clock,
            on_request=self._pushed,
            on_online=self._came_online,
            on_offline=self._went_offline,
            on_lost=self._session_lost,
            on_media=self._av.receive,
            random=self._random,
            connect=self._connect,
            set_time=self._set_time,
            report=self._report,
        )
        self._caller = Caller(self._link, self._av, self._report)
        self._pushes["command"] = Messages(self._link, self._av).command
        self._pushes["call.answered"] = self._caller.answered
        self._pushes["call.ended"] = self._caller.ended
        self._link.start()

    async def _stop_link(self):
        link, self._link = self._link, None
        if link is not None:
            await link.stop()
            await self._av.wait_stopped()
        self._caller = self._rooms = None
        self._modules = None
        self._ready = False

    def _came_online(self, answer):
        self._events.emit("on_online", answer["time_ms"])
        self._module_status(answer)
        foreign = answer.get("call")
        if foreign is not None and not answer["resumed"]:
            self._caller.end_foreign(str(foreign.get("call_id")))

    def _went_offline(self, status, error):
        self._events.emit("on_offline", status)

    def _session_lost(self):
        if self._ready:
            self._ready = False
            self._notify(codes.EVENT_P2P_PEER_LOST)
        self._caller.lost()

    # --- what the relay pushes ---

    def _pushed(self, method, params):
        handler = self._pushes.get(method)
        if handler is None and method == "room.event" and self._rooms is not None:
            handler = self._rooms.event
        if handler is None:
            raise RemoteError("this device does not know %s" % method, codes.RPC_METHOD_NOT_FOUND)
        return handler(params)

    def _module_status(self, params):
        modules = params.get("modules")
        if not isinstance(modules, int) or isinstance(modules, bool) or modules < 0:
            raise InvalidArgument("modules must be a bit mask")
        if modules != self._modules:
            self._modules = modules
            self._events.emit("on_module_status", modules)

    def _peer_ready(self, params):
        self._ready = True
        self._notify(codes.EVENT_P2P_PEER_READY)

    def _notify(self, event):
        self._av.emit("on_notify", event, 0, CHANNEL, codes.STREAM_AV)


def _nothing(*_):
    pass


def _listen(clock, callbacks, names, report):
    """A Fanout to the methods of `callbacks` that are among `names`."""
    events = Fanout(
        clock,
        report=lambda name, callback, ms, error: report(
            "callback", error or "%s: %d ms" % (name, ms)
        ),
    )
    for name in names:
        callback = getattr(callbacks, name, None)
        if callback is not None:
            events.on(name, callback)
    return events


def _call_params(open_id, call_type, caller_camera, callee_camera, video_info):
    if not is_word(open_id) or len(open_id) > OPEN_ID_MAX:
        text = "open_id must be 1 to %d characters of A-Z a-z 0-9 _ -" % OPEN_ID_MAX
        raise InvalidArgument(text, codes.CALL_OPEN_ID_INVALID)
    if call_type not in (codes.CALL_TYPE_VIDEO, codes.CALL_TYPE_AUDIO):
        raise InvalidArgument("call_type must be 1 video or 2 audio")
    for name, value in (("caller_camera", caller_camera), ("callee_camera", callee_camera)):
        if value not in (0, 1):
            raise InvalidArgument("%s must be 0 or 1" % name)
    if video_info is not None and not isinstance(video_info, dict):
        raise InvalidArgument("video_info must be a dict")
    return {
        "open_id": open_id,
        "call_type": call_type,
        "caller_camera": int(caller_camera),
        "callee_camera": int(callee_camera),
        "video_info": video_info or {},
    }


async def _http_post(url, **options):
    from ..net import http

    return await http.post(url, **options)
