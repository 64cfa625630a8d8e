"""Whole messages over a serial line that loses, damages and repeats: PROTOCOL.md §9.

    channel = Channel(HOST, clock, write, on_message)
    channel.open(number)              # the host, once; the board waits for it
    channel.send(b"...")
    channel.received(kind, payload)   # each frame from the Decoder
    wait_ms = channel.tick()          # at the latest after so many ms: sends again what got lost

No I/O and no waiting in here. One chunk is on its way in each direction, and acknowledged before
the next: a board's serial buffer is small.
"""

from ..port import ticks_add, ticks_diff
from . import framing

VERSION = 1
OPEN = 0x4F  # "O" host: begin a session; everything of an earlier one is void
OPENED = 0x6F  # "o" board: so be it
DATA = 0x44  # "D" a chunk of a message
ACK = 0x41  # "A" it has arrived
UNKNOWN = 0x55  # "U" board: that is no session of mine; begin one
REQUESTS = (OPEN, OPENED, DATA, ACK, UNKNOWN)  # the types of the channel that asks the console

CHUNK_MAX = 112  # bytes of a message in one frame, so that the frame has at most 121 bytes
MESSAGE_MAX = 4096
QUEUE_MAX = 8  # messages that wait to be sent
RETRY_MS = 300
TRIES = 30  # 9 s: on a bad line a chunk may need many
_LAST = 1  # flag: the message ends with this chunk

BOARD = "board"
HOST = "host"


