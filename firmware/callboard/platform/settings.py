"""The constants of a `board` module, checked once at boot (firmware/README.md lists them)."""

import binascii

from .. import codes, port
from ..errors import InvalidArgument

CODECS = ("opus", "opus-8k", "pcmu")  # PROTOCOL.md §4
AUDIO_RATES = (8000, 16000, 48000)
DUPLEXES = ("full", "half")
NETWORKS = ("own", "wifi", "serial")
KEY_STORES = ("", "file", "partition", "pin_files", "sectors")
TLS_ENDS = ("board", "host")
AUDIO_OUTPUTS = ("headset", "speaker")
PPM_MAX = 1000


class Settings:
    """A board's configuration. Raises InvalidArgument that names the constant that is wrong.

    `relay_url`, `relay_ca` (path) or `relay_leaf_sha256` (32 bytes), `model_id`, `sn`,
    `wxa_appid`, `flavour`, `ticket`, `users` to call (openIds), `ring_s` for each of them or None,
    `auto_answer` in seconds or None, `volume` 0-100, `half_duplex`, `data_path`, `log_sectors` for
    the log in flash, `microphone` and `speaker` (paths or None), `audio_rate` in Hz, `audio_ppm`
    the error of the audio clock;
    `camera` and `screen` (paths of H.264 files or None), `camera_fps`;
    `serial_network`: it has no network but the bridge, `host_tls`: the host makes TLS for it.

    Of hardware (None: not there): `i2s_microphone`, `i2s_speaker`, `button`, `led`: dicts as in
    board.json; `wireless`, `watchdog`: whether to use them; `key_store`: where, "" by itself.
    """

    def __init__(self, board):
        self.relay_url = _text(board, "RELAY_URL", "", True)
        self.relay_ca = _text(board, "RELAY_CA", None, True)
        self.relay_leaf_sha256 = _digest(getattr(board, "RELAY_LEAF_SHA256", None))
        self.trusts = bool(self.relay_ca or self.relay_leaf_sha256)
        self.model_id = _text(board, "MODEL_ID", "", True)
        self.sn = _text(board, "SN", "", True)
        self.wxa_appid = _text(board, "WXA_APPID", "", True)
        self.flavour = _number(board, "FLAVOUR", codes.FLAVOUR_FORMAL, 0, 2)
        self.ticket = _text(board, "TICKET", "")
        self.users = _text(board, "OPEN_ID", "").split()
        self.ring_s = _ring_times(board)
        self.volume = _number(board, "VOLUME", 100, 0, 100)
        self.half_duplex = _choice(board, "DUPLEX", DUPLEXES) == "half"
        self.auto_answer = None
        if getattr(board, "AUTO_ANSWER", None) is not None:
            self.auto_answer = _number(board, "AUTO_ANSWER", 0, 0, 60)
        self.data_path = _text(board, "DATA_PATH", "flash")
        self.microphone = _device(board, "MICROPHONE")
        self.speaker = _device(board, "SPEAKER")
        self.camera = _text(board, "CAMERA", None, True)
        self.camera_fps = _number(board, "CAMERA_FPS", 15, 1, 60)
        self.screen = _text(board, "SCREEN", None, True)
        self.audio_rate = _number(board, "AUDIO_RATE", 16000, 8000, 48000)
        if self.audio_rate not in AUDIO_RATES:
            raise InvalidArgument("board.AUDIO_RATE must be 8000, 16000 or 48000")
        self.audio_ppm = _number(board, "AUDIO_PPM", 0, -PPM_MAX, PPM_MAX)
        self.codecs = _codecs(getattr(board, "CODECS", None))
        self.loudspeaker = _choice(board, "AUDIO_OUTPUT", AUDIO_OUTPUTS) == "speaker"
        self.log_sectors = _number(board, "LOG_SECTORS", 4, 0, 64)
        network = _choice(board, "NETWORK", NETWORKS)
        self.serial_network = network == "serial"
        self.wireless = network == "wifi"
        ends = TLS_ENDS if port.has_tls() else TLS_ENDS[1:]
        self.host_tls = self.serial_network and _choice(board, "BRIDGE_TLS", ends) == "host"
        self.trusts = self.trusts or self.host_tls
        self.wifi = self.wireless or _networks(getattr(board, "WIFI", None))
        self.i2s_microphone = _part(board, "I2S_MICROPHONE", ("i2s", "sck", "ws", "sd"))
        self.i2s_speaker = _part(board, "I2S_SPEAKER", ("i2s", "sck", "ws", "sd"))
        self.button = _part(board, "BUTTON", ("pin",))
        self.led = _part(board, "LED", ("pin",))
        self.watchdog = bool(getattr(board, "WATCHDOG", True))
        self.key_store = _choice(board, "KEY_STORE", KEY_STORES)

    def defaults(self):
        """What a configuration that was not provisioned has: callboard.config's fields."""
        return {
            "relay_url": self.relay_url,
            "model_id": self.model_id,
            "sn": self.sn,
            "wxa_appid": self.wxa_appid,
            "flavour": self.flavour,
            "ticket": self.ticket,
            "users": self.users or None,
            "ring_s": self.ring_s,
            "volume": self.volume,
            "auto_answer": self.auto_answer,
        }


