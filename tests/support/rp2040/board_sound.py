"""On an emulated board: microphone and speaker in memory, which sound.py serves from outside.

board.py:  MICROPHONE, SPEAKER = board_sound.microphone, board_sound.speaker
"""

MAGIC = b"callboard sound \x00\xff\x01\xfe"  # backwards in the memory: this text is not it
HEAD = 4  # bytes of a number
NUMBERS = 3
FRAMES = 8  # of the microphone's ring
PLAYED = 4096  # samples of the speaker's

try:
    import micropython
except ImportError:
    micropython = None

if micropython is not None:
    from array import array

    from callboard.media.devices import NullMicrophone, NullSpeaker
    from callboard.native import pcm

    _memory = []  # MAGIC, NUMBERS, the microphone's ring, the speaker's
    _NUMBERS = len(MAGIC) // HEAD
    # frames asked for, samples played, starts of the microphone
    _ASKED, _PLAYED, _STARTS = _NUMBERS, _NUMBERS + 1, _NUMBERS + 2
    _RINGS = (_NUMBERS + NUMBERS) * HEAD // 2  # samples in front of the rings

    def _shared(rate):
        """Words, because each of them is written at once: who looks in between sees no half."""
        if not _memory:
            size = _RINGS + FRAMES * (rate // 50) + PLAYED
            memory = array("I", bytes(2 * size))
            for i in range(_NUMBERS):
                part = bytes(MAGIC[len(MAGIC) - 1 - HEAD * i - byte] for byte in range(HEAD))
                memory[i] = int.from_bytes(part, "little")
            _memory.append(memory)
        return _memory[0]

    class Microphone(NullMicrophone):
        """Takes what lies in the ring."""

        def __init__(self, rate, clock):
            self._memory = _shared(rate)
            self._asked = self._starts = 0
            super().__init__(rate, clock)

        def _rewind(self):
            self._asked = 0
            self._starts += 1
            self._memory[_ASKED] = 0
            self._memory[_STARTS] = self._starts

        def _fill(self, frame):
            at = _RINGS + self._asked % FRAMES * self.frame
            pcm.copy(frame, 0, self._memory, at, self.frame)
            self._asked += 1
            self._memory[_ASKED] = self._asked

    class Speaker(NullSpeaker):
        """Plays into the ring."""

        def __init__(self, rate, clock):
            self._memory = _shared(rate)
            self._base = _RINGS + FRAMES * (rate // 50)
            self._played = 0
            super().__init__(rate, clock)

        def start(self):
            self._played = 0
            self._memory[_PLAYED] = 0
            super().start()

        def _hear(self, samples, offset, n):
            while n:
                at = self._played % PLAYED
                part = n if n < PLAYED - at else PLAYED - at
                if samples is None:
                    pcm.fill(self._memory, self._base + at, part, 0)
                else:
                    pcm.copy(self._memory, self._base + at, samples, offset, part)
                    offset += part
                self._played += part
                n -= part
            self._memory[_PLAYED] = self._played

        def _hear_silence(self, n):
            self._hear(None, 0, n)

    microphone, speaker = Microphone, Speaker
