"""The virtual camera: pictures found in a file, given in time, with key frames on request."""

import os

from callboard.errors import InvalidArgument
from callboard.media import camera
from support import FakeClock, raises

LONG, SHORT = b"\0\0\0\1", b"\0\0\1"
SPS, PPS, SEI, AUD = b"\x67SPS", b"\x68PP", b"\x06SEI", b"\x09\xf0"
PATH = "test_camera.h264"


def key(n, fill=b"k"):
    return LONG + SPS + LONG + PPS + SHORT + b"\x65\x88" + fill * n


def plain(n, fill=b"p"):
    return LONG + b"\x41\x9a" + fill * n


class Recorded:
    """A file with these pictures, removed at the end."""

    def __init__(self, *pictures):
        self.pictures = pictures

    def __enter__(self):
        with open(PATH, "wb") as file:
            for picture in self.pictures:
                file.write(picture)
        return self

    def __exit__(self, *_):
        os.remove(PATH)

    def index(self):
        with open(PATH, "rb") as file:
            return camera.index(file)

    def found(self):
        starts, _ = self.index()
        data = b"".join(self.pictures)
        return [data[starts[i] : starts[i + 1]] for i in range(len(starts) - 1)]


def test_pictures_are_found():
    slices = LONG + b"\x41\x9a1" + SHORT + b"\x41\x402" + SHORT + b"\x41\x303"
    for pictures, keys in (
        ([key(9), plain(4), plain(0), key(3)], [0, 3]),
        ([key(1), slices, slices], [0]),
        ([LONG + AUD + key(5), LONG + AUD + plain(5), LONG + AUD + plain(5)], [0]),
        ([key(1), LONG + SEI + plain(2), LONG + SEI + key(2)], [0, 2]),
        ([plain(3), key(3)], [1]),
        ([plain(3)], []),
        ([SHORT + b"\x65\x88key", SHORT + b"\x41\x9ashort"], [0]),
    ):
        with Recorded(*pictures) as recorded:
            assert recorded.found() == pictures
            assert list(recorded.index()[1]) == keys


def test_start_codes_anywhere_between_two_chunks():
    for n in range(4096 - 24, 4096 + 8):
        pictures = [key(n - 20), plain(4080), plain(1), plain(9000), key(2)]
        with Recorded(*pictures) as recorded:
            assert recorded.found() == pictures, n


def test_what_cannot_be_played():
    clock = FakeClock()
    raises(InvalidArgument, camera.FileCamera, "no such file.h264", clock)
    for pictures in ([], [plain(10)], [b"no H.264 at all, but text"], [LONG]):
        with Recorded(*pictures):
            raises(InvalidArgument, camera.FileCamera, PATH, clock)
    with Recorded(key(10)):
        for fps in (0, 61, 1.5, "15"):
            raises(InvalidArgument, camera.FileCamera, PATH, clock, fps)


# covers: V-51
def test_pictures_come_in_time_round_and_round():
    clock = FakeClock()
    clock.advance(0x3FFFFFF0)
    pictures = [key(90), plain(20), plain(30), plain(40)]
    with Recorded(*pictures):
        cam, buf, got = camera.FileCamera(PATH, clock, 15), bytearray(200), []
        assert not cam.ready() and cam.readinto(buf) == 0
        cam.start()
        for ms in range(2000):
            if cam.ready():
                n = cam.readinto(buf)
                got.append((ms, bytes(buf[:n])))
                assert not cam.ready()
            clock.advance(1)
        assert [picture for _, picture in got] == (pictures * 8)[:30]
        assert [ms for ms, _ in got] == [1000 * i // 15 for i in range(30)]
        cam.stop()
        assert not cam.ready() and cam.readinto(buf) == 0
        cam.close()


# covers: V-51
def test_a_key_frame_comes_when_it_is_wanted():
    clock = FakeClock()
    with Recorded(key(5, b"1"), plain(5), plain(6), plain(7), key(5, b"2"), plain(8)):
        cam, buf = camera.FileCamera(PATH, clock, 25), bytearray(100)
        cam.start()

        def take():
            n = cam.readinto(buf)
            clock.advance(40)
            return bytes(buf[:n])

        assert take() == key(5, b"1") and take() == plain(5)
        cam.want_key_frame()
        assert take() == key(5, b"2") and take() == plain(8) and take() == key(5, b"1")
        cam.want_key_frame()
        cam.want_key_frame()
        assert take() == key(5, b"2")
        cam.want_key_frame()
        assert take() == key(5, b"1")
        cam.close()


def test_a_picture_that_does_not_fit_is_lost():
    clock = FakeClock()
    with Recorded(key(5), plain(500), plain(6), key(7)):
        cam, buf = camera.FileCamera(PATH, clock, 25), bytearray(100)
        cam.start()
        sizes = []
        for _ in range(8):
            sizes.append(cam.readinto(buf))
            clock.advance(40)
        assert sizes == 2 * [len(key(5)), 0, len(plain(6)), len(key(7))]
        assert cam.lost == 2 and cam.pictures == 6
        cam.close()


def test_a_picture_waits_until_the_next_is_there():
    clock = FakeClock()
    pictures = [key(5), plain(1), plain(2), plain(3)]
    with Recorded(*pictures):
        cam, buf = camera.FileCamera(PATH, clock, 25), bytearray(100)
        cam.start()
        clock.advance(39)
        assert cam.ready() and cam.lost == 0
        assert cam.readinto(buf) == len(pictures[0]) and not cam.ready()
        clock.advance(1 + 40 + 39)
        assert cam.readinto(buf) == len(pictures[2]) and cam.lost == 1
        assert not cam.ready() and cam.pts_ms == 1080
        cam.close()
