"""Boards with a `machine` module: pins, I2S, a radio perhaps, a watchdog, flash.

A subclass for each family says where its flash is: key_flash() and log_flash().
"""

import asyncio

from .. import keystore, port
from ..errors import InvalidArgument, StorageError
from ..parts import part
from . import silicon
from .common import Common
from .settings import Settings


class Hardware(Common):
    """One board. `board` is its board.py; `machine` the module of that name; `network` that
    module, or None where there is none."""

    about = "callboard"

    def __init__(self, board, machine, network=None):
        super().__init__(getattr(board, "BOARD", "?"), Settings(board), port.CLOCK)
        self._machine = machine
        self._tasks = []
        self._button = self._led = self._wifi = None
        parts = self.settings
        if parts.button is not None:
            self._button = self._make_button(parts.button)
        if parts.led is not None:
            from .pins import Led

            pin = machine.Pin(parts.led["pin"], machine.Pin.OUT)
            self._led = Led(pin, _level(parts.led), self.clock)
        if parts.wireless:
            if network is None:
                raise InvalidArgument("board.NETWORK is wifi, and this firmware has no Wi-Fi")
            self._wifi = part("platform.wifi", "Wi-Fi").Wifi(network, self.clock)

    def _make_button(self, facts):
        from .pins import ButtonPin

        pins, active = self._machine.Pin, _level(facts)
        pull = pins.PULL_DOWN if active else pins.PULL_UP
        pin = pins(facts["pin"], pins.IN, pull)
        return ButtonPin(pin, active, self.clock, port.ThreadSafeFlag())

    # --- out and in ---

    def led(self, state):
        """Show one of indicator.PATTERNS."""
        if self._led is not None:
            self._led.show(state)

    async def read_console(self, on_button, on_quit, on_command, commands):
        """As Common's; the button at its pin counts as well."""
        if self._button is not None:
            self._start(self._button.run(on_button))
        if self._led is not None:
            self._start(self._led.run())
        await super().read_console(on_button, on_quit, on_command, commands)

    def _start(self, coroutine):
        self._tasks.append(asyncio.create_task(coroutine))

    # --- parts ---

    async def network_up(self, ssid=None, password=None):
        """Join a Wi-Fi network, or wait for the bridge. Raises NetworkError."""
        if self.network is not None:
            await self.network.up(self.log.module("bridge"))
        elif self._wifi is not None:
            await self._wifi.up(ssid, password)

    async def scan(self):
        """Wi-Fi networks around: [(ssid bytes, rssi in dBm, needs a password)]; None: a wire."""
        return None if self._wifi is None else self._wifi.scan()

    def open_store(self):
        """The key store, in the board's flash. Raises StorageError."""
        return keystore.open(self.key_flash())

    def log_ring(self):
        """The LogRing in the board's flash; None: no place."""
        from ..flash.log_ring import LogRing

        try:
            device = self.log_flash()
            return LogRing(device) if device is not None else None
        except StorageError as error:
            self.log.module("log").error("nothing is kept in flash: %s", error.message)
            return None

    def reset_cause(self):
        """Why it was started, as its chip tells."""
        return silicon.reset_cause(self._machine)

    def watchdog(self):
        """What resets it when its Python hangs."""
        return silicon.Watchdog(self._machine) if self.settings.watchdog else None

    def microphone(self):
        """A new microphone: at I2S if there is one, else a file or silence."""
        line = self.settings.i2s_microphone
        if line is None or self.settings.microphone is not None:
            return super().microphone()
        from ..media.i2s import I2sMicrophone

        return I2sMicrophone(line, self.settings.audio_rate, self.clock, self._machine)

    def speaker(self):
        """A new speaker: at I2S if there is one, else a file or nobody."""
        line = self.settings.i2s_speaker
        if line is None or self.settings.speaker is not None:
            return super().speaker()
        from ..media.i2s import I2sSpeaker

        device = I2sSpeaker(line, self.settings.audio_rate, self.clock, self._machine)
        device.loudspeaker = self.settings.loudspeaker
        return device

    def close(self):
        """Switch off."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        self.led("off")
        super().close()


def _level(facts):
    """1 or 0: the level that means pressed, or lit."""
    return 0 if facts.get("active") == "low" else 1
