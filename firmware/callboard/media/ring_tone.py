"""A ring tone through the speaker until somebody answers (003 §1: the strong reminder)."""

import asyncio
from array import array

from ..native import pcm
from ..port import const

LOW_HZ = const(650)
HIGH_HZ = const(850)
PEAK = const(8000)
FRAME_MS = const(20)
PATTERN_MS = (400, 200, 400, 2000)  # sound, pause, sound, long pause; again and again


class RingTone:
    """Rings from start() to stop(). Arguments: a `speaker` of media.devices, which nothing else
    uses meanwhile; the `clock`; `report(error)` hears what ended the sound. `gain_q12`: 4096 is
    as loud as it can be.
    """

    def __init__(self, speaker, clock, report):
        self._speaker = speaker
        self._clock = clock
        self._report = report
        self._task = None
        self.gain_q12 = 4096

    @property
    def ringing(self):
        """True between start() and stop()."""
        return self._task is not None

    def start(self):
        """Begin to ring; nothing happens when it rings already."""
        if self._task is None:
            self._speaker.start()
            self._task = asyncio.create_task(self._run())

    def stop(self):
        """Be silent at once: the speaker is free when this returns."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            self._speaker.stop()

    async def _run(self):
        speaker = self._speaker
        state, frame = bytearray(pcm.TONE_STATE), array("h", bytes(2 * speaker.frame))
        pcm.tone_init(state, speaker.rate, LOW_HZ, HIGH_HZ, PEAK)
        at_ms = 0
        try:
            while self._task is not None:
                while speaker.space():
                    if is_sound(at_ms):
                        pcm.tone(state, frame, 0, speaker.frame)
                        pcm.gain(frame, 0, speaker.frame, self.gain_q12)
                    else:
                        pcm.fill(frame, 0, speaker.frame, 0)
                    speaker.write(frame)
                    at_ms += FRAME_MS
                await self._clock.sleep_ms(FRAME_MS)
        except Exception as error:  # a speaker that fails: the LED rings on
            self._report(error)


def is_sound(at_ms):
    """Whether the pattern sounds `at_ms` after it began."""
    at_ms %= sum(PATTERN_MS)
    for i in range(len(PATTERN_MS)):
        if at_ms < PATTERN_MS[i]:
            return i % 2 == 0
        at_ms -= PATTERN_MS[i]
    return False
