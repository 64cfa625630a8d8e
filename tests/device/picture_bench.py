"""What the tests of pictures share: some pictures, a camera, descriptions of streams."""

from callboard.port import ticks_add, ticks_diff

KEY = b"\0\0\0\1\x67SPS\0\0\0\1\x68PPS\0\0\0\1\x65\x88" + 2000 * b"k"
PLAIN = b"\0\0\0\1\x41\x9a" + 300 * b"p"
OURS, THEIRS = 0xFFFFFFF1, 0x7FFFFFF1


def video_stream(ssrc):
    return {
        "feed_id": "v%d" % (ssrc & 1),
        "mid": "v",
        "ssrc": ssrc,
        "codec": "h264",
        "payload_type": 96,
        "clock_rate": 90000,
        "carriers": ["ws"],
    }


class Camera:
    """Pictures 40 ms apart, a key frame when it is wanted and after the start."""

    picture_max = 4096
    width, height, fps = 640, 360, 25

    def __init__(self, clock):
        self._clock = clock
        self._due_ms = None
        self._key = True
        self.started = self.lost = self.wanted = 0
        self.pts_ms = 0

    def start(self):
        self.started += 1
        self._key = True
        self._due_ms = self._clock.ticks_ms()

    def stop(self):
        self._due_ms = None

    def ready(self):
        if self._due_ms is None:
            return False
        while ticks_diff(self._clock.ticks_ms(), self._due_ms) >= 40:
            self.lost += 1
            self._due_ms = ticks_add(self._due_ms, 40)
        return ticks_diff(self._clock.ticks_ms(), self._due_ms) >= 0

    def readinto(self, buf):
        picture = KEY if self._key else PLAIN
        self._key = False
        buf[: len(picture)] = picture
        self.pts_ms = self._due_ms
        self._due_ms = ticks_add(self._due_ms, 40)
        return len(picture)

    def want_key_frame(self):
        self.wanted += 1
        self._key = True


def picture_loss(ssrc):
    """RFC 4585 §6.3.1."""
    return b"\x81\xce\0\2\0\0\0\7" + ssrc.to_bytes(4, "big")
