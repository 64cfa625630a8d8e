"""Opus as a codec of the media path: frames, FEC, concealment, DTX, and what peers may send."""

import math
from array import array

from callboard.media import codec
from callboard.native import opus as native
from support import SkipTest, heap_locked, require_heap_lock

if native is not None:
    from callboard.media.opus import Opus, OpusNarrow

    BOTH = (Opus, OpusNarrow)


def require_opus():
    if native is None:
        raise SkipTest("no opus here: run make native natmods")


def speech(codec_class, frames):
    """Frames of a buzz whose loudness moves like syllables."""
    out = []
    for k in range(frames):
        frame = array("h", bytes(2 * codec_class.frame_samples))
        for i in range(len(frame)):
            t = (k * codec_class.frame_samples + i) / codec_class.rate
            buzz = sum(math.sin(2 * math.pi * 140 * h * t) / h for h in (1, 2, 3, 5))
            frame[i] = int(5000 * (0.6 + 0.4 * math.sin(2 * math.pi * 4 * t)) * buzz)
        out.append(frame)
    return out


def packets(codec_class, frames):
    """What the frames encode to."""
    sender, out = codec_class(decode=False), bytearray(codec_class.max_payload)
    return [bytes(out[: sender.encode(frame, out, 0)]) for frame in frames]


def energy(pcm):
    return sum(v * v for v in pcm) // len(pcm)


def test_the_registry_has_both():
    require_opus()
    assert isinstance(codec.create("opus"), Opus)
    assert isinstance(codec.create("opus-8k"), OpusNarrow)
    assert "pcmu" in codec.names()


def test_numbers_agree():
    """20 ms of PCM and of the RTP clock, which is 48 kHz for both (RFC 7587)."""
    require_opus()
    for kind in BOTH:
        assert kind.frame_samples * 50 == kind.rate
        assert kind.frame_ticks * 50 == kind.clock_rate == 48000
        assert kind.payload_type == 111 and kind.wire_name == "opus"


def test_speech_arrives():
    require_opus()
    for kind in BOTH:
        frames = speech(kind, 15)
        receiver, pcm = kind(encode=False), array("h", bytes(2 * kind.frame_samples))
        bits = 0
        for packet in packets(kind, frames):
            assert receiver.accepts(len(packet))
            receiver.decode(packet, 0, len(packet), pcm)
            bits += 8 * len(packet)
        assert energy(pcm) > energy(frames[-1]) // 4
        assert bits * 50 // 15 < kind.bitrate * 3 // 2


def test_each_end_may_code_at_its_own_rate():
    """What one class sends the other plays."""
    require_opus()
    for kind, other in ((Opus, OpusNarrow), (OpusNarrow, Opus)):
        receiver, pcm = other(encode=False), array("h", bytes(2 * other.frame_samples))
        for packet in packets(kind, speech(kind, 10)):
            receiver.decode(packet, 0, len(packet), pcm)
        assert receiver.refused == 0 and energy(pcm) > 100000


def test_a_lost_frame_is_recovered():
    """With FEC at this bitrate, and better than by concealment."""
    require_opus()
    for kind in BOTH:
        sent = packets(kind, speech(kind, 20))
        whole, recovered, concealed = (kind(encode=False) for _ in range(3))
        n = kind.frame_samples
        frames = [array("h", bytes(2 * n)) for _ in range(3)]
        for packet in sent[:16]:
            for receiver, frame in zip((whole, recovered, concealed), frames):
                receiver.decode(packet, 0, len(packet), frame)
        whole.decode(sent[16], 0, len(sent[16]), frames[0])
        assert recovered.recover(sent[17], 0, len(sent[17]), frames[1])
        assert concealed.conceal(frames[2])
        errors = [sum((a - b) ** 2 for a, b in zip(frames[0], f)) for f in frames[1:]]
        assert errors[0] * 2 < errors[1], (kind.name, errors)


def test_fec_does_not_cost_bandwidth():
    """Packets are as wide as their PCM, with FEC in most: libopus trades one for the other."""
    require_opus()
    info = array("i", bytes(4 * native.INFO))
    for kind, bandwidth in ((Opus, native.WIDEBAND), (OpusNarrow, native.NARROWBAND)):
        with_fec = 0
        for packet in packets(kind, speech(kind, 40)):
            native.packet_info(packet, 0, len(packet), kind.rate, info)
            assert info[3] == bandwidth, kind.name
            with_fec += info[5]
        assert with_fec > 20, (kind.name, with_fec)


def test_silence_is_idle():
    """DTX: most frames need not be sent, and concealment stands in for them quietly."""
    require_opus()
    for kind in BOTH:
        sender, out = kind(decode=False), bytearray(kind.max_payload)
        silence = array("h", bytes(2 * kind.frame_samples))
        idle = 0
        for _ in range(60):
            sender.encode(silence, out, 0)
            idle += sender.idle
        assert idle > 30
        for frame in speech(kind, 5):
            sender.encode(frame, out, 0)
        assert not sender.idle


def test_nothing_heard_yet_is_silence():
    require_opus()
    receiver, pcm = Opus(encode=False), array("h", [5] * 320)
    assert not receiver.conceal(pcm)
    assert not any(pcm)


def test_what_is_no_frame_is_concealed():
    """Malformed, or a packet of another length: counted, never raised, never decoded."""
    require_opus()
    for kind in BOTH:
        sent = packets(kind, speech(kind, 8))
        receiver, pcm = kind(encode=False), array("h", bytes(2 * kind.frame_samples))
        for packet in sent:
            receiver.decode(packet, 0, len(packet), pcm)
        for k, bad in enumerate((b"\x0b\x00", b"\x00\x11\x22", b"\x18\x80\x80", b"\x0a\xfc")):
            receiver.decode(bad, 0, len(bad), pcm)
            assert receiver.refused == k + 1
            assert not receiver.recover(bad, 0, len(bad), pcm)
        assert not receiver.accepts(0) and not receiver.accepts(kind.max_payload + 1)


def test_no_allocation():
    """Both directions, FEC, concealment and garbage under heap_lock() on 32 bits."""
    require_heap_lock()
    require_opus()
    for kind in BOTH:
        one, n, lock = kind(), kind.frame_samples, heap_locked()
        frames, silence = speech(kind, 4), array("h", bytes(2 * n))
        out, pcm, bad = bytearray(14 + kind.max_payload), array("h", bytes(2 * n)), b"\x0b\x00"
        with lock:
            for k in range(20):
                size = one.encode(frames[k % 4] if k < 10 else silence, out, 14)
                if one.accepts(size):
                    one.recover(out, 14, size, pcm)
                    one.decode(out, 14, size, pcm)
                one.conceal(pcm)
                one.decode(bad, 0, 2, pcm)
        assert one.refused == 20
