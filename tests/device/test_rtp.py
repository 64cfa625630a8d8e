"""One RTP stream out and in: fields, wraps, and what is refused."""

from array import array

from media_rig import stream
from media_sim import Lcg

from callboard.errors import ProtocolError
from callboard.media import codec, rtp
from callboard.native import wire
from support import raises


def pair(ssrc=0xFFFFFFF0, sequence=0xFFFE, timestamp=0xFFFFFFF0):
    description = stream(ssrc, mid="12")
    return rtp.RtpSender(description, 160, sequence, timestamp), rtp.RtpReceiver(description, 160)


def test_what_is_written_is_read():
    sender, receiver = pair()
    packet = bytearray(300)
    for number in range(5):
        n = sender.write_header(packet, 7, number == 0, 30 + number, number & 1)
        assert n == sender.header_size
        assert receiver.parse(packet, 7, n + 160, 1000 + 20 * number) == 0
        info = receiver.info
        assert info[rtp.PAYLOAD_OFF] == 7 + n
        assert info[rtp.PAYLOAD_LEN] == 160
        assert info[rtp.PAYLOAD_TYPE] == 0
        assert info[rtp.MARKER] == (number == 0)
        assert info[rtp.SEQUENCE] == (0xFFFE + number) & 0xFFFF
        assert info[rtp.FRAME_INDEX] == number
        assert info[rtp.LEVEL] == 30 + number
        assert info[rtp.VOICE] == number & 1
        sender.advance(1)
    assert receiver.interarrival_jitter() == 0


def test_unsent_frames_leave_a_gap_in_time_only():
    sender, receiver = pair()
    packet = bytearray(300)
    n = sender.write_header(packet, 0, 1, 127, 0)
    receiver.parse(packet, 0, n + 160, 0)
    sender.advance(1)
    sender.advance(0)
    sender.advance(0)
    n = sender.write_header(packet, 0, 1, 127, 0)
    assert receiver.parse(packet, 0, n + 160, 60) == 0
    assert receiver.info[rtp.SEQUENCE] == 0xFFFF
    assert receiver.info[rtp.FRAME_INDEX] == 3


def test_refused_packets_change_nothing():
    sender, receiver = pair()
    packet = bytearray(300)
    n = sender.write_header(packet, 0, 1, 127, 0) + 160
    receiver.parse(packet, 0, n, 0)
    before = bytes(receiver._state), array("i", receiver.info)
    other = rtp.RtpSender(stream(5), 160, 0, 0)
    foreign = bytearray(300)
    size = other.write_header(foreign, 0, 1, 127, 0) + 160
    assert receiver.parse(foreign, 0, size, 20) == wire.RTP_ESSRC
    assert receiver.parse(packet, 0, 11, 20) == wire.RTP_ESHORT
    assert receiver.parse(packet, 0, 14, 20) == wire.RTP_EEXT
    assert before == (bytes(receiver._state), receiver.info)
    random = Lcg(99)
    for _ in range(1000):
        size = random.below(100)
        for i in range(size):
            foreign[i] = random.below(256)
        assert receiver.parse(foreign, 0, size, 20) < 0
    assert before == (bytes(receiver._state), receiver.info)


def test_rtcp_is_told_apart():
    assert rtp.is_rtcp(b"\x80\xc8\x00\x00", 0, 4)
    assert rtp.is_rtcp(b"..\x80\xdf", 2, 2)
    assert not rtp.is_rtcp(b"\x80\xe0", 0, 2)
    assert not rtp.is_rtcp(b"\x80\x80", 0, 2)  # marker, PCMU
    assert not rtp.is_rtcp(b"\x80\xc8", 0, 1)


def test_descriptions():
    pcmu = codec.create("pcmu")
    rtp.check_stream(stream(), pcmu)
    rtp.check_stream(stream(0xFFFFFFFF, mid="m" * 16), pcmu)
    for member, value in (("ssrc", True), ("ssrc", -1), ("mid", "ä" * 9), ("frame_ms", None)):
        error = raises(ProtocolError, rtp.check_stream, stream(**{member: value}), pcmu)
        assert member in error.message
    raises(ProtocolError, rtp.check_stream, {}, pcmu)
