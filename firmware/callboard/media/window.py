"""How much of a stream may be on the line at once: a window that the far end's reports move.

A TCP connection hides congestion: the kernels on the way take seconds of video, and the sound
waits behind it. So the relay tells in RTCP receiver reports (RFC 3550 §6.4.2) which packets of a
video stream it has, and no more than `size` packets are ever on the way. The window grows while
reports come quickly and shrinks when they come later than they could: when a queue has formed
(the idea of LEDBAT, RFC 6817).
"""

from array import array

from ..port import const, ticks_diff

MIN_PACKETS = const(2)
MAX_PACKETS = const(32)
_START = const(4)
_QUEUE_MS = const(50)  # of queue that is put up with
_PROBE_MS = const(200)  # without a report: send one packet, its report may have been lost
_BASE_MS = const(30000)  # the quickest report of the last so many ms is the line without a queue
_SENDER_REPORT = const(200)
_RECEIVER_REPORT = const(201)
_BLOCK = const(24)  # bytes of a report block


class Window:
    """Arguments: the stream's `ssrc`, and the sequence number of its first packet.

    `size`: packets that may be on the way; `delay_ms`: from a packet to its report, the last one;
    `shrunk`: how often a queue had formed. Nothing allocates once it is made.
    """

    def __init__(self, ssrc, sequence):
        self.size = _START
        self.delay_ms = 0
        self.shrunk = 0
        self._ssrc = ssrc.to_bytes(4, "big")
        self._next = sequence
        self._acknowledged = sequence - 1 & 0xFFFF
        self._sent_ms = array("i", [0] * MAX_PACKETS)
        self._last_ms = 0  # the last packet, or report
        self._base_ms = self._older_base_ms = -1
        self._base_since_ms = 0
        self._changed_at = self._acknowledged  # what was sent before says nothing of this size

    @property
    def on_the_way(self):
        """Packets that no report has told of yet."""
        return self._next - 1 - self._acknowledged & 0xFFFF

    def open(self, now_ms):
        """Whether one more packet may leave."""
        if self.on_the_way < self.size:
            return True
        return self.on_the_way < MAX_PACKETS and ticks_diff(now_ms, self._last_ms) > _PROBE_MS

    def sent(self, now_ms):
        """One more packet has left."""
        self._sent_ms[self._next % MAX_PACKETS] = now_ms
        self._last_ms = now_ms
        self._next = self._next + 1 & 0xFFFF

    def report(self, buf, off, n, now_ms):
        """Take an RTCP packet, n bytes at buf[off:]. True when it reports of this stream."""
        if n < 8 or buf[off] >> 6 != 2:
            return False
        kind, blocks = buf[off + 1], buf[off] & 31
        at = off + 8 if kind == _RECEIVER_REPORT else off + 28 if kind == _SENDER_REPORT else -1
        for _ in range(blocks):
            if at < 0 or at + _BLOCK > off + n:
                return False
            if self._is_ours(buf, at):
                self._acknowledge(buf[at + 10] << 8 | buf[at + 11], now_ms)
                return True
            at += _BLOCK
        return False

    def _is_ours(self, buf, at):
        ssrc = self._ssrc
        return (
            buf[at] == ssrc[0]
            and buf[at + 1] == ssrc[1]
            and buf[at + 2] == ssrc[2]
            and buf[at + 3] == ssrc[3]
        )

    def _acknowledge(self, sequence, now_ms):
        """Everything up to `sequence` has arrived."""
        newly = sequence - self._acknowledged & 0xFFFF
        if not 0 < newly <= self.on_the_way:
            return  # an old report, or one of packets that were never sent
        was_full = self.on_the_way >= self.size
        self._acknowledged = sequence
        self._last_ms = now_ms
        self.delay_ms = ticks_diff(now_ms, self._sent_ms[sequence % MAX_PACKETS])
        self._learn_base(now_ms)
        if not self._changed_at - sequence & 0x8000:
            return  # sent before the size changed last
        if self.delay_ms - self._base() > _QUEUE_MS:
            self.shrunk += 1
            self._resize(self.size * 3 // 4)
        elif was_full:
            self._resize(self.size + 1)

    def _resize(self, size):
        self._changed_at = self._next - 1 & 0xFFFF
        self.size = min(max(size, MIN_PACKETS), MAX_PACKETS)

    def _learn_base(self, now_ms):
        """Two spans of _BASE_MS: a line that became slower for good is the line from then on."""
        if self._base_ms < 0 or self.delay_ms < self._base_ms:
            self._base_ms = self.delay_ms
        if ticks_diff(now_ms, self._base_since_ms) > _BASE_MS:
            self._older_base_ms, self._base_ms = self._base_ms, self.delay_ms
            self._base_since_ms = now_ms

    def _base(self):
        if 0 <= self._older_base_ms < self._base_ms:
            return self._older_base_ms
        return self._base_ms
