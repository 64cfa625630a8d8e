"""opus: what each function refuses, nothing changed, on every implementation there is here."""

from array import array

from implementations import Random
from opus_rig import Decoder, Encoder, require_opus, voice

from support import raises


def refused(opus, name, args, states, error=ValueError):
    """The call raises, and none of these states and buffers changes."""
    before = [bytes(state) for state in states]
    raises(error, getattr(opus, name), *args)
    assert [bytes(state) for state in states] == before, (opus.IMPLEMENTATION, name)


def test_sizes():
    for opus in require_opus():
        for channels in (0, 3, -1, 1 << 33):
            raises(ValueError, opus.encoder_size, channels)
            raises(ValueError, opus.decoder_size, channels)
        for args in (
            (8001, 1, 10, 160),
            (16000, 0, 10, 320),
            (16000, 1, 11, 320),
            (16000, 1, -1, 320),
            (16000, 1, 10, 321),
            (16000, 1, 10, 1920),
        ):
            raises(ValueError, opus.encoder_scratch, *args)
        raises(ValueError, opus.decoder_scratch, 44100, 1)
        raises(ValueError, opus.decoder_scratch, 48000, 3)
        raises(TypeError, opus.encoder_size, "1")
        assert opus.encoder_scratch(16000, 1, 0, 320) < opus.encoder_scratch(16000, 1, 5, 320)


def test_init_refuses():
    for opus in require_opus():
        good = bytearray(opus.encoder_size(1))
        short = bytearray(len(good) - 1)
        for args in (
            (short, 16000, 1, opus.VOIP),
            (good, 16000, 2, opus.VOIP),
            (good, 44100, 1, opus.VOIP),
            (good, 16000, 1, 2050),
            (good, 16000, 0, opus.VOIP),
            (bytearray(), 16000, 1, opus.VOIP),
        ):
            refused(opus, "encoder_init", args, [args[0]])
        good = bytearray(opus.decoder_size(1))
        for args in ((bytearray(len(good) - 1), 16000, 1), (good, 16000, 2), (good, 1, 1)):
            refused(opus, "decoder_init", args, [args[0]])
        raises(TypeError, opus.decoder_init, bytes(len(good)), 16000, 1)


