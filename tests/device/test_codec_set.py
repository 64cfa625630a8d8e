"""Which codecs an endpoint offers, the memory it keeps, and that it sends as it is told."""

from array import array

from media_rig import opus_stream, sawtooth, stream

from callboard.errors import InvalidArgument, ProtocolError
from callboard.media import codec
from callboard.media.codec_set import CodecSet
from callboard.native import opus as native
from callboard.port import heap_used
from support import SkipTest, raises

ALL = ("opus", "opus-8k", "pcmu")


def require_opus():
    if native is None:
        raise SkipTest("no opus here: run make native natmods")


def voice(made):
    return sawtooth(made.frame_samples, period=made.rate // 125)


def first_packet(made):
    out = bytearray(made.max_payload)
    return bytes(out[: made.encode(voice(made), out, 0)])


def test_names_are_those_that_are_here():
    require_opus()
    assert CodecSet().names == ALL
    assert CodecSet(("pcmu", "opus")).names == ALL  # who has opus has opus-8k
    assert CodecSet(("opus-8k",)).names == ("opus-8k", "pcmu")
    assert CodecSet(("pcmu",)).names == CodecSet(()).names == CodecSet(("speex",)).names
    assert CodecSet(("pcmu",)).names == ("pcmu",)


def test_without_opus_there_is_pcmu():
    codec.names()
    before = dict(codec._codecs)
    for name in before:
        if name != "pcmu":
            codec._codecs.pop(name)
    try:
        assert CodecSet().names == ("pcmu",)
        assert CodecSet(("opus",)).names == ("pcmu",)
        raises(InvalidArgument, CodecSet().coder, opus_stream())
    finally:
        codec._codecs.update(before)


def test_the_best_for_a_stream():
    require_opus()

    def best(allowed, **changes):
        return codec.best_for(opus_stream(**changes), allowed).name

    assert best(ALL, rate=16000) == best(ALL) == "opus"
    assert best(ALL, rate=8000) == "opus-8k"
    assert best(("opus-8k", "pcmu"), rate=16000) == "opus-8k"
    assert best(("opus", "pcmu"), rate=8000) == "opus"  # wider, but any end decodes it
    assert codec.best_for(stream(), ALL).name == "pcmu"
    error = raises(InvalidArgument, codec.best_for, opus_stream(), ("pcmu",))
    assert "opus" in error.message
    raises(InvalidArgument, codec.best_for, {}, ALL)


def test_memory_is_kept_from_call_to_call():
    require_opus()
    for names in (None, ("opus-8k",)):
        codecs = CodecSet(names)
        assert codecs.reserve() == []
        one, two = codecs.coder(opus_stream()), codecs.decoder(opus_stream())
        assert one._scratch is two._scratch
        for made in (codecs.coder(opus_stream()), codecs.coder(opus_stream(rate=8000))):
            assert made._encoder is one._encoder and made._scratch is one._scratch
        assert codecs.decoder(opus_stream(rate=8000))._decoder is two._decoder


def test_a_call_allocates_nothing_large():
    """On a board the heap has no piece of 25 kB left when the phone answers."""
    require_opus()
    if heap_used() is None:
        raise SkipTest("this Python does not tell its heap")
    codecs = CodecSet()
    before = heap_used()
    codecs.reserve()
    assert heap_used() - before > 55000
    before = heap_used()
    codecs.coder(opus_stream())
    codecs.decoder(opus_stream())
    assert heap_used() - before < 3000, heap_used() - before


def test_each_call_starts_afresh():
    """Packets of a second call are those of a first one, whatever went before, at either rate."""
    require_opus()
    for rate in (16000, 8000):
        codecs, told = CodecSet(), opus_stream(rate=rate)
        fresh = first_packet(codecs.coder(told))
        made = codecs.coder(opus_stream(bitrate_bps=40000, fec=False, dtx=False))
        for _ in range(30):
            first_packet(made)
        again = codecs.coder(told)
        assert first_packet(again) == fresh
        out = array("h", bytes(2 * again.frame_samples))
        decoder = codecs.decoder(told)
        decoder.decode(fresh, 0, len(fresh), out)
        for _ in range(3):
            decoder.conceal(array("h", out))
        once_more = array("h", bytes(2 * again.frame_samples))
        codecs.decoder(told).decode(fresh, 0, len(fresh), once_more)
        assert once_more == out


def test_without_memory_opus_is_not_offered():
    require_opus()
    from callboard.media.opus import Opus

    def full(cls=None):
        raise MemoryError("allocating 24583 bytes")

    before, codecs = Opus.reserve, CodecSet()
    Opus.reserve = full
    try:
        assert codecs.reserve() == ["opus", "opus-8k"]
    finally:
        Opus.reserve = before
    assert codecs.names == ("pcmu",)
    assert codecs.coder(stream()).name == "pcmu"


def encoded(told, frames, silent=False):
    """(bytes in all, frames that need not be sent, frames with FEC data) of some frames."""
    made = CodecSet().coder(told)
    out, info = bytearray(made.max_payload), array("i", [0] * native.INFO)
    frame = array("h", bytes(2 * made.frame_samples)) if silent else voice(made)
    size = idle = fec = 0
    for _ in range(frames):
        n = made.encode(frame, out, 0)
        size += n
        idle += made.idle
        if native.packet_info(out, 0, n, made.rate, info) > 0:
            fec += info[5]
    return size, idle, fec


def test_the_sender_follows_the_stream():
    require_opus()
    low, high = (encoded(opus_stream(bitrate_bps=rate), 40)[0] for rate in (8000, 48000))
    assert high > 2 * low, (low, high)
    assert encoded(opus_stream(), 60, silent=True)[1] > 30
    assert encoded(opus_stream(dtx=False), 60, silent=True)[1] == 0
    assert encoded(opus_stream(), 40)[2] > 20
    assert encoded(opus_stream(fec=False), 40)[2] == 0


def test_what_a_stream_may_not_say():
    require_opus()
    for name, value in (
        ("bitrate_bps", 5999),
        ("bitrate_bps", 64001),
        ("bitrate_bps", "24000"),
        ("bitrate_bps", True),
        ("bitrate_bps", None),
        ("fec", 1),
        ("dtx", "yes"),
    ):
        error = raises(ProtocolError, CodecSet().coder, opus_stream(**{name: value}))
        assert name in error.message, (name, value)
    for value in ("16000", None, True, 0, -1, 7999, 48001, 1 << 40):
        error = raises(ProtocolError, CodecSet().coder, opus_stream(rate=value))
        assert "rate" in error.message, value
