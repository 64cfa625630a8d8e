"""What goes over the serial line: lines of text, frames and Improv packets, told apart.

    decoder = Decoder(handler)        # handler: an object with the methods of Handler
    decoder.feed(buf, n, now_ms)
    port.write(encode(TYPE_DATA, payload))

The same module runs at both ends. Format: PROTOCOL.md §9. Text never contains a zero byte; a frame
stands between two of them: `00 COBS(type, payload, CRC-16) 00`.
"""

from ..port import const, ticks_diff

DELIMITER = const(0)
INTERRUPT = const(3)  # Ctrl-C
FRAME_MAX = const(520)  # bytes between the delimiters
PAYLOAD_MAX = const(512)
GAP_MS = const(200)  # a frame or packet that pauses so long is given up
IMPROV_HEADER = b"IMPROV"
IMPROV_VERSION = const(1)

_CR = const(13)
_LF = const(10)
_BACKSPACES = (8, 127)

# What is being received.
_TEXT = const(0)
_FRAME = const(1)
_IMPROV = const(2)


def crc16(data):
    """CRC-16/GENIBUS of bytes: polynomial 0x1021, initially 0xFFFF, inverted at the end.

    Not inverted, a frame whose last delimiter was damaged would still have a right CRC.
    """
    return crc16_more(0xFFFF, data, 0, len(data)) ^ 0xFFFF


def crc16_more(crc, buf, off, n):
    """`crc`, neither begun nor inverted, over n bytes more at buf[off:]. Does not allocate."""
    for i in range(off, off + n):
        byte = buf[i]
        crc = _CRC_TABLE[(crc >> 12) ^ (byte >> 4)] ^ (crc << 4 & 0xFFFF)
        crc = _CRC_TABLE[(crc >> 12) ^ (byte & 15)] ^ (crc << 4 & 0xFFFF)
    return crc


# CRC of each value of four bits.
_CRC_TABLE = tuple(((n << 12) ^ (n << 5) ^ n) & 0xFFFF for n in range(16))


