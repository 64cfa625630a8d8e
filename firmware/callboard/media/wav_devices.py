"""A microphone and a speaker in WAV files; otherwise as those of media/devices.py."""

from array import array

from ..native import pcm
from ..port import const
from .devices import QUEUE_MS, NullMicrophone, NullSpeaker
from .wav import WavReader, WavWriter

_WRITE_FRAMES = const(10)  # the speaker's file is written in blocks of 200 ms


class WavMicrophone(NullMicrophone):
    """Captures what a 16-bit mono WAV file holds, then silence; with `loop` it, again and again.

    InvalidArgument when the file cannot be read or is of another kind. Each start() begins at its
    first sample.
    """

    def __init__(self, path, clock, ppm=0, loop=False):
        self._reader = WavReader(path)
        try:
            super().__init__(self._reader.rate, clock, ppm)
        except Exception:
            self._reader.close()
            raise
        self._loop = loop and self._reader.samples >= self.frame
        self._lap = array("h", bytes(2 * self.frame))  # the beginning, read again

    def close(self):
        """Stop, and close the file for good."""
        self.stop()
        self._reader.close()

    def _rewind(self):
        self._reader.seek(0)

    def _fill(self, frame):
        got = self._reader.readinto(frame)
        if got == self.frame:
            return
        rest = self.frame - got
        if self._loop:
            self._reader.seek(0)
            self._reader.readinto(self._lap)
            self._reader.seek(rest)
            pcm.copy(frame, got, self._lap, 0, rest)
        else:
            pcm.fill(frame, got, rest, 0)


class WavSpeaker(NullSpeaker):
    """Plays into a WAV file, silence included: what would be heard, on the speaker's clock.

    InvalidArgument when the file cannot be made.
    """

    def __init__(self, path, rate, clock, ppm=0, queue_ms=QUEUE_MS):
        super().__init__(rate, clock, ppm, queue_ms)
        self._writer = WavWriter(path, rate)
        self._size = self.frame * _WRITE_FRAMES
        self._block = array("h", bytes(2 * self._size))
        self._filled = 0

    def start(self):
        """Begin to play, and the file anew."""
        self._writer.restart()
        self._filled = 0
        super().start()

    def stop(self):
        """Stop playing and bring the file up to date."""
        super().stop()
        if self._filled:
            self._writer.write(self._block[: self._filled])
            self._filled = 0
        self._writer.flush()

    def close(self):
        """Stop, and close the file for good."""
        self.stop()
        self._writer.close()

    def _hear(self, samples, offset, n):
        while n:
            part = self._room(n)
            pcm.copy(self._block, self._filled, samples, offset, part)
            self._advance(part)
            offset += part
            n -= part

    def _hear_silence(self, n):
        while n:
            part = self._room(n)
            pcm.fill(self._block, self._filled, part, 0)
            self._advance(part)
            n -= part

    def _room(self, n):
        left = self._size - self._filled
        return n if n < left else left

    def _advance(self, n):
        self._filled += n
        if self._filled == self._size:
            self._filled = 0
            self._writer.write(self._block)
