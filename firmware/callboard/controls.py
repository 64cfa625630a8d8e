"""What can be turned, volume and mute: by words on the serial line and as properties.

Words: HELP. Properties (PROTOCOL.md §6): `volume` 0-100, `mute`.
"""

from .errors import CallboardError, InvalidArgument, StorageError

HELP = (
    "call                      the users, as the button does",
    "answer, reject, hang up   the call",
    "talk on|off               push to talk, as if the button was held",
    "mute on|off               the far end hears nothing",
    "volume [0-100]            of the far end and of the ringing; it is kept",
    "levels                    of the call, dBov",
    "button press|release|long the button itself; quit",
)
VOLUME = 100  # where none is configured
PROPERTIES = ("volume", "mute")


class Controls:
    """`client` the voip Client, `config` a Config, `ringing` a Ringing, `button` a Button,
    `calling` a Calling. `emit(event, fields)`; `start(act)` runs a coroutine function and tells
    its errors; `report(what, error)`; `changed()`: the LED may have to show something else.
    """

    def __init__(self, client, config, ringing, button, calling, emit, start, report, changed):
        self._client = client
        self._config = config
        self._ringing = ringing
        self._button = button
        self._emit = emit
        self._start = start
        self._report = report
        self._changed = changed
        self._volume = VOLUME
        self._unkept = None  # a volume for which the flash had no room
        self._acts = {
            "call": calling.run,
            "answer": client.answer,
            "reject": client.reject,
            "hang up": calling.hang_up,
        }

    def begin(self):
        """The av module is there: it gets the volume."""
        volume = self._config.get("volume")
        self._set_volume(VOLUME if volume is None else volume)

    # --- words ---

    def word(self, line):
        """Do what a person typed. False: it is none of these. Raises CallboardError."""
        word, _, value = line.partition(" ")
        if line in self._acts:
            self._start(self._acts[line])
        elif word == "talk" and value in ("on", "off"):
            self._button.talk(value == "on")
        elif word == "mute" and value in ("on", "off"):
            self._set({"mute": value == "on"})
            self._start(self.tell)
        elif line == "volume":
            self._emit("volume", {"percent": self._volume})
        elif word == "volume" and value.isdigit():
            self._set({"volume": int(value)})
            self._start(self.tell)
        elif line == "levels":
            self._emit("levels", self._client.levels())
        else:
            return False
        return True

    # --- properties ---

    def set(self, properties):
        """The relay sets some. All of them, or none and InvalidArgument."""
        for name in properties:
            if name not in PROPERTIES:
                raise InvalidArgument("this device has no property %s" % name)
        self._set(properties)

    def _set(self, values):
        mute, volume = values.get("mute", False), values.get("volume", 0)
        if not isinstance(mute, bool):
            raise InvalidArgument("mute must be true or false")
        if not isinstance(volume, int) or isinstance(volume, bool) or not 0 <= volume <= 100:
            raise InvalidArgument("volume must be a number from 0 to 100")
        if "volume" in values:
            self._set_volume(volume)
            self._emit("volume", {"percent": volume})
        if "mute" in values:
            self._client.mute = mute
            self._emit("mute", {"on": mute})
            self._changed()

    def _set_volume(self, volume):
        self._client.volume = volume
        self._ringing.volume = volume
        self._volume = volume

    async def tell(self):
        """Tell the relay how they are; when it cannot be told, it is as soon as it is there."""
        if self._client.online:
            try:
                properties = {"volume": self._volume, "mute": self._client.mute}
                await self._client.report(properties)
            except CallboardError as error:
                self._report("properties", error)

    def keep(self):
        """Write what has to outlive power off, when there is time for the flash."""
        kept = self._config.get("volume")
        if self._volume in (VOLUME if kept is None else kept, self._unkept):
            return
        try:
            self._config.change({"volume": self._volume})
        except StorageError as error:
            self._unkept = self._volume
            self._report("volume", error)
