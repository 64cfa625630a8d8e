"""What the serial line can ask of a board: one handler for a request, typed or in a frame.

    result = await commands.call("config.set", {"values": {"wifi_ssid": "Home"}})

Methods, parameters and results: PROTOCOL.md §9. Raises CallboardError with a code and a sentence.
"""

from .. import codes
from ..config import FIELDS, NAMES, USERS_MAX
from ..errors import Busy, CallboardError, InvalidArgument
from ..port import ticks_add, ticks_diff

UNLOCK_MS = 600000
TRIES = 5  # wrong PINs, then a pause
PAUSE_MS = 60000


class Locked(CallboardError):
    """A PIN protects the configuration, and was not given."""

    default_code = codes.UNAUTHENTICATED


class Commands:
    """`config` a Config; `board` an upkeep.Upkeep, or what has its methods; `help`: lines about
    what else can be typed."""

    def __init__(self, config, board, clock, help=()):
        self.help = help
        self._config = config
        self._board = board
        self._clock = clock
        self._open_until = None  # ticks: the PIN was given, or the button held
        self._wrong = 0
        self._pause_until = None
        self._methods = {
            "hello": self._hello,
            "status": self._status,
            "config.get": self._get,
            "config.set": self._set,
            "register": self._register,
            "users.add": self._add_user,
            "users.remove": self._remove_user,
            "self_test": self._self_test,
            "wifi.scan": self._scan,
            "log.level": self._log_level,
            "log.recent": self._log_recent,
            "log.boots": self._log_boots,
            "log.kept": self._log_kept,
            "unlock": self._unlock,
            "lock": self._lock,
            "reboot": self._reboot,
            "factory_reset": self._factory_reset,
        }

    async def call(self, method, params):
        """The result of `method`, a dict. Raises CallboardError."""
        handler = self._methods.get(method)
        if handler is None:
            raise CallboardError("no method is called %s" % method, codes.RPC_METHOD_NOT_FOUND)
        if not isinstance(params, dict):
            raise InvalidArgument("params must be an object", codes.RPC_INVALID_PARAMS)
        return await handler(params)

    # --- the lock ---

    @property
    def locked(self):
        """True while a PIN protects the configuration and was not given lately."""
        if self._config.get("pin") is None:
            return False
        return not self._lasts("_open_until")

    def button_held(self):
        """Somebody is at the board and held its button: as good as the PIN."""
        self._open_until = ticks_add(self._clock.ticks_ms(), UNLOCK_MS)

    def _lasts(self, name):
        """Whether the moment in attribute `name` is still to come; None when it is not."""
        until = getattr(self, name)
        if until is not None and ticks_diff(until, self._clock.ticks_ms()) <= 0:
            setattr(self, name, None)
        return getattr(self, name) is not None

    def _check_unlocked(self):
        if self.locked:
            raise Locked("the configuration is locked: give the PIN, or hold the board's button")

    async def _unlock(self, params):
        if self._lasts("_pause_until"):
            raise Locked("too many wrong PINs: wait a minute")
        if not self._config.pin_fits(params.get("pin")):
            self._wrong += 1
            if self._wrong >= TRIES:
                self._wrong = 0
                self._pause_until = ticks_add(self._clock.ticks_ms(), PAUSE_MS)
            raise Locked("that is not the PIN")
        self._wrong = 0
        self.button_held()
        return {}

    async def _lock(self, params):
        self._open_until = None
        return {}

    def _check_change(self):
        """Before anything is written: it may be changed, and flash is not written in a call."""
        self._check_unlocked()
        self._check_idle()

    def _check_idle(self):
        if self._board.in_call():
            raise Busy("a call is going on: hang up first")

    # --- what is asked ---

    async def _hello(self, params):
        hello = self._board.identity()
        hello["locked"] = self.locked
        return hello

    async def _status(self, params):
        status = self._board.status()
        status["locked"] = self.locked
        return status

    async def _get(self, params):
        names = params.get("names")
        if names is not None and not (isinstance(names, list) and names):
            raise InvalidArgument("names must be a list of fields, or left out")
        return {"values": self._config.public(names)}

    async def _self_test(self, params):
        self._check_idle()
        return {"tests": await self._board.self_test()}

    async def _scan(self, params):
        found = []
        for ssid, rssi, secured in await self._board.scan():
            found.append({"ssid": _shown(ssid), "rssi": rssi, "secured": secured})
        return {"networks": found}

    async def _log_level(self, params):
        """Until it restarts. Not locked: a log holds no secrets."""
        log = self._board.log
        if params:
            log.set_level(params.get("level"), params.get("module"))
        return log.levels()

    async def _log_recent(self, params):
        return {"lines": list(self._board.log.recent)}

    async def _log_boots(self, params):
        self._check_idle()
        return {"boots": self._board.journal.boots()}

    async def _log_kept(self, params):
        """A page of what one boot left in flash; of the one before this one, if none is named."""
        self._check_idle()
        boot = params.get("boot")
        if boot is None:
            boot = max(0, self._board.journal.boots()[-1]["boot"] - 1)
        numbers = boot, params.get("skip", 0)
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise InvalidArgument("boot and skip must be numbers, of 0 or more")
        lines, more = self._board.journal.lines(*numbers)
        return {"lines": lines, "more": more}

    # --- what is changed ---

    async def _set(self, params):
        self._check_change()
        values = params.get("values")
        if not isinstance(values, dict) or not values:
            raise InvalidArgument("values must be an object of fields: %s" % ", ".join(NAMES))
        return await self._change(values)

    async def _change(self, values):
        changed = self._config.change(values)
        if changed:
            await self._board.reconfigure()
        return {"changed": changed, "missing": self._config.missing()}

    async def _register(self, params):
        self._check_change()
        ticket = params.get("ticket")
        if not isinstance(ticket, str):
            raise InvalidArgument("ticket must be a text")
        if params.get("again") is True:
            self._config.forget_key()
        elif self._board.status()["registered"]:
            return {"changed": [], "missing": self._config.missing()}
        return await self._change({"ticket": ticket})

    async def _add_user(self, params):
        self._check_change()
        users = list(self._config.get("users") or ())
        open_id = params.get("open_id")
        if open_id in users:
            return {"users": users}
        if len(users) >= USERS_MAX:
            raise InvalidArgument("a board has at most %d users" % USERS_MAX)
        users.append(open_id)
        self._config.change({"users": users})
        return {"users": users}

    async def _remove_user(self, params):
        self._check_change()
        users = list(self._config.get("users") or ())
        if params.get("open_id") not in users:
            raise InvalidArgument("open_id is not one of the board's users")
        users.remove(params["open_id"])
        self._config.change({"users": users or None})
        return {"users": users}

    async def _reboot(self, params):
        self._check_unlocked()
        self._board.restart()
        return {}

    async def _factory_reset(self, params):
        self._check_change()
        if params.get("confirm") is not True:
            raise InvalidArgument("everything would be erased: say confirm")
        self._config.erase()
        self._board.restart()
        return {}

    # --- for Improv ---

    async def join(self, ssid, password):
        """Join a network and keep it: Improv's first command. Raises CallboardError."""
        self._check_change()
        values = {"wifi_ssid": ssid, "wifi_password": password or None}
        for name in values:
            if values[name] is not None:
                FIELDS[name](name, values[name])
        await self._board.join(ssid, password)
        await self._change(values)
        return self._board.addresses()

    async def scan_networks(self):
        """As Improv's scan()."""
        return await self._board.scan()

    def has_network(self):
        """Whether the board was told its network."""
        return self._config.get("wifi_ssid") is not None


def _shown(data):
    """Bytes for JSON: a text if they are one, else {"hex": "…"}."""
    import binascii

    try:
        text = str(data, "utf-8")
        if text.encode() == data:
            return text
    except UnicodeError:
        pass
    return {"hex": binascii.hexlify(data).decode()}
