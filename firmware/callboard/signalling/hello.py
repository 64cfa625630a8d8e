"""Who connects, and where to: the `hello` of a device and of a user (PROTOCOL.md §2)."""

import binascii
import json

from .. import __version__, codes, port
from ..errors import ProtocolError
from ..net.url import parse
from . import jsonrpc

PROTOCOL = 1
SUBPROTOCOL = "callboard.v1"
CAPS = ("media-ws",)  # what every client can do, besides its codecs


def socket_url(relay_url, role):
    """The WebSocket address of a relay (https://host[:port]) for `role` "device" or "user"."""
    url = parse(relay_url, ("http", "https"))
    path = url.target
    while path.endswith("/"):
        path = path[:-1]
    return "%s://%s%s/v1/%s" % ("wss" if url.secure else "ws", url.authority, path, role)


def host_and_path(url):
    """The Host header and the path of a request for `url`, as `mac` covers them."""
    parts = parse(url, ("ws", "wss"))
    return parts.authority, parts.target


def challenge_text(host, path, challenge):
    """The five lines that a device signs."""
    return "\n".join((SUBPROTOCOL, "GET", host, path, challenge))


class DeviceHello:
    """Answers a challenge as a device.

    Arguments: `device_key` 32 bytes (never shown), `model_id`, `sn`, `wxa_appid`, `flavour` 0, 1
    or 2, `codecs` their names (PROTOCOL.md §4), best first.
    """

    role = "device"

    def __init__(
        self,
        device_key,
        model_id,
        sn,
        wxa_appid,
        flavour=codes.FLAVOUR_FORMAL,
        codecs=("pcmu",),
    ):
        self._key = device_key
        self._params = {
            "model_id": model_id,
            "sn": sn,
            "wxa_appid": wxa_appid,
            "flavour": flavour,
            "caps": list(codecs) + list(CAPS),
        }

    def __call__(self, challenge, host, path):
        """The params of `hello` for this challenge (32 hex digits)."""
        text = challenge_text(host, path, challenge)
        params = dict(self._params)
        params["mac"] = binascii.hexlify(port.hmac_sha256(self._key, text.encode())).decode()
        return _complete(params, self.role)


class UserHello:
    """Answers a challenge as a user: `token` and the 32 hex digit `client` id it is bound to.

    `codecs` as of DeviceHello.
    """

    role = "user"

    def __init__(self, token, client, codecs=("pcmu",)):
        self._params = {"token": token, "client": client, "caps": list(codecs) + list(CAPS)}

    def __call__(self, challenge, host, path):
        """The params of `hello`; a user proves itself by its token, not by the challenge."""
        return _complete(dict(self._params), self.role)


def _complete(params, role):
    params["protocol"] = PROTOCOL
    params["role"] = role
    params["firmware"] = __version__
    return params


def request_text(params):
    """The `hello` message."""
    return port.json_text({"jsonrpc": "2.0", "id": "hello", "method": "hello", "params": params})


def _read_object(text):
    try:
        message = json.loads(text)
    except (ValueError, RuntimeError):
        raise ProtocolError("message is not JSON", codes.RPC_PARSE)
    if not isinstance(message, dict):
        raise ProtocolError("message is not a JSON-RPC 2.0 object")
    return message


def read_challenge(text):
    """The challenge of the relay's first message: 32 hex digits. Raises ProtocolError."""
    message = _read_object(text)
    params = message.get("params")
    challenge = params.get("challenge") if isinstance(params, dict) else None
    if (
        message.get("method") != "challenge"
        or not isinstance(challenge, str)
        or len(challenge) != 32
    ):
        raise ProtocolError("the relay's first message must be a challenge of 32 hex digits")
    return challenge


def read_answer(text):
    """The result of hello. Raises RemoteError when refused, ProtocolError when malformed."""
    message = _read_object(text)
    if message.get("id") != "hello":
        raise ProtocolError("the relay must answer hello first")
    if "error" in message:
        raise jsonrpc.remote_error(message["error"])
    return message.get("result")


# The numbers of a hello's answer, with their limits: a relay's mistake must not stop a board's
# clock.
_LIMITS = (
    ("time_ms", 946684800000, 4102444800000),  # 2000 .. 2100
    ("heartbeat_ms", 100, 600000),
    ("dead_ms", 200, 1800000),
    ("grace_ms", 0, 3600000),
    ("modules", 0, 0x3FFFFFFF),
)


def check_answer(answer):
    """Returns the relay's answer to `hello`, or raises ProtocolError that names the bad member."""
    if not isinstance(answer, dict) or answer.get("protocol") != PROTOCOL:
        raise ProtocolError("the relay does not speak protocol %d" % PROTOCOL, codes.RPC_VERSION)
    for name, low, high in _LIMITS:
        value = answer.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ProtocolError("hello: %s must be an integer from %d to %d" % (name, low, high))
    if not isinstance(answer.get("resumed"), bool):
        raise ProtocolError("hello: resumed must be true or false")
    for name in ("session", "resume_token"):
        if not isinstance(answer.get(name), str) or not answer[name]:
            raise ProtocolError("hello: %s must be a text" % name)
    call = answer.get("call")
    if call is not None and not isinstance(call, dict):
        raise ProtocolError("hello: call must be null or a call")
    return answer
