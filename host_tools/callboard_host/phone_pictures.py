"""The pictures of one call on a phone: an H.264 file as its camera, another one as its screen."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from callboard import port
from callboard.media.camera import FileCamera, FileScreen
from callboard.media.pictures import Listener, PictureSession

if TYPE_CHECKING:
    from callboard_host.phone import PhoneConfig


class PhonePictures(Listener):
    """Runs from construction to stop(); `tick` is to be called every 20 ms.

    Arguments as for PhoneSound; `tell` gets picture_first, pictures_over. Raises InvalidArgument
    for a file that cannot be played or written, ProtocolError for bad media.
    """

    def __init__(
        self,
        config: "PhoneConfig",
        media: dict[str, Any],
        transport: Any,
        tell: Callable[..., None],
    ):
        self._tell = tell
        self._camera: FileCamera | None = None
        buffer = None
        if "send_video" in media and config.camera:
            self._camera = FileCamera(str(config.camera), port.CLOCK, config.camera_fps)
            buffer = bytearray(self._camera.picture_max)
        self._screen: FileScreen | None = None
        if "receive_video" in media and config.screen:
            self._screen = FileScreen(str(config.screen))
        self._session = PictureSession(port.CLOCK, media, transport, self, self._camera, buffer)
        self._session.start()
        self.tick = self._session.tick
        self.receive = self._session.receive
        self.want_key_frame = self._session.ask

    def first_picture(self) -> None:
        """As Listener."""
        self._tell("picture_first")

    def picture(self, buf: bytearray, off: int, n: int, pts_ms: int, key: bool) -> None:
        """As Listener: show it."""
        if self._screen is not None:
            self._screen.show(buf, off, n)

    def pictures_over(self) -> None:
        """As Listener."""
        self._tell("pictures_over")

    def stats(self) -> dict[str, int]:
        """As PictureSession.stats()."""
        return self._session.stats()

    def stop(self) -> None:
        """Stop and close the files."""
        self._session.stop()
        if self._camera is not None:
            self._camera.close()
        if self._screen is not None:
            self._screen.close()


def wanted(media: dict[str, Any]) -> bool:
    """Whether a media description has pictures."""
    return "send_video" in media or "receive_video" in media
