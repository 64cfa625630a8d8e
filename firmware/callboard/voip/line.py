"""What a registered device has: a link to the relay, its one call, and what the relay pushes."""

from .. import codes
from ..errors import Busy, InvalidArgument, RemoteError
from ..parts import part
from ..signalling import hello
from ..signalling.link import Link
from .av import CHANNEL
from .caller import Caller
from .data_model import check_properties
from .messages import Messages


class Line:
    """Arguments: `config` of init_system; `identity`; the device `key`; the `av` module; `events`
    a Fanout to the device callbacks; `on_set(properties)` or None; `time` a NetworkTime; `tools` a
    dict: clock, connect, transport, random, set_time,
    report.

    `link` and `caller` are what the client works with, `ready` tells that calls may be made.
    `pushes`: method -> handler(params), which gives the result or raises CallboardError.
    """

    def __init__(self, config, identity, key, av, events, on_set, time, tools):
        self._av = av
        self._events = events
        self._on_set = on_set
        self._time = time
        self._set_clock = tools["set_time"]
        self._presence = config.get("presence", True)
        self._modules = None
        self.ready = False
        self.link = Link(
            hello.socket_url(config["relay_url"], "device"),
            hello.DeviceHello(
                key,
                identity.model_id,
                identity.sn,
                identity.wxa_appid,
                identity.flavour,
                av.takes,
            ),
            tls=config.get("tls"),
            clock=tools["clock"],
            on_request=self._pushed,
            on_online=self._came_online,
            on_offline=self._went_offline,
            on_lost=self._session_lost,
            on_media=av.receive,
            random=tools["random"],
            connect=tools["connect"],
            transport=tools["transport"],
            set_time=self._set_time,
            report=tools["report"],
        )
        self.caller = Caller(self.link, av, tools["clock"], tools["report"])
        self.views = None
        if av.has_camera:
            parts = self.link, av, tools["clock"], tools["report"]
            self.views = part("voip.views", "pictures").Views(*parts)
        self._clock = tools["clock"]
        self._fetched = None  # a Files, once somebody fetches one
        self.pushes = {
            "file.open": lambda params: self._files().open(params),
            "file.read": lambda params: self._files().read(params),
            "file.close": lambda params: self._files().close(params),
            "view.start": self.views.start if self.views is not None else _no_camera,
            "view.stop": self.views.stop if self.views is not None else _no_camera,
            "dm.set": self._dm_set,
            "voip.module_status": self._module_status,
            "voip.peer_ready": self._peer_ready,
            "command": Messages(self.link, av).command,
            "call.incoming": self.caller.incoming,
            "call.answered": self.caller.answered,
            "call.ended": self.caller.ended,
        }

    async def stop(self):
        """Close the connection, end what runs over it."""
        await self.link.stop()
        self._lose_visitors()
        await self._av.wait_stopped()

    # --- what the link tells ---

    def _set_time(self, time_ms):
        self._set_clock(time_ms)
        self._time.learn(time_ms)

    def _came_online(self, answer):
        if self._presence:
            self._events.emit("on_online", answer["time_ms"])
        self._module_status(answer)
        foreign = answer.get("call")
        if foreign is not None and not answer["resumed"]:
            self.caller.end_foreign(str(foreign.get("call_id")), lost=True)

    def _went_offline(self, status, error):
        if self._presence:
            self._events.emit("on_offline", status)

    def _session_lost(self):
        if self.ready:
            self.ready = False
            self._notify(codes.EVENT_P2P_PEER_LOST)
        self.caller.lost()
        self._lose_visitors()

    def _lose_visitors(self):
        for each in (self.views, self._fetched):
            if each is not None:
                each.lost()

    # --- what the relay pushes ---

    def _pushed(self, method, params):
        handler = self.pushes.get(method)
        if handler is None:
            raise RemoteError("this device does not know %s" % method, codes.RPC_METHOD_NOT_FOUND)
        return handler(params)

    def _files(self):
        if self._fetched is None:
            if self._av.running:
                raise Busy("a call is going on")
            self._fetched = part("voip.files", "files to fetch").Files(self._av, self._clock)
        return self._fetched

    def _dm_set(self, params):
        properties = check_properties(params.get("properties"))
        if self._on_set is None:
            raise InvalidArgument("this device has no properties to set")
        self._on_set(properties)

    def _module_status(self, params):
        modules = params.get("modules")
        if not isinstance(modules, int) or isinstance(modules, bool) or modules < 0:
            raise InvalidArgument("modules must be a bit mask")
        if modules != self._modules:
            self._modules = modules
            self._events.emit("on_module_status", modules)

    def _peer_ready(self, params):
        self.ready = True
        self._notify(codes.EVENT_P2P_PEER_READY)

    def _notify(self, event):
        self._av.emit("on_notify", event, 0, CHANNEL, codes.STREAM_AV)


def _no_camera(params):
    raise RemoteError("this device has no camera", codes.CODEC_UNAVAILABLE)
