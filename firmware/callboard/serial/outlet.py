"""What goes out on the serial line: lines, frames and packets, never faster than the line.

A line that found no room is dropped and counted; how many were lost is said as soon as there is
room again. Frames (answers to tools) go before lines, but never into the middle of one. The
bridge's frames do: they are urgent, and its packets (media) still more so.
"""

import asyncio
from collections import deque

from ..native import wire
from ..port import const, ticks_diff

CHUNK = const(64)  # bytes written at once
BYTES_MAX = 6144  # that wait to be written; the longest line is below 4 kB
ITEMS_MAX = 64
CALL_PAUSE_MS = 20  # between chunks of lines while a call runs: one for each frame of audio
FULL_PAUSE_MS = 5  # before looking again whether the line takes more
PACKETS = const(4)  # that wait to be written
PACKET_MAX = const(224)  # bytes of a packet's payload


class Outlet:
    """`write(bytes)` takes some of at most CHUNK bytes and returns how many; `ready()` says if it
    would not block. `end` closes a line. `write_part(buf, off, n)` does as `write`, for packets
    without allocating; None: made of `write`.

    `gentle`: a call runs, so write lines slowly. `dropped` counts lost lines and frames,
    `packets_dropped` packets that found no room.
    """

    def __init__(self, write, ready, clock, end=b"\n", write_part=None):
        self._write = write
        self._write_part = write_part or self._write_slice
        self._ready = ready
        self._clock = clock
        self._end = end
        self._lines = deque((), ITEMS_MAX)
        self._frames = deque((), ITEMS_MAX)
        self._urgent = deque((), ITEMS_MAX)
        self._waiting = 0  # bytes
        self._current = b""  # a line
        self._at = 0
        self._whole = False  # it is no line, but a frame between lines
        self._frame = b""  # an urgent one, or a packet's
        self._frame_at = self._frame_end = 0
        self._packets = None  # buffers, made for the first one
        self._sizes = bytearray(PACKETS)
        self._first = self._count = 0  # of the packets that wait
        self._news = asyncio.Event()
        self._unsaid = 0  # lines dropped since the last note about it
        self.gentle = False
        self.dropped = 0
        self.packets_dropped = 0

    # --- in ---

    def line(self, text):
        """Print a line. False: it was dropped."""
        data = text.encode() + self._end
        if self._unsaid:
            data = self._note() + data
        if self._put(self._lines, data):
            self._unsaid = 0
            return True
        self._unsaid += 1
        return False

    def _note(self):
        note = "W (%d) log: %d lines lost here" % (self._clock.ticks_ms(), self._unsaid)
        return note.encode() + self._end

    def frame(self, data):
        """Send bytes as they are, between lines: a frame or an Improv packet. False: they were
        dropped."""
        return self._put(self._frames, data)

    def urgent(self, data):
        """Send a frame, perhaps in the middle of a line. False: it was dropped."""
        done = self._put(self._urgent, data)
        self._push()
        return done

    def _put(self, queue, data):
        if self._waiting + len(data) > BYTES_MAX or len(queue) >= ITEMS_MAX:
            self.dropped += 1
            return False
        queue.append(data)
        self._waiting += len(data)
        self._news.set()
        return True

    def reserve_packets(self):
        """Make the buffers of packets now, so that packet() need not."""
        if self._packets is None:
            self._packets = [bytearray(PACKET_MAX + wire.FRAME_OVERHEAD) for _ in range(PACKETS)]

    def packet(self, kind, buf, off, n):
        """Send a frame with the payload buf[off:off + n] before all that waits, at once if the
        line takes it. False: it was dropped. Does not allocate after reserve_packets().
        """
        if self._count >= PACKETS - 1 or n > PACKET_MAX:  # one may be half written
            self.packets_dropped += 1
            return False
        self.reserve_packets()
        slot = (self._first + self._count) % PACKETS
        self._sizes[slot] = wire.frame_encode(self._packets[slot], kind, buf, off, n)
        self._count += 1
        if self._whole_frame_begun() or not self._push_packets():
            self._news.set()
        return True

    # --- out ---

    async def run(self):
        """Write what there is, for ever."""
        while True:
            if not self._next():
                self._news.clear()
                await self._news.wait()
            elif not self._ready():
                await self._clock.sleep_ms(FULL_PAUSE_MS)
            elif not self._push():
                await self._clock.sleep_ms(0)
            else:
                self._chunk()
                await self._pause()

    async def _pause(self):
        """After a chunk. While a call runs it is a long one, but for what is urgent."""
        left_ms = CALL_PAUSE_MS if self.gentle else 0
        await self._clock.sleep_ms(min(left_ms, FULL_PAUSE_MS))
        while left_ms > FULL_PAUSE_MS:
            left_ms -= FULL_PAUSE_MS
            self._push()
            await self._clock.sleep_ms(FULL_PAUSE_MS)

    def flush(self, limit_ms):
        """Write everything now, for at most about `limit_ms`: at the end, when no loop runs."""
        started = self._clock.ticks_ms()
        while self._next() and ticks_diff(self._clock.ticks_ms(), started) < limit_ms:
            if self._ready() and self._push():
                self._chunk()

    def _next(self):
        """Whether something is to be written; takes the next line or frame when one is done."""
        if self._at < len(self._current):
            return True
        self._at = 0
        self._current = b""
        self._whole = bool(self._frames)
        if self._whole:
            self._current = self._frames.popleft()
        elif self._lines:
            self._current = self._lines.popleft()
        elif self._unsaid:
            self._current = self._note()
            self._waiting += len(self._current)
            self._unsaid = 0
        self._waiting -= len(self._current)
        return bool(self._current or self._urgent or self._count or self._inside)

    @property
    def _inside(self):
        """A frame was begun and waits for its rest."""
        return self._frame_at < self._frame_end

    def _chunk(self):
        """Some of a line, or of a frame that stands between lines."""
        chunk = self._current[self._at : self._at + CHUNK]
        if not chunk:
            return
        try:
            self._at += self._write(chunk)
        except OSError:  # the cable was pulled: this line is lost
            self._at = len(self._current)
            self.dropped += 1

    def _push(self):
        """What is urgent, as far as the line takes it. True: none is left."""
        if self._whole_frame_begun():
            return True
        while self._push_packets():
            if not self._urgent:
                return True
            data = self._urgent.popleft()
            self._waiting -= len(data)
            self._begin(data, len(data))
        return False

    def _whole_frame_begun(self):
        """Whether a frame between lines was begun: nothing may stand in that."""
        return self._whole and 0 < self._at < len(self._current)

    def _push_packets(self):
        """The frame that was begun, and the packets, as far as the line takes them. True: none is
        left."""
        while self._finish_frame():
            if not self._count:
                return True
            slot = self._first
            self._first = (slot + 1) % PACKETS
            self._count -= 1
            self._begin(self._packets[slot], self._sizes[slot])
        return False

    def _begin(self, buf, size):
        self._frame = buf
        self._frame_at = 0
        self._frame_end = size

    def _finish_frame(self):
        """Write the rest of the frame that was begun. False: the line takes no more now."""
        while self._frame_at < self._frame_end:
            if not self._ready():
                return False
            n = min(CHUNK, self._frame_end - self._frame_at)
            try:
                n = self._write_part(self._frame, self._frame_at, n)
            except OSError:  # the cable was pulled
                self._frame_at = self._frame_end
                self.dropped += 1
                return True
            if not n:
                return False
            self._frame_at += n
        return True

    def _write_slice(self, buf, off, n):
        return self._write(bytes(memoryview(buf)[off : off + n]))
