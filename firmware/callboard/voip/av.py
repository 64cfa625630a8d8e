"""The media of a call: the documents' callbacks, and the pipelines between them (000 §3, §4).

    answered: on_get_av_enc_info, on_start_real_play, then frames; the first one received of sound
              and of pictures is announced by on_start_recv_stream
    ended:    on_stop_recv_stream (if one was received), on_stop_real_play; each once

With a microphone and a speaker the frames run by themselves (media.pipeline.AudioSession);
without, the application gets each payload in on_recv_stream and sends its own with send_audio.
Pictures come from a camera, or from the application by send_video; those of the far end are always
the application's to show.
"""

import asyncio
import gc

from .. import codes
from ..errors import InvalidArgument, ProtocolError
from ..media.congestion import Congestion
from ..parts import part
from .callbacks import AV_CALLBACKS, listen
from .outgoing import CHANNEL, Outgoing
from .streams import Prepared, check_media

RES_TYPE = codes.RES_HIGH  # the main stream
VIDEO = "h264"  # in `caps` and `codecs`: pictures can be shown here
TICK_MS = 20  # of pictures where no sound runs by itself
VOLUME_MAX = 100  # as received; half of it is 12 dB less


class Av(Outgoing):
    """The av module of a Client.

    Arguments: `clock`; `callbacks` an object with methods of AV_CALLBACKS; `microphone` and
    `speaker` devices of media.devices, both or none; `report(what, error)`; `codecs`, names of
    PROTOCOL.md §4, None: with devices all that are here, without only "pcmu"; `camera` one of
    media.camera, or True: the application gives pictures by send_video; `screen`: bytes of the
    largest picture that can be shown, 0: none can.

    `codecs`: the names of those that are here, best first. `mute`: the far end hears nothing;
    `volume`: how loud it is here, 0-100; both stay from call to call.
    """

    def __init__(
        self,
        clock,
        callbacks,
        microphone=None,
        speaker=None,
        report=None,
        codecs=None,
        camera=None,
        screen=0,
    ):
        if (microphone is None) != (speaker is None):
            raise InvalidArgument("give a microphone and a speaker, or neither")
        self._report = report or _nothing
        self._mute = False
        self._volume = VOLUME_MAX
        self._session_class, self._codecs = self._load_media(speaker, codecs)
        self._clock = clock
        self._microphone = microphone
        self._speaker = speaker
        self._events = listen(clock, callbacks, AV_CALLBACKS, self._report)
        self._session = None
        self._task = None
        self._stopped = asyncio.Event()
        self._begun = False  # the task had its first turn
        self._visitor = 0
        self._receiving = False  # a first frame of sound or pictures was announced
        self._heard = False
        self._infos = {}
        self._transport = None
        self._pictures = None
        self._picture_stats = {}
        self._ticker = None
        self._congestion = None
        self.has_camera = camera is not None
        self.camera = None if camera is True else camera
        self.views = None  # a voip.views.Views, once there is a line
        self._reserve_pictures(screen)

    def _load_media(self, speaker, codecs):
        """The class of sessions, and the codecs; both now, as in a call it would be heard."""
        from ..media.codec_set import CodecSet

        if speaker is None:
            from ..media.raw import RawSession

            return RawSession, CodecSet(codecs or ("pcmu",))
        if speaker.loudspeaker:
            from ..media import echo, reference  # noqa: F401
        from ..media.pipeline import AudioSession

        found = CodecSet(codecs)
        for name in found.reserve():
            self._report("audio", "no memory for %s" % name)
        return AudioSession, found

    def _reserve_pictures(self, screen):
        """Their code and their memory; now, as for sound."""
        self._taken = bytearray(self.camera.picture_max) if self.camera is not None else None
        self._shown = bytearray(screen) if screen else None
        if self.has_camera or screen:
            self._picture_class = part("media.pictures", "pictures").PictureSession

    @property
    def codecs(self):
        """The names of the codecs that are here, best first."""
        return self._codecs.names

    @property
    def takes(self):
        """The names of what can be received here: `codecs`, and "h264" with a screen."""
        return self.codecs + ((VIDEO,) if self._shown is not None else ())

    @property
    def devices(self):
        """(microphone, speaker); None for each without them."""
        return self._microphone, self._speaker

    @property
    def mute(self):
        """True while the far end hears nothing of this one, also in the calls to come."""
        return self._mute

    @mute.setter
    def mute(self, value):
        self._mute = bool(value)
        if self._session is not None and self._microphone is not None:
            self._session.mute = self._mute

    @property
    def volume(self):
        """How loud the far end is here, 0 to 100, also in the calls to come."""
        return self._volume

    @volume.setter
    def volume(self, value):
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= VOLUME_MAX:
            raise InvalidArgument("volume must be a number from 0 to %d" % VOLUME_MAX)
        self._volume = value
        if self._session is not None and self._microphone is not None:
            self._session.volume_q12 = volume_q12(value)

    def levels(self):
        """How loud the last frames were, in dBov (0 the loudest, -127 silence), or None.

        {"send", "receive"}; None without a call whose sound runs by itself.
        """
        session = self._session
        if session is None or self._microphone is None:
            return None
        return {"send": session.send_level, "receive": session.receive_level}

    def emit(self, name, *args):
        """Call the application's callback `name`; a failing or slow one is reported."""
        self._events.emit(name, *args)

    def ask(self, name, *args):
        """Call a callback that may refuse: then its CallboardError is raised."""
        self._events.ask(name, *args)

    def ask_info(self, *args):
        """Call on_get_av_enc_info of a visitor, who may be refused by a CallboardError."""
        if self._events.has("on_get_av_enc_info"):
            self._events.ask("on_get_av_enc_info", *args)

    @property
    def running(self):
        """True while a stream may flow."""
        return self._session is not None

    def prepare(self, media, transport):
        """Make the session for `media` without starting it. Raises ProtocolError, InvalidArgument.

        Then nothing has changed, and no callback was called.
        """
        check_media(media)
        send, receive = media["send"], media["receive"]
        gc.collect()  # the last session's memory serves this one, and its large pieces find room
        if self._microphone is None:
            session = self._session_class(send, receive, transport, self._received)
        else:
            session = self._session_class(
                self._clock,
                self._microphone,
                self._speaker,
                send,
                receive,
                transport,
                report=self._device_failed,
                codecs=self._codecs,
            )
            session.mute = self._mute
            session.volume_q12 = volume_q12(self._volume)
            session.on_first_audio = self._first_frame
            session.on_frame = self._tick
        return Prepared(session, self._prepare_pictures(media, transport), media, transport)

    def _prepare_pictures(self, media, transport):
        """A PictureSession, or None in a call without pictures."""
        sends, shows = media.get("send_video") is not None, media.get("receive_video") is not None
        if not (sends or shows):
            return None
        if (sends and not self.has_camera) or (shows and self._shown is None):
            raise ProtocolError("media has pictures that this end did not offer")
        if sends and self.camera is not None and self.views:
            self.views.finish_all()  # the call needs the camera
        return self.picture_session(media, transport, self)

    def picture_session(self, media, transport, listener):
        """A PictureSession with this device's camera and screen."""
        parts = self.camera, self._taken, self._shown
        return self._picture_class(self._clock, media, transport, listener, *parts)

    @property
    def shows_in_call(self):
        """Whether a call has the camera."""
        return self._pictures is not None and self._pictures.sending

    def start(self, prepared, visitor, call_type):
        """Begin to send and receive what prepare() has made."""
        session, pictures = prepared.session, prepared.pictures
        self._infos = prepared.infos(self.camera)
        self._transport = prepared.transport
        self._visitor = visitor
        self._receiving = self._heard = False
        self._congestion = Congestion()
        self._picture_stats = {}
        for name in ("send", "send_video"):
            if name in self._infos:
                info = self._infos[name]
                self.emit("on_get_av_enc_info", visitor, CHANNEL, RES_TYPE, info, {})
        self.emit("on_start_real_play", visitor, CHANNEL, RES_TYPE, {"call_type": call_type})
        self._session, self._pictures = session, pictures
        if pictures is not None:
            pictures.start()
        if self._microphone is not None:
            self._stopped.clear()
            self._begun = False
            self._task = asyncio.create_task(self._run(session))
        elif pictures is not None:
            self._ticker = asyncio.create_task(self._keep_ticking(pictures))

    async def _keep_ticking(self, pictures):
        while self._pictures is pictures:
            await self._clock.sleep_ms(TICK_MS)
            self._tick()

    def _tick(self):
        """Every 20 ms, after the sound. Does not allocate while nothing happens."""
        session, pictures = self._session, self._pictures
        if session is None:
            return
        dropped = session.dropped
        if pictures is not None:
            pictures.tick()
            dropped += pictures.dropped
        if self._congestion.tick(dropped):
            event, kind = self._congestion.event, codes.STREAM_AV
            self.emit("on_notify", event, self._visitor, CHANNEL, kind)

    def _device_failed(self, sentence):
        self._report("audio", sentence)

    async def _run(self, session):
        self._begun = True
        try:
            await session.run()
        except Exception as error:  # what failed ends the sound, not the board
            self._report("audio", error)
        finally:
            try:
                self.emit("on_call_stats", self._stats(session))
            finally:  # whoever waits for the devices must not wait for ever
                session = None  # on MicroPython a finished coroutine holds its variables
                self._stopped.set()

    def receive(self, buf, off, n, arrival_ms):
        """One media message from the link."""
        session, pictures = self._session, self._pictures
        if self.views and self.views.receive(buf, off, n, arrival_ms):
            return
        if session is None:
            return
        if pictures is None or not pictures.receive(buf, off, n, arrival_ms):
            session.receive(buf, off, n, arrival_ms)

    # --- what the sessions tell ---

    def _received(self, buf, off, n, frame_index):
        self._first_frame()
        kind = codes.STREAM_AUDIO
        self.emit("on_recv_stream", self._visitor, CHANNEL, kind, buf, off, n, frame_index)

    def _first_frame(self):
        if not self._heard:
            self._heard = True
            self._announce(codes.STREAM_AUDIO, self._infos["receive"])

    def _announce(self, kind, info):
        self._receiving = True
        self.emit("on_start_recv_stream", self._visitor, CHANNEL, kind, info)

    def first_picture(self):
        """As media.pictures.Listener, and the three below."""
        self._announce(codes.STREAM_VIDEO, self._infos["receive_video"])

    def picture(self, buf, off, n, pts_ms, key):
        """A picture of the far end."""
        kind = codes.STREAM_VIDEO
        self.emit("on_recv_stream", self._visitor, CHANNEL, kind, buf, off, n, pts_ms)

    def pictures_over(self):
        """The far end shows nothing more; its voice goes on."""
        self.emit("on_pictures_over", self._visitor, CHANNEL)

    def key_frame_wanted(self):
        """The application's next picture must be a key frame."""
        self.emit("on_key_frame_wanted", self._visitor, CHANNEL, RES_TYPE)

    def stop(self):
        """End the streams: the callbacks now, the devices as soon as the loop gets there."""
        session, self._session = self._session, None
        if session is None:
            return
        pictures, self._pictures = self._pictures, None
        if pictures is not None:
            self._picture_stats = pictures.stats()
            pictures.stop()
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        if self._task is not None:
            self._task.cancel()
        if self._receiving:
            self._receiving = False
            kind = codes.STREAM_AV if "receive_video" in self._infos else codes.STREAM_AUDIO
            self.emit("on_stop_recv_stream", self._visitor, CHANNEL, kind)
        self.emit("on_stop_real_play", self._visitor, CHANNEL, RES_TYPE)
        if self._microphone is None or not self._begun:  # it never will
            self.emit("on_call_stats", self._stats(session))

    def _stats(self, session):
        figures = session.stats()
        figures.update(self._picture_stats)
        return figures

    async def wait_stopped(self):
        """After stop(): wait until microphone and speaker are released."""
        task = self._task
        if task is None:
            return
        await asyncio.sleep(0)  # a task that had no turn yet ends without one
        if not task.done():  # not awaited: one that a Ctrl-C has hit would never end
            await self._stopped.wait()
        if self._task is task:
            self._task = None


def volume_q12(volume):
    """The gain of a volume of 0 to 100, 4096 is 1: by its square, as ears have it."""
    return 4096 * volume * volume // (VOLUME_MAX * VOLUME_MAX)


def _nothing(*_):
    pass
