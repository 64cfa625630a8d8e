"""On an emulated board: microphone and speaker in memory, which sound.py serves from outside.

board.py:  MICROPHONE, SPEAKER = board_sound.microphone, board_sound.speaker
"""

MAGIC = b"callboard sound \x00\xff\x01\xfe"  # backwards in the memory: this text is not it
HEAD = 4  # bytes of a number
FRAMES = 8  # of the microphone's ring
PLAYED = 4096  # samples of the speaker's

try:
    import micropython
except ImportError:
    micropython = None

if micropython is not None:
    from callboard.media.devices import NullMicrophone, NullSpeaker
    from callboard.native import pcm

    _memory = []  # MAGIC, frames asked for, samples played, the microphone's ring, the speaker's

    def _shared(rate):
        if not _memory:
            size = len(MAGIC) + 2 * HEAD + FRAMES * (rate // 50) * 2 + PLAYED * 2
            memory = bytearray(size)
            for i in range(len(MAGIC)):
                memory[i] = MAGIC[-1 - i]
            _memory.append(memory)
        return _memory[0]

    def _tell(memory, index, number):
        at = len(MAGIC) + HEAD * index
        memory[at] = number & 255
        memory[at + 1] = number >> 8 & 255
        memory[at + 2] = number >> 16 & 255

    class Microphone(NullMicrophone):
        """Takes what lies in the ring."""

        def __init__(self, rate, clock):
            self._memory = _shared(rate)
            self._asked = 0
            super().__init__(rate, clock)

        def _rewind(self):
            self._asked = 0
            _tell(self._memory, 0, 0)

        def _fill(self, frame):
            at = (len(MAGIC) + 2 * HEAD) // 2 + self._asked % FRAMES * self.frame
            pcm.copy(frame, 0, self._memory, at, self.frame)
            self._asked += 1
            _tell(self._memory, 0, self._asked)

    class Speaker(NullSpeaker):
        """Plays into the ring."""

        def __init__(self, rate, clock):
            self._memory = _shared(rate)
            self._base = (len(MAGIC) + 2 * HEAD) // 2 + FRAMES * (rate // 50)
            self._played = 0
            super().__init__(rate, clock)

        def start(self):
            self._played = 0
            _tell(self._memory, 1, 0)
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
            _tell(self._memory, 1, self._played)

        def _hear_silence(self, n):
            self._hear(None, 0, n)

    microphone, speaker = Microphone, Speaker
