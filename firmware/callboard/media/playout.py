"""From received packets to the speaker, at the speaker's pace, without allocating."""

from array import array

from ..native import pcm, wire
from ..port import const
from . import rtp
from .background import Background
from .jitter import FRAME, LOST, WAIT
from .rates import RateConverter
from .timescale import ElasticLine

UNITY_Q12 = const(4096)
# Mismatches (0..256) from which the seam of a correction would be heard, and when it may be made.
_UNLIKE_QUIET = const(170)
_UNLIKE_VOICE = const(64)  # only whole pitch periods
_HURRY_LONG_MS = const(60)  # frames wait so much too long: shorten within the voice
_HURRY_SHORT_MS = const(-8)  # or too short, before they come too late: lengthen
_APART = const(4)  # frames between two corrections then
# Otherwise they are small and seldom: nobody hears, nor can PESQ tell, that a pause is longer.
_REST = const(150)  # frames
_SMALL_MS = const(6)


class PlayoutPath:
    """Arguments: `speaker`, `codec`, `receiver` (RtpReceiver), `jitter` (JitterBuffer).

    `volume_q12`: 4096 plays as received. `on_first_audio()` is called when the first frame goes to
    the speaker. `level`: of the last frame, in -dBov.
    Counters: `refused` (packets that are none of ours), `rtcp`, `recovered` (lost frames made from
    FEC data), `concealed` (other frames made up for lost or late ones, counted when the next one
    comes). `line` counts the corrections of the delay.
    """

    def __init__(self, speaker, codec, receiver, jitter, delays):
        self.volume_q12 = UNITY_Q12
        self.on_first_audio = None
        self.heard = False  # a received frame was played
        self.level = rtp.LEVEL_SILENCE
        self.refused = self.rtcp = self.recovered = self.concealed = 0
        self.line = ElasticLine(codec.rate)
        self._codec = codec
        self._receiver = receiver
        self._jitter = jitter
        self._delays = delays
        self._background = Background(codec.frame_samples, not codec.own_noise)
        self._coded = array("h", bytes(2 * codec.frame_samples))
        self._restarted = False  # the sender has, and no good packet has come since
        self._lost = self._waited = 0  # frames made up since the last received one
        self._silent = 0  # the jitter buffer's count that is taken into account
        self._since = 0  # frames since the last correction
        self._reference = None
        self._small = codec.rate * _SMALL_MS // 1000
        self.use(speaker)

    def use(self, speaker):
        """Play on this speaker from now on."""
        self.speaker = speaker
        self._frame = self._coded
        if speaker.rate != self._codec.rate:
            self._frame = array("h", bytes(2 * speaker.frame))
        self._rates = RateConverter(self._codec.rate, speaker.rate)
        self.keep_reference(self._reference is not None)

    def keep_reference(self, keep):
        """Whether reference() is going to be asked for."""
        self._reference = None
        if keep:
            from .reference import PlaybackReference

            self._reference = PlaybackReference(self.speaker)

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
            self._background.reset()
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
        while self.line.pending < self.line.frame:
            self._next_frame(now_ms)
        self.line.take(self._coded)
        speaker = self.speaker
        self._rates.convert(self._coded, self.line.frame, self._frame)
        if self.volume_q12 != UNITY_Q12:
            pcm.gain(self._frame, 0, speaker.frame, self.volume_q12)
        speaker.write(self._frame)
        if self._reference is not None:
            self._reference.played(self._frame)

    def _next_frame(self, now_ms):
        """Add 20 ms to the line: received, or made up."""
        kind = self._jitter.get(now_ms)
        if kind != FRAME:
            self._make_up(kind)
            self.line.append(self._coded)
            return
        self._codec.decode(self._jitter.payload, 0, self._jitter.length, self._coded)
        self._delays.add(self._jitter.delay_ms)
        self._account()
        self.level = pcm.level(self._coded, 0, self.line.frame)
        quiet = self._background.observe(self.level)
        self._background.fade_noise(self._coded)
        self.line.append(self._coded)
        self._since += 1
        self._correct(quiet)
        if not self.heard:
            self.heard = True
            if self.on_first_audio is not None:
                self.on_first_audio()

    # -- what is missing -------------------------------------------------------

    def _make_up(self, kind):
        """Put a frame into _coded that nobody sent, or that is not here."""
        codec, jitter = self._codec, self._jitter
        if kind == LOST and jitter.following():
            if codec.recover(jitter.payload, 0, jitter.length, self._coded):
                self.recovered += 1
                self._measure()
                return
        else:
            codec.conceal(self._coded)
        if not codec.own_noise:
            self._background.add_noise(self._coded)
        self._measure()
        if kind == LOST:
            self._lost += 1
        elif kind == WAIT:
            self._waited += 1
        else:
            self._silent += 1

    def _measure(self):
        self.level = pcm.level(self._coded, 0, self.line.frame)

    def _account(self):
        """A frame is here: now it is known whether what was waited for was a frame or silence.

        At the end of a call nothing comes: not counted.
        """
        if self.heard:
            self.concealed += self._lost
            if self._jitter.silent == self._silent:
                self.concealed += self._waited
        self._silent = self._jitter.silent
        self._lost = self._waited = 0

    # -- corrections -----------------------------------------------------------

    def _correct(self, quiet):
        """Make the delay shorter or longer as the jitter buffer wishes, a piece at a time.

        What was inserted before, and no longer serves, is left out again.
        """
        jitter, line = self._jitter, self.line
        wanted = jitter.correction
        spare = line.pending - line.frame  # inserted before
        if wanted > 0:
            hurry = jitter.excess_ms <= _HURRY_SHORT_MS
        elif wanted < 0 or spare >= line.shortest:
            hurry = jitter.excess_ms >= _HURRY_LONG_MS
        else:
            return
        if self._since < (_APART if hurry else _REST) or not (quiet or hurry):
            return
        unlike = _UNLIKE_QUIET if quiet else _UNLIKE_VOICE
        most = line.longest if hurry else self._small
        if wanted > 0:
            done = line.insert(most, unlike)
            if line.pending >= 2 * line.frame:  # the next turn needs no frame
                jitter.corrected(line.frame)
        else:
            if most > spare and not (wanted < 0 and len(jitter)):
                most = spare
            done = line.leave_out(most, unlike)
            if line.pending < line.frame:  # this turn needs another frame
                jitter.corrected(-line.frame)
        if done:
            self._since = 0

    # -- reference -------------------------------------------------------------

    def reference(self, out, microphone):
        """What the speaker played while the microphone captured its last frame, at its rate."""
        self._reference.read(out, microphone)
