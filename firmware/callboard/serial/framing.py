"""What goes over the serial line: lines of text, frames and Improv packets, told apart.

    decoder = Decoder(handler)        # handler: an object with the methods of Handler
    decoder.feed(buf, n, now_ms)
    port.write(encode(TYPE_DATA, payload))

The same module runs at both ends. Format: PROTOCOL.md §9. Text never contains a zero byte; a frame
stands between two of them: `00 COBS(type, payload, CRC-16) 00`.
"""

from ..native import wire
from ..port import const, ticks_diff

DELIMITER = const(0)
INTERRUPT = const(3)  # Ctrl-C
FRAME_MAX = const(520)  # bytes between the delimiters
PAYLOAD_MAX = const(512)
FRAME_ROOM = const(9)  # bytes that a frame has at most beyond its payload
GAP_MS = const(200)  # a frame or packet that pauses so long is given up
ALONE_MS = const(100)  # Ctrl-C behind which nothing comes so long was typed
IMPROV_HEADER = b"IMPROV"
IMPROV_VERSION = const(1)

_CR = const(13)
_LF = const(10)
_BACKSPACES = (8, 127)

# What is being received.
_TEXT = const(0)
_FRAME = const(1)
_IMPROV = const(2)


def encode(kind, payload):
    """The bytes of one frame: `kind` 1..255, `payload` of at most PAYLOAD_MAX bytes."""
    n = len(payload)
    if n > PAYLOAD_MAX or not 1 <= kind <= 255:
        raise ValueError("a frame has a type 1..255 and at most %d bytes" % PAYLOAD_MAX)
    out = bytearray(n + FRAME_ROOM)
    return bytes(out[: wire.frame_encode(out, kind, payload, 0, n)])


def decode(data):
    """(kind, payload) of what stood between two delimiters, or None when it is damaged."""
    out = bytearray(data)
    n = wire.frame_decode(out, len(out))
    return None if n < 0 else (out[0], bytes(out[1 : 1 + n]))


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
        """Ctrl-C was typed: a byte 0x03 that stands alone."""


class Decoder:
    """Takes apart what arrives, whatever it is. Bounded; finds its way back after garbage.

    `line_max` in bytes. `typed`: a person may be at the other end, so backspace takes back a
    character. `salvage`: lines with control characters, and what turns out to be no frame, are
    text after all; not for a board, where that might look like a command. `damaged` counts
    frames, packets and lines that came apart, `lost` the bytes in them.

    Byte 0x03, one or several, is Ctrl-C when it begins a line or comes after silence, and a line's
    end or silence follows: what is left of a damaged frame may contain it, and must stop nothing.
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
        self._rested = True  # nothing came for GAP_MS before what comes now
        self.held = False  # Ctrl-C came, perhaps: what follows tells
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
        self.silence(now_ms)
        self._last_ms = now_ms
        i = 0
        while i < n:
            if self._state == _FRAME:  # most of it at once
                count = wire.frame_fill(self._packet, self._size, data, i, n - i)
                self._size += count
                i += count
                if i == n:
                    break
            self._byte(data[i])
            i += 1

    def silence(self, now_ms):
        """Nothing came until `now_ms` (ticks): then Ctrl-C is one, even before the next feed()."""
        if self._last_ms is None:
            return
        ms = ticks_diff(now_ms, self._last_ms)
        if self.held and ms >= ALONE_MS:
            self._interrupt()
        if ms >= GAP_MS:
            self._rested = True
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
        begins = self._rested or not self._line
        self._rested = False
        if self.held:
            if byte == INTERRUPT:
                return
            if byte in (_CR, _LF):
                self._skip_lf = byte == _CR
                self._interrupt()
                return
            self.held = False
            self._character(INTERRUPT)
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
        elif byte == INTERRUPT and begins and self._clean:
            self.held = True
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

    def _interrupt(self):
        self.held = False
        self._line = bytearray()
        self._handler.on_interrupt()

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
        n = wire.frame_decode(packet, self._size)
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
