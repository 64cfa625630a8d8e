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
    """How a codec is carried in RTP. `name` is what `caps` call it."""

    name: str
    encoding: str  # what stream descriptions call it
    payload_type: int
    clock_rate: int  # Hz
    more: dict[str, int | bool]  # further members of a stream description


_AUDIO: dict[str, int | bool] = {"channels": 1, "frame_ms": 20}
_OPUS = _AUDIO | {"bitrate_bps": 24000, "fec": True, "dtx": True}  # below 22 kb/s it has no FEC

CODECS = {
    codec.name: codec
    for codec in (
        Codec("opus", "opus", 111, 48000, _OPUS | {"rate": 16000}),  # RFC 7587
        Codec("opus-8k", "opus", 111, 48000, _OPUS | {"rate": 8000}),
        Codec("pcmu", "pcmu", 0, 8000, _AUDIO),  # RFC 3551
        Codec("h264", "h264", 96, 90000, {}),  # RFC 6184
    )
}
AUDIO_PREFERENCE = ("opus", "opus-8k", "pcmu")  # best first; every endpoint can take the last one
NARROW = "narrow"  # in caps: the way to this client is too narrow for PCMU
VIDEO_CODEC = "h264"


def choose_audio(*offers: Iterable[str]) -> str:
    """The best audio codec that all ends can take; who has opus has opus-8k, too.

    Raises Refused when nothing fits: CODEC_UNAVAILABLE where the way to an end is too narrow for
    PCMU, INVALID_ARGUMENT when an end lacks pcmu, the mandatory one, without such a reason.
    """
    sets = [set(offer) for offer in offers]
    for offer in sets:
        if "opus" in offer:
            offer.add("opus-8k")
    for name in AUDIO_PREFERENCE:
        if all(name in offer for offer in sets):
            return name
    if any(NARROW in offer for offer in sets):
        text = "no codec fits both ends: a line is too narrow for PCMU, and not both have Opus"
        raise Refused(codes.CODEC_UNAVAILABLE, text + "; use a faster line")
    raise Refused(codes.INVALID_ARGUMENT, "codecs: pcmu is mandatory for every endpoint")


def can_receive(caps: Iterable[str], codec: str) -> bool:
    """Whether an end with these caps decodes an audio feed; any Opus decodes all Opus."""
    encoding = CODECS[codec].encoding
    return any(name in CODECS and CODECS[name].encoding == encoding for name in caps)


def stream(feed: "Feed") -> dict[str, Any]:
    """The stream description of a feed, the same for who sends and who receives it."""
    codec = CODECS[feed.codec]
    return {
        "feed_id": feed.feed_id,
        "mid": feed.mid,
        "ssrc": feed.ssrc,
        "codec": codec.encoding,
        "payload_type": codec.payload_type,
        "clock_rate": codec.clock_rate,
        **codec.more,
        "carriers": ["ws"],
    }
