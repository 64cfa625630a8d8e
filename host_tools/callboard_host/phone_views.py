"""What a phone gets of devices without a call: it watches one live, and fetches files."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from callboard import codes
from callboard.errors import CallboardError, ProtocolError
from callboard.voip.streams import check_video
from callboard_host.errors import BadInput
from callboard_host.phone_pictures import PhonePictures

if TYPE_CHECKING:
    from callboard_host.phone import PhoneConfig

_REQUEST_MS = 15_000  # the relay gives the device 10 s
_PIECE = 4096

Request = Callable[[str, dict[str, Any], int], Awaitable[Any]]


class PhoneViews:
    """At most one view. `emit(name, **fields)` is told everything; `request` asks the relay."""

    def __init__(self, config: "PhoneConfig", emit: Callable[..., None], request: Request):
        self._config = config
        self._emit = emit
        self._request = request
        self._view_id: str | None = None
        self._pictures: PhonePictures | None = None

    async def watch(self, model_id: str, sn: str, transport: Any) -> None:
        """Watch a device live; its pictures go to the screen. Ends another view first.

        Raises BadInput without a screen, RemoteError, NetworkError, ProtocolError.
        """
        if self._config.screen is None:
            raise BadInput("this phone has no screen", "start it with --screen FILE")
        await self.stop()
        params = {"model_id": model_id, "sn": sn}
        answer = await self._request("view.start", params, _REQUEST_MS)
        media = answer.get("media") if isinstance(answer, dict) else None
        if not isinstance(media, dict) or not isinstance(answer.get("view_id"), str):
            raise ProtocolError("the relay's answer to view.start is no view")
        check_video("receive_video", media.get("receive_video"))
        self._view_id = answer["view_id"]
        self._pictures = PhonePictures(self._config, media, transport, self._emit)
        self._emit("watching", model_id=model_id, sn=sn, info=answer.get("info"))

    def receive(self, buf: Any, off: int, n: int, arrival_ms: int) -> bool:
        """Take a packet of the view's; False when it is none."""
        return self._pictures is not None and self._pictures.receive(buf, off, n, arrival_ms)

    def want_key_frame(self) -> None:
        """Ask for a picture that can be shown by itself."""
        if self._pictures is not None:
            self._pictures.want_key_frame()

    async def stop(self) -> None:
        """Watch no more. Nothing happens when nothing is watched."""
        if self._view_id is not None:
            view_id = self._view_id
            self._over("stopped")
            await self._request("view.stop", {"view_id": view_id}, _REQUEST_MS)

    def ended(self, params: dict[str, Any]) -> dict[str, Any]:
        """`view.ended`: the device has no more, or is lost."""
        if params.get("view_id") == self._view_id and self._view_id is not None:
            self._over(str(params.get("reason")))
        return {}

    def lost(self) -> None:
        """The session is over and with it the view."""
        if self._view_id is not None:
            self._over("aborted")

    def _over(self, reason: str) -> None:
        pictures, self._pictures, self._view_id = self._pictures, None, None
        if pictures is not None:
            figures = pictures.stats()
            pictures.stop()
            self._emit("watched", reason=reason, **figures)

    async def fetch(self, model_id: str, sn: str, name: str, to: Path) -> int:
        """Fetch a file from a device into `to`; its size in bytes. Goes on where `to` ends.

        Raises BadInput when `to` cannot be written, RemoteError, NetworkError.
        """
        device = {"model_id": model_id, "sn": sn}
        try:
            with to.open("ab") as file:
                offset = file.tell()
                opening = {**device, "name": name, "offset": offset}
                opened = await self._request("file.open", opening, _REQUEST_MS)
                reading = {**device, "file_id": opened["file_id"], "n": _PIECE}
                end = False
                while not end:
                    piece = await self._request("file.read", reading, _REQUEST_MS)
                    data = bytes.fromhex(piece["data"])
                    if piece["offset"] != offset:
                        raise ProtocolError(f"a piece from {piece['offset']}, not {offset}")
                    file.write(data)
                    offset, end = offset + len(data), piece["end"]
                    self._emit("fetched", file=name, bytes=offset, size=opened["size"])
        except OSError as error:
            raise BadInput(f"cannot write {to}: {error.strerror}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise CallboardError("the device's answer is no file", codes.AVT_FAILED) from error
        return offset
