"""Clocks that drift apart: the delay stays, nothing is missing, whatever the far end sounds like.

2000 ppm apart, five times what two cheap boards are, so that half a minute shows what happens in
minutes. Real voices, ten minutes and PESQ: tests/host/test_media_drift.py.
"""

from array import array

from media_rig import Shelf, codecs_at, opus_stream, stream

from callboard import native
from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.media.pipeline import AudioSession
from callboard.native import pcm
from support import SkipTest

TIMEOUT_S = 60
PPM = 1000  # each, in opposite directions
BLOCK_MS = 5


class Clock:
    """Moves by microseconds, not with the sessions."""

    def __init__(self):
        self.us = 900_000_000

    def ticks_us(self):
        return self.us & 0x3FFFFFFF

    def ticks_ms(self):
        return self.us // 1000 & 0x3FFFFFFF

    def epoch_ms(self):
        return self.us // 1000


class Bursts(NullMicrophone):
    """Captures 200 ms of a wave and 300 ms of noise in turn; the noise of `level`."""

    def __init__(self, rate, clock, ppm, level):
        super().__init__(rate, clock, ppm)
        self._noise = bytearray(pcm.NOISE_STATE)
        pcm.noise_init(self._noise, 1)
        self._level = level
        self._turn = 0
        period, half = rate // 100, rate // 200
        self._wave = array(
            "h", [24000 * abs(i % period - half) // period - 6000 for i in range(self.frame)]
        )

    def _fill(self, frame):
        pcm.noise(self._noise, frame, 0, self.frame, self._level)
        if self._turn % 25 < 10:
            pcm.mix(frame, 0, self._wave, 0, self.frame)
        self._turn += 1


class Ear(NullSpeaker):
    """Keeps the peak of each 5 ms it is given."""

    def __init__(self, rate, clock, ppm):
        super().__init__(rate, clock, ppm)
        self.peaks = bytearray()

    def write(self, frame):
        n = self.rate * BLOCK_MS // 1000
        for at in range(0, self.frame, n):
            self.peaks.append(pcm.peak(frame, at, n) >> 8)
        super().write(frame)


def drifted(make, rate, ppm, level, seconds):
    """What a phone's session and ear tell after a board's clock ran `ppm` fast, its own slow."""
    clock = Clock()
    shelf = Shelf(slots=8, size=400)
    board = AudioSession(
        clock,
        Bursts(rate, clock, ppm, level),
        NullSpeaker(rate, clock, ppm),
        make(1),
        make(2),
        shelf,
        codecs=codecs_at(rate),
    )
    phone = AudioSession(
        clock,
        NullMicrophone(rate, clock, -ppm),
        Ear(rate, clock, -ppm),
        make(2),
        make(1),
        Shelf(size=400),
        codecs=codecs_at(rate),
    )
    board.start()
    clock.us += 8000
    phone.start()
    delays, sent = [], 0
    end_us = clock.us + seconds * 1_000_000
    while clock.us < end_us:
        next_us = min(board.capture.microphone.left_us(), phone.capture.microphone.left_us())
        clock.us += max(0, next_us)
        if board.capture.microphone.left_us() <= 0:
            board.tick()
            if shelf.sent > sent:
                sent = shelf.sent
                shelf.hand_last(phone, clock.ticks_ms())
        if phone.capture.microphone.left_us() <= 0:
            phone.tick()
            delays.append(phone.jitter.delay_ms)
    return phone, delays


def bursts(peaks, loud):
    """The lengths in ms of what is louder than `loud`, first and last left out."""
    lengths, run, quiet = [], 0, 0
    for peak in peaks:
        if peak > loud:
            run += quiet + 1 if run else 1
            quiet = 0
        else:
            quiet += 1
            if quiet == 12 and run:
                lengths.append(run * BLOCK_MS)
                run = 0
    return lengths[1:-1]


def check(make, rate, level, loud, seconds=24, corrections=True):
    """Both ways; `level` of the noise in -dBov, `loud` the peak, / 256, that it never reaches."""
    for ppm in (PPM, -PPM):
        phone, delays = drifted(make, rate, ppm, level, seconds)
        figures = phone.stats()
        for name in ("frames_lost", "frames_late", "frames_dropped", "underruns", "concealed"):
            assert figures[name] == 0, (ppm, name, figures)
        assert max(delays) <= 90 and max(delays[400:]) <= 75, (max(delays), max(delays[400:]))
        lengths = bursts(phone.playout.speaker.peaks, loud)
        assert abs(len(lengths) - 2 * seconds) <= 3, (len(lengths), seconds)
        for length in lengths:  # 200 ms less or more one piece
            assert 180 <= length <= 225, (ppm, lengths)
        moved = figures["inserted_ms"] - figures["removed_ms"]
        moved += 20 * (figures["waits"] - figures["skips"])  # in silence, whole frames
        assert abs(moved + 2 * ppm * seconds // 1000) <= 40, (ppm, moved, figures)
        if corrections:
            assert figures["corrections_inserted" if ppm < 0 else "corrections_removed"] >= 2


# slow
def test_pcmu_with_quiet_pauses():
    check(stream, 8000, 70, 11)


def test_pcmu_in_continuous_noise():
    """Of -32 dBov: nowhere quiet by itself."""
    check(stream, 8000, 32, 11)


def test_opus():
    """The pauses are DTX: in them frames are skipped or waited for."""
    if native.opus is None:
        raise SkipTest("no opus here: run make native natmods")
    check(opus_stream, 16000, 75, 3, corrections=False)


def test_opus_in_continuous_noise():
    if native.opus is None:
        raise SkipTest("no opus here: run make native natmods")
    check(opus_stream, 16000, 45, 4, seconds=16, corrections=False)
