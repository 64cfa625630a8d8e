"""The playback reference: what the speaker played at a given moment, for echo control.

Everything given to the speaker is kept for 160 ms, together with the silence that the speaker
played by itself when it had nothing. The speaker tells how many samples it has not yet played, so
the sample it plays now is known, whatever its clock does; the microphone tells how long ago its
frame was complete. The difference is where the frame's reference lies. Nothing is assumed about
the rate of either clock over more than that difference. No allocation after the first read.
"""

from array import array

from ..native import pcm
from ..port import const, ticks_diff
from .rates import RateConverter

_FRAMES = const(8)  # more than a speaker's queue (50 ms), a microphone's backlog and a frame


class PlaybackReference:
    """What `speaker` plays; its counter `silent` and its queue as in media/devices.py."""

    def __init__(self, speaker):
        self._speaker = speaker
        self._size = speaker.frame * _FRAMES
        self._kept = array("h", bytes(2 * self._size))
        self._head = 0  # where the next sample goes that the speaker is given
        self._silent = speaker.silent
        self._rates = None

    def played(self, frame):
        """`frame` was just written to the speaker."""
        self._add_silence()
        self._add(frame)

    def read(self, out, microphone):
        """Fill `out` with what was played during the frame that the microphone gave last.

        At the microphone's rate. Silence for what was longer ago than is kept.
        """
        speaker = self._speaker
        queued = speaker.queued()
        self._add_silence()
        since = microphone.age_us * (speaker.rate // 1000) // 1000
        behind = queued + since + speaker.frame
        if speaker.rate == microphone.rate:
            self._copy(out, behind)
            return
        if self._rates is None:  # once
            self._rates = RateConverter(speaker.rate, microphone.rate)
            self._frame = array("h", bytes(2 * speaker.frame))
            delay = pcm.resampler_delay(speaker.rate, microphone.rate)
            self._delay = delay * (speaker.rate // 1000) // (microphone.rate // 1000)
        self._copy(self._frame, behind - self._delay)  # the conversion's delay, taken back
        self._rates.convert(self._frame, speaker.frame, out)

    def _add_silence(self):
        """Keep what the speaker played of itself since the last look: it had played all before."""
        silent = self._speaker.silent
        n = ticks_diff(silent, self._silent)
        self._silent = silent
        if n > self._size:
            n = self._size
        while n:
            part = self._size - self._head
            if part > n:
                part = n
            pcm.fill(self._kept, self._head, part, 0)
            self._head = (self._head + part) % self._size
            n -= part

    def _add(self, frame):
        n = self._speaker.frame
        first = self._size - self._head
        if first > n:
            first = n
        pcm.copy(self._kept, self._head, frame, 0, first)
        pcm.copy(self._kept, 0, frame, first, n - first)
        self._head = (self._head + n) % self._size

    def _copy(self, out, behind):
        """One frame of the speaker's, which begins `behind` samples before the head."""
        n = self._speaker.frame
        done = behind - self._size  # samples longer ago than is kept
        if done < 0:
            done = 0
        elif done > n:
            done = n
        pcm.fill(out, 0, done, 0)
        known = behind - done  # samples there are from here to the head
        if known > n - done:
            known = n - done
        start = (self._head - (behind - done)) % self._size
        first = self._size - start
        if first > known:
            first = known
        pcm.copy(out, done, self._kept, start, first)
        pcm.copy(out, done + first, self._kept, 0, known - first)
        pcm.fill(out, done + known, n - done - known, 0)