def _text(board, name, default, optional=False):
    value = getattr(board, name, default)
    if value is None and optional:
        return None
    if not isinstance(value, str):
        raise InvalidArgument("board.%s must be a text" % name)
    return value


def _choice(board, name, choices):
    """One of `choices`; the first is the default."""
    value = _text(board, name, choices[0])
    if value not in choices:
        raise InvalidArgument("board.%s must be %s" % (name, " or ".join(choices)))
    return value


def _number(board, name, default, low, high):
    value = getattr(board, name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidArgument("board.%s must be a number from %d to %d" % (name, low, high))
    return value


def _ring_times(board):
    """RING_S, a number of seconds or a list of them; None: as long as there is."""
    value = getattr(board, "RING_S", None)
    if value is None:
        return None
    value = list(value) if isinstance(value, (list, tuple)) else [value]
    for each in value:
        if not isinstance(each, int) or isinstance(each, bool) or not 5 <= each <= 60:
            raise InvalidArgument("board.RING_S must be numbers from 5 to 60")
    return value or None


def _device(board, name):
    """A WAV file's path, or what makes a device of the user's own: f(rate, clock); or None."""
    value = getattr(board, name, None)
    return value if callable(value) else _text(board, name, None, True)


def _part(board, name, members):
    """A part of the hardware: a dict with these members; None: the board has none."""
    value = getattr(board, name, None)
    if value is not None and not (
        isinstance(value, dict) and all(member in value for member in members)
    ):
        raise InvalidArgument("board.%s must have %s" % (name, ", ".join(members)))
    return value


def _networks(value):
    """Wi-Fi networks around a virtual board: [(ssid, password, rssi in dBm)]; None: a wire."""
    if value is None:
        return None
    try:
        return [(bytes(ssid), bytes(password), int(rssi)) for ssid, password, rssi in value]
    except (TypeError, ValueError):
        raise InvalidArgument("board.WIFI must be a list of (ssid, password, rssi)")


def _codecs(value):
    """Names of codecs, best first; None: all that are here."""
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or not all(name in CODECS for name in value):
        raise InvalidArgument("board.CODECS must be a list of " + ", ".join(CODECS))
    return tuple(value)


def _digest(value):
    """A leaf certificate's SHA-256: None, 32 bytes, or 64 hex digits (colons allowed)."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = binascii.unhexlify(value.replace(":", ""))
        except ValueError:
            value = b""
    if len(value) != 32:
        raise InvalidArgument("board.RELAY_LEAF_SHA256 must be 64 hex digits")
    return bytes(value)
