"""The receiving half of a WebSocket without any I/O (RFC 6455 §5): bytes in, messages out.

One buffer, made once, holds what was received and not yet used; a message lies in it in one
piece, also when it came in fragments. The owner reads into `space()`, tells `received(n)`, and
calls `next()` until it says NEED_DATA:

    event = parser.next()      # TEXT, BINARY, CLOSE, PING, PONG or NEED_DATA
    payload = parser.buffer[parser.off : parser.off + parser.length]   # until the next call
"""

from array import array

from .. import codes
from ..errors import ProtocolError
from ..native import wire
from ..port import const
from . import http_parser

NEED_DATA = const(-1)
_CONTINUATION = const(0)
TEXT = const(1)
BINARY = const(2)
CLOSE = const(8)
PING = const(9)
PONG = const(10)

# Status codes, RFC 6455 §7.4.1
NORMAL = const(1000)
GOING_AWAY = const(1001)
PROTOCOL_ERROR = const(1002)
NO_STATUS = const(1005)
ABNORMAL = const(1006)
INVALID_DATA = const(1007)
TOO_BIG = const(1009)
_REGISTERED = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)

_MAX_CONTROL = const(125)
# What may lie in front of a message's last fragment: its header, and a control frame.
_SLACK = const(14 + 2 + 4 + 125)

# Lead bytes of UTF-8 that may begin a too long form, a surrogate, or no character at all.
_SUSPECTS = b"\xc0\xc1\xe0\xed\xf0\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff"


class WebSocketError(ProtocolError):
    """The peer broke the protocol. `close_code` is the status to close with (RFC 6455 §7.4.1)."""

    def __init__(self, message, close_code):
        super().__init__(message, codes.RPC_INVALID_REQUEST)
        self.close_code = close_code


class Parser:
    """`max_text`, `max_binary`: longest messages in bytes; `masked`: the peer is a client;
    `memory`: a list that keeps the buffer for the next one, which takes it from there.
    """

    def __init__(self, max_text, max_binary, masked=False, memory=None):
        self._max = (max(max_text, max_binary), max_text, max_binary)
        self._masked = masked
        size = max(self._max[0], http_parser.READ_SIZE) + _SLACK
        if memory and len(memory[0]) == size:
            self.buffer = memory[0]
        else:
            self.buffer = bytearray(size)
            if memory is not None:
                memory[:] = (self.buffer,)
        self._view = memoryview(self.buffer)
        self._info = array("i", [0] * 5)  # fin, opcode, masked, payload length, offset of the mask
        self._start = 0  # of what was not looked at yet
        self._end = 0
        self._message_off = 0
        self._message_length = 0
        self._message_opcode = 0  # of the message that is being put together
        self._closed = False
        self.off = 0
        self.length = 0
        self.close_code = NO_STATUS
        self.close_reason = ""

    def space(self):
        """Where to put what is received next: a memoryview, never empty. Moves what is there."""
        kept = 0
        if self._message_opcode:
            kept = self._message_length
            self._move(self._message_off, 0, kept)
            self._message_off = 0
        waiting = self._end - self._start
        self._move(self._start, kept, waiting)
        self._start = kept
        self._end = kept + waiting
        return self._view[self._end :]

    def _move(self, source, target, length):
        if length and source != target:
            self._view[target : target + length] = self._view[source : source + length]

    def received(self, count):
        """`count` bytes were put at the beginning of space()."""
        self._end += count

    def next(self):
        """The next event. Raises WebSocketError; the connection is of no use after that."""
        while True:
            if self._closed:
                return NEED_DATA  # what follows a close frame does not count (§5.5.1)
            size = wire.ws_header(self.buffer, self._start, self._end - self._start, self._info)
            if size < 0:
                raise WebSocketError("malformed WebSocket frame", PROTOCOL_ERROR)
            if size == 0:
                return NEED_DATA
            self._check_frame()
            length = self._info[3]
            if self._end - self._start - size < length:
                return NEED_DATA
            event = self._take(size, length)
            if event != NEED_DATA:
                return event

    def _check_frame(self):
        fin, opcode, masked, length, _ = self._info
        if bool(masked) != self._masked:
            raise WebSocketError("frame is masked, or is not, against the rules", PROTOCOL_ERROR)
        if opcode >= CLOSE:
            return
        if (opcode == _CONTINUATION) != (self._message_opcode != 0):
            raise WebSocketError("fragments out of order", PROTOCOL_ERROR)
        limit = self._max[opcode or self._message_opcode]
        if length + self._message_length > limit:
            raise WebSocketError("message longer than %d bytes" % limit, TOO_BIG)

    def _take(self, size, length):
        """Use one whole frame; the event it completes, or NEED_DATA when it completes none."""
        fin, opcode = self._info[0], self._info[1]
        off = self._start + size
        if self._masked:
            wire.ws_mask(self.buffer, off, length, self.buffer, self._info[4], 0)
        self._start = off + length
        if opcode >= CLOSE:
            self.off, self.length = off, length
            if opcode == CLOSE:
                self._take_close()
            return opcode
        if opcode == _CONTINUATION:
            self._append(off, length)
        else:
            self._message_opcode = opcode
            self._message_off, self._message_length = off, length
        return self._complete() if fin else NEED_DATA

    def _append(self, off, length):
        self._move(off, self._message_off + self._message_length, length)
        self._message_length += length

    def _complete(self):
        opcode = self._message_opcode
        self.off, self.length = self._message_off, self._message_length
        self._message_opcode = self._message_length = 0
        if opcode == TEXT and not valid_utf8(self._payload()):
            raise WebSocketError("text is not UTF-8", INVALID_DATA)
        return opcode

    def _payload(self):
        return self._view[self.off : self.off + self.length]

    def _take_close(self):
        self._closed = True
        if self.length == 0:
            return
        if self.length == 1:
            raise WebSocketError("close frame of one byte", PROTOCOL_ERROR)
        code = self.buffer[self.off] << 8 | self.buffer[self.off + 1]
        if not (code in _REGISTERED or 3000 <= code < 5000):
            raise WebSocketError("close code %d is not allowed" % code, PROTOCOL_ERROR)
        reason = bytes(self._payload()[2:])
        if not valid_utf8(reason):
            raise WebSocketError("close reason is not UTF-8", INVALID_DATA)
        self.close_code = code
        self.close_reason = reason.decode()


def valid_utf8(data):
    """True when `data` is UTF-8 (RFC 3629). MicroPython's own check lets some bad text pass."""
    try:
        text = str(data, "utf-8")
    except UnicodeError:
        return False
    if len(text) == len(data):
        return True  # ASCII
    data = bytes(data)
    for suspect in _SUSPECTS:
        lead = bytes((suspect,))
        at = data.find(lead)
        while at >= 0:
            if not _allowed(suspect, data[at + 1]):
                return False
            at = data.find(lead, at + 1)
    return True


def _allowed(lead, second):
    if lead == 0xE0:
        return second >= 0xA0
    if lead == 0xED:
        return second < 0xA0
    if lead == 0xF0:
        return second >= 0x90
    return lead == 0xF4 and second < 0x90
