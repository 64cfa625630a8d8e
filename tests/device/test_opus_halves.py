"""opus_enc and opus_dec: each is its half of opus, to the bit, and nothing of the other."""

from array import array

from implementations import implementations

from support import SkipTest

ENCODER = ("encoder_size", "encoder_scratch", "encoder_init", "encoder_set", "encode", "BITRATE")
DECODER = ("decoder_size", "decoder_scratch", "decoder_init", "decode", "decode_fec", "conceal")


def halves():
    """(opus, opus_enc, opus_dec), native modules all."""
    try:
        import callboard_opus_dec
        import callboard_opus_enc
    except ImportError:
        raise SkipTest("the halves exist as .mpy only: run make natmods")
    return implementations("opus")[0], callboard_opus_enc, callboard_opus_dec


def frames():
    return [array("h", [(k * k * (f + 3) % 251 - 125) * 70 for k in range(320)]) for f in range(8)]


def encoded(opus):
    state = bytearray(opus.encoder_size(1))
    scratch = bytearray(opus.encoder_scratch(16000, 1, 10, 320))
    opus.encoder_init(state, 16000, 1, opus.VOIP)
    out, packets = bytearray(opus.MAX_PACKET), []
    for frame in frames():
        n = opus.encode(state, scratch, frame, 0, 320, out, 0, len(out))
        packets.append(bytes(out[:n]))
    return packets


def decoded(opus, packets):
    state = bytearray(opus.decoder_size(1))
    scratch = bytearray(opus.decoder_scratch(16000, 1))
    opus.decoder_init(state, 16000, 1)
    pcm, out = array("h", bytes(640)), []
    for packet in packets:
        opus.decode(state, scratch, packet, 0, len(packet), pcm, 0, 320)
        out.append(bytes(pcm))
    opus.conceal(state, scratch, pcm, 0, 320)
    return out + [bytes(pcm)]


def test_same_bits():
    whole, encoder, decoder = halves()
    packets = encoded(whole)
    assert encoded(encoder) == packets
    assert decoded(decoder, packets) == decoded(whole, packets)


def test_nothing_of_the_other_half():
    whole, encoder, decoder = halves()
    for name in ENCODER:
        assert hasattr(whole, name) and hasattr(encoder, name) and not hasattr(decoder, name)
    for name in DECODER:
        assert hasattr(whole, name) and hasattr(decoder, name) and not hasattr(encoder, name)


def test_a_state_belongs_to_its_module():
    """What one module wrote points to that module's tables: another refuses it."""
    whole, encoder, decoder = halves()
    state = bytearray(whole.decoder_size(1))
    whole.decoder_init(state, 16000, 1)
    scratch, pcm = bytearray(whole.decoder_scratch(16000, 1)), array("h", bytes(640))
    before = bytes(state)
    try:
        decoder.conceal(state, scratch, pcm, 0, 320)
        raise AssertionError("accepted")
    except ValueError:
        assert bytes(state) == before
