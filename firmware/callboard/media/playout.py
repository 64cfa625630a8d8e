"""From received packets to the speaker, at the speaker's pace, without allocating."""

from array import array

from ..native import pcm, wire
from ..port import const
from . import rtp
from .jitter import FRAME
from .rates import RateConverter
from .reference import PlaybackReference

UNITY_Q12 = const(4096)
_LOUDEST_QUIET = const(300)  # rms; no frame above it is taken for a quiet one (-41 dBov)


class PlayoutPath:
    """Arguments: `speaker`, `codec`, `receiver` (RtpReceiver), `jitter` (JitterBuffer).

    `volume_q12`: 4096 plays as received. `on_first_audio()` is called when the first frame goes to
    the speaker.
    Counters: `refused` (packets that are none of ours), `rtcp`, `concealed` (frames filled in),
    `inserted` and `removed` (whole frames, in quiet passages, to correct the delay).
    """

    def __init__(self, speaker, codec, receiver, jitter, delays):
        self.volume_q12 = UNITY_Q12
        self.on_first_audio = None
        self.heard = False  # a received frame was played
        self.refused = self.rtcp = self.concealed = self.inserted = self.removed = 0
        self._codec = codec
        self._receiver = receiver
        self._jitter = jitter
        self._delays = delays
        self._coded = array("h", bytes(2 * codec.frame_samples))
        self._restarted = False  # the sender has, and no good packet has come since
        self._filled_in = 0  # frames since the last received one
        self._again = False  # play the same (quiet) frame once more
        self._floor = _LOUDEST_QUIET  # of the level: falls at once, rises slowly
        self.use(speaker)

    def use(self, speaker):
        """Play on this speaker from now on."""
        self.speaker = speaker
        self._frame = array("h", bytes(2 * speaker.frame))
        self._rates = RateConverter(self._codec.rate, speaker.rate)
        self._reference = PlaybackReference(speaker)

    # -- in --------------------------------------------------------------------

    def receive(self, buf, off, n, arrival_ms):
        """Take one packet. True when its frame will be played. Bad packets change nothing."""
        if rtp.is_rtcp(buf, off, n):
            self.rtcp += 1
            return False
        result = self._receiver.parse(buf, off, n, arrival_ms)
        if result < 0:
            self.refused += 1
            return False
        if result == wire.RTP_RESET:
            self._restarted = True
        info = self._receiver.info
        size = info[rtp.PAYLOAD_LEN]
        if info[rtp.PAYLOAD_TYPE] != self._codec.payload_type or not self._codec.accepts(size):
            self.refused += 1
            return False
        if self._restarted:
            self._restarted = False
            self._jitter.reset()
        return self._jitter.put(
            buf, info[rtp.PAYLOAD_OFF], size, info[rtp.FRAME_INDEX], info[rtp.SEQUENCE], arrival_ms
        )

    # -- out -------------------------------------------------------------------

    def tick(self, now_ms):
        """Give the speaker what it takes. Raises what the speaker raises."""
        frames = self.speaker.space()
        while frames > 0:
            frames -= 1
            self._play(now_ms)

    def _play(self, now_ms):
        if self._again:
            self._again = False
        else:
            self._next_frame(now_ms)
        speaker = self.speaker
        self._rates.convert(self._coded, self._codec.frame_samples, self._frame)
        if self.volume_q12 != UNITY_Q12:
            pcm.gain(self._frame, 0, speaker.frame, self.volume_q12)
        speaker.write(self._frame)
        self._reference.played(self._frame)

    def _next_frame(self, now_ms):
        """Put the next 20 ms into _coded."""
        if self._jitter.get(now_ms) != FRAME:
            if self._codec.conceal(self._coded):
                self._filled_in += 1
            return
        self._decode()
        self.concealed += (
            self._filled_in
        )  # at the end of a call nothing comes: that is not counted
        self._filled_in = 0
        if not self.heard:
            self.heard = True
            if self.on_first_audio is not None:
                self.on_first_audio()
        if self._is_quiet() and self._jitter.correction:
            self._correct(now_ms)

    def _decode(self):
        self._codec.decode(self._jitter.payload, 0, self._jitter.length, self._coded)
        self._delays.add(self._jitter.delay_ms)

    def _is_quiet(self):
        rms = pcm.rms(self._coded, 0, self._codec.frame_samples)
        if rms < self._floor:
            self._floor = rms
        elif self._floor < _LOUDEST_QUIET:
            self._floor += 1
        return rms <= 2 * self._floor + 32 and rms <= _LOUDEST_QUIET

    def _correct(self, now_ms):
        """Change the delay by a whole frame, as the jitter buffer advises; _coded is quiet.

        This is the simplest inaudible form. Where samples are to be inserted or dropped by
        time-scaling, it happens here: jitter.correction says how many.
        """
        jitter = self._jitter
        samples = self._codec.frame_samples
        if jitter.correction > 0:
            self._again = True
            self.inserted += 1
            jitter.corrected(samples)
        elif jitter.correction <= -samples and len(jitter):
            jitter.corrected(-samples)
            if jitter.get(now_ms) == FRAME:
                self.removed += 1
                self._decode()

    # -- reference -------------------------------------------------------------

    def reference(self, out, microphone):
        """What the speaker played while the microphone captured its last frame, at its rate."""
        self._reference.read(out, microphone)
