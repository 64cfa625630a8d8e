"""The virtual board: button and LED as console lines, WAV files as microphone and speaker.

What a real board does with pins, this one does with lines. In: `button press`, `button release`,
`button long`, `quit`, and what the application and the console know. Out: `led: ` and a state of
indicator.PATTERNS, log lines `L (ms) module: text`, and events: `@` and a JSON object
`{"event": name, "t_us": host time in µs since 1970, …}`.
"""

import json
import os
import time

from .. import keystore, port
from ..errors import NetworkError, StorageError
from ..flash.devices import FileFlash
from .common import Common
from .settings import Settings

JOIN_MS = 200  # as if a radio had to be asked


class HostClock(port.Clock):
    """The real time; the wall clock is the host's, so that recordings of programs compare."""

    @staticmethod
    def epoch_ms():
        """Milliseconds since 1970 by the host, whatever the relay says."""
        return time.time_ns() // 1000000


class HostWatchdog:
    """Each beat makes the file at `path` grow by a byte; a file that ends with R need not grow."""

    def __init__(self, path):
        self._file = open(path, "ab")

    def beat(self):
        """The loop lives."""
        self._file.write(b".")
        self._file.flush()

    def rest(self):
        """The application is over."""
        self._file.write(b"R")
        self._file.flush()


class Platform(Common):
    """One virtual board. `board` is the module that `callboard board` writes."""

    about = "callboard board"

    def __init__(self, board):
        super().__init__("UNIX", Settings(board), HostClock())
        self._led = None
        self._flash = None

    def emit(self, event, fields=None):
        """Print an event for a program that watches."""
        message = {"event": event, "t_us": time.time_ns() // 1000}
        message.update(fields or {})
        self._print("@" + json.dumps(message))

    def led(self, state):
        """Show one of indicator.PATTERNS; prints changes only."""
        if state != self._led:
            self._led = state
            self._print("led: " + state)

    async def network_up(self, ssid=None, password=None):
        """Join a network, if this board has Wi-Fi: one of board.WIFI; or wait for the bridge.

        Raises NetworkError.
        """
        if self.network is not None:
            await self.network.up(self.log.module("bridge"))
            return
        networks = self.settings.wifi
        if networks is None:
            return
        await self.clock.sleep_ms(JOIN_MS)
        if ssid is None:
            raise NetworkError("no Wi-Fi network is configured")
        for known, key, _rssi in networks:
            if known == ssid:
                if key != (password or b""):
                    raise NetworkError("the Wi-Fi network refused the password")
                return
        raise NetworkError("the Wi-Fi network is not to be found")

    async def scan(self):
        """Wi-Fi networks around: [(ssid bytes, rssi in dBm, needs a password)]; None: a wire."""
        if self.settings.wifi is None:
            return None
        await self.clock.sleep_ms(JOIN_MS)
        return [(ssid, rssi, bool(key)) for ssid, key, rssi in self.settings.wifi]

    def log_ring(self):
        """The LogRing in the board's flash, here a file beside the key store's; None: no place."""
        from ..flash import SECTOR
        from ..flash.log_ring import LogRing

        sectors = self.settings.log_sectors
        if not sectors:
            return None
        try:
            return LogRing(FileFlash(self.settings.data_path + ".log", size=sectors * SECTOR))
        except StorageError as error:
            self.log.module("log").error("nothing is kept in flash: %s", error.message)
            return None

    def reset_cause(self):
        """Why it was started, as the program that started it tells."""
        return os.getenv("CALLBOARD_RESET_CAUSE") or "power on"

    def watchdog(self):
        """What resets it when its loop hangs: the program that started it; None: nothing."""
        path = os.getenv("CALLBOARD_WATCHDOG")
        return HostWatchdog(path) if path else None

    def open_store(self):
        """The key store in the board's flash, here a file, which this board's power off spares."""
        self._flash = FileFlash(self.settings.data_path, volatile=False)
        return keystore.open(self._flash)

    def pictures(self):
        """A camera and a screen, None for what this board has not. Raises InvalidArgument."""
        settings, camera, screen = self.settings, None, None
        if settings.camera or settings.screen:
            from ..media.camera import FileCamera, FileScreen

            if settings.camera:
                camera = FileCamera(settings.camera, self.clock, settings.camera_fps)
                self._devices.append(camera)
            if settings.screen:
                screen = FileScreen(settings.screen)
                self._devices.append(screen)
        return camera, screen

    def close(self):
        """Switch off: close the files of sound and pictures, and the flash."""
        super().close()
        if self._flash is not None:
            self._flash.close()
