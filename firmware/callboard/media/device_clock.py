"""The sample clock of a virtual audio device: runs by itself, a little fast or slow."""

from ..errors import InvalidArgument
from ..port import const, ticks_add, ticks_diff

RATES = (8000, 16000, 48000)  # Hz

_MILLION = const(1000000)
_MAX_PPM = const(1000)  # so that 1 s * ppm stays a small integer on 32 bits


class SampleClock:
    """Tells how many samples have passed. Does not allocate.

    Arguments: `rate` in Hz, one of 8000, 16000, 48000; `ppm`, -1000..1000: how much too fast the
    device runs.
    """

    def __init__(self, clock, rate, ppm):
        if rate not in RATES:
            raise InvalidArgument("sample rate %r is not 8000, 16000 or 48000 Hz" % (rate,))
        if not -_MAX_PPM <= ppm <= _MAX_PPM:
            raise InvalidArgument("clock drift must be -1000 to 1000 ppm")
        self._clock = clock
        self._per_ms = rate // 1000
        self._ppm = ppm
        self.start()

    def start(self):
        """Sample 0 is now."""
        self._at_us = self._clock.ticks_us()
        self._ppm_rest = 0  # µs * 10^6
        self._rest = 0  # samples * 1000
        self.behind = False

    def advance(self):
        """Samples passed since the last call, at most a second of them; call again if `behind`."""
        elapsed_us = ticks_diff(self._clock.ticks_us(), self._at_us)
        self.behind = elapsed_us > _MILLION
        if elapsed_us <= 0:
            return 0
        if self.behind:
            elapsed_us = _MILLION
        self._at_us = ticks_add(self._at_us, elapsed_us)
        drift = self._ppm_rest + elapsed_us * self._ppm
        self._ppm_rest = drift % _MILLION
        units = self._rest + (elapsed_us + drift // _MILLION) * self._per_ms
        self._rest = units % 1000
        return units // 1000

    def us(self, samples):
        """How long `samples` last, in µs, rounded up (without drift)."""
        return (samples * 1000 + self._per_ms - 1) // self._per_ms
