"""The device's API: everything a call needs, in the documents' order (000 §2-§4).

    client = Client()
    store = keystore.open(FileFlash("flash.bin"))   # from callboard and callboard.flash.devices
    client.init_system({"relay_url": "https://relay:8443", "tls": context}, callbacks)
    client.init_data_model()
    client.init_av(av_callbacks, microphone, speaker)
    await client.init_voip(0, store, "model", "serial", "wx123")
    if not client.is_registered():
        await client.register(ticket)
    ...                                     # on_notify(EVENT_P2P_PEER_READY)
    await client.call(open_id)              # returns when the phone rings
    await client.wait_call("talking", "idle")
    await client.hang_up()
    ...                                     # on_recv_command(COMMAND_CALL_INCOMING): a phone calls
    await client.answer()                   # or reject()

The documents' names are mapped to these in firmware/README.md.
"""

from .. import codes, port
from ..errors import NotRegistered, WrongOrder
from ..net.url import parse
from ..parts import part
from . import call as calls
from . import equipment
from .av import Av
from .call_params import add_texts, call_params
from .callbacks import DEVICE_CALLBACKS, listen
from .data_model import check_properties
from .identity import Identity
from .lifecycle import Lifecycle
from .line import Line
from .messages import Messages
from .network_time import NetworkTime
from .registration import Registration

CONNECT_MS = 20000
WAIT_MS = 120000  # longer than a phone rings


