"""What a board can tell about itself and do to itself: status, self-test, network, restart."""

import asyncio

from . import __version__, port
from .port import ticks_diff, ticks_ms
from .voip import call as calls
from .voip.registration import KEY_NAME, KEY_SIZE

RESTART_AFTER_MS = 500  # until the answer has left


class Upkeep:
    """`hardware` the platform, `config` a Config in `store`, `client` the voip Client, `sound`
    its (microphone, speaker).

    `journal` a Journal. `await reconfigure()` puts a changed configuration into effect;
    `quit(restart)` ends the application. `error`: (code, sentence) of what went wrong last, None
    once it is online.
    """

    def __init__(self, hardware, config, store, client, sound, journal, reconfigure, quit):
        self._hardware = hardware
        self._config = config
        self._store = store
        self._client = client
        self._sound = sound
        self.journal = journal
        self._quit = quit
        self._booted = ticks_ms()
        self.reconfigure = reconfigure
        self.error = None

    def identity(self):
        """Who this is: what a tool asks first."""
        about = port.implementation()
        about["protocol"] = 1
        about["firmware"] = __version__
        about["board"] = self._hardware.name
        about["network"] = "serial" if getattr(self._hardware, "network", None) else "own"
        about["model_id"] = self._config.get("model_id")
        about["sn"] = self._config.get("sn")
        return about

    def status(self):
        """How it is: state, what is missing, the last error, counters."""
        missing = self._config.missing()
        error = self.error
        return {
            "state": self._state(missing),
            "missing": missing,
            "registered": self.registered(),
            "ticket": bool(self._config.get("ticket")),
            "error": {"code": error[0], "message": error[1]} if error else None,
            "reset": self.journal.reason,
            "uptime_ms": ticks_diff(ticks_ms(), self._booted),
            "heap_used": port.heap_used(),
            "lines_lost": self._hardware.outlet.dropped,
            "sn": self._config.get("sn"),
            "relay_url": self._config.get("relay_url"),
        }

    def _state(self, missing):
        """ "unprovisioned", "offline", "online", "ready", or the call's state."""
        if self.in_call():
            return self._client.call_state
        if self._client.online:
            return "ready" if self._client.ready else "online"
        return "unprovisioned" if missing else "offline"

    def registered(self):
        """True when the device has its key."""
        return len(self._store.get(KEY_NAME) or b"") == KEY_SIZE

    def in_call(self):
        """True while a call is made, rings or runs."""
        return self._client.call_state != calls.IDLE

    def addresses(self):
        """Texts for Improv: where to go now; none."""
        return ()

    async def scan(self):
        """Wi-Fi networks: [(ssid bytes, rssi in dBm, needs a password)]."""
        return await self._hardware.scan() or []

    async def join(self, ssid, password):
        """Join a Wi-Fi network. Raises NetworkError."""
        await self._hardware.network_up(ssid, password)

    @property
    def log(self):
        """The board's Log."""
        return self._hardware.log

    def restart(self):
        """Start again soon."""

        async def later():
            await port.sleep_ms(RESTART_AFTER_MS)
            self._quit(True)

        self._restarting = asyncio.create_task(later())

    async def self_test(self):
        """What the board's parts are like: selftest.SelfTest.run()."""
        from .selftest import SelfTest

        parts = self._hardware, self._config, self._store, self._client, self._sound, self.journal
        return await SelfTest(*parts, error=self.error).run()
