"""A stream of frames from one sample rate to another (8000, 16000, 48000 Hz). No allocation."""

from ..native import pcm


class RateConverter:
    """Turns frames of `in_rate` into frames of `out_rate`, one continuous stream."""

    def __init__(self, in_rate, out_rate):
        self._same = in_rate == out_rate
        self._state = None
        if not self._same:
            self._state = bytearray(pcm.resampler_size(in_rate, out_rate))
            pcm.resampler_init(self._state, in_rate, out_rate)

    def convert(self, frame, n, out):
        """Write what n samples of `frame` become to `out` (both array 'h'); at the same rate `out`
        may be `frame`."""
        if not self._same:
            pcm.resample(self._state, frame, 0, n, out, 0)
        elif out is not frame:
            pcm.copy(out, 0, frame, 0, n)
