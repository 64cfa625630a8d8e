"""Cameras and screens, which give and take encoded pictures: here virtual ones, H.264 files.

A camera encodes by itself, and keeps one picture until the next is there. Its methods: start(),
stop(); `ready()`: a picture is there; `readinto(buf)` takes it and returns its size, with its time
in `pts_ms`; want_key_frame(): the next one shall be a key frame. `lost` counts those that were not
taken in time or did not fit `buf`; `picture_max` says how large they may be.
"""

from array import array

from ..errors import InvalidArgument
from ..port import const, ticks_add, ticks_diff

_CHUNK = const(4096)
PICTURE_MAX = const(65536)  # bytes
_KEEP = const(6)  # bytes that may be looked at behind a start code's first
PICTURES_MAX = const(4096)
FPS_MAX = const(60)


class FileCamera:
    """Plays the access units of an H.264 file in Annex B form, round and round.

    Arguments: `path`; `clock`; `fps`, pictures per second, 1 to 60. A round begins with the file's
    first key frame, and want_key_frame() leads to its next one. Raises InvalidArgument when the
    file cannot be read, holds no key frame, or more than PICTURES_MAX pictures.

    `pictures`: taken; `lost`: not taken in time; `pts_ms`: of the last one taken; `picture_max`:
    bytes of the largest one; `fps`.
    """

    def __init__(self, path, clock, fps=15):
        if not isinstance(fps, int) or not 1 <= fps <= FPS_MAX:
            raise InvalidArgument("fps must be 1 to %d" % FPS_MAX)
        self.pictures = self.lost = 0
        self.pts_ms = 0
        self._clock = clock
        self.fps = fps
        self._next = 0
        self._running = False
        try:
            self._file = open(path, "rb")  # noqa: SIM115
            self._starts, self._keys = index(self._file)
        except OSError as error:
            raise InvalidArgument("cannot read the pictures in %s: %s" % (path, error))
        if not self._keys:
            self._file.close()
            raise InvalidArgument("%s holds no H.264 key frame (Annex B)" % path)
        starts = self._starts
        self.picture_max = max([starts[i + 1] - starts[i] for i in range(len(starts) - 1)])

    def start(self):
        """Begin with a key frame, now."""
        self._next = self._keys[0]
        self._begun_ms = self._clock.ticks_ms()
        self._number = 0  # pictures due since then
        self._running = True

    def stop(self):
        """Stop; start() begins anew."""
        self._running = False

    def close(self):
        """Close the file."""
        self._running = False
        self._file.close()

    def _due_ms(self, later=0):
        return ticks_add(self._begun_ms, (self._number + later) * 1000 // self.fps)

    def _is_due(self, later=0):
        return ticks_diff(self._clock.ticks_ms(), self._due_ms(later)) >= 0

    def ready(self):
        """Whether a picture is there."""
        if not self._running or not self._is_due():
            return False
        while self._is_due(1):  # the next one has taken its place
            self.lost += 1
            self._advance()
        return True

    def readinto(self, buf):
        """Read the picture that is there into `buf`; returns its size, 0 when there is none.

        More of `buf` may be overwritten.
        """
        if not self.ready():
            return 0
        start = self._starts[self._next]
        size = self._starts[self._next + 1] - start
        if size > len(buf):
            self.lost += 1
            self._advance()
            return 0
        self.pts_ms = self._due_ms()
        self._advance()
        self.pictures += 1
        self._file.seek(start)
        return size if self._file.readinto(buf) >= size else 0

    def want_key_frame(self):
        """Go on with the next key frame of the file, at the time of the next picture."""
        for key in self._keys:
            if key >= self._next:
                self._next = key
                return
        self._next = self._keys[0]

    def _advance(self):
        """One picture more has had its time."""
        self._next += 1
        if self._next == len(self._starts) - 1:
            self._next = self._keys[0]
        self._number += 1
        if self._number == self.fps:  # a whole second: the sum stays small
            self._begun_ms = ticks_add(self._begun_ms, 1000)
            self._number = 0


class FileScreen:
    """Writes the pictures it shows one behind the other: an H.264 file in Annex B form.

    Argument: `path`. Raises InvalidArgument when it cannot be written.
    """

    picture_max = PICTURE_MAX

    def __init__(self, path):
        try:
            self._file = open(path, "wb")  # noqa: SIM115
        except OSError as error:
            raise InvalidArgument("cannot write pictures to %s: %s" % (path, error))

    def show(self, buf, off, n):
        """Show the picture buf[off:off+n]."""
        self._file.write(memoryview(buf)[off : off + n])

    def close(self):
        """Close the file."""
        self._file.close()


def index(file):
    """Where the pictures of an Annex B file begin, and which of them are key frames.

    Two array('i'): byte offsets, with the file's size at the end, and numbers of pictures. A
    picture begins behind the last slice of the one before, with a delimiter, a parameter set, SEI,
    or a slice whose first_mb_in_slice is 0 (ITU-T H.264 §7.4.1.2.3). Raises InvalidArgument.
    """
    starts, keys = array("i"), array("i")
    has_slices = True  # of the picture that the next unit belongs to; what comes first begins one
    for at, kind, first in _units(file):
        if has_slices and (6 <= kind <= 9 or first):
            if len(starts) > PICTURES_MAX:
                raise InvalidArgument("more than %d pictures" % PICTURES_MAX)
            starts.append(at)
            has_slices = False
        if kind in (1, 5) and starts:
            if kind == 5 and not has_slices:
                keys.append(len(starts) - 1)
            has_slices = True
    file.seek(0, 2)
    starts.append(file.tell())
    return starts, keys


def _units(file):
    """(offset of the start code, type, whether it is a picture's first slice) of each NAL unit."""
    file.seek(0)
    data, base = b"", 0
    while True:
        more = file.read(_CHUNK)
        data += more
        at = data.find(b"\0\0\1")
        while at >= 0 and (at + _KEEP <= len(data) or not more):
            if at + 4 < len(data):
                kind = data[at + 3] & 31
                long = 1 if at and data[at - 1] == 0 else 0
                yield base + at - long, kind, kind in (1, 5) and data[at + 4] >= 0x80
            at = data.find(b"\0\0\1", at + 3)
        if not more:
            return
        kept = len(data) - at + 1 if at > 0 else 3  # with the zero that may stand before
        base += len(data) - kept
        data = data[-kept:]
