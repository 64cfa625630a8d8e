"""Wi-Fi by MicroPython's `network`: join, look around; power save is off, it would cost calls."""

from ..errors import NetworkError, TimedOut
from ..port import const, ticks_diff

JOIN_MS = const(20000)
LOOK_MS = const(100)
_OPEN = 0
_SSID, _RSSI, _SECURITY = 0, 3, 4  # of what scan() tells


class Wifi:
    """`network` the module of that name; `clock` as everywhere."""

    def __init__(self, network, clock):
        self._network = network
        self._clock = clock
        self._wlan = network.WLAN(network.STA_IF)
        self._joined = None

    def _active(self):
        wlan = self._wlan
        if not wlan.active():
            wlan.active(True)
            if hasattr(wlan, "PM_NONE"):
                wlan.config(pm=wlan.PM_NONE)
        return wlan

    async def up(self, ssid, password):
        """Join that network (bytes), unless it is joined. Raises NetworkError, TimedOut."""
        if ssid is None:
            raise NetworkError("no Wi-Fi network is configured")
        wlan = self._active()
        if wlan.isconnected() and self._joined == (ssid, password):
            return
        self._joined = None
        if wlan.isconnected():
            wlan.disconnect()
        try:
            wlan.connect(ssid, password or b"")
        except (OSError, ValueError) as error:
            raise NetworkError("the radio refused to connect: %s" % error)
        await self._wait()
        self._joined = (ssid, password)

    async def _wait(self):
        started = self._clock.ticks_ms()
        while not self._wlan.isconnected():
            status = self._wlan.status()
            if status == getattr(self._network, "STAT_WRONG_PASSWORD", None):
                raise NetworkError("the Wi-Fi network refused the password")
            if status == getattr(self._network, "STAT_NO_AP_FOUND", None):
                raise NetworkError("the Wi-Fi network is not to be found")
            if ticks_diff(self._clock.ticks_ms(), started) > JOIN_MS:
                self._wlan.disconnect()
                raise TimedOut("the Wi-Fi network did not answer in %d ms" % JOIN_MS)
            await self._clock.sleep_ms(LOOK_MS)

    def scan(self):
        """Networks around: [(ssid bytes, rssi in dBm, needs a password)]. Holds the board for
        about two seconds. Raises NetworkError."""
        try:
            found = self._active().scan()
        except OSError as error:
            raise NetworkError("the radio cannot look around: %s" % error)
        return [(bytes(one[_SSID]), one[_RSSI], one[_SECURITY] != _OPEN) for one in found]