class Client:
    """One device. What it uses may be given: `clock`, `connect` (a WebSocket), `post` (HTTP),
    `transport` (a signalling.media.MediaTransport), `random(n)`, `set_time(ms)`;
    `report(what, error)` hears what was mended.
    """

    def __init__(
        self,
        clock=None,
        connect=None,
        post=None,
        random=None,
        set_time=None,
        report=None,
        transport=None,
    ):
        self._clock = clock or port.CLOCK
        self._post = post or _http_post
        self._random = random or port.random_bytes
        self._report = report or _nothing
        self._tools = {
            "clock": self._clock,
            "connect": connect,
            "transport": transport,
            "random": self._random,
            "set_time": set_time or port.set_epoch_ms,
            "report": self._report,
        }
        self._steps = Lifecycle()
        self._config = self._events = self._time = self._on_set = self._av = None
        self._identity = self._registration = self._line = None

    @property
    def level(self):
        """How far it is up: "off", "system", "data_model", "av" or "voip"."""
        return self._steps.level

    # --- system ---

    def init_system(self, config, callbacks=None):
        """First step. `config`: {"relay_url": "https://…", "tls": context or None, "presence":
        False for a device without on_online and on_offline (FEATURE_DM_CONFIG_USE_MQTT off)}.
        """
        self._steps.check("init_system")
        parse(config.get("relay_url"))
        self._config = config
        self._time = NetworkTime(self._clock)
        self._events = listen(self._clock, callbacks, DEVICE_CALLBACKS, self._report)
        self._steps.done("init_system")

    def exit_system(self):
        """Last step."""
        self._steps.check("exit_system")
        self._config = self._events = self._time = None
        self._steps.done("exit_system")

    def time_ms(self):
        """Milliseconds since 1970 by the relay's clock (iv_sys_get_time); before it was reached
        the board's own. WrongOrder before init_system.
        """
        if self._time is None:
            raise WrongOrder("time_ms needs level system; this is " + self.level)
        return self._time.now_ms()

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
        await self._online().link.request("dm.report", {"properties": properties})

    # --- audio and video ---

    def init_av(
        self, callbacks=None, microphone=None, speaker=None, codecs=None, camera=None, screen=0
    ):
        """Third step. `callbacks` as AvCallbacks. With `microphone` and `speaker` audio runs by
        itself; without, send_audio and on_recv_stream carry it. `codecs`, `camera` and `screen` as
        in av.Av.
        """
        self._steps.check("init_av")
        devices = microphone, speaker, self._report, codecs, camera, screen
        self._av = Av(self._clock, callbacks, *devices)
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

    def send_video(self, visitor, channel, buf, off, n, pts_ms):
        """Send one picture (sendVideoData). True when it was begun; see av.Av.send_video."""
        self._steps.check("send_video")
        return self._av.send_video(visitor, channel, buf, off, n, pts_ms)

    def finish_stream(self, visitor, channel, video_res_type):
        """Send no more pictures in this call (sendFinishStream); see av.Av.finish_stream."""
        self._steps.check("finish_stream")
        self._av.finish_stream(visitor, channel, video_res_type)

    def stream_buffer(self, visitor, channel):
        """Bytes that wait to be sent (getSendStreamBuf)."""
        self._steps.check("stream_buffer")
        return self._av.stream_buffer(visitor, channel)

    def stream_status(self, visitor, channel, stream_type):
        """codes.STREAM_STATUS_* (getSendStreamStatus)."""
        self._steps.check("stream_status")
        return self._av.stream_status(visitor, channel, stream_type)

    @property
    def mute(self):
        """True: the far end hears nothing of this one, also in the calls to come. May be set.

        WrongOrder before init_av, as for levels().
        """
        return self._av_up().mute

    @mute.setter
    def mute(self, value):
        self._av_up().mute = value

    @property
    def volume(self):
        """How loud the far end is here, 0 to 100, also in the calls to come. May be set."""
        return self._av_up().volume

    @volume.setter
    def volume(self, value):
        self._av_up().volume = value

    def levels(self):
        """{"send", "receive"} in dBov (0 the loudest, -127 silence); None without a call."""
        return self._av_up().levels()

    def _av_up(self):
        if self._av is None:
            raise WrongOrder("mute, volume and levels need level av; this is " + self.level)
        return self._av

    # --- voip ---

    async def init_voip(
        self, flavour, store, model_id, device_id, wxa_appid, timeout_ms=CONNECT_MS
    ):
        """Fourth step: check the identity, here and at the relay; authenticate if registered.

        `flavour` codes.FLAVOUR_*; `store` an open key store (callboard.keystore); `device_id` the
        serial number. Raises InvalidArgument (9800001, 9800002, 9800003, 1), MissingEquipment,
        StorageError, RemoteError (9800003 the relay does not know the model, 6 it refuses the
        key), NetworkError, TimedOut; the level is unchanged then.
        """
        self._steps.check("init_voip")
        identity = Identity(flavour, model_id, device_id, wxa_appid)
        url, tls = self._config["relay_url"], self._config.get("tls")
        url = url[:-1] if url.endswith("/") else url
        equipment.check(url, tls, self._tools["connect"], store, self._av.devices)
        self._identity = identity
        self._registration = Registration(store, self._post, url, tls, self._random)
        if self._registration.is_registered():
            self._start()
            try:
                await self._line.link.wait_online(timeout_ms)
            except BaseException:  # cancelled, too: nothing may go on behind the caller's back
                await self._stop()
                raise
        else:
            await self._registration.check(identity)
        self._steps.done("init_voip")

    async def exit_voip(self):
        """Undo init_voip: a call is hung up, the connection closed."""
        self._steps.check("exit_voip")
        if self._line is not None:
            await self._line.caller.hang_up()
        await self._stop()
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
        if self._line is None:
            self._start()

    @property
    def ready(self):
        """True once the relay said that calls may be made (EVENT_P2P_PEER_READY)."""
        return self._line is not None and self._line.ready

    @property
    def online(self):
        """True while the connection to the relay stands."""
        return self._line is not None and self._line.link.online

    @property
    def call_state(self):
        """One of voip.call.STATES: "idle", "calling", "ringing", "incoming", …"""
        return self._line.caller.call.state if self._line is not None else calls.IDLE

    @property
    def watched(self):
        """How many watch this device without a call."""
        views = self._line.views if self._line is not None else None
        return len(views) if views is not None else 0

    @property
    def invitation(self):
        """Who calls, while a call rings here: the `args` of COMMAND_CALL_INCOMING, or None."""
        return self._line.caller.call.invitation if self._line is not None else None

    async def call(
        self,
        open_id,
        call_type=codes.CALL_TYPE_AUDIO,
        caller_camera=0,
        callee_camera=0,
        video_info=None,
        voip_token=None,
        prepared=None,
        device_id=None,
        model_id=None,
        wxa_appid=None,
    ):
        """Call a user; returns the call object when the phone rings (doWxCloudVoipCall).

        `voip_token` and `prepared`, a pair (group_id, voip_id), come from the app's backend.
        `device_id`, `model_id`, `wxa_appid` say once more who calls, as the document has it.
        Raises WrongOrder before EVENT_P2P_PEER_READY, NotRegistered, Busy, InvalidArgument,
        RemoteError with one of the documented codes, NetworkError, TimedOut.
        """
        self._steps.check("call")
        params = call_params(open_id, call_type, caller_camera, callee_camera, video_info)
        group_id, voip_id = prepared or (None, None)
        add_texts(params, "voip_token", voip_token, "group_id", group_id, "voip_id", voip_id)
        add_texts(params, "device_id", device_id, "model_id", model_id, "wxa_appid", wxa_appid)
        line = self._online()
        line.caller.call.check_free()
        if not line.ready or not line.link.has_session:
            raise WrongOrder("calls are possible after EVENT_P2P_PEER_READY")
        line.link.transport.check_call()
        return await line.caller.begin(params)

    async def answer(self):
        """Take the call that rings here. True when both are connected; False when it was over.

        Raises WrongOrder when none rings; RemoteError, NetworkError: the call is over then.
        """
        self._steps.check("answer")
        return await self._online().caller.answer()

    async def reject(self):
        """Refuse the call that rings here. Raises WrongOrder when none does."""
        self._steps.check("reject")
        await self._online().caller.reject()

    async def hang_up(self):
        """End the call (doWxCloudVoipHangUp); nothing happens when there is none."""
        self._steps.check("hang_up")
        if self._line is not None:
            await self._line.caller.hang_up()

    async def wait_call(self, *states, timeout_ms=WAIT_MS):
        """Wait until the call is in one of `states`; returns (state, reason).

        `reason`: why it ended, one of codes.END_REASONS, with "idle". Raises TimedOut.
        """
        self._steps.check("wait_call")
        return await self._online().caller.wait(states, timeout_ms)

    def is_busy(self):
        """1 while a call rings or runs, 0 otherwise (isWxCloudVoipBusy)."""
        self._steps.check("is_busy")
        return 1 if self.call_state != calls.IDLE else 0

    async def send_notice(self, open_id, notice):
        """Tell a user something (sendMsgNotice); see messages.Messages.send_notice."""
        self._steps.check("send_notice")
        return await Messages(self._online().link, self._av).send_notice(open_id, notice)

    async def send_command(self, open_id, args):
        """Ask a user's phone something; see messages.Messages.send_command."""
        self._steps.check("send_command")
        return await Messages(self._online().link, self._av).send_command(open_id, args)

    def rooms(self, on_event=None):
        """The Rooms of this device's connection; `on_event` as there."""
        self._steps.check("rooms")
        line = self._online()
        rooms = part("rooms", "rooms").Rooms(line.link, on_event)
        line.pushes["room.event"] = rooms.event
        return rooms

    # --- the line ---

    def _online(self):
        if self._line is None:
            raise NotRegistered("the device has no key: register it with a ticket")
        return self._line

    def _start(self):
        key = self._registration.key()
        parts = self._av, self._events, self._on_set, self._time, self._tools
        self._line = Line(self._config, self._identity, key, *parts)
        self._line.link.start()

    async def _stop(self):
        line, self._line = self._line, None
        if line is not None:
            await line.stop()


def _nothing(*_):
    pass


async def _http_post(url, **options):
    from ..net import http

    return await http.post(url, **options)
