"""The RTCP that the relay itself writes and reads: receiver reports, requests for key frames."""

import struct
from collections.abc import Iterator

RECEIVER_REPORT = 201  # RFC 3550 §6.4.2
PAYLOAD_FEEDBACK = 206  # RFC 4585 §6.3
PICTURE_LOSS = 1  # the feedback format of PLI, RFC 4585 §6.3.1
_HEADER = 4
_FEEDBACK = 12
_OWN_SSRC = 1  # of the relay, which sends no stream


def receiver_report(ssrc: int, highest_sequence: int) -> bytes:
    """A report that packets of this stream have come up to `highest_sequence` (extended)."""
    block = struct.pack("!IIIIII", ssrc, 0, highest_sequence, 0, 0, 0)
    return struct.pack("!BBHI", 0x81, RECEIVER_REPORT, 7, _OWN_SSRC) + block


def picture_losses(packet: bytes) -> Iterator[int]:
    """The SSRCs for which a (compound) RTCP packet asks for a key frame (PLI)."""
    at = 0
    while at + _HEADER <= len(packet) and packet[at] >> 6 == 2:
        size = 4 * (int.from_bytes(packet[at + 2 : at + 4], "big") + 1)
        is_loss = packet[at + 1] == PAYLOAD_FEEDBACK and packet[at] & 31 == PICTURE_LOSS
        if is_loss and size >= _FEEDBACK and at + size <= len(packet):
            yield int.from_bytes(packet[at + 8 : at + 12], "big")
        at += size


class Reported:
    """What the sender of a video stream is told, so that it knows how much is still on the line.

    A report follows every other packet, and each that ends a picture.
    """

    __slots__ = ("_cycles", "_highest", "_ssrc", "_unreported")

    def __init__(self, ssrc: int):
        self._ssrc = ssrc
        self._highest: int | None = None
        self._cycles = 0
        self._unreported = 0

    def packet(self, packet: bytes) -> bytes | None:
        """Count an RTP packet; returns the report that is due, if one is."""
        sequence = int.from_bytes(packet[2:4], "big")
        if self._highest is None or 0 < (sequence - self._highest & 0xFFFF) < 0x8000:
            if self._highest is not None and sequence < self._highest:
                self._cycles += 1
            self._highest = sequence
        self._unreported += 1
        ends_picture = packet[1] & 0x80
        if self._unreported < 2 and not ends_picture:
            return None
        self._unreported = 0
        return receiver_report(self._ssrc, (self._cycles & 0xFFFF) << 16 | self._highest)