class Channel:
    """One end. `role` BOARD or HOST; `write(bytes)` sends to the line; `on_message(bytes)`.

    `on_lost(why)` is told when the session ended: "unknown" to the board, which was reset, or
    "silent". `open_now` is True while a session stands. `kinds` are the frames' types, so that
    several channels share a line; `on_open(extra)` is told on the board that a new session began,
    and what open() gave it; `queue_max`: messages that may wait.
    """

    def __init__(
        self,
        role,
        clock,
        write,
        on_message,
        on_lost=None,
        kinds=REQUESTS,
        on_open=None,
        queue_max=QUEUE_MAX,
    ):
        self._open_kind, self._opened_kind, self._data_kind = kinds[:3]
        self._ack_kind, self._unknown_kind = kinds[3:]
        self._on_open = on_open
        self._queue_max = queue_max
        self._role = role
        self._clock = clock
        self._write = write
        self._on_message = on_message
        self._on_lost = on_lost
        self.open_now = False
        self.repeated = 0  # chunks that were sent again
        self.duplicates = 0  # chunks that came again
        self.dropped = 0  # messages that were too long, or too many
        self.moved = 0  # chunks that got through, either way
        self._reset(None)

    def _reset(self, session):
        self._session = session
        self._out = []  # messages to send
        self._out_at = 0  # bytes of the first one that were acknowledged
        self._out_seq = 0
        self._in = bytearray()
        self._in_seq = 0
        self._frame = None  # what waits for an answer
        self._sent_ms = 0
        self._tries = 0

    # --- for its owner ---

    def open(self, number, extra=b""):
        """The host begins a session; `number` 0..65535, another one than before."""
        self._reset(bytes((number >> 8, number & 0xFF)))
        self.open_now = False
        self._expect(self._open_kind, self._session + bytes((VERSION,)) + extra)

    def close(self):
        """Forget the session, without a word to anybody."""
        self.open_now = False
        self._reset(None)

    def send(self, message):
        """Send a message, bytes. False: it is too long, too many wait, or there is no session."""
        if self._session is None or not 0 < len(message) <= MESSAGE_MAX:
            self.dropped += 1
            return False
        if len(self._out) >= self._queue_max:
            self.dropped += 1
            return False
        self._out.append(bytes(message))
        self._next_chunk()
        return True

    def is_session(self, buf, off):
        """Whether buf[off:off + 2] names the session that stands. Does not allocate."""
        session = self._session
        return (
            self.open_now
            and session is not None
            and buf[off] == session[0]
            and buf[off + 1] == session[1]
        )

    def unknown(self, buf, off):
        """Tell the host that the session named by buf[off:off + 2] is none of ours."""
        self._write(framing.encode(self._unknown_kind, bytes((buf[off], buf[off + 1]))))

    @property
    def waiting(self):
        """Messages that are not yet acknowledged as a whole."""
        return len(self._out)

    @property
    def idle(self):
        """True when nothing waits to be sent or acknowledged."""
        return self._frame is None and not self._out

    def tick(self):
        """Send again what was not acknowledged in time. Returns ms until it should be called
        again, or None when nothing is on its way."""
        if self._frame is None:
            return None
        left = ticks_diff(ticks_add(self._sent_ms, RETRY_MS), self._clock.ticks_ms())
        if left > 0:
            return left
        if self._tries >= TRIES:
            self._lose("silent")
            return None
        self.repeated += 1
        self._put_out()
        return RETRY_MS

    def received(self, kind, payload):
        """A frame came in. False: it is none of ours."""
        if kind == self._open_kind and self._role == BOARD:
            self._opened_by_host(payload)
        elif kind == self._opened_kind and self._role == HOST:
            if not self.open_now and payload[:2] == self._session:
                self.open_now = True
                self._acknowledged()
        elif kind == self._data_kind:
            self._chunk(payload)
        elif kind == self._ack_kind:
            self._ack(payload)
        elif kind == self._unknown_kind and self._role == HOST:
            if self._session is not None and payload[:2] == self._session:
                self._lose("unknown")
        else:
            return False
        return True

    # --- sending ---

    def _expect(self, kind, payload):
        """Send a frame that must be answered."""
        self._frame = framing.encode(kind, payload)
        self._tries = 0
        self._put_out()

    def _put_out(self):
        self._tries += 1
        self._sent_ms = self._clock.ticks_ms()
        self._write(self._frame)

    def _next_chunk(self):
        if self._frame is not None or not self._out or not self.open_now:
            return
        message = self._out[0]
        chunk = message[self._out_at : self._out_at + CHUNK_MAX]
        last = _LAST if self._out_at + len(chunk) == len(message) else 0
        self._expect(self._data_kind, self._session + bytes((self._out_seq, last)) + chunk)

    def _ack(self, payload):
        if len(payload) != 3 or payload[:2] != self._session or self._frame is None:
            return
        if payload[2] != self._out_seq or not self.open_now:
            return
        self._out_seq = self._out_seq + 1 & 0xFF
        self.moved += 1
        self._out_at += CHUNK_MAX
        if self._out_at >= len(self._out[0]):
            self._out.pop(0)
            self._out_at = 0
        self._acknowledged()

    def _acknowledged(self):
        self._frame = None
        self._next_chunk()

    def _lose(self, why):
        self.open_now = False
        self._reset(None)
        if self._on_lost is not None:
            self._on_lost(why)

    # --- receiving ---

    def _opened_by_host(self, payload):
        if len(payload) < 3:
            return
        is_new = payload[:2] != self._session
        if is_new:
            self._reset(bytes(payload[:2]))
        self.open_now = True
        self._write(framing.encode(self._opened_kind, self._session + bytes((VERSION,))))
        if is_new and self._on_open is not None:
            self._on_open(payload[3:])

    def _chunk(self, payload):
        if len(payload) < 4:
            return
        session, seq, last = payload[:2], payload[2], payload[3] & _LAST
        if session != self._session or not self.open_now:
            if self._role == BOARD:
                self._write(framing.encode(self._unknown_kind, session))
            return
        if seq == (self._in_seq - 1) & 0xFF:
            self.duplicates += 1
        elif seq != self._in_seq:
            return  # of long ago
        self._write(framing.encode(self._ack_kind, session + bytes((seq,))))
        if seq == self._in_seq:
            self._in_seq = seq + 1 & 0xFF
            self.moved += 1
            self._take(payload, last)

    def _take(self, payload, last):
        if len(self._in) <= MESSAGE_MAX:
            self._in += payload[4:]
        if not last:
            return
        message, self._in = bytes(self._in), bytearray()
        if len(message) > MESSAGE_MAX:
            self.dropped += 1
        else:
            self._on_message(message)