def cobs_encode(data):
    """`data` without zero bytes: Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999)."""
    out = bytearray(len(data) + len(data) // 254 + 1)
    code_at, at, code = 0, 1, 1
    for byte in data:
        if code == 0xFF:  # 254 bytes without a zero
            out[code_at] = code
            code_at, at, code = at, at + 1, 1
        if byte == 0:
            out[code_at] = code
            code_at, at, code = at, at + 1, 1
        else:
            out[at] = byte
            at += 1
            code += 1
    out[code_at] = code
    return bytes(out[:at])


def cobs_decode_in_place(buf, n):
    """Decode the first `n` bytes of `buf` where they are: the size of the result, or -1 when
    cobs_encode() cannot have made them, and `buf` is as it was. Does not allocate.
    """
    at = 0
    while at < n:
        code = buf[at]
        stop = at + code
        if code == 0 or stop > n:
            return -1
        for i in range(at + 1, stop):
            if buf[i] == 0:
                return -1
        at = stop
    size = at = 0
    while at < n:
        code = buf[at]
        stop = at + code
        for i in range(at + 1, stop):
            buf[size] = buf[i]
            size += 1
        at = stop
        if code != 0xFF and at < n:
            buf[size] = 0
            size += 1
    return size


def cobs_decode(data):
    """What cobs_encode() was given; None when it cannot have made `data`."""
    out = bytearray(data)
    size = cobs_decode_in_place(out, len(out))
    return None if size < 0 else bytes(out[:size])


def encode(kind, payload):
    """The bytes of one frame: `kind` 1..255, `payload` of at most PAYLOAD_MAX bytes."""
    if len(payload) > PAYLOAD_MAX or not 1 <= kind <= 255:
        raise ValueError("a frame has a type 1..255 and at most %d bytes" % PAYLOAD_MAX)
    body = bytes((kind,)) + bytes(payload)
    crc = crc16(body)
    return b"\0" + cobs_encode(body + bytes((crc >> 8, crc & 0xFF))) + b"\0"


def encode_into(out, kind, buf, off, n):
    """Write the frame of `kind` with the payload buf[off:off + n] to the beginning of `out`, which
    has n + 7 bytes or more; n at most 250. Returns its size. Does not allocate.
    """
    out[0] = DELIMITER
    code_at, at = 1, 2
    crc = 0xFFFF
    for i in range(n + 3):
        if i == 0:
            byte = kind
        elif i <= n:
            byte = buf[off + i - 1]
        else:
            byte = (crc >> 8 if i == n + 1 else crc & 0xFF) ^ 0xFF
        if i <= n:
            crc = _CRC_TABLE[(crc >> 12) ^ (byte >> 4)] ^ (crc << 4 & 0xFFFF)
            crc = _CRC_TABLE[(crc >> 12) ^ (byte & 15)] ^ (crc << 4 & 0xFFFF)
        if byte:
            out[at] = byte
        else:
            out[code_at] = at - code_at
            code_at = at
        at += 1
    out[code_at] = at - code_at
    out[at] = DELIMITER
    return at + 1


def decode(data):
    """(kind, payload) of what stood between two delimiters, or None when it is damaged."""
    out = bytearray(data)
    size = decode_in_place(out, len(out))
    return None if size < 0 else (out[0], bytes(out[1 : 1 + size]))


def decode_in_place(buf, n):
    """Decode what stood between two delimiters, the first `n` bytes of `buf`: then its first byte
    is the type, and the payload follows. Returns the payload's size, or -1: damaged. Does not
    allocate.
    """
    size = cobs_decode_in_place(buf, n)
    if size < 3 or buf[0] == 0:
        return -1
    if crc16_more(0xFFFF, buf, 0, size - 2) ^ 0xFFFF != buf[size - 2] << 8 | buf[size - 1]:
        return -1
    return size - 3


def improv_packet(kind, data):
    """One Improv packet: `kind` 0..255, `data` at most 255 bytes; with the newline after it."""
    packet = IMPROV_HEADER + bytes((IMPROV_VERSION, kind, len(data))) + bytes(data)
    return packet + bytes((sum(packet) & 0xFF, _LF))


class Handler:
    """What a Decoder calls. Each end overrides what it wants to know."""

    def on_line(self, line, cut):
        """A line without its end, bytes; `cut`: it was longer than the limit, the rest is lost."""

    def on_packet(self, kind, buf, off, n):
        """A frame that arrived whole: n bytes of payload at buf[off:], valid only now. False:
        on_frame() shall have it as bytes."""
        return False

    def on_frame(self, kind, payload):
        """A frame that arrived whole, and that on_packet() did not take."""

    def on_improv(self, kind, data):
        """An Improv packet; `kind` None when its checksum was wrong."""

    def on_interrupt(self):
        """Ctrl-C was typed: byte 0x03 in a line that holds nothing but text."""


class Decoder:
    """Takes apart what arrives, whatever it is. Bounded; finds its way back after garbage.

    `line_max` in bytes. `typed`: a person may be at the other end, so backspace takes back a
    character. `salvage`: lines with control characters, and what turns out to be no frame, are
    text after all; not for a board, where that might look like a command. `damaged` counts
    frames, packets and lines that came apart, `lost` the bytes in them.
    """

    def __init__(self, handler, line_max=256, typed=False, salvage=False):
        self._handler = handler
        self._line_max = line_max
        self._typed = typed
        self._salvage = salvage
        self._state = _TEXT
        self._line = bytearray()
        self._cut = False
        self._clean = True  # nothing but text in this line
        self._skip_lf = False
        self._packet = bytearray(FRAME_MAX)
        self._size = 0  # of it
        self._last_ms = None
        self.damaged = 0
        self.lost = 0

    @property
    def partial(self):
        """The line that has no end yet, bytes."""
        return bytes(self._line)

    def feed(self, data, n, now_ms):
        """Take the first `n` bytes of `data`, read at `now_ms` (ticks)."""
        if self._last_ms is not None and ticks_diff(now_ms, self._last_ms) >= GAP_MS:
            self.pause()
        self._last_ms = now_ms
        for i in range(n):
            self._byte(data[i])

    def pause(self):
        """Nothing came for GAP_MS: a frame or packet in the middle is given up."""
        if self._state != _TEXT:
            self._give_up()
        elif not self._clean:
            self._end_line()

    def _byte(self, byte):
        if self._state == _TEXT:
            self._text(byte)
        elif self._state == _FRAME:
            self._frame(byte)
        else:
            self._improv(byte)

    # --- text ---

    def _text(self, byte):
        if byte == _LF and self._skip_lf:
            self._skip_lf = False
            return
        self._skip_lf = False
        if byte in (_CR, _LF):
            self._skip_lf = byte == _CR
            self._end_line()
        elif byte == DELIMITER:
            if not self._clean:
                self._end_line()
            self._begin(_FRAME)
        elif byte == INTERRUPT and self._clean:
            self._line = bytearray()
            self._handler.on_interrupt()
        elif byte == IMPROV_VERSION and self._line.endswith(IMPROV_HEADER):
            self._line = bytearray()
            self._begin(_IMPROV)
        else:
            self._character(byte)

    def _character(self, byte):
        if self._typed and byte in _BACKSPACES:
            self._line = self._line[:-1]
            return
        if byte < 32 and byte not in (9, 27):
            self._clean = False
        if len(self._line) < self._line_max:
            self._line.append(byte)
        else:
            self._cut = True

    def _end_line(self):
        line, cut, clean = bytes(self._line), self._cut, self._clean
        self._line = bytearray()
        self._cut = False
        self._clean = True
        if clean or self._salvage:
            self._handler.on_line(line, cut)
        else:
            self.damaged += 1
            self.lost += len(line)

    # --- frames ---

    def _begin(self, state):
        self._state = state
        self._size = 0

    def _frame(self, byte):
        packet = self._packet
        if byte != DELIMITER:
            if self._size == FRAME_MAX:
                self._give_up()
                self._text(byte)
                return
            packet[self._size] = byte
            self._size += 1
            return
        if not self._size:
            return  # two delimiters: the second begins a frame
        raw = bytes(memoryview(packet)[: self._size]) if self._salvage else None
        n = decode_in_place(packet, self._size)
        if n < 0:
            self._give_up(raw)
            self._begin(_FRAME)  # it may be the first one of the next frame
            return
        self._state = _TEXT
        if not self._handler.on_packet(packet[0], packet, 1, n):
            self._handler.on_frame(packet[0], bytes(memoryview(packet)[1 : 1 + n]))

    def _give_up(self, packet=None):
        if packet is None:
            packet = bytes(memoryview(self._packet)[: self._size])
        self._size = 0
        was_frame = self._state == _FRAME
        self._state = _TEXT
        if was_frame and not packet:
            return
        if was_frame and self._salvage and _is_text(packet):
            for byte in packet:
                self._text(byte)
            return
        self.damaged += 1
        self.lost += len(packet)

    # --- Improv ---

    def _improv(self, byte):
        self._packet[self._size] = byte
        self._size += 1
        size = self._size  # type, length, data, checksum: at most 258
        if size < 3 or size < self._packet[1] + 3:
            return
        packet = bytes(memoryview(self._packet)[:size])
        self._state = _TEXT
        self._skip_lf = True
        total = sum(IMPROV_HEADER) + IMPROV_VERSION + sum(packet[:-1])
        if total & 0xFF == packet[-1]:
            self._handler.on_improv(packet[0], packet[2:-1])
        else:
            self.damaged += 1
            self.lost += size
            self._handler.on_improv(None, b"")


def _is_text(data):
    return all(byte >= 32 or byte in (9, 10, 13, 27) for byte in data)
