"""Audio codecs by name: each turns one frame of PCM into a payload and back, without allocating.

A codec is a class with `name`, and `wire_name`, what stream descriptions call it (PROTOCOL.md §4);
`rate` (Hz) and `frame_samples` (of 20 ms) of PCM; `payload_type`, `clock_rate` (Hz) and
`frame_ticks` (of 20 ms) of RTP; `max_payload` (bytes); `idle`, `fec_ahead_ms`, `own_noise`,
`accepts`, `encode`, `decode`, `conceal`, `recover`, `follow` and `reserve` as in Pcmu. A new one
registers itself with `register` and gets its place in PREFERENCE. An object codes one stream in
each direction: it keeps state; `encode=False` or `decode=False` saves what that direction needs.
"""

from ..errors import InvalidArgument, ProtocolError
from ..native import opus as native_opus
from ..native import pcm as pcm_native
from .plc import Repeater

PREFERENCE = ("opus", "opus-8k", "pcmu")  # the names of PROTOCOL.md §4, best first
_codecs = {}


def register(codec_class):
    """Make a codec known by its name."""
    _codecs[codec_class.name] = codec_class


def names():
    """The names of all codecs here, sorted."""
    _load()
    return sorted(_codecs)


def find(name):
    """The codec class of that name. InvalidArgument when there is none."""
    _load()
    if name not in _codecs:
        raise InvalidArgument("codec %r is not one of %s" % (name, ", ".join(names())))
    return _codecs[name]


def create(name, encode=True, decode=True):
    """A new codec object. InvalidArgument when there is none of that name."""
    return find(name)(encode, decode)


def best_for(stream, allowed=PREFERENCE):
    """The codec class for a stream description (PROTOCOL.md §4).

    The best of the names `allowed` that is no wider than the stream's `rate`; the narrowest where
    all are wider. InvalidArgument when none of them has the stream's codec; ProtocolError when the
    rate is none.
    """
    here = names()
    found = [_codecs[name] for name in PREFERENCE if name in allowed and name in here]
    found = [codec for codec in found if codec.wire_name == stream.get("codec")]
    if not found:
        raise InvalidArgument("codec %r is not one of %s" % (stream.get("codec"), allowed))
    rate = stream.get("rate", found[0].rate)
    if not isinstance(rate, int) or isinstance(rate, bool) or not 8000 <= rate <= 48000:
        raise ProtocolError("rate of a stream must be 8000 to 48000")
    for codec in found:
        if codec.rate <= rate:
            break
    return codec


def _load():
    """Let Opus register itself, where it is installed; later than at import, as it imports us."""
    if native_opus is not None:
        from . import opus  # noqa: F401


class Pcmu:
    """G.711 µ-law, 8 kHz, 64 kb/s (RFC 3551 §4.5.14): every endpoint has it."""

    name = wire_name = "pcmu"
    payload_type = 0
    rate = clock_rate = 8000
    frame_samples = frame_ticks = 160
    max_payload = 160
    idle = False  # after encode(): True when the packet need not be sent (DTX)
    fec_ahead_ms = 0  # how much later the packet comes that can make up for a lost one
    own_noise = False  # True when conceal() goes over into comfort noise

    def __init__(self, encode=True, decode=True, memory=None):
        self._repeater = Repeater(self.rate) if decode else None

    @staticmethod
    def reserve():
        """Memory that objects may be given one after the other, large pieces; None: no need."""
        return None

    def follow(self, stream):
        """Send as the stream description says. ProtocolError names the member that is wrong."""

    def accepts(self, n):
        """True when a payload of `n` bytes can be decoded as one frame."""
        return n == self.max_payload

    def encode(self, pcm, out, out_off):
        """Encode one frame (array 'h') to out[out_off:]; returns the bytes written."""
        return pcm_native.ulaw_encode(pcm, 0, out, out_off, self.frame_samples)

    def decode(self, buf, off, n, pcm):
        """Decode a payload that accepts(n) to one frame, led in smoothly after concealment."""
        pcm_native.ulaw_decode(buf, off, pcm, 0, n)
        self._repeater.good(pcm)

    def conceal(self, pcm):
        """Fill in for a missing frame: the voice goes on for 60 ms, fading, then silence.

        Returns True while there is something to be heard.
        """
        return self._repeater.missing(pcm)

    def recover(self, buf, off, n, pcm):
        """Make the frame lost right before this payload, from its FEC data; PCMU has none.

        Returns True when it had some; False when the frame was concealed.
        """
        self.conceal(pcm)
        return False


register(Pcmu)
