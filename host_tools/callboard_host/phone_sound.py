"""The media of one call on a phone: its devices, the sessions, and their figures as events."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from callboard import codes, port
from callboard.media import devices, pipeline, wav_devices
from callboard.media.codec_set import CodecSet
from callboard_host import phone_pictures

if TYPE_CHECKING:
    from callboard_host.phone import PhoneConfig

_STATS_S = 1.0


class PhoneSound:
    """Runs from construction to stop().

    Arguments: `config` with microphone, speaker, rate and ppm; `codecs`, `media` and `transport`
    as in AudioSession and PROTOCOL.md §4; `tell(name, **fields)` gets audio_first, stats, error,
    and what PhonePictures tells. Raises InvalidArgument when the microphone's file cannot be used,
    ProtocolError for bad media, and what PhonePictures raises.
    """

    def __init__(
        self,
        config: "PhoneConfig",
        codecs: CodecSet,
        media: dict[str, Any],
        transport: Any,
        tell: Callable[..., None],
    ):
        self._tell = tell
        clock = port.CLOCK
        self._microphone = (
            wav_devices.WavMicrophone(str(config.microphone), clock, config.ppm)
            if config.microphone
            else devices.NullMicrophone(config.rate, clock, config.ppm)
        )
        self._speaker = (
            wav_devices.WavSpeaker(str(config.speaker), config.rate, clock, config.ppm)
            if config.speaker
            else devices.NullSpeaker(config.rate, clock, config.ppm)
        )
        self._session = pipeline.AudioSession(
            clock,
            self._microphone,
            self._speaker,
            media["send"],
            media["receive"],
            transport,
            report=lambda sentence: tell("error", code=codes.AVT_FAILED, message=sentence),
            codecs=codecs,
        )
        self._session.on_first_audio = lambda: tell("audio_first")
        self.pictures = None
        if phone_pictures.wanted(media):
            self.pictures = phone_pictures.PhonePictures(config, media, transport, tell)
            self._session.on_frame = self.pictures.tick
        self._task = asyncio.create_task(self._run(), name="sound")

    def receive(self, buf: Any, off: int, n: int, arrival_ms: int) -> None:
        """Take one packet."""
        pictures = self.pictures
        if pictures is None or not pictures.receive(buf, off, n, arrival_ms):
            self._session.receive(buf, off, n, arrival_ms)

    async def _run(self) -> None:
        session = asyncio.create_task(self._session.run())
        try:
            while not session.done():
                await asyncio.wait([session], timeout=_STATS_S)
                if not session.done():
                    self._tell_stats()
            if error := session.exception():
                self._tell("error", code=codes.AVT_FAILED, message=f"the sound failed: {error!r}")
        finally:
            session.cancel()
            await asyncio.gather(session, return_exceptions=True)

    def _tell_stats(self) -> None:
        pictures = self.pictures.stats() if self.pictures is not None else {}
        self._tell("stats", **self._session.stats(), **pictures)

    async def stop(self) -> None:
        """Stop, tell the last figures, close the files."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._tell_stats()
        if self.pictures is not None:
            self.pictures.stop()
        for device in (self._microphone, self._speaker):
            if hasattr(device, "close"):
                device.close()
