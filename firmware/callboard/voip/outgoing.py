"""What an application sends itself, in a call or to who watches, and how that stands (000 §3)."""

from .. import codes
from ..errors import InvalidArgument, WrongOrder

CHANNEL = 0  # a device has one camera at most: its channel is 0 (000 §3)


class Outgoing:
    """The sending side of av.Av, which keeps what these functions look at: the call's `_session`,
    `_pictures`, `_visitor`, `_transport`, `_congestion`, and `views`."""

    def send_audio(self, visitor, channel, buf, off, n):
        """Send one frame's payload buf[off:off+n] (sendAudioData). True when it left.

        While muted nothing leaves, and time passes.
        The buffer is the application's own; it is not changed. Raises WrongOrder when no stream
        runs or the built-in pipeline sends, InvalidArgument for another visitor or channel.
        """
        if self._session is None or self._microphone is not None:
            raise WrongOrder("send_audio needs a call, and no built-in microphone")
        if not self._is_in_call(visitor, channel):
            raise InvalidArgument("no stream to visitor %s, channel %s" % (visitor, channel))
        if self._pictures is None:
            self._tick()
        if self._mute:
            self._session.skip()
            return False
        return self._session.send_audio(buf, off, n)

    def send_video(self, visitor, channel, buf, off, n, pts_ms):
        """Send one picture, the access unit buf[off:off+n] in Annex B form (sendVideoData).

        True when it was begun: `buf` must stay as it is while stream_buffer() tells of bytes that
        wait. False when it was dropped: the one before still waits, or a key frame is needed
        first (on_key_frame_wanted). `pts_ms`: when it was taken, by any clock in ms that wraps at
        2^30. All who watch the same stream get it, whichever of them is named. Raises WrongOrder
        when nothing runs or a built-in camera sends, InvalidArgument for another visitor or
        channel, or for what is no access unit.
        """
        if self.camera is not None:
            raise WrongOrder("send_video needs a device without a built-in camera")
        pictures = self._pictures_to(visitor, channel)
        if pictures is None:
            raise InvalidArgument("nobody asked for pictures of this end")
        return pictures.send(buf, off, n, pts_ms)

    def finish_stream(self, visitor, channel, video_res_type):
        """Send no more pictures to a visitor, who is told (sendFinishStream).

        A view ends, with on_stop_real_play; a call goes on without pictures. Raises as send_video
        does.
        """
        pictures = self._pictures_to(visitor, channel)
        if self._is_in_call(visitor, channel):
            if pictures is not None:
                pictures.finish()
        else:
            self.views.finish(visitor, channel, video_res_type)

    def stream_buffer(self, visitor, channel):
        """Bytes that wait to be sent (getSendStreamBuf): of the picture on its way, and what the
        connection has not taken yet."""
        if self._session is None and not self.views:
            return 0
        pictures = self._pictures_to(visitor, channel)
        transport = self._transport if self._is_in_call(visitor, channel) else pictures.transport
        return transport.waiting + (pictures.queued if pictures is not None else 0)

    def stream_status(self, visitor, channel, stream_type):
        """The state of what is sent (getSendStreamStatus): one of codes.STREAM_STATUS_*."""
        if self._is_in_call(visitor, channel):
            pictures = self._pictures
            if stream_type == codes.STREAM_VIDEO and (pictures is None or not pictures.sending):
                return codes.STREAM_STATUS_OFF
            if self._congestion.event == codes.EVENT_CONGESTION_HIGH:
                return codes.STREAM_STATUS_CONGESTED
            return codes.STREAM_STATUS_SENDING
        if stream_type != codes.STREAM_AUDIO and self.views and self.views.find(visitor, channel):
            return codes.STREAM_STATUS_SENDING
        return codes.STREAM_STATUS_OFF

    def _is_in_call(self, visitor, channel):
        return self._session is not None and visitor == self._visitor and channel == CHANNEL

    def _pictures_to(self, visitor, channel):
        """The PictureSession of a call, None when it has none, or of a view."""
        if self._session is None and not self.views:
            raise WrongOrder("nobody is there: this needs a call or a visitor")
        if self._is_in_call(visitor, channel):
            return self._pictures
        pictures = self.views.find(visitor, channel) if self.views else None
        if pictures is None:
            raise InvalidArgument("no stream to visitor %s, channel %s" % (visitor, channel))
        return pictures
