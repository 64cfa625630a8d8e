"""From the microphone to the transport: each tick a frame becomes an RTP packet. No allocation."""

from array import array

from ..native import pcm
from ..port import const
from .rates import RateConverter
from .rtp import LEVEL_SILENCE

_VOICE_LEVEL = const(50)  # louder than -50 dBov counts as voice


class CapturePath:
    """Arguments: `microphone`, `codec`, `sender` (RtpSender), `transport` (as for AudioSession).

    `stage(pcm, reference)` may change the captured frame in place before it is encoded;
    `reference` is what the speaker played meanwhile, at the microphone's rate (for echo control).
    `mute` sends silence instead.
    Counters: `sent`, `dropped` (the transport refused), `idle` (not sent because nothing was
    said: DTX), `capture_lost` (frames the device lost). `level`: of the last frame, in -dBov.
    """

    def __init__(self, microphone, codec, sender, transport):
        self.microphone = microphone
        self.mute = False
        self.stage = None
        self.level = LEVEL_SILENCE
        self.sent = self.dropped = self.idle = self.capture_lost = 0
        self._codec = codec
        self._sender = sender
        self._transport = transport
        self._payload_off = transport.headroom + sender.header_size
        self._buffer = bytearray(self._payload_off + codec.max_payload)
        self._coded = array("h", bytes(2 * codec.frame_samples))
        self._marker = 1
        self._reference = None
        self.use(microphone)

    def use(self, microphone):
        """Capture from this microphone from now on."""
        self.microphone = microphone
        self._frame = self._coded
        if microphone.rate != self._codec.rate:
            self._frame = array("h", bytes(2 * microphone.frame))
        self._rates = RateConverter(microphone.rate, self._codec.rate)
        self.set_stage(self.stage)

    def set_stage(self, stage):
        """`stage(pcm, reference)`, or None: frames stay as they are captured."""
        self.stage = stage
        self._reference = None
        if stage is not None:
            self._reference = array("h", bytes(2 * self.microphone.frame))

    def tick(self, playout):
        """Take a frame and send it; `playout` gives the reference. Raises what devices raise."""
        lost = self.microphone.readinto(self._frame)
        while lost:  # time passes for the far end too; it hears a gap
            lost -= 1
            self.capture_lost += 1
            self._skip()
        if self.stage is not None:
            playout.reference(self._reference, self.microphone)
            self.stage(self._frame, self._reference)
        self._rates.convert(self._frame, self.microphone.frame, self._coded)
        if self.mute:
            pcm.fill(self._coded, 0, self._codec.frame_samples, 0)
        self._send()

    def _send(self):
        self.level = pcm.level(self._coded, 0, self._codec.frame_samples)
        voice = 1 if self.level < _VOICE_LEVEL else 0
        off = self._transport.headroom
        n = self._codec.encode(self._coded, self._buffer, self._payload_off)
        if self._codec.idle:
            self._skip()
            self.idle += 1
            return
        n += self._sender.write_header(self._buffer, off, self._marker, self.level, voice)
        if self._transport.send(self._buffer, off, n):
            self.sent += 1
            self._marker = 0
            self._sender.advance(1)
        else:
            self.dropped += 1
            self._skip()

    def _skip(self):
        """Time passes without a packet; the next one is marked (RFC 3551 §4.1, RFC 7587 §4.1)."""
        self._marker = 1
        self._sender.advance(0)