def test_states_that_are_none():
    """Unwritten, random, too short, of the other kind, of another place."""
    for opus in require_opus():
        pcm = voice(16000, 320)
        encoder, decoder = Encoder(opus), Decoder(opus).start()
        shifted = bytearray(len(encoder.state) + 8)
        shifted[4 : 4 + len(encoder.state)] = encoder.state
        noise = bytearray(Random(1).bytes(64) * (len(encoder.state) // 64 + 1))
        for bad in (
            bytearray(len(encoder.state)),
            noise,
            encoder.state[: len(encoder.state) - 1],
            encoder.state[:40],
            bytearray(),
            decoder.state,
            shifted,
        ):
            args = (bad, encoder.scratch, pcm, 0, 320, encoder.out, 0, 1276)
            refused(opus, "encode", args, [bad, encoder.out])
            refused(opus, "encoder_set", (bad, opus.BITRATE, 24000), [bad])
            refused(opus, "encoder_get", (bad, opus.BITRATE), [bad])
        packet = encoder.encode(pcm)
        for bad in (bytearray(len(decoder.state)), noise, decoder.state[:-1], encoder.state):
            tail = (packet, 0, len(packet), decoder.pcm, 0, 320)
            refused(opus, "decode", (bad, decoder.scratch) + tail, [bad, decoder.pcm])
            refused(opus, "decode_fec", (bad, decoder.scratch) + tail, [bad, decoder.pcm])
            refused(opus, "conceal", (bad, decoder.scratch, decoder.pcm, 0, 320), [bad])


def test_any_alignment():
    """State, scratch and packets may start anywhere; PCM must not start at an odd address."""
    for opus in require_opus():
        expected = Encoder(opus).encode(voice(16000, 320))
        pcm = bytearray(voice(16000, 320))
        for shift in range(9):
            block = bytearray(opus.encoder_size(1) + shift)
            scratch = bytearray(opus.encoder_scratch(16000, 1, 10, 320) + shift)
            state = memoryview(block)[shift:]
            opus.encoder_init(state, 16000, 1, opus.VOIP)
            out = bytearray(200)
            view = memoryview(scratch)[shift:]
            n = opus.encode(state, view, pcm, 0, 320, memoryview(out)[shift:], 0, 150)
            assert bytes(out[shift : shift + n]) == expected
        odd = memoryview(bytearray(1) + pcm)[1:]
        state = bytearray(opus.encoder_size(1))
        opus.encoder_init(state, 16000, 1, opus.VOIP)
        refused(opus, "encode", (state, scratch, odd, 0, 320, out, 0, 150), [state, out])
        decoder = Decoder(opus).start()
        args = (decoder.state, decoder.scratch, expected, 0, len(expected), odd, 0, 320)
        refused(opus, "decode", args, [decoder.state, odd])


def test_scratch_too_small():
    """One byte less than asked for is refused, also after the complexity went up."""
    for opus in require_opus():
        pcm = voice(16000, 320)
        encoder = Encoder(opus, complexity=4)
        packet = Encoder(opus).encode(pcm)
        args = (encoder.state, encoder.scratch, pcm, 0, 320, encoder.out, 0, 1276)
        refused(opus, "encode", args, [encoder.state])
        encoder.set(opus.COMPLEXITY, 4)
        assert opus.encode(*args) > 0
        args = (encoder.state, bytearray(len(encoder.scratch) - 1)) + args[2:]
        refused(opus, "encode", args, [encoder.state])
        decoder = Decoder(opus).start()
        short = bytearray(len(decoder.scratch) - 1)
        refused(opus, "conceal", (decoder.state, short, decoder.pcm, 0, 320), [decoder.state])
        args = (decoder.state, short, packet, 0, len(packet), decoder.pcm, 0, 320)
        refused(opus, "decode", args, [decoder.state])


def test_buffers_that_overlap():
    for opus in require_opus():
        pcm = voice(16000, 320)
        e, d = Encoder(opus), Decoder(opus).start()
        packet = e.encode(pcm)
        n = len(packet)
        shared = bytearray(packet) + bytearray(1000)
        whole = bytearray(len(e.scratch) + 700)
        for args in (
            (e.state, e.state, pcm, 0, 320, e.out, 0, 1276),
            (e.state, e.scratch, e.scratch, 0, 320, e.out, 0, 1276),
            (e.state, e.scratch, pcm, 0, 320, e.scratch, 0, 1276),
            (e.state, e.scratch, pcm, 0, 320, e.state, 0, 1276),
            (e.state, e.scratch, shared, 0, 320, shared, 600, 100),
            (e.state, memoryview(whole)[:-600], whole, len(whole) // 2 - 320, 320, e.out, 0, 99),
        ):
            refused(opus, "encode", args, [e.state])
        for args in (
            (d.state, d.state, packet, 0, n, d.pcm, 0, 320),
            (d.state, d.scratch, packet, 0, n, d.scratch, 0, 320),
            (d.state, d.scratch, packet, 0, n, d.state, 0, 320),
            (d.state, d.scratch, shared, 0, n, shared, 0, 320),
        ):
            refused(opus, "decode", args, [d.state])
        # Apart within one buffer is fine: a frame, and behind it the packet.
        both = bytearray(pcm) + bytearray(1276)
        assert opus.encode(e.state, e.scratch, both, 0, 320, both, 640, 1276) > 0


def test_ranges():
    """Offsets and lengths outside their buffers, also where sums overflow 32 bits."""
    for opus in require_opus():
        pcm = voice(16000, 320)
        e, d = Encoder(opus), Decoder(opus).start()
        packet = e.encode(pcm)
        n = len(packet)
        out = bytearray(200)
        far = (-1, 1, 0x7FFFFFFF, -0x80000000, 1 << 40)
        for off in far:
            refused(opus, "encode", (e.state, e.scratch, pcm, off, 320, out, 0, 200), [e.state])
            refused(opus, "encode", (e.state, e.scratch, pcm, 0, 320, out, off, 200), [e.state])
            args = (d.state, d.scratch, packet, off, n, d.pcm, 0, 320)
            refused(opus, "decode", args, [d.state])
            args = (d.state, d.scratch, packet, 0, n, d.pcm[:320], off, 320)
            refused(opus, "decode", args, [d.state])
            refused(opus, "conceal", (d.state, d.scratch, d.pcm[:320], off, 320), [d.state])
            raises(ValueError, opus.packet_info, packet, off, n, 16000, array("i", bytes(24)))
        for length in (0, -1, 201, 0x7FFFFFFF):
            refused(opus, "encode", (e.state, e.scratch, pcm, 0, 320, out, 0, length), [e.state])
        for samples in (319, 0, -1):
            args = (d.state, d.scratch, packet, 0, n, d.pcm, 0, samples)
            refused(opus, "decode", args, [d.state])
        for samples in (0, -40, 1, 39, 41, 1960, 1 << 33):
            refused(opus, "conceal", (d.state, d.scratch, d.pcm, 0, samples), [d.state])
            args = (d.state, d.scratch, packet, 0, n, d.pcm, 0, samples)
            refused(opus, "decode_fec", args, [d.state])
        raises(ValueError, opus.packet_info, packet, 0, n, 44100, array("i", bytes(24)))
        raises(ValueError, opus.packet_info, packet, 0, n, 16000, array("i", bytes(20)))


def test_wrong_types():
    for opus in require_opus():
        pcm = voice(16000, 320)
        e = Encoder(opus)
        good = [e.state, e.scratch, pcm, 0, 320, e.out, 0, 1276]
        for i in range(8):
            args = list(good)
            args[i] = None
            refused(opus, "encode", args, [e.state], TypeError)
        args = list(good)
        args[5] = bytes(1276)
        refused(opus, "encode", args, [e.state], TypeError)


def test_reinitialised_is_fresh():
    for opus in require_opus():
        pcm = voice(16000, 640)
        encoder = Encoder(opus)
        first = [encoder.encode(pcm, 0), encoder.encode(pcm, 320)]
        opus.encoder_init(encoder.state, 16000, 1, opus.VOIP)
        assert [encoder.encode(pcm, 0), encoder.encode(pcm, 320)] == first
