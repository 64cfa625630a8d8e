"""Improv Wi-Fi over serial (improv-wifi.com/serial): a browser gives a board its network.

No I/O in here: `Improv.packet(kind, data)` takes a packet from the Decoder and answers through
`write`. Joining and scanning are the board's.
"""

from ..errors import CallboardError
from .framing import improv_packet

STATE = 1
ERROR = 2
RPC = 3
RESULT = 4

READY = 2
PROVISIONING = 3
PROVISIONED = 4

NO_ERROR = 0
BAD_PACKET = 1
UNKNOWN_RPC = 2
UNABLE_TO_CONNECT = 3
NOT_AUTHORISED = 4

SEND_WIFI = 1
GET_STATE = 2
GET_INFO = 3
SCAN = 4


class Improv:
    """One board's side. `write(bytes)`; `info` four texts: firmware, its version, chip, name.

    `await join(ssid, password)` (bytes) joins the network and keeps both, and returns the texts
    of addresses to show, perhaps none; it raises CallboardError. `await scan()` returns
    [(ssid bytes, rssi dBm, needs a password)]. `provisioned()` says if there is a network, and
    `locked()` whether changes are refused.
    """

    def __init__(self, write, info, join, scan, provisioned, locked):
        self._write = write
        self._info = info
        self._join = join
        self._scan = scan
        self._provisioned = provisioned
        self._locked = locked

    async def packet(self, kind, data):
        """Answer a packet; `kind` None: it was damaged."""
        if kind is None:
            self._send(ERROR, bytes((BAD_PACKET,)))
        elif kind == RPC:
            await self._rpc(data)

    def send_state(self):
        """Tell the present state, as after a change."""
        state = PROVISIONED if self._provisioned() else READY
        self._send(STATE, bytes((state,)))

    async def _rpc(self, data):
        arguments = data[2:]
        if len(data) < 2 or data[1] != len(arguments):
            self._send(ERROR, bytes((BAD_PACKET,)))
            return
        command = data[0]
        if command == SEND_WIFI:
            await self._wifi(arguments)
        elif command == GET_STATE:
            self._no_error()
            self.send_state()
            if self._provisioned():
                self._result(GET_STATE, ())
        elif command == GET_INFO:
            self._no_error()
            self._result(GET_INFO, self._info)
        elif command == SCAN:
            await self._networks()
        else:
            self._send(ERROR, bytes((UNKNOWN_RPC,)))

    async def _wifi(self, arguments):
        fields = _strings(arguments)
        if fields is None or len(fields) != 2 or not fields[0]:
            self._send(ERROR, bytes((BAD_PACKET,)))
            return
        if self._locked():
            self._send(ERROR, bytes((NOT_AUTHORISED,)))
            return
        self._no_error()
        self._send(STATE, bytes((PROVISIONING,)))
        try:
            urls = await self._join(fields[0], fields[1])
        except CallboardError:  # the one who raised it has logged it
            self._send(ERROR, bytes((UNABLE_TO_CONNECT,)))
            self.send_state()
            return
        self._send(STATE, bytes((PROVISIONED,)))
        self._result(SEND_WIFI, urls)

    async def _networks(self):
        self._no_error()
        for ssid, rssi, secured in await self._scan():
            self._result(SCAN, (ssid, "%d" % rssi, "YES" if secured else "NO"))
        self._result(SCAN, ())

    def _no_error(self):
        self._send(ERROR, bytes((NO_ERROR,)))

    def _result(self, command, fields):
        body = b""
        for field in fields:
            data = field.encode() if isinstance(field, str) else bytes(field)
            if len(body) + 1 + len(data) > 253:
                break
            body += bytes((len(data),)) + data
        self._send(RESULT, bytes((command, len(body))) + body)

    def _send(self, kind, data):
        self._write(improv_packet(kind, data))


def _strings(data):
    """The strings in `data`, each behind its length; None when they do not fit."""
    strings = []
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            return None
        strings.append(bytes(data[at + 1 : end]))
        at = end
    return strings
