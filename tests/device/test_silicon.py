"""What real boards share, on a scripted `machine`: reset causes, and a watchdog."""

from callboard import port
from callboard.platform import silicon


class Chip:
    """A `machine` as an ESP32 has it."""

    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5

    def __init__(self, cause=1):
        self.cause = cause
        self.fed = 0
        self.timers = []
        outer = self

        class WDT:
            def __init__(self, timeout):
                assert timeout <= 8388  # an rp2's limit

            def feed(self):
                outer.fed += 1

        class Timer:
            PERIODIC = 1

            def __init__(self, number, period, mode, callback):
                if number == -1 and not outer.software_timers:
                    raise ValueError("invalid Timer number")
                outer.timers.append((number, period, callback))

        self.WDT, self.Timer = WDT, Timer

    software_timers = True

    def reset_cause(self):
        return self.cause


class Pico(Chip):
    """An rp2: two causes, and a value nobody knows."""

    PWRON_RESET, WDT_RESET = 1, 3
    HARD_RESET = DEEPSLEEP_RESET = SOFT_RESET = None


def test_reset_causes():
    told = [silicon.reset_cause(Chip(n)) for n in (1, 2, 3, 4, 5, 9)]
    assert told == ["power on", "reset pin", "watchdog", "deep sleep", "soft reset", "unknown, 9"]
    assert silicon.reset_cause(Pico(3)) == "watchdog"


def test_the_watchdog_bites_when_the_loop_hangs_and_rests_at_the_prompt():
    now = [0]
    real, silicon.ticks_ms = silicon.ticks_ms, lambda: now[0]
    try:
        for software in (True, False):
            chip = Chip()
            chip.software_timers = software
            now[0] = port.ticks_add(0, -3000)  # and over the wrap
            watchdog = silicon.Watchdog(chip)
            ((number, period, tick),) = chip.timers
            assert number == (-1 if software else 0) and period < silicon.CHIP_MS // 2

            def seconds(count, beating, tick=tick, watchdog=watchdog):
                for _ in range(count):
                    now[0] = port.ticks_add(now[0], 1000)
                    if beating:
                        watchdog.beat()
                    tick(None)

            seconds(100, True)
            assert chip.fed == 100
            seconds(60, False)
            assert chip.fed < 100 + silicon.LOOP_MS // 1000 + 1
            fed = chip.fed
            watchdog.rest()
            seconds(60, False)
            assert chip.fed == fed + 60
    finally:
        silicon.ticks_ms = real
