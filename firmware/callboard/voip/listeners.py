"""What an application is told: the documents' callbacks, to inherit from or to read (000 §3)."""

from .. import codes
from ..errors import InvalidArgument
from .callbacks import NO_COMMANDS


class DeviceCallbacks:
    """What an application may override; any object with some of these methods will do."""

    def on_online(self, time_ms):
        """The relay is there; its time in ms since 1970."""

    def on_offline(self, status):
        """The connection is gone; codes.OFFLINE_*. It comes back by itself unless stopped."""

    def on_module_status(self, mask):
        """Services of the relay that are on: codes.MODULE_*, or'ed."""


class AvCallbacks:
    """What an application may override; any object with some of these methods will do.

    All must be quick: one that takes 20 ms or longer is reported. `visitor` names the far end,
    `channel` the camera (0), `video_res_type` the stream kind (0, the main stream), `stream_type`
    is of codes.STREAM_*.
    """

    def on_get_av_enc_info(self, visitor, channel, video_res_type, info, args):
        """Before a stream starts, of sound and of pictures; `info` of sound {"codec", "rate",
        "clock_rate", "channels", "frame_ms"}: "opus" or "pcmu", Hz of PCM and of RTP's clock; of
        pictures {"codec": "h264", "clock_rate"} and what is known of "width", "height", "fps".
        What is changed in it reaches who watches. `args` of a playback: what the visitor asks
        for, such as {"start_ms", "end_ms"}. Raise CallboardError to refuse a visitor.
        """

    def on_start_real_play(self, visitor, channel, video_res_type, args):
        """Media may be sent from now on; `args` of a call {"call_type"}, of a visitor what it asks
        for. Once per request, also when several watch the same."""

    def on_stop_real_play(self, visitor, channel, video_res_type):
        """Stop sending. Once for each on_start_real_play."""

    def on_start_recv_stream(self, visitor, channel, stream_type, info):
        """The first frame of the far end's sound is here, or of its pictures (onStartRecvAudio-
        and VideoStream); `info` as above."""

    def on_recv_stream(self, visitor, channel, stream_type, buf, off, n, frame_index):
        """One unit, buf[off:off+n], valid only now: of sound a frame's payload (not with
        microphone and speaker) with its place in time in frames, of pictures an access unit in
        Annex B form with its time in ms.
        """

    def on_stop_recv_stream(self, visitor, channel, stream_type):
        """The far end's streams are over. Once, of codes.STREAM_AUDIO, or STREAM_AV in a call with
        its pictures."""

    def on_notify(self, event, visitor, channel, stream_type):
        """codes.EVENT_*: EVENT_P2P_PEER_READY allows calls; EVENT_CONGESTION_HIGH: something had
        to be dropped, send less, _NORMAL: nothing for 3 s, _LOW: nothing for 20 s."""

    def on_recv_command(self, command, visitor, video_res_type, args):
        """codes.COMMAND_*. When a call has ended `args` is {"reason"}; COMMAND_CALL_INCOMING has
        {"open_id", "name", "call_type", "caller_camera", "callee_camera", "video_info"}: answer()
        or reject() it.

        With COMMAND_USER_DEFINE somebody asks for `args`: change the dict, what is then in it is
        the answer (text, integers, booleans, None, lists, dicts); raise CallboardError to refuse.
        """
        if command == codes.COMMAND_USER_DEFINE:
            raise InvalidArgument(NO_COMMANDS)

    def on_call_state(self, state, reason):
        """Ours, not of the documents: one of voip.call.STATES, "calling" to "idle".

        With "idle", `reason` is one of codes.END_REASONS, or None when the call was
        refused for another reason than "busy".
        """

    def on_call_stats(self, stats):
        """Ours, too: the figures of a call that was answered, once its devices are released.

        As of media.pipeline.AudioSession.stats(); of frames and packets only without devices; of
        pictures as media.pictures.PictureSession.stats().
        """

    def on_download_file(self, status, visitor, channel, args):
        """A phone fetches a file; `status` codes.DOWNLOAD_*, `args` goes in and out.

        REQUEST {"name", "offset", "size"}: set "size" in bytes, or leave it None: no such file.
        CHUNK {"name", "offset", "n", "buf"}: fill buf[:n], a bytearray, and set "n" to what you
        could give, 1 at least. DONE and ABORT {"name", "offset"}, once. Raise CallboardError to
        refuse.
        """

    def on_get_peer_outer_net(self, visitor, channel, address):
        """The public IP address of who begins to watch, a text (onGetPeerOuterNet)."""

    def on_key_frame_wanted(self, visitor, channel, video_res_type):
        """Ours: the next picture given to send_video must be a key frame."""

    def on_pictures_over(self, visitor, channel):
        """Ours: the far end shows no more pictures in this call (its sendFinishStream)."""
