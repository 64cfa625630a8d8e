"""The application's own encoded frames through a call's streams (V-49 without devices, V-51)."""

from media_rig import Shelf, stream
from media_sim import Lcg

from callboard.errors import InvalidArgument, ProtocolError
from callboard.media.raw import RawSession
from support import raises


class Refusing(Shelf):
    """A transport that is congested when told so."""

    congested = False

    def send(self, buf, off, n):
        return not self.congested and super().send(buf, off, n)


def pair():
    """(sender, its transport, receiver, what it received)."""
    shelf, got = Refusing(), []

    def received(buf, off, n, frame_index):
        got.append((frame_index, bytes(buf[off : off + n])))

    near = RawSession(stream(1), stream(2), shelf, start=(0xFFFF, 0xFFFFFFF0))
    far = RawSession(stream(2), stream(1), Shelf(), on_receive=received)
    return near, shelf, far, got


# covers: V-49, V-51
def test_frames_arrive_as_they_were_sent():
    near, shelf, far, got = pair()
    frame = bytearray(range(250)) + bytearray(70)
    for number in range(4):
        assert near.send_audio(frame, number, 160, level=30)
        assert shelf.hand_last(far, 20 * number)
    assert got == [(number, bytes(frame[number : number + 160])) for number in range(4)]
    assert (near.sent, near.dropped, far.received, far.refused) == (4, 0, 4, 0)


def test_congestion_and_silence_leave_their_time():
    near, shelf, far, got = pair()
    frame = bytes(160)
    near.send_audio(frame, 0, 160)
    shelf.hand_last(far, 0)
    shelf.congested = True
    assert not near.send_audio(frame, 0, 160)
    shelf.congested = False
    near.skip(2)
    near.send_audio(frame, 0, 160)
    shelf.hand_last(far, 80)
    assert [index for index, _ in got] == [0, 4]
    assert near.dropped == 1
    assert shelf._slots[1][1] == 0x80  # marked: it follows a gap


def test_wrong_frames_are_refused():
    near, shelf, far, got = pair()
    for off, n in ((0, 159), (0, 0), (0, 161), (-1, 160), (1, 160)):
        raises(InvalidArgument, near.send_audio, bytes(160), off, n)
    assert near.sent == shelf.sent == 0
    raises(ProtocolError, RawSession, stream(0), stream(2), Shelf())
    raises(InvalidArgument, RawSession, stream(1), stream(2, codec="opus-9"), Shelf())


def test_hostile_packets():
    near, shelf, far, got = pair()
    random = Lcg(11)
    near.send_audio(bytes(160), 0, 160)
    packet = bytearray(200)
    for _ in range(3000):
        n = random.below(200)
        for i in range(n):
            packet[i] = shelf._slots[0][i] if random.below(3) else random.below(256)
        if far.receive(packet, 0, n, 0):
            assert len(got[-1][1]) == 160
    assert far.received == len(got)
    assert far.received + far.refused == 3000
