"""A room in simulated time: a microphone that hears the speaker, for the tests of echo control."""

from array import array

from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.port import ticks_diff

MILLION = 1000000


class HeardSpeaker(NullSpeaker):
    """Keeps what it played in the last half second, its own silence included."""

    def __init__(self, rate, clock, ppm=0):
        self._heard = array("h", bytes(rate))
        self.count = 0
        self.ppm = ppm
        super().__init__(rate, clock, ppm)

    def start(self):
        """Begin to play."""
        super().start()
        self.count = 0
        self.start_us = self._clock.ticks_us()

    def played_until_now(self):
        """Let its clock run."""
        self._play()

    def sound(self, n):
        """The n-th sample since start()."""
        assert self.count - len(self._heard) <= n < self.count, (n, self.count)
        return self._heard[n % len(self._heard)]

    def _hear(self, samples, offset, n):
        for i in range(n):
            self._heard[(self.count + i) % len(self._heard)] = samples[offset + i]
        self.count += n

    def _hear_silence(self, n):
        for i in range(n):
            self._heard[(self.count + i) % len(self._heard)] = 0
        self.count += n


class RoomMicrophone(NullMicrophone):
    """Hears what `speaker` plays at the same moment, by the true time and not by any queue.

    `shift` (right): 2 makes it 12 dB quieter; `late_ms`: the sound is that much on its way;
    `near(n)`: the n-th sample of who speaks here, or None.
    """

    def __init__(self, rate, clock, speaker, ppm=0, shift=0, late_ms=0, near=None):
        self.captured = 0
        self._speaker = speaker
        self._error_ppm = ppm
        self._shift = shift
        self._late_ms = late_ms
        self._near = near
        super().__init__(rate, clock, ppm)

    def start(self):
        """Begin to capture."""
        super().start()
        self.captured = 0
        self._offset_us = ticks_diff(self._clock.ticks_us(), self._speaker.start_us)

    def _fill(self, frame):
        speaker = self._speaker
        speaker.played_until_now()
        for i in range(self.frame):
            at = self._place(self.captured + i)
            sound = speaker.sound(at) >> self._shift if 0 <= at < speaker.count else 0
            if self._near is not None:
                sound = max(-32768, min(32767, sound + self._near(self.captured + i)))
            frame[i] = sound
        self.captured += self.frame

    def _place(self, n):
        """Which of the speaker's samples was played when sample n was captured."""
        true_rate = self.rate * (MILLION + self._error_ppm)
        late_us = self._offset_us - 1000 * self._late_ms
        us = n * MILLION * MILLION + late_us * true_rate  # over true_rate
        speaker = self._speaker
        return us * speaker.rate * (MILLION + speaker.ppm) // (MILLION * MILLION * true_rate)
