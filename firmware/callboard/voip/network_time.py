"""The relay's time, for who sets clocks by it (000 §3: iv_sys_get_time)."""

JITTER_MS = 2000  # less than this behind, and the relay's word came late: no reason to go back


class NetworkTime:
    """Milliseconds since 1970; `clock` as port.CLOCK.

    Until the relay has told its time (`known` is False) it is the board's own, which may be years
    behind. It never runs backwards, unless the relay's own was set back.
    """

    def __init__(self, clock):
        self._clock = clock
        self._offset_ms = 0
        self._last_ms = 0
        self.known = False

    def learn(self, time_ms):
        """The relay says that it is `time_ms` now."""
        if not self.known or self.now_ms() - time_ms >= JITTER_MS:
            self._last_ms = 0
        self._offset_ms = time_ms - self._clock.epoch_ms()
        self.known = True

    def now_ms(self):
        """The time now."""
        now_ms = self._clock.epoch_ms() + self._offset_ms
        if now_ms > self._last_ms:
            self._last_ms = now_ms
        return self._last_ms
