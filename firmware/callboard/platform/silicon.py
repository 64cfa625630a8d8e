"""What boards with a `machine` module share: why they were reset, and the watchdog.

Nothing is imported: the platform passes its `machine` in.
"""

from ..port import const, ticks_diff, ticks_ms

CHIP_MS = const(8000)  # an rp2 cannot do more than 8388
LOOP_MS = const(30000)  # a DNS look-up may hold the loop for long, and is no fault
FEED_MS = const(1000)

# machine's constant -> what a person is told. Not every chip has, or tells, all of them: an ESP32
# calls a brown-out power on; an rp2 knows power on and watchdog only.
_CAUSES = (
    ("PWRON_RESET", "power on"),
    ("BROWNOUT_RESET", "brown-out"),
    ("WDT_RESET", "watchdog"),
    ("HARD_RESET", "reset pin"),
    ("DEEPSLEEP_RESET", "deep sleep"),
    ("SOFT_RESET", "soft reset"),
)


def reset_cause(machine):
    """Why the board started, as its chip tells."""
    cause = machine.reset_cause()
    for name, text in _CAUSES:
        if getattr(machine, name, None) == cause:
            return text
    return "unknown, %s" % cause


class Watchdog:
    """Resets the board CHIP_MS after its Python hangs in C, LOOP_MS after its loop hangs.

    A chip's watchdog cannot be stopped, so a timer goes on feeding it at Python's prompt.
    """

    def __init__(self, machine):
        self._beat = ticks_ms()
        self._resting = False
        self._chip = machine.WDT(timeout=CHIP_MS)
        self._timer = _timer(machine, self._feed)

    def beat(self):
        """The loop lives."""
        self._beat = ticks_ms()

    def rest(self):
        """The application is over: whatever is done at the prompt may take its time."""
        self._resting = True

    def _feed(self, _timer):
        if self._resting or ticks_diff(ticks_ms(), self._beat) < LOOP_MS:
            self._chip.feed()


def _timer(machine, callback):
    """A periodic timer: number -1 on chips with timers in software, 0 elsewhere."""
    options = {"period": FEED_MS, "mode": machine.Timer.PERIODIC, "callback": callback}
    try:
        return machine.Timer(-1, **options)
    except ValueError:
        return machine.Timer(0, **options)
