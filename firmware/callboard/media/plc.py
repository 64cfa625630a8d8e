"""Packet loss concealment for codecs without their own: the last pitch period, again and again.

After ITU-T G.711 Appendix I: what is missing begins as the last 5 to 15 ms that fit best behind
what was heard, is repeated without a seam and fades out within 60 ms; what comes back is led in
over 5 ms. Unlike there nothing is held back for it, so there is no delay.
"""

from array import array

from ..native import pcm
from ..port import const

_UNITY_Q12 = const(4096)
_FADE_FRAMES = const(3)


class Repeater:
    """Argument: `rate`, Hz; frames are 20 ms. Nothing here allocates afterwards."""

    def __init__(self, rate):
        self._n = rate // 50
        self._overlap = rate // 200
        self._longest = rate * 3 // 200
        self._heard = array("h", bytes(2 * 2 * self._n))  # the last two frames
        self._period = array("h", bytes(2 * self._longest))
        self._length = 0  # of the period
        self._at = 0  # where in it the missing sound has got to
        self._tail = array("h", bytes(2 * self._overlap))
        self._concealed = _FADE_FRAMES  # since the last good frame; nothing to repeat

    def good(self, frame):
        """A frame was received: lead it in after concealment, and remember it."""
        n, overlap = self._n, self._overlap
        if self._concealed:
            self._continue(self._tail, overlap)
            pcm.fade(self._tail, 0, overlap, self._gain_q12(), 0)
            pcm.fade(frame, 0, overlap, 0, _UNITY_Q12)
            pcm.mix(frame, 0, self._tail, 0, overlap)
            self._concealed = 0
        pcm.copy(self._heard, 0, self._heard, n, n)
        pcm.copy(self._heard, n, frame, 0, n)

    def missing(self, frame):
        """Make up a frame. Returns True while there is something to be heard."""
        n = self._n
        if self._concealed == 0:
            self._find_period()
        elif self._concealed >= _FADE_FRAMES:
            pcm.fill(frame, 0, n, 0)
            return False
        self._continue(frame, n)
        from_q12 = self._gain_q12()
        self._concealed += 1
        pcm.fade(frame, 0, n, from_q12, self._gain_q12())
        pcm.copy(self._heard, 0, self._heard, n, n)
        pcm.copy(self._heard, n, frame, 0, n)
        return True

    def _gain_q12(self):
        return _UNITY_Q12 * (_FADE_FRAMES - self._concealed) // _FADE_FRAMES

    def _find_period(self):
        """Take the last samples that look like their forerunners, and make their ends meet."""
        heard, overlap = self._heard, self._overlap
        end = 2 * self._n
        last = end - overlap
        found = pcm.best_match(heard, last, overlap, last - self._longest, last - overlap)
        self._length = last - found
        self._at = 0
        pcm.copy(self._period, 0, heard, end - self._length, self._length)
        # its end becomes what stood before its beginning
        pcm.crossfade(self._period, self._length - overlap, heard, found, overlap)

    def _continue(self, out, n):
        """The next n samples of the repetition; silence before anything was heard."""
        if not self._length:
            pcm.fill(out, 0, n, 0)
            return
        done = 0
        while done < n:
            part = self._length - self._at
            if part > n - done:
                part = n - done
            pcm.copy(out, done, self._period, self._at, part)
            done += part
            self._at = (self._at + part) % self._length
