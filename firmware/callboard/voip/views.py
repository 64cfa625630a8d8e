"""Who watches this device: live, or what it recorded (000 §3; PROTOCOL.md §6).

Each visitor's request and each end of one is told by itself (on_start_real_play,
on_stop_real_play); what is sent is one stream for all who watch the same, and for a playback one
of its own. Pictures come from the camera, or from the application by send_video to any of the
visitors.
"""

import asyncio

from .. import codes
from ..errors import Busy, CallboardError, InvalidArgument, ProtocolError, RemoteError
from .av import CHANNEL, TICK_MS
from .streams import check_video, video_info

VISITORS_MAX = 8
CHANNELS = 16
ARGS_MAX = 16  # members of what a visitor asks for
FINISH_MS = 5000
_NUMBERS = (
    ("visitor", 0, 0x7FFFFFFF),
    ("channel", 0, CHANNELS - 1),
    ("res_type", codes.RES_HIGH, codes.RES_PLAYBACK),
)


class Views:
    """Arguments: the `link`, the `av` module, a `clock`, `report(what, error)`."""

    def __init__(self, link, av, clock, report):
        self._link = link
        self._av = av
        self._clock = clock
        self._report = report
        self._views = {}  # (visitor, channel, res_type) -> Shared
        self._shared = []  # each of them once
        self._ticker = None
        av.views = self

    def __len__(self):
        return len(self._views)

    # --- the relay asks ---

    def start(self, params):
        """`view.start`: a visitor wants to watch. Returns {"info"}; raises what refuses it."""
        key, media = _key(params), params.get("media")
        stream = media.get("send_video") if isinstance(media, dict) else None
        try:
            check_video("send_video", stream)
        except ProtocolError as error:
            raise InvalidArgument(error.message)
        args = params.get("args")
        if not isinstance(args, dict) or len(args) > ARGS_MAX:
            raise InvalidArgument("args must be an object of at most %d members" % ARGS_MAX)
        self._check_free(key)
        visitor, channel, res_type = key
        info = video_info(stream, self._av.camera)
        self._av.ask_info(visitor, channel, res_type, info, args)
        shared = self._find_or_make(stream, key)
        self._views[key] = shared
        address = params.get("address")
        if isinstance(address, str) and address:
            self._av.emit("on_get_peer_outer_net", visitor, channel, address)
        self._av.emit("on_start_real_play", visitor, channel, res_type, args)
        shared.join()
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._keep_ticking())
        return {"info": info}

    def stop(self, params):
        """`view.stop`: a visitor has gone. Nothing happens when it was not there."""
        self._end(_key(params))
        return {}

    def _check_free(self, key):
        if key in self._views:
            raise Busy("this visitor watches that already")
        if len(self._views) >= VISITORS_MAX:
            raise Busy("%d watch already" % VISITORS_MAX)
        if not self._av.has_camera:
            text = "this device has no camera"
            raise RemoteError(text, codes.CODEC_UNAVAILABLE)
        if self._av.camera is not None:
            if self._av.shows_in_call:
                raise Busy("the camera is in a call")
            if key[1] != CHANNEL or key[2] == codes.RES_PLAYBACK:
                raise InvalidArgument("this device has channel %d only, live" % CHANNEL)

    def _find_or_make(self, stream, key):
        """What is sent already of this stream, or something new."""
        for shared in self._shared:
            if shared.ssrc == stream["ssrc"]:
                return shared
        if self._shared and self._av.camera is not None:
            raise Busy("the camera gives one kind of stream at a time")
        shared = Shared(self._av, stream, key, self._link.transport)
        self._shared.append(shared)
        return shared

    # --- while they watch ---

    async def _keep_ticking(self):
        while self._shared:
            await self._clock.sleep_ms(TICK_MS)
            for shared in self._shared:
                shared.session.tick()
        self._ticker = None

    def receive(self, buf, off, n, arrival_ms):
        """Take a media message that concerns what is watched; False when it does not."""
        for shared in self._shared:  # noqa: SIM110 - any() would allocate
            if shared.session.receive(buf, off, n, arrival_ms):
                return True
        return False

    def find(self, visitor, channel):
        """The PictureSession of a visitor, or None when it does not watch that."""
        for key in self._views:
            if key[0] == visitor and key[1] == channel:
                return self._views[key].session
        return None

    # --- the end ---

    def _end(self, key):
        """One visitor less: on_stop_real_play, once."""
        shared = self._views.pop(key, None)
        if shared is None:
            return False
        if shared not in self._views.values():
            self._shared.remove(shared)
            shared.session.stop()
        visitor, channel, res_type = key
        self._av.emit("on_stop_real_play", visitor, channel, res_type)
        return True

    def finish(self, visitor, channel, res_type):
        """Nothing more comes for this visitor (sendFinishStream). False: it does not watch."""
        key = (visitor, channel, res_type)
        if not self._end(key):
            return False
        asyncio.create_task(self._tell(key))
        return True

    async def _tell(self, key):
        params = {"visitor": key[0], "channel": key[1], "res_type": key[2]}
        try:
            await self._link.request("view.finish", params, FINISH_MS)
        except CallboardError as error:
            self._report("view.finish", error)

    def finish_all(self):
        """Nobody watches any more: a call needs the camera."""
        for key in list(self._views):
            self.finish(*key)

    def lost(self):
        """The session is over and with it the views."""
        for key in list(self._views):
            self._end(key)


class Shared:
    """A stream that is sent once, to one visitor or many; its PictureSession's Listener, too."""

    def __init__(self, av, stream, key, transport):
        self.ssrc = stream["ssrc"]
        self.session = av.picture_session({"send_video": stream}, transport, self)
        self._av = av
        self._key = key  # of the first visitor, who names the stream
        self._begun = False

    def key_frame_wanted(self):
        """The application's next picture must be a key frame."""
        self._av.emit("on_key_frame_wanted", *self._key)

    def join(self):
        """One visitor more: it needs a key frame to begin with."""
        if self._begun:
            self.session.restart()
        else:
            self._begun = True
            self.session.start()


def _key(params):
    """(visitor, channel, res_type)"""
    values = []
    for name, low, high in _NUMBERS:
        value = params.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InvalidArgument("%s must be %d to %d" % (name, low, high))
        values.append(value)
    return tuple(values)
