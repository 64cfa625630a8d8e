"""Gets a board online with what it was told, and brings its Wi-Fi back when that is lost.

The link to the relay stays connected by itself (signalling/link.py); a radio may not.
"""

from . import codes
from .errors import NetworkError, NotRegistered, RemoteError
from .voip.registration import KEY_NAME

REFUSED_MS = 60000  # after the relay did not accept our key
LOOK_MS = 5000  # how often to look whether the network has to be joined again
_NO_TICKET = "the device is not registered, and there is no ticket"
_RELAY_BUSY = (codes.SERVER, codes.TIMEOUT, codes.RPC_OVERLOADED)  # and not the ticket refused


class Online:
    """`hardware` the platform, `config` a Config in `store`, `client` the voip Client.
    `init_client()` brings it as far as the level "av"; `emit(event, fields)`; `failed(error)`
    tells of an error that is not tried again; `log`.
    """

    def __init__(self, hardware, config, store, client, init_client, emit, failed, log):
        self._hardware = hardware
        self._config = config
        self._store = store
        self._client = client
        self._init_client = init_client
        self._emit = emit
        self._failed = failed
        self._log = log

    async def connect(self):
        """Get online, registered if need be. Raises what went wrong: then try again later."""
        config, client = self._config, self._client
        missing = config.missing()
        if missing:
            self._log.warn("to be provisioned: it lacks %s", ", ".join(missing))
            self._emit("unprovisioned", {"missing": missing})
            return  # a change of the configuration starts this again
        if client.level == "off":
            self._init_client()
        if client.level != "voip":
            await self._network_up()
            await self._init_voip()
        ticket = config.get("ticket")
        if not client.is_registered():
            await self._register(ticket)
        elif ticket:
            config.change({"ticket": None})  # it was used, and the power failed

    async def _network_up(self):
        get = self._config.get
        await self._hardware.network_up(get("wifi_ssid"), get("wifi_password"))

    async def _init_voip(self):
        """Identity, key store, first connection. A refusal is not asked for again at once."""
        flavour, model_id, sn, wxa_appid = (
            self._config.get(name) for name in ("flavour", "model_id", "sn", "wxa_appid")
        )
        try:
            await self._client.init_voip(flavour, self._store, model_id, sn, wxa_appid)
        except RemoteError as error:
            if error.code in _RELAY_BUSY:
                raise
            self._failed(error)
            await self._hardware.clock.sleep_ms(REFUSED_MS)
            raise
        except NetworkError:
            if self._config.get("ticket") or self._store.get(KEY_NAME):
                raise
            raise NotRegistered(_NO_TICKET)  # what a person has to see to first

    async def _register(self, ticket):
        try:
            if not ticket:
                raise NotRegistered(_NO_TICKET)
            await self._client.register(ticket)
            self._emit("registered", None)
        except (NotRegistered, RemoteError) as error:
            if error.code in _RELAY_BUSY:
                raise  # the ticket is as good as before: it is tried again
            self._failed(error)  # the same ticket would be refused again
            self._log.error("it needs a (new) ticket")
        self._config.change({"ticket": None})

    async def keep_network(self):
        """Join the Wi-Fi network again when the relay is out of reach: nobody else may do it."""
        if not self._hardware.settings.wifi:
            return
        while True:
            await self._hardware.clock.sleep_ms(LOOK_MS)
            if self._client.level == "voip" and not self._client.online:
                await self._network_up()
