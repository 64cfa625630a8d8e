"""The audio side of a call: the documents' callbacks, and the pipeline between them (000 §3, §4).

    answered: on_get_av_enc_info, on_start_real_play, then frames; the first one received is
              announced by on_start_recv_stream
    ended:    on_stop_recv_stream (if one was received), on_stop_real_play; each once

With a microphone and a speaker the frames run by themselves (media.pipeline.AudioSession);
without, the application gets each payload in on_recv_stream and sends its own with send_audio.
"""

import asyncio
import gc

from .. import codes
from ..errors import InvalidArgument, ProtocolError, WrongOrder
from .callbacks import AV_CALLBACKS, listen

CHANNEL = 0  # a device has one camera at most: its channel is 0 (000 §3)
RES_TYPE = codes.RES_HIGH  # the main stream


class Av:
    """The av module of a Client.

    Arguments: `clock`; `callbacks` an object with methods of AV_CALLBACKS; `microphone` and
    `speaker` devices of media.devices, both or none; `report(what, error)`; `codecs`, names of
    PROTOCOL.md §4, None: with devices all that are here, without only "pcmu".

    `codecs`: the names of those that are here, best first. `mute`: the far end hears nothing; it
    stays from call to call.
    """

    def __init__(self, clock, callbacks, microphone=None, speaker=None, report=None, codecs=None):
        if (microphone is None) != (speaker is None):
            raise InvalidArgument("give a microphone and a speaker, or neither")
        self._report = report or _nothing
        self._mute = False
        self._session_class, self._codecs = self._load_media(microphone is not None, codecs)
        self._clock = clock
        self._microphone = microphone
        self._speaker = speaker
        self._events = listen(clock, callbacks, AV_CALLBACKS, self._report)
        self._session = None
        self._task = None
        self._stopped = asyncio.Event()
        self._begun = False  # the task had its first turn
        self._visitor = 0
        self._receiving = False
        self._info = None

    def _load_media(self, devices, codecs):
        """The class of sessions, and the codecs; both now, as in a call it would be heard."""
        from ..media.codec_set import CodecSet

        if not devices:
            from ..media.raw import RawSession

            return RawSession, CodecSet(codecs or ("pcmu",))
        from ..media.pipeline import AudioSession

        found = CodecSet(codecs)
        for name in found.reserve():
            self._report("audio", "no memory for %s" % name)
        return AudioSession, found

    @property
    def codecs(self):
        """The names of the codecs that are here, best first."""
        return self._codecs.names

    @property
    def mute(self):
        """True while the far end hears nothing of this one, also in the calls to come."""
        return self._mute

    @mute.setter
    def mute(self, value):
        self._mute = bool(value)
        if self._session is not None and self._microphone is not None:
            self._session.mute = self._mute

    def levels(self):
        """How loud the last frames were, in dBov (0 the loudest, -127 silence), or None.

        {"send", "receive"}; None without a call whose sound runs by itself.
        """
        session = self._session
        if session is None or self._microphone is None:
            return None
        return {"send": session.send_level, "receive": session.receive_level}

    def emit(self, name, *args):
        """Call the application's callback `name`; a failing or slow one is reported.

        Returns the error that it raised, or None.
        """
        return self._events.emit(name, *args)

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
            session.on_first_audio = self._first_frame
        self._info = (stream_info(send), stream_info(receive))
        return session

    def start(self, session, visitor, call_type):
        """Begin to send and receive with a prepared session."""
        self._visitor = visitor
        self._receiving = False
        self.emit("on_get_av_enc_info", visitor, CHANNEL, RES_TYPE, self._info[0], {})
        self.emit("on_start_real_play", visitor, CHANNEL, RES_TYPE, {"call_type": call_type})
        self._session = session
        if self._microphone is not None:
            self._stopped.clear()
            self._begun = False
            self._task = asyncio.create_task(self._run(session))

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
                self.emit("on_call_stats", session.stats())
            finally:  # whoever waits for the devices must not wait for ever
                session = None  # on MicroPython a finished coroutine holds its variables
                self._stopped.set()

    def receive(self, buf, off, n, arrival_ms):
        """One media message from the link."""
        session = self._session
        if session is not None:
            session.receive(buf, off, n, arrival_ms)

    def send_audio(self, visitor, channel, buf, off, n):
        """Send one frame's payload buf[off:off+n] (sendAudioData). True when it left.

        While muted nothing leaves, and time passes.
        The buffer is the application's own; it is not changed. Raises WrongOrder when no stream
        runs or the built-in pipeline sends, InvalidArgument for another visitor or channel.
        """
        if self._session is None or self._microphone is not None:
            raise WrongOrder("send_audio needs a call, and no built-in microphone")
        if visitor != self._visitor or channel != CHANNEL:
            raise InvalidArgument("no stream to visitor %s, channel %s" % (visitor, channel))
        if self._mute:
            self._session.skip()
            return False
        return self._session.send_audio(buf, off, n)

    def _received(self, buf, off, n, frame_index):
        self._first_frame()
        self.emit(
            "on_recv_stream",
            self._visitor,
            CHANNEL,
            codes.STREAM_AUDIO,
            buf,
            off,
            n,
            frame_index,
        )

    def _first_frame(self):
        if not self._receiving:
            self._receiving = True
            self.emit(
                "on_start_recv_stream", self._visitor, CHANNEL, codes.STREAM_AUDIO, self._info[1]
            )

    def stop(self):
        """End the streams: the callbacks now, the devices as soon as the loop gets there."""
        session, self._session = self._session, None
        if session is None:
            return
        if self._task is not None:
            self._task.cancel()
        if self._receiving:
            self._receiving = False
            self.emit("on_stop_recv_stream", self._visitor, CHANNEL, codes.STREAM_AUDIO)
        self.emit("on_stop_real_play", self._visitor, CHANNEL, RES_TYPE)
        if self._microphone is None:
            self.emit("on_call_stats", _raw_stats(session))
        elif not self._begun:  # it never will
            self.emit("on_call_stats", session.stats())

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


def _raw_stats(session):
    return {
        "frames_sent": session.sent,
        "frames_send_dropped": session.dropped,
        "frames_received": session.received,
        "packets_refused": session.refused,
    }


def _nothing(*_):
    pass


def stream_info(stream):
    """iv_cm_av_data_info_s of an audio stream."""
    info = {name: stream[name] for name in ("codec", "clock_rate", "channels", "frame_ms")}
    info["rate"] = stream.get("rate", stream["clock_rate"])
    return info


_STREAM = (("ssrc", 1, 0xFFFFFFFF), ("payload_type", 0, 127), ("clock_rate", 8000, 48000))


def check_media(media):
    """Raises ProtocolError unless `media` is {"send": stream, "receive": stream} (PROTOCOL §4)."""
    for side in ("send", "receive"):
        stream = media.get(side) if isinstance(media, dict) else None
        if not isinstance(stream, dict):
            raise ProtocolError("media.%s must be a stream" % side)
        for name, low, high in _STREAM + (("channels", 1, 2), ("frame_ms", 10, 60)):
            value = stream.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise ProtocolError("media.%s.%s must be %d to %d" % (side, name, low, high))
        for name in ("codec", "mid", "feed_id"):
            if not isinstance(stream.get(name), str):
                raise ProtocolError("media.%s.%s must be a text" % (side, name))
