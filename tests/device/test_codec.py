"""Codecs: what they code, and how they fill in for what is missing."""

from array import array

from media_rig import sawtooth

from callboard.errors import InvalidArgument
from callboard.media import codec
from callboard.native import pcm
from support import raises


def silence():
    return array("h", bytes(320))


def coded(made, frame):
    """(payload, what becomes of it) of a frame; the decoder has just heard a good one."""
    payload = bytearray(200)
    n = made.encode(frame, payload, 10)
    out = silence()
    made.decode(payload, 10, n, out)
    made.decode(payload, 10, n, out)
    return n, out


def test_registry():
    assert "pcmu" in codec.names()
    made = codec.create("pcmu")
    assert (made.payload_type, made.clock_rate, made.frame_samples) == (0, 8000, 160)
    assert codec.create("pcmu") is not made
    assert "pcmu" in raises(InvalidArgument, codec.create, "speex").message
    raises(InvalidArgument, codec.create, None)


def test_pcmu_round_trip():
    made = codec.create("pcmu")
    frame = sawtooth(160)
    n, out = coded(made, frame)
    assert n == made.max_payload == 160
    assert made.accepts(160) and not made.accepts(159) and not made.accepts(0)
    for said, heard in zip(frame, out):
        assert abs(said - heard) <= max(8, abs(said) // 16), (said, heard)


def test_concealment_fades_and_ends():
    made = codec.create("pcmu")
    out = silence()
    made.conceal(out)
    assert pcm.peak(out, 0, 160) == 0  # nothing to repeat yet
    _, last = coded(made, sawtooth(160, period=40))
    peaks = []
    for turn in range(4):
        assert made.conceal(out) == (turn < 3)
        for i in range(160):  # the wave goes on, fading
            gain = max(0, 480 - 160 * turn - i)
            assert abs(out[i] - last[i % 40] * gain // 480) < 300, (turn, i, out[i])
        peaks.append(pcm.rms(out, 0, 160))
    assert peaks[0] > peaks[1] > peaks[2] > 0
    assert peaks[3] == 0
    assert peaks[0] > pcm.rms(last, 0, 160) * 6 // 10


def slow_wave():
    """A triangle of 100 Hz, which nowhere moves by more than 300."""
    return array("h", [abs(i % 80 - 40) * 300 - 6000 for i in range(160)])


def test_reentry_is_smooth():
    for missing in (1, 2, 3, 5):
        made = codec.create("pcmu")
        frame = slow_wave()
        coded(made, frame)
        concealed, out = silence(), silence()
        for _ in range(missing):
            made.conceal(concealed)
        payload = bytearray(160)
        made.encode(frame, payload, 0)
        made.decode(payload, 0, 160, out)
        before = concealed[159]
        for i in range(60):
            assert abs(out[i] - before) < 1500, (missing, i, before, out[i])
            before = out[i]
        again = silence()
        made.decode(payload, 0, 160, again)
        assert again[40:] == out[40:]  # the rest is untouched
        assert abs(again[0] - -6000 + 0) < 12001
