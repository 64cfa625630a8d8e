"""Media descriptions (PROTOCOL.md §4) as they arrive: checked, and told in the documents' form."""

from ..errors import ProtocolError
from ..parts import part

_AUDIO = (
    ("ssrc", 1, 0xFFFFFFFF),
    ("payload_type", 0, 127),
    ("clock_rate", 8000, 48000),
    ("channels", 1, 2),
    ("frame_ms", 10, 60),
)


def check_media(media):
    """Raises ProtocolError unless `media` has streams "send" and "receive", and what there is of
    "send_video" and "receive_video" is well-formed.
    """
    if not isinstance(media, dict):
        raise ProtocolError("media must be an object")
    for side in ("send", "receive"):
        stream = media.get(side)
        if not isinstance(stream, dict):
            raise ProtocolError("media.%s must be a stream" % side)
        for name, low, high in _AUDIO:
            value = stream.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise ProtocolError("media.%s.%s must be %d to %d" % (side, name, low, high))
        for name in ("codec", "mid", "feed_id"):
            if not isinstance(stream.get(name), str):
                raise ProtocolError("media.%s.%s must be a text" % (side, name))
    for side in ("send_video", "receive_video"):
        if media.get(side) is not None:
            check_video(side, media[side])


def check_video(side, stream):
    """Raises ProtocolError unless `stream` describes a stream of pictures."""
    if not isinstance(stream, dict):
        raise ProtocolError("media.%s must be a stream" % side)
    part("media.video", "pictures").check_stream(stream)


def audio_info(stream):
    """iv_cm_av_data_info_s of an audio stream."""
    info = {name: stream[name] for name in ("codec", "clock_rate", "channels", "frame_ms")}
    info["rate"] = stream.get("rate", stream["clock_rate"])
    return info


def video_info(stream, camera=None):
    """iv_cm_av_data_info_s of a video stream; `camera` may know "width", "height" and "fps"."""
    info = {name: stream[name] for name in ("codec", "clock_rate")}
    for name in ("width", "height", "fps"):
        value = getattr(camera, name, None)
        if value is not None:
            info[name] = value
    return info


class Prepared:
    """The streams of a call that is about to begin: sessions of sound, and of pictures or None."""

    def __init__(self, session, pictures, media, transport):
        self.session = session
        self.pictures = pictures
        self.transport = transport
        self._media = media

    def infos(self, camera):
        """iv_cm_av_data_info_s of each stream, by its name in the media description."""
        media = self._media
        infos = {name: audio_info(media[name]) for name in ("send", "receive")}
        for name, device in (("send_video", camera), ("receive_video", None)):
            if media.get(name) is not None:
                infos[name] = video_info(media[name], device)
        return infos
