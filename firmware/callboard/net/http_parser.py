"""The receiving half of an HTTP/1.1 client without any I/O (RFC 9112): bytes in, one response out.

Strict, because what two readers understand differently can be abused: lines end in CRLF, there is
one way to tell the length, names and values hold no control characters, everything has a limit.
"""

from ..errors import NetworkError, ProtocolError
from ..port import const

READ_SIZE = const(1024)  # bytes that its owner reads at a time
MAX_HEAD = const(8192)  # bytes of status line and headers
_MAX_LINE = const(256)  # of a chunk's size and extensions
_MAX_HEADERS = const(64)
_MAX_INTERIM = const(4)  # 1xx responses before the real one

_HEAD = const(0)
_FIXED = const(1)
_CHUNK_SIZE = const(2)
_CHUNK_DATA = const(3)
_CHUNK_END = const(4)
_TRAILER = const(5)
_UNTIL_CLOSE = const(6)
_DONE = const(7)

_HEX = b"0123456789abcdefABCDEF"
_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class ResponseParser:
    """Feed it until `done`. `max_body` in bytes; `has_body` False for the answer to HEAD.

    Then `status` (int), `reason`, `headers` (names in lower case, repeated ones joined by ", "),
    `body()`, and after a 101 `rest`: what came behind the head. Raises ProtocolError.
    """

    def __init__(self, max_body, has_body=True):
        self._max_body = max_body
        self._has_body = has_body
        self._input = b""
        self._state = _HEAD
        self._left = 0  # of the body or the chunk
        self._parts = []
        self._size = 0
        self._interim = 0
        self._trailers = 0
        self.status = 0
        self.reason = ""
        self.headers = {}

    @property
    def done(self):
        """True when the response is complete."""
        return self._state == _DONE

    @property
    def rest(self):
        """What was received behind a 101 head."""
        return self._input

    def body(self):
        """The body, without its framing."""
        return b"".join(self._parts)

    def feed(self, data):
        """Take the next bytes."""
        self._input += bytes(data)
        while self._state != _DONE and self._step():
            pass
        if self._state == _DONE and self._input and self.status != 101:
            raise ProtocolError("the HTTP server sent more than its response")

    def eof(self):
        """The connection has ended: complete a body that lasts until then.

        Raises NetworkError when the response is cut off: asking again may help.
        """
        if self._state == _UNTIL_CLOSE:
            self._state = _DONE
        if self._state != _DONE:
            raise NetworkError("the HTTP server closed the connection before its response ended")

    def _step(self):
        if self._state == _HEAD:
            return self._step_head()
        if self._state in (_FIXED, _CHUNK_DATA):
            return self._step_data()
        if self._state == _UNTIL_CLOSE:
            self._add(self._cut(len(self._input)))
            return False
        return self._step_line()

    def _cut(self, count, skip=0):
        """The next `count` bytes; `skip` more behind them are dropped."""
        part = self._input[:count]
        self._input = self._input[count + skip :]
        return part

    def _step_head(self):
        end = self._input.find(b"\r\n\r\n")
        if end > MAX_HEAD or (end < 0 and len(self._input) > MAX_HEAD):
            raise ProtocolError("HTTP headers longer than %d bytes" % MAX_HEAD)
        if end < 0:
            return False
        lines = self._cut(end, 4).split(b"\r\n")
        self._take_status(lines[0])
        self.headers = {}
        if len(lines) > _MAX_HEADERS + 1:
            raise ProtocolError("more than %d HTTP headers" % _MAX_HEADERS)
        for line in lines[1:]:
            self._take_header(line)
        if 100 <= self.status < 200 and self.status != 101:
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise ProtocolError("too many interim HTTP responses")
        else:
            self._choose_body()
        return True

    def _take_status(self, line):
        head, _, reason = line.partition(b" ")
        digits, _, reason = reason.partition(b" ")
        if head not in (b"HTTP/1.1", b"HTTP/1.0") or len(digits) != 3 or not digits.isdigit():
            raise ProtocolError("not an HTTP/1.1 response")
        self._version_1_0 = head == b"HTTP/1.0"
        self.status = int(digits)
        if self.status < 100:
            raise ProtocolError("HTTP status below 100")
        self.reason = _text(reason)

    def _take_header(self, line):
        name, colon, value = line.partition(b":")
        if not colon or not name or not all(byte in _TOKEN for byte in name):
            raise ProtocolError("malformed HTTP header")
        name = name.decode().lower()
        value = _text(value).strip(" \t")
        if name in self.headers:
            value = self.headers[name] + ", " + value  # two lengths: refused as malformed
        self.headers[name] = value

    def _choose_body(self):
        length = self.headers.get("content-length")
        encoding = self.headers.get("transfer-encoding")
        if length is not None and encoding is not None:
            raise ProtocolError("HTTP response with two lengths")
        if encoding is not None and (encoding.lower() != "chunked" or self._version_1_0):
            raise ProtocolError("HTTP transfer encoding is not supported")
        if length is not None:
            if not 0 < len(length) < 10 or not length.encode().isdigit():
                raise ProtocolError("malformed HTTP Content-Length")
            length = int(length)
        if not self._has_body or self.status in (101, 204, 304):
            self._state = _DONE
        elif encoding is not None:
            self._state = _CHUNK_SIZE
        elif length is None:
            self._state = _UNTIL_CLOSE
        else:
            self._check_size(length)
            self._left = length
            self._state = _FIXED if length else _DONE

    def _check_size(self, more):
        if self._size + more > self._max_body:
            raise ProtocolError("HTTP response longer than %d bytes" % self._max_body)

    def _add(self, part):
        self._check_size(len(part))
        self._size += len(part)
        self._parts.append(part)

    def _step_data(self):
        part = self._cut(min(self._left, len(self._input)))
        if not part:
            return False
        self._add(part)
        self._left -= len(part)
        if self._left == 0:
            self._state = _DONE if self._state == _FIXED else _CHUNK_END
        return True

    def _step_line(self):
        end = self._input.find(b"\r\n")
        if end > _MAX_LINE or (end < 0 and len(self._input) > _MAX_LINE):
            raise ProtocolError("HTTP chunk line longer than %d bytes" % _MAX_LINE)
        if end < 0:
            return False
        line = self._cut(end, 2)
        if self._state == _CHUNK_SIZE:
            self._take_chunk_size(line)
        elif self._state == _CHUNK_END:
            if line:
                raise ProtocolError("HTTP chunk longer than its size")
            self._state = _CHUNK_SIZE
        elif not line:
            self._state = _DONE
        else:
            self._take_trailer(line)
        return True

    def _take_chunk_size(self, line):
        digits, _, extension = line.partition(b";")
        _text(extension)
        if not 0 < len(digits) < 8 or not all(byte in _HEX for byte in digits):
            raise ProtocolError("malformed HTTP chunk size")
        self._left = int(digits, 16)
        self._check_size(self._left)
        self._state = _CHUNK_DATA if self._left else _TRAILER

    def _take_trailer(self, line):
        self._trailers += 1
        name, colon, value = line.partition(b":")
        if self._trailers > _MAX_HEADERS or not colon or not name:
            raise ProtocolError("malformed HTTP trailer")
        _text(value)  # trailers are checked and not used


def _text(data):
    """Visible text of a header as str; each byte above 0x7F stands for itself."""
    wide = False
    for byte in data:
        if (byte < 0x20 and byte != 9) or byte == 0x7F:
            raise ProtocolError("control character in an HTTP header")
        wide = wide or byte > 0x7F
    return "".join(chr(byte) for byte in data) if wide else bytes(data).decode()
