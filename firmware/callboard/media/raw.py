"""Encoded audio in and out by the application itself: no devices and no codec (V-49, V-51)."""

from ..errors import InvalidArgument
from ..native import wire
from . import codec as codecs
from . import rtp
from .jitter import copy_bytes
from .pipeline import random_start


class RawSession:
    """Sends the frames it is given and hands over those that arrive, in the order they arrive.

    Arguments: `send_stream`, `receive_stream`, `transport`, `start` as for AudioSession.
    `on_receive(buf, off, n, frame_index)` gets each received payload (valid during the call) and
    its frame's place in time, in frames of 20 ms. Counters: `sent`, `dropped`, `received`,
    `refused`.
    """

    def __init__(self, send_stream, receive_stream, transport, on_receive=None, start=None):
        codec = codecs.best_for(send_stream)(encode=False, decode=False)
        decoder = codecs.best_for(receive_stream)(encode=False, decode=False)
        rtp.check_stream(send_stream, codec)
        rtp.check_stream(receive_stream, decoder)
        sequence, timestamp = start or random_start()
        self.on_receive = on_receive
        self.sent = self.dropped = self.received = self.refused = 0
        self._codec = codec
        self._decoder = decoder
        self._transport = transport
        self._sender = rtp.RtpSender(send_stream, codec.frame_ticks, sequence, timestamp)
        self._receiver = rtp.RtpReceiver(receive_stream, decoder.frame_ticks)
        self._payload_off = transport.headroom + self._sender.header_size
        self._buffer = bytearray(self._payload_off + codec.max_payload)
        self._payload = memoryview(self._buffer)[self._payload_off :]
        self._marker = 1

    def send_audio(self, buf, off, n, level=rtp.LEVEL_SILENCE):
        """Send one encoded frame, n bytes at buf[off:]. False: congested, the frame is dropped.

        `level`: its loudness in -dBov, 0..127. InvalidArgument when n is no size of a frame of the
        codec.
        """
        if not 0 <= off <= len(buf) - n or not self._codec.accepts(n):
            raise InvalidArgument("%d bytes at %d are no frame of %s" % (n, off, self._codec.name))
        transport = self._transport
        copy_bytes(self._payload, buf, off, n)
        voice = 1 if level < 50 else 0
        start = transport.headroom
        n += self._sender.write_header(self._buffer, start, self._marker, level, voice)
        sent = transport.send(self._buffer, start, n)
        self._sender.advance(1 if sent else 0)
        self._marker = 0 if sent else 1
        if sent:
            self.sent += 1
        else:
            self.dropped += 1
        return sent

    def skip(self, frames=1):
        """Let `frames` frames of 20 ms pass in silence."""
        for _ in range(frames):
            self._sender.advance(0)
        self._marker = 1

    def stats(self):
        """Counters of the session, named as those of AudioSession."""
        return {
            "frames_sent": self.sent,
            "frames_send_dropped": self.dropped,
            "frames_received": self.received,
            "packets_refused": self.refused,
        }

    def receive(self, buf, off, n, arrival_ms):
        """Take a packet. True when it was handed to on_receive; bad ones are counted."""
        result = self._receiver.parse(buf, off, n, arrival_ms)
        info = self._receiver.info
        if (
            result not in (0, wire.RTP_RESET)
            or info[rtp.PAYLOAD_TYPE] != self._decoder.payload_type
            or not self._decoder.accepts(info[rtp.PAYLOAD_LEN])
        ):
            self.refused += 1
            return False
        self.received += 1
        if self.on_receive is not None:
            self.on_receive(
                buf, info[rtp.PAYLOAD_OFF], info[rtp.PAYLOAD_LEN], info[rtp.FRAME_INDEX]
            )
        return True
