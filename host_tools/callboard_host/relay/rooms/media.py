"""Codecs the relay can negotiate, and the stream descriptions of PROTOCOL.md §4."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from callboard import codes

from ..refusal import Refused

if TYPE_CHECKING:
    from .model import Feed

AUDIO = "audio"
VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Codec:
    """How a codec is carried in RTP."""

    name: str
    payload_type: int
    clock_rate: int  # Hz
    audio: dict[str, int]  # further members of an audio stream description


CODECS = {
    codec.name: codec
    for codec in (
        Codec("pcmu", 0, 8000, {"channels": 1, "frame_ms": 20}),  # RFC 3551
        Codec("h264", 96, 90000, {}),  # RFC 6184
    )
}
AUDIO_PREFERENCE = ("pcmu",)  # best first; every endpoint can take the last one
VIDEO_CODEC = "h264"


def choose_audio(*offers: Iterable[str]) -> str:
    """The best audio codec that all ends can take.

    Raises Refused(INVALID_ARGUMENT) when nothing fits: an end lacks pcmu, the mandatory one.
    """
    sets = [set(offer) for offer in offers]
    for name in AUDIO_PREFERENCE:
        if all(name in offer for offer in sets):
            return name
    raise Refused(codes.INVALID_ARGUMENT, "codecs: pcmu is mandatory for every endpoint")


def stream(feed: "Feed") -> dict[str, Any]:
    """The stream description of a feed, the same for who sends and who receives it."""
    codec = CODECS[feed.codec]
    return {
        "feed_id": feed.feed_id,
        "mid": feed.mid,
        "ssrc": feed.ssrc,
        "codec": codec.name,
        "payload_type": codec.payload_type,
        "clock_rate": codec.clock_rate,
        **codec.audio,
        "carriers": ["ws"],
    }
