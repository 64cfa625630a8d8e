"""Opus as a codec of media/codec.py, at 16 and at 8 kHz, where native Opus is installed.

Beyond what every codec has:
`rate` and `frame_samples` are those of PCM; `clock_rate` and `frame_ticks` those of RTP, which for
Opus are always 48 kHz (RFC 7587 §4.1) whatever rate either end codes at. `wire_name` is what both
are called in a stream description. `idle` after encode(): the packet need not be sent (DTX).
`recover()` makes a lost frame from the FEC data of the packet behind it.

Importing this registers the codecs, or nothing when callboard.native.opus is None.
"""

from array import array

from ..errors import ProtocolError
from ..native import opus
from ..native import pcm as pcm_native
from ..port import const
from . import codec

_BITRATE_MIN = const(6000)  # RFC 7587 §6.1
_BITRATE_MAX = const(64000)  # leaves a third of max_payload to the peaks
_DTX_MAX = const(2)  # bytes; RFC 7587 §3.1.3: such a packet says only that nothing was said
_INFO_SAMPLES = const(1)
_INFO_FEC = const(5)


class Memory:
    """The large pieces of one codec object: 63 kB for both ways. `codec_class` tells how large."""

    def __init__(self, codec_class, encode=True, decode=True):
        rate, needs = codec_class.rate, []
        self.encoder = self.decoder = self.scratch = None
        if encode:
            self.encoder = bytearray(opus.encoder_size(1))
            frame = codec_class.frame_samples
            needs.append(opus.encoder_scratch(rate, 1, codec_class.complexity, frame))
        if decode:
            self.decoder = bytearray(opus.decoder_size(1))
            needs.append(opus.decoder_scratch(rate, 1))
        if needs:
            self.scratch = bytearray(max(needs))


class Opus:
    """Opus for speech at 16 kHz: 24 kb/s, in-band FEC, DTX (RFC 6716, RFC 7587).

    An object codes one stream each way; `encode=False` or `decode=False` saves that half's memory
    (25 and 18 kB; the scratch that both share takes 20 more). `memory`: what reserve() gave, used
    by one object in each direction at a time.
    """

    name = "opus"
    wire_name = "opus"
    payload_type = 111
    rate = 16000
    frame_samples = 320
    clock_rate = 48000
    frame_ticks = 960
    max_payload = 240  # 96 kb/s: half more than any stream here is described with
    # libopus sends FEC only where bitrate, complexity and expected loss (per cent) allow it, and
    # gives up bandwidth for it: with less of any of the three it is no FEC, or not 16 kHz.
    bitrate = 24000
    complexity = 5
    fec_ahead_ms = 20
    own_noise = True  # concealment goes over into comfort noise
    expected_loss = 15

    def __init__(self, encode=True, decode=True, memory=None):
        self.idle = False
        self.refused = 0  # packets that were concealed because they were none
        memory = memory or Memory(type(self), encode, decode)
        self._encoder, self._decoder, self._scratch = (
            memory.encoder,
            memory.decoder,
            memory.scratch,
        )
        if encode:
            self._start_encoder()
        if decode:
            opus.decoder_init(self._decoder, self.rate, 1)
        self._info = array("i", [0] * opus.INFO)

    @classmethod
    def reserve(cls):
        """Memory for objects of this class, or of one with a lower rate."""
        return Memory(cls)

    def follow(self, stream):
        """Send as the stream description says: `bitrate_bps`, `fec`, `dtx`, if they are there.

        ProtocolError names the member that is wrong.
        """
        bitrate = stream.get("bitrate_bps", self.bitrate)
        if not isinstance(bitrate, int) or not _BITRATE_MIN <= bitrate <= _BITRATE_MAX:
            text = "bitrate_bps of a stream must be %d to %d"
            raise ProtocolError(text % (_BITRATE_MIN, _BITRATE_MAX))
        fec, dtx = stream.get("fec", True), stream.get("dtx", True)
        if not isinstance(fec, bool) or not isinstance(dtx, bool):
            raise ProtocolError("fec and dtx of a stream must be true or false")
        opus.encoder_set(self._encoder, opus.BITRATE, bitrate)
        opus.encoder_set(self._encoder, opus.FEC, 1 if fec else 0)
        opus.encoder_set(self._encoder, opus.LOSS, self.expected_loss if fec else 0)
        opus.encoder_set(self._encoder, opus.DTX, 1 if dtx else 0)

    def _start_encoder(self):
        opus.encoder_init(self._encoder, self.rate, 1, opus.VOIP)
        opus.encoder_set(self._encoder, opus.SIGNAL, opus.VOICE)
        opus.encoder_set(self._encoder, opus.COMPLEXITY, self.complexity)
        opus.encoder_set(self._encoder, opus.BITRATE, self.bitrate)
        opus.encoder_set(self._encoder, opus.FEC, 1)
        opus.encoder_set(self._encoder, opus.LOSS, self.expected_loss)
        opus.encoder_set(self._encoder, opus.DTX, 1)

    # -- out -------------------------------------------------------------------

    def encode(self, pcm, out, out_off):
        """Encode one frame (array 'h') to out[out_off:]; returns the bytes written."""
        n = opus.encode(
            self._encoder,
            self._scratch,
            pcm,
            0,
            self.frame_samples,
            out,
            out_off,
            self.max_payload,
        )
        self.idle = n <= _DTX_MAX
        return n

    # -- in --------------------------------------------------------------------

    def accepts(self, n):
        """True when a payload of `n` bytes may be one frame; what is in it decides decode()."""
        return 0 < n <= self.max_payload

    def decode(self, buf, off, n, pcm):
        """Decode a payload to one frame; what is no packet of 20 ms is concealed and counted."""
        if not self._is_frame(buf, off, n):
            self.refused += 1
            self.conceal(pcm)
            return
        opus.decode(self._decoder, self._scratch, buf, off, n, pcm, 0, self.frame_samples)

    def conceal(self, pcm):
        """Fill in for a frame that is missing: fading voice, then comfort noise while DTX lasts.

        Returns True while there is something to be heard.
        """
        n = self.frame_samples
        opus.conceal(self._decoder, self._scratch, pcm, 0, n)
        return pcm_native.peak(pcm, 0, n) > 0

    def recover(self, buf, off, n, pcm):
        """Make the frame that was lost right before this payload; decode() takes it afterwards.

        Returns True if it came from the payload's FEC data, False if it was concealed.
        """
        if not self._is_frame(buf, off, n):
            self.conceal(pcm)
            return False
        recovered = self._info[_INFO_FEC] == 1
        opus.decode_fec(self._decoder, self._scratch, buf, off, n, pcm, 0, self.frame_samples)
        return recovered

    def _is_frame(self, buf, off, n):
        """Whether the payload is a valid packet of one frame's length; leaves _info about it."""
        return opus.packet_info(buf, off, n, self.rate, self._info) == self.frame_samples


class OpusNarrow(Opus):
    """Opus for speech at 8 kHz: for boards without the cycles for 16 kHz.

    At complexity 0 FEC, too, needs 24 kb/s; 20 kb/s come out.
    """

    name = "opus-8k"
    rate = 8000
    frame_samples = 160
    complexity = 0


if opus is not None:
    codec.register(Opus)
    codec.register(OpusNarrow)
