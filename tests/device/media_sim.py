"""A network and a speaker in simulated time around a jitter buffer, for device and host tests."""

from callboard.media.jitter import FRAME, LOST, SILENCE, WAIT, JitterBuffer
from callboard.port import ticks_add


class Lcg:
    """The same random numbers on every Python, without allocating (a Lehmer generator)."""

    def __init__(self, seed):
        self._state = seed % 65536 + 1

    def below(self, limit):
        """0 .. limit - 1, limit up to 2^14."""
        self._state = self._state * 75 % 65537
        return (self._state >> 1) % limit


class Line:
    """Feeds a JitterBuffer the packets of a plan and asks it for frames at a speaker's pace.

    plan: (sent_ms, frame, sequence, arrival_ms) in any order; arrival_ms None: lost. Frames
    and sequences count from 0; `index0`, `sequence0`, `ticks0` shift them to where wraps are. The
    speaker takes a frame every 20 ms * (1 - ppm / 10^6). `quiet(frame)`: corrections may be made.
    """

    def __init__(self, plan, index0=0, sequence0=0, ticks0=0, ppm=0, quiet=None, **options):
        self.buffer = JitterBuffer(payload_max=4, **options)
        self.arrivals = sorted(
            (arrival, number)
            for number, (_, _, _, arrival) in enumerate(plan)
            if arrival is not None
        )
        self.plan = plan
        self._index0 = index0
        self._sequence0 = sequence0
        self._ticks0 = ticks0
        self._ppm = ppm
        self._quiet = quiet
        self._packet = bytearray(7)
        self.accepted = []  # frames for which put() said True, in that order
        self.played = []  # frames in the order they were played
        self.delays = []  # of each, in ms
        self.results = []  # what get() said, with the frame
        self.inserted = 0
        self.removed = 0

    def run(self, start_ms=0, end_ms=None):
        """Play from start_ms to end_ms, or until all has arrived and been played."""
        arrivals = self.arrivals
        next_arrival = 0
        if end_ms is None:
            end_ms = arrivals[-1][0] + 600 if arrivals else start_ms
        gets = 0
        again = False
        while True:
            at = start_ms + gets * 20 - gets * 20 * self._ppm // 1000000
            if at > end_ms:
                return self
            while next_arrival < len(arrivals) and arrivals[next_arrival][0] <= at:
                self._put(arrivals[next_arrival])
                next_arrival += 1
            gets += 1
            if again:
                again = False
            else:
                again = self._get(at)

    def _put(self, arrival):
        arrival_ms, number = arrival
        _, frame, sequence, _ = self.plan[number]
        packet = self._packet
        for i in range(4):
            packet[3 + i] = frame >> (8 * i) & 255
        index = ticks_add(self._index0, frame)
        if self.buffer.put(
            packet,
            3,
            4,
            index,
            sequence + self._sequence0 & 0xFFFF,
            ticks_add(self._ticks0, arrival_ms),
        ):
            self.accepted.append(frame)

    def _get(self, at):
        """One turn; True when the frame got is to be played once more."""
        kind = self._take(at)
        buffer = self.buffer
        if (
            kind != FRAME
            or not buffer.correction
            or not (self._quiet and self._quiet(self.played[-1]))
        ):
            return False
        if buffer.correction > 0:
            buffer.corrected(160)
            self.inserted += 1
            return True
        if buffer.correction <= -160 and len(buffer):
            buffer.corrected(-160)
            self.removed += 1
            self._take(at)
        return False

    def _take(self, at):
        buffer = self.buffer
        kind = buffer.get(ticks_add(self._ticks0, at))
        frame = None
        if kind == FRAME:
            payload = buffer.payload
            assert buffer.length == 4
            frame = payload[0] | payload[1] << 8 | payload[2] << 16 | payload[3] << 24
            self.played.append(frame)
            self.delays.append(buffer.delay_ms)
        self.results.append((kind, frame))
        return kind

    def check(self):
        """What always holds."""
        buffer = self.buffer
        for earlier, later in zip(self.played, self.played[1:]):
            assert earlier < later, "%d played after %d" % (later, earlier)
        assert buffer.played == len(self.played)
        assert buffer.received == len(self.accepted)
        assert buffer.received == buffer.played + buffer.dropped + len(buffer)
        missing = set(self.accepted) - set(self.played)
        assert len(missing) == buffer.dropped + len(buffer), sorted(missing)
        assert set(self.played) <= set(self.accepted)
        for kind, _ in self.results:
            assert kind in (FRAME, LOST, SILENCE, WAIT)
        return self

    def check_losses(self):
        """From the first frame accepted to the last played, each was played, lost or dropped."""
        first = min(self.accepted)
        span = [row for row in self.plan if first <= row[1] <= self.played[-1]]
        frames = {row[1] for row in span}
        unplayed = frames - set(self.played)
        assert self.buffer.lost + self.buffer.dropped == len(unplayed), (
            self.buffer.lost,
            self.buffer.dropped,
            sorted(unplayed),
        )
        return self

    def figures(self):
        """How often each kind of result came: (frames, lost, silence, wait)."""
        kinds = [kind for kind, _ in self.results]
        return kinds.count(FRAME), kinds.count(LOST), kinds.count(SILENCE), kinds.count(WAIT)


def steady(frames, delay=None, lost=None):
    """A plan of one packet each 20 ms: `delay(frame)` in ms, `lost(frame)`."""
    plan = []
    for frame in range(frames):
        arrival = None if lost and lost(frame) else 20 * frame + (delay(frame) if delay else 0)
        plan.append((20 * frame, frame, frame, arrival))
    return plan
