"""Signals for the tests of ducking, and frames of them sent through pcm.duck."""

from array import array

from implementations import Random, implementations

ALL = implementations("pcm")
QUICK = ALL[0]
RATES = (8000, 16000, 48000)
UNITY = 4096


def ducker(pcm, rate, path_db=None):
    """A state that knows the echo path already."""
    state = bytearray(pcm.DUCK_STATE)
    pcm.duck_init(state, rate)
    if path_db is not None:
        pcm.duck_set(state, pcm.DUCK_START_DB, path_db)
    return state


def noise(random, n, peak):
    return array("h", [random.below(2 * peak + 1) - peak for _ in range(n)])


class Noise:
    """Frame after frame of noise."""

    def __init__(self, seed, n, peak):
        self._random = Random(seed)
        self._n = n
        self._peak = peak

    def __call__(self, _frame):
        return noise(self._random, self._n, self._peak)


class Same:
    """The same frame every time; silence of n samples if that is a number."""

    def __init__(self, frame):
        self._frame = array("h", bytes(2 * frame)) if isinstance(frame, int) else frame

    def __call__(self, _frame):
        return self._frame


def power(samples):
    return sum([v * v for v in samples]) // len(samples)


def run(pcm, state, frames, far, near=None, shift=2):
    """Duck `frames` frames of 20 ms: the echo of far(frame) and the voice near(frame).

    Returns the (capture before, capture after, gain) of each frame.
    """
    out = []
    for i in range(frames):
        reference = far(i)
        n = len(reference)
        before = array("h", [v >> shift for v in reference])
        if near is not None:
            pcm.mix(before, 0, near(i), 0, n)
        after = array("h", before)
        gain = pcm.duck(state, after, 0, reference, 0, n)
        out.append((before, after, gain))
    return out
