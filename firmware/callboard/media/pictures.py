"""The pictures of one call, both ways: a camera's or the application's own, and the far end's.

RTCP beside them (RFC 3550, 4585): the relay's receiver reports, requests for key frames (PLI) in
both directions, and BYE, which ends the pictures of one side while the call goes on
(sendFinishStream).
"""

from ..errors import InvalidArgument
from ..port import const
from . import rtp, video
from .pipeline import random_start

_BYE = const(203)  # RFC 3550 §6.6
_PAYLOAD_FEEDBACK = const(206)  # RFC 4585 §6.3
_PICTURE_LOSS = const(1)


class PictureSession:
    """Arguments: `clock`; `media`, a description of PROTOCOL.md §4 with `send_video`,
    `receive_video` or both; `transport` as for AudioSession; `listener` with the methods of
    Listener; `camera` as in media/camera.py, or None: the application sends; `sent` and `shown`:
    bytearrays for a picture of the camera and one of the far end.

    Raises ProtocolError for a malformed description.
    """

    def __init__(self, clock, media, transport, listener, camera=None, sent=None, shown=None):
        self.transport = transport
        self._listener = listener
        self._camera = camera
        self._buffer = sent
        self._lost = 0  # pictures of the camera
        self._clock = clock
        self.sender = self.receiver = None
        if media.get("send_video") is not None:
            stream, wanted = media["send_video"], self._key_frame_wanted
            self.sender = video.VideoSender(clock, stream, transport, random_start(), wanted)
        if media.get("receive_video") is not None:
            stream = media["receive_video"]
            self.receiver = video.VideoReceiver(stream, self._picture, self.ask, shown)
            self._remote = stream["ssrc"].to_bytes(4, "big")
        self._own = self.sender.ssrc if self.sender is not None else bytes(4)
        self._feedback = bytearray(transport.headroom + 12)
        self.finished = False  # sendFinishStream
        self._shown = False  # a picture of the far end was announced, and is not over

    def start(self):
        """Begin with a key frame of the camera."""
        if self._camera is not None and self.sender is not None:
            self._camera.start()
            self._lost = self._camera.lost

    def restart(self):
        """Somebody else begins to watch: go on with a key frame."""
        if self.sender is not None:
            self.sender.restart()

    def stop(self):
        """End: the camera stops, what is on its way is given up."""
        if self._camera is not None and self.sender is not None:
            self._camera.stop()
        self.sender = self.receiver = None

    # -- out ---------------------------------------------------------------------------------

    def send(self, buf, off, n, pts_ms):
        """As VideoSender.send; False, too, after finish(). InvalidArgument when nobody watches."""
        if self.sender is None:
            raise InvalidArgument("nobody asked for pictures of this end")
        return not self.finished and self.sender.send(buf, off, n, pts_ms)

    def finish(self):
        """Send no more pictures in this call, and tell the far end (sendFinishStream)."""
        if self.sender is None or self.finished:
            return
        self.finished = True
        if self._camera is not None:
            self._camera.stop()
        self._send_rtcp(0x81, _BYE, 1, self._own, None)

    def tick(self):
        """Every 20 ms, after the sound. Does not allocate."""
        sender = self.sender
        if sender is None or self.finished:
            return
        camera = self._camera
        if camera is not None and not sender.queued and camera.ready():
            self._take(camera, sender)
        sender.tick()

    def _take(self, camera, sender):
        n = camera.readinto(self._buffer)
        if camera.lost != self._lost:  # nothing was taken for a while: the line is full
            self._lost = camera.lost
            sender.miss()
        if n:
            sender.send(self._buffer, 0, n, camera.pts_ms)

    def _key_frame_wanted(self):
        if self._camera is not None:
            self._camera.want_key_frame()
        else:
            self._listener.key_frame_wanted()

    # -- in ----------------------------------------------------------------------------------

    def receive(self, buf, off, n, arrival_ms):
        """Take a packet that concerns pictures; False when this one does not."""
        if rtp.is_rtcp(buf, off, n):
            return self._rtcp(buf, off, n, arrival_ms)
        receiver = self.receiver
        if receiver is None or n < 2 or buf[off + 1] & 127 != receiver.payload_type:
            return False
        receiver.receive(buf, off, n, arrival_ms)
        return True

    def _rtcp(self, buf, off, n, arrival_ms):
        """Each packet of a compound one; True when one of them was for us."""
        end, taken = off + n, False
        while end - off >= 4:
            size = 4 * ((buf[off + 2] << 8 | buf[off + 3]) + 1)
            if size > end - off:
                break
            taken = self._one_rtcp(buf, off, size, arrival_ms) or taken
            off += size
        return taken

    def _one_rtcp(self, buf, off, n, arrival_ms):
        kind, count = buf[off + 1], buf[off] & 31
        sender = self.sender
        if sender is not None and sender.window.report(buf, off, n, arrival_ms):
            return True
        if kind == _PAYLOAD_FEEDBACK and count == _PICTURE_LOSS and n >= 12:
            ours = sender is not None and _same(buf, off + 8, self._own)
            if ours:
                sender.restart()
            return ours
        ours = kind == _BYE and count >= 1 and n >= 8 and self.receiver is not None
        if ours and _same(buf, off + 4, self._remote):
            self._end_shown()
            return True
        return False

    def _picture(self, buf, off, n, pts_ms, key):
        if not self._shown:
            self._shown = True
            self._listener.first_picture()
        self._listener.picture(buf, off, n, pts_ms, key)

    def _end_shown(self):
        if self._shown:
            self._shown = False
            self._listener.pictures_over()

    def ask(self):
        """Ask the far end for a key frame (PLI)."""
        if self.receiver is not None:
            self._send_rtcp(0x80 | _PICTURE_LOSS, _PAYLOAD_FEEDBACK, 2, self._own, self._remote)

    def _send_rtcp(self, first, kind, words, ssrc, target):
        """One RTCP packet of 4 * (words + 1) bytes: its sender's SSRC, and maybe another one."""
        packet, at = self._feedback, self.transport.headroom
        packet[at], packet[at + 1], packet[at + 2], packet[at + 3] = first, kind, 0, words
        for i in range(4):
            packet[at + 4 + i] = ssrc[i]
            if target is not None:
                packet[at + 8 + i] = target[i]
        self.transport.send(packet, at, 4 * (words + 1))

    # -- figures -----------------------------------------------------------------------------

    @property
    def sending(self):
        """Whether pictures of this end may still leave."""
        return self.sender is not None and not self.finished

    @property
    def queued(self):
        """Bytes of the picture on its way that wait here."""
        return self.sender.queued if self.sender is not None else 0

    @property
    def dropped(self):
        """Pictures that could not leave."""
        return self.sender.dropped if self.sender is not None else 0

    def stats(self):
        """Counters of both directions; those of a direction without pictures are left out."""
        figures = {}
        if self.sender is not None:
            figures["pictures_sent"] = self.sender.pictures
            figures["pictures_dropped"] = self.sender.dropped
            figures["window_packets"] = self.sender.window.size
        if self.receiver is not None:
            figures["pictures_received"] = self.receiver.pictures
            figures["pictures_broken"] = self.receiver.broken
            figures["pictures_skipped"] = self.receiver.skipped
        return figures


class Listener:
    """What a PictureSession tells."""

    def first_picture(self):
        """The far end's pictures begin."""

    def picture(self, buf, off, n, pts_ms, key):
        """An access unit buf[off:off+n] in Annex B form, valid during the call."""

    def pictures_over(self):
        """The far end sends no more of them in this call."""

    def key_frame_wanted(self):
        """The next picture that the application sends must be a key frame."""


def _same(buf, off, ssrc):
    return (
        buf[off] == ssrc[0]
        and buf[off + 1] == ssrc[1]
        and buf[off + 2] == ssrc[2]
        and buf[off + 3] == ssrc[3]
    )
