"""Commands as a person types them, and their results as lines."""

import binascii
import json

from ..errors import InvalidArgument

HELP = (
    "help                      this",
    "status                    how the board is",
    "get [FIELD]               its configuration; secrets are not shown",
    'set FIELD VALUE           text as it is, "JSON text", or hex:00ff',
    "unset FIELD               delete a field",
    "register TICKET           become known to the relay",
    "user add|remove OPENID    whom the button calls, one after the other",
    "scan                      Wi-Fi networks",
    "test                      self-test",
    "log LEVEL [MODULE]        what it logs: D, I, W or E and above",
    "last-boot                 the first lines that it kept of the boot before this one",
    "unlock PIN, lock          when a PIN protects the configuration",
    "reboot",
    "factory-reset confirm     erase everything",
)
_WORDS = {
    "status": "status",
    "scan": "wifi.scan",
    "last-boot": "log.kept",
    "test": "self_test",
    "lock": "lock",
    "reboot": "reboot",
}


def parse(line):
    """(method, params) for a typed line; None when it is no command.

    Raises InvalidArgument when it is half a command. Never repeats what was typed: it may be a
    secret.
    """
    word, _, rest = line.partition(" ")
    if word in _WORDS and not rest:
        return _WORDS[word], {}
    if word == "get":
        return "config.get", {"names": [rest]} if rest else {}
    if word == "set":
        name, _, value = rest.partition(" ")
        if not name or not value:
            raise InvalidArgument("say: set FIELD VALUE")
        return "config.set", {"values": {name: _value(value)}}
    if word == "unset" and rest:
        return "config.set", {"values": {rest: None}}
    if word == "register" and rest:
        return "register", {"ticket": rest}
    if word == "log":
        level, _, module = rest.partition(" ")
        return "log.level", {"level": level, "module": module or None} if level else {}
    if word == "unlock" and rest:
        return "unlock", {"pin": rest}
    if word == "factory-reset":
        return "factory_reset", {"confirm": rest == "confirm"}
    if word == "user":
        what, _, open_id = rest.partition(" ")
        if what not in ("add", "remove") or not open_id:
            raise InvalidArgument("say: user add OPENID, or user remove OPENID")
        return "users." + what, {"open_id": open_id}
    return None


def _value(text):
    """A typed value: JSON in quotes, hex, or the text itself."""
    if text.startswith("hex:"):
        return {"hex": text[4:]}
    if text.startswith('"'):
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, str):
            raise InvalidArgument("the value begins with a quote but is no JSON text")
        return value
    return text


def lines(method, result):
    """A result as lines for a person."""
    if method == "config.get":
        return ["%s = %s" % (name, _field(value)) for name, value in result["values"].items()]
    if method == "log.kept":
        return result["lines"] + (
            ["there is more: callboard log PORT --last-boot"] * result["more"]
        )
    if method == "self_test":
        return ["%s  %s: %s" % _test(test) for test in result["tests"]]
    if method == "wifi.scan":
        return ["%4d dBm  %s" % (n["rssi"], _field(n["ssid"])) for n in result["networks"]]
    return ["%s: %s" % (name, _field(result[name])) for name in sorted(result)] or ["done"]


def _test(test):
    return "ok  " if test["ok"] else "FAIL", test["name"], test["says"]


def _field(value):
    if isinstance(value, dict):
        if "hex" in value:
            return _bytes(value["hex"])
        if "set" in value:
            return "(set, not shown)" if value["set"] else "-"
        return json.dumps(value)
    if isinstance(value, list):
        return " ".join(str(each) for each in value) or "-"
    return "-" if value is None or value == "" else str(value)


def _bytes(digits):
    data = binascii.unhexlify(digits)
    if all(32 < byte < 127 for byte in data):
        return str(data, "utf-8")
    return "hex:" + digits
