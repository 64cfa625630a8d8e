"""Samples between decoder and speaker, which can be made a few ms longer or shorter unheard.

Frames go in and frames come out; in between, a piece of 5 to 15 ms is left out or played twice
where the sound looks the same before and after (in a voice: whole pitch periods), with 5 ms of
passing over (overlap-add). What is inserted stays here until it makes up a frame: then one frame
less is asked for.
"""

from array import array

from ..native import pcm


class ElasticLine:
    """Argument: `rate`, Hz. A frame is 20 ms. Nothing here allocates afterwards.

    `pending`: samples that wait. `pieces_in`, `pieces_out`, `samples_in`, `samples_out` count what
    was inserted and left out.
    """

    def __init__(self, rate):
        self.frame = rate // 50
        self.shortest = rate // 200  # of a piece
        self.longest = rate * 3 // 200
        self.pending = 0
        self.pieces_in = self.pieces_out = self.samples_in = self.samples_out = 0
        self._overlap = self.shortest
        self._past = self.longest  # samples already played, for insert() to look back into
        most = 2 * self.frame + self.shortest
        self._samples = array("h", bytes(2 * (self._past + most)))

    def append(self, frame):
        """Add a frame. Only while less than one is pending."""
        pcm.copy(self._samples, self._past + self.pending, frame, 0, self.frame)
        self.pending += self.frame

    def take(self, frame):
        """Take a frame out. Only while `pending` is a frame or more."""
        n = self.frame
        pcm.copy(frame, 0, self._samples, self._past, n)
        self.pending -= n
        pcm.copy(self._samples, 0, self._samples, n, self._past + self.pending)

    def leave_out(self, most, unlike):
        """Leave out up to `most` samples of what waits. Returns how many, 0 if none fits.

        unlike: 0..256, the mismatch (native/pcm/stretch.h) from which a seam would be heard.
        """
        samples, at, overlap = self._samples, self._past, self._overlap
        longest = self.pending - overlap
        if longest > self.longest:
            longest = self.longest
        if longest > most:
            longest = most
        if longest < self.shortest:
            return 0
        found = pcm.best_match(samples, at, overlap, at + self.shortest, at + longest)
        if pcm.mismatch(samples, at, found, overlap) > unlike:
            return 0
        pcm.crossfade(samples, at, samples, found, overlap)
        n = found - at
        self.pending -= n
        rest = self.pending - overlap
        pcm.copy(samples, at + overlap, samples, found + overlap, rest)
        self.pieces_out += 1
        self.samples_out += n
        return n

    def insert(self, most, unlike):
        """Play a piece of up to `most` samples, but at least the shortest, twice.

        Hardly more than two frames wait then. Returns its samples, 0 if none fits; `unlike` as for
        leave_out.
        """
        samples, at, overlap = self._samples, self._past, self._overlap
        longest = 2 * self.frame - self.pending + self.shortest - 1
        if longest > most:
            longest = most
        if longest > self.longest:
            longest = self.longest
        if longest < self.shortest:
            return 0
        found = pcm.best_match(samples, at, overlap, at - longest, at - self.shortest)
        if pcm.mismatch(samples, at, found, overlap) > unlike:
            return 0
        n = at - found
        pcm.copy(samples, at + overlap, samples, found + overlap, self.pending + n - overlap)
        pcm.crossfade(samples, at, samples, found, overlap)
        self.pending += n
        self.pieces_in += 1
        self.samples_in += n
        return n
