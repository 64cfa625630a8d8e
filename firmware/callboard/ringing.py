"""What a board does while a phone calls it: it rings, and answers by itself if it was told to."""

import asyncio

from .media.ring_tone import RingTone
from .voip.av import volume_q12


class Ringing:
    """Arguments: the `speaker`, the `clock`; `answer()` begins to take the call;
    `report(error)` hears why there is no sound.
    """

    def __init__(self, speaker, clock, answer, report):
        self._tone = RingTone(speaker, clock, report)
        self._clock = clock
        self._answer = answer
        self._report = report
        self._answering = None
        self._volume = 100

    @property
    def volume(self):
        """Of the tone, 0 to 100."""
        return self._volume

    @volume.setter
    def volume(self, value):
        self._volume = value
        self._tone.gain_q12 = volume_q12(value)

    def start(self, after_s=None):
        """A phone calls. `after_s` 0: it is answered at once, and nothing is heard before."""
        if after_s != 0:
            try:
                self._tone.start()
            except Exception as error:  # without a sound it can be answered all the same
                self._report(error)
        if after_s is not None:
            self._answering = asyncio.create_task(self._answer_after(after_s))

    def stop(self):
        """It rings no longer; the speaker is free when this returns."""
        answering, self._answering = self._answering, None
        if answering is not None:
            answering.cancel()
        self._tone.stop()

    async def _answer_after(self, seconds):
        await self._clock.sleep_ms(1000 * seconds)
        self._answering = None  # stop(), which the answer brings about, must not cancel it
        self._answer()
