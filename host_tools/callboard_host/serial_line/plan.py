"""What a board is to be told: checked here first, so that a mistake costs no trip to the board."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from callboard import config as device_config
from callboard.errors import InvalidArgument
from callboard.net.tls import to_der
from callboard_host.errors import BadInput


@dataclass(frozen=True)
class Plan:
    """Fields that are None stay as they are on the board. Secrets are kept out of repr()."""

    relay_url: str | None = None
    ca: bytes | None = None  # DER
    model_id: str | None = None
    sn: str | None = None
    wxa_appid: str | None = None
    flavour: int | None = None
    users: tuple[str, ...] = ()
    ring_s: tuple[int, ...] = ()
    auto_answer: int | None = None
    volume: int | None = None
    wifi_ssid: bytes | None = None
    wifi_password: bytes | None = field(default=None, repr=False)
    ticket: str | None = field(default=None, repr=False)
    pin: str | None = field(default=None, repr=False)  # to unlock the board
    new_pin: str | None = field(default=None, repr=False)

    def values(self) -> dict[str, Any]:
        """The fields of PROTOCOL.md §9 to set. Raises InvalidArgument that names what is wrong."""
        values: dict[str, Any] = {
            "relay_url": self.relay_url,
            "ca": _hex(self.ca),
            "model_id": self.model_id,
            "sn": self.sn,
            "wxa_appid": self.wxa_appid,
            "flavour": self.flavour,
            "users": list(self.users) or None,
            "ring_s": list(self.ring_s) or None,
            "auto_answer": self.auto_answer,
            "volume": self.volume,
            "wifi_ssid": _hex(self.wifi_ssid),
            "wifi_password": _hex(self.wifi_password or None),
            "ticket": self.ticket,
            "pin": self.new_pin,
        }
        given: dict[str, Any] = {
            name: value for name, value in values.items() if value is not None
        }
        for name, value in given.items():
            device_config.FIELDS[name](name, value)
        if self.wifi_ssid is not None and not self.wifi_password:
            given["wifi_password"] = None  # an open network: forget the last one's password
        return given

    def but(self, **changes: Any) -> "Plan":
        """The same with some fields changed."""
        return replace(self, **changes)


def _hex(value: bytes | None) -> dict[str, str] | None:
    return None if value is None else {"hex": value.hex()}


def read_ca(path: Path) -> bytes:
    """A CA's certificate in DER, from a PEM or DER file. Raises BadInput."""
    try:
        return bytes(to_der(path.read_bytes()))
    except OSError as error:
        raise BadInput(f"cannot read the CA {path}: {error.strerror}") from error
    except InvalidArgument as error:
        raise BadInput(f"{path}: {error.message}", "give the relay's ca.pem") from error


def wifi_name(text: str) -> bytes:
    """A network's name from the command line: a text, or `hex:` and pairs of digits."""
    import os

    if not text.startswith("hex:"):
        return os.fsencode(text)
    try:
        return bytes.fromhex(text[4:])
    except ValueError:
        raise InvalidArgument("--wifi hex:… needs pairs of the digits 0-9 and a-f") from None
