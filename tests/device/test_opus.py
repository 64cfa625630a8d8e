"""opus: what each function does and what it refuses, on every implementation there is here."""

import math
from array import array

from implementations import Random, implementations

from support import SkipTest, raises

ALL = implementations("opus")
RATES = (8000, 12000, 16000, 24000, 48000)


def require_opus():
    if not ALL:
        raise SkipTest("no opus here: run make native natmods")
    return ALL


def voice(rate, n, start=0):
    """n samples of something that SILK takes for speech: a buzz with formants that come and go."""
    out = array("h", bytes(2 * n))
    for i in range(n):
        t = (start + i) / rate
        envelope = 0.5 + 0.5 * math.sin(2 * math.pi * 3 * t)
        buzz = sum(math.sin(2 * math.pi * 140 * k * t) / k for k in (1, 2, 3, 5))
        out[i] = int(6000 * envelope * buzz)
    return out


class Encoder:
    """An encoder with its memory."""

    def __init__(self, opus, rate=16000, channels=1, application=None, n=None, complexity=10):
        self.opus, self.rate, self.channels = opus, rate, channels
        self.n = n or rate // 50
        self.state = bytearray(opus.encoder_size(channels))
        self.scratch = bytearray(opus.encoder_scratch(rate, channels, complexity, self.n))
        self.out = bytearray(3 * opus.MAX_PACKET)
        opus.encoder_init(self.state, rate, channels, application or opus.VOIP)

    def set(self, what, value):
        self.opus.encoder_set(self.state, what, value)

    def encode(self, pcm, pcm_off=0):
        size = self.opus.encode(
            self.state, self.scratch, pcm, pcm_off, self.n, self.out, 0, len(self.out)
        )
        return bytes(self.out[:size])


class Decoder:
    """A decoder with its memory; what it made is in .pcm."""

    def __init__(self, opus, rate=16000, channels=1):
        self.opus, self.rate, self.channels = opus, rate, channels
        self.state = bytearray(opus.decoder_size(channels))
        self.scratch = bytearray(opus.decoder_scratch(rate, channels))
        self.room = rate * 120 // 1000
        self.pcm = array("h", bytes(2 * channels * self.room))

    def start(self):
        self.opus.decoder_init(self.state, self.rate, self.channels)
        return self

    def decode(self, data, off=0, n=None):
        n = len(data) if n is None else n
        return self.opus.decode(self.state, self.scratch, data, off, n, self.pcm, 0, self.room)


def energy(pcm, n):
    return sum(v * v for v in pcm[:n]) // n


# --- what it does ---


def test_round_trip_at_every_rate():
    for opus in require_opus():
        for rate in RATES:
            encoder, decoder = Encoder(opus, rate), Decoder(opus, rate).start()
            pcm = voice(rate, rate // 5)
            for k in range(10):
                packet = encoder.encode(pcm, k * encoder.n)
                assert decoder.decode(packet) == encoder.n
            assert energy(decoder.pcm, encoder.n) > energy(pcm[-encoder.n :], encoder.n) // 8


def test_every_frame_length():
    """RFC 6716 §2.1.4: 2.5 to 60 ms; nothing else is taken."""
    for opus in require_opus():
        pcm = voice(16000, 1920)
        for n in (40, 80, 160, 320, 640, 960):
            encoder, decoder = Encoder(opus, n=n), Decoder(opus).start()
            assert decoder.decode(encoder.encode(pcm)) == n
        encoder = Encoder(opus, n=960)
        for n in (0, 1, 39, 41, 120, 319, 480, 1280, 1600, 1920, -320):
            raises(
                ValueError,
                opus.encode,
                *(encoder.state, encoder.scratch, pcm, 0, n, encoder.out, 0, 1276),
            )


def test_stereo():
    """Left and right come out on their own sides."""
    for opus in require_opus():
        encoder = Encoder(opus, 48000, 2, opus.AUDIO)
        decoder = Decoder(opus, 48000, 2).start()
        encoder.set(opus.BITRATE, 96000)
        left = voice(48000, 960)
        pcm = array("h", bytes(4 * 960))
        for i in range(960):
            pcm[2 * i] = left[i]
        for _ in range(4):
            packet = encoder.encode(pcm)
            assert decoder.decode(packet) == 960
        half = array("h", [decoder.pcm[2 * i] for i in range(960)])
        other = array("h", [decoder.pcm[2 * i + 1] for i in range(960)])
        assert energy(half, 960) > 20 * energy(other, 960)


def test_offsets():
    """PCM offsets count samples, packet offsets bytes; neighbours stay as they are."""
    for opus in require_opus():
        plain, shifted = Encoder(opus), Encoder(opus)
        pcm = voice(16000, 320)
        padded = array("h", [9] * 7) + pcm
        expected = plain.encode(pcm)
        out = bytearray(b"\x55" * 1400)
        n = opus.encode(shifted.state, shifted.scratch, padded, 7, 320, out, 50, 1276)
        assert bytes(out[50 : 50 + n]) == expected and out[:50] == b"\x55" * 50
        one, two = Decoder(opus).start(), Decoder(opus).start()
        one.decode(expected)
        assert opus.decode(two.state, two.scratch, out, 50, n, two.pcm, 11, 320) == 320
        assert two.pcm[11 : 11 + 320] == one.pcm[:320]
        assert not any(two.pcm[:11]) and not any(two.pcm[331:])


def test_settings():
    for opus in require_opus():
        encoder = Encoder(opus)
        for what, value in (
            (opus.BITRATE, 24000),
            (opus.COMPLEXITY, 3),
            (opus.FEC, 1),
            (opus.LOSS, 15),
            (opus.DTX, 1),
            (opus.VBR, 0),
            (opus.VBR_CONSTRAINT, 0),
            (opus.MAX_BANDWIDTH, opus.NARROWBAND),
            (opus.SIGNAL, opus.VOICE),
        ):
            encoder.set(what, value)
            assert opus.encoder_get(encoder.state, what) == value
        assert opus.encoder_get(encoder.state, opus.LOOKAHEAD) == 104


def test_settings_out_of_range():
    for opus in require_opus():
        encoder = Encoder(opus)
        before = bytes(encoder.state)
        for what, value in (
            (opus.BITRATE, 5999),
            (opus.BITRATE, 510001),
            (opus.BITRATE, 0),
            (opus.COMPLEXITY, -1),
            (opus.COMPLEXITY, 11),
            (opus.FEC, 3),
            (opus.LOSS, 101),
            (opus.DTX, 2),
            (opus.BANDWIDTH, 1100),
            (opus.BANDWIDTH, 1106),
            (opus.MAX_BANDWIDTH, opus.AUTO),
            (opus.CHANNELS, 2),
            (opus.CHANNELS, 0),
            (opus.SIGNAL, 3003),
            (opus.LOOKAHEAD, 1),
            (4000, opus.VOIP),
            (4028, 0),
            (10015, 1),
            (0, 0),
            (-1, 0),
            (opus.BITRATE, 1 << 40),
        ):
            raises(ValueError, opus.encoder_set, encoder.state, what, value)
        for what in (4000, 4001, 4003, 4031, 0, -1, 1 << 40):
            raises(ValueError, opus.encoder_get, encoder.state, what)
        assert bytes(encoder.state) == before


def test_bitrate_is_followed():
    for opus in require_opus():
        sizes = []
        for bitrate in (12000, 24000, 48000):
            encoder = Encoder(opus)
            encoder.set(opus.BITRATE, bitrate)
            encoder.set(opus.VBR, 0)
            pcm = voice(16000, 320)
            sizes.append(len(encoder.encode(pcm)))
        assert sizes == [30, 60, 120]


def test_out_len_is_a_limit():
    for opus in require_opus():
        encoder = Encoder(opus)
        encoder.set(opus.BITRATE, 64000)
        pcm = voice(16000, 320)
        for limit in (1, 2, 3, 10, 40):
            n = opus.encode(encoder.state, encoder.scratch, pcm, 0, 320, encoder.out, 0, limit)
            assert 1 <= n <= limit


def test_dtx():
    """Silence shrinks to packets that need not be sent, and a voice ends it."""
    for opus in require_opus():
        encoder = Encoder(opus)
        encoder.set(opus.DTX, 1)
        silence, speech = array("h", bytes(640)), voice(16000, 3200)
        sizes = [len(encoder.encode(silence)) for _ in range(60)]
        assert sum(size <= 2 for size in sizes[20:]) >= 36
        assert opus.encoder_get(encoder.state, opus.IN_DTX) == 1
        sizes = [len(encoder.encode(speech, 320 * k)) for k in range(10)]
        assert max(sizes) > 20 and opus.encoder_get(encoder.state, opus.IN_DTX) == 0


def test_fec_brings_back_a_lost_packet():
    """The frame from the next packet's FEC data is nearer to the lost one than concealment."""
    for opus in require_opus():
        pcm = voice(16000, 320 * 12)
        encoder = Encoder(opus)
        encoder.set(opus.BITRATE, 32000)
        encoder.set(opus.FEC, 1)
        encoder.set(opus.LOSS, 20)
        packets = [encoder.encode(pcm, 320 * k) for k in range(12)]
        info = array("i", bytes(4 * opus.INFO))
        opus.packet_info(packets[9], 0, len(packets[9]), 16000, info)
        assert info[5] == 1, "the packet carries no FEC data"
        whole, fec, plc = (Decoder(opus).start() for _ in range(3))
        for k in range(8):
            for decoder in (whole, fec, plc):
                decoder.decode(packets[k])
        whole.decode(packets[8])
        n = len(packets[9])
        assert opus.decode_fec(fec.state, fec.scratch, packets[9], 0, n, fec.pcm, 0, 320) == 320
        assert opus.conceal(plc.state, plc.scratch, plc.pcm, 0, 320) == 320
        assert distance(whole, fec) * 2 < distance(whole, plc)


def distance(one, two):
    return sum((a - b) * (a - b) for a, b in zip(one.pcm[:320], two.pcm[:320]))


def test_concealment_fades():
    for opus in require_opus():
        encoder, decoder = Encoder(opus), Decoder(opus).start()
        pcm = voice(16000, 3200)
        for k in range(10):
            decoder.decode(encoder.encode(pcm, 320 * k))
        loud = energy(decoder.pcm, 320)
        for _ in range(10):
            assert opus.conceal(decoder.state, decoder.scratch, decoder.pcm, 0, 320) == 320
        assert energy(decoder.pcm, 320) < loud // 10
        assert opus.conceal(decoder.state, decoder.scratch, decoder.pcm, 0, 1920) == 1920


def test_a_fresh_decoder_conceals_silence():
    for opus in require_opus():
        decoder = Decoder(opus).start()
        assert opus.conceal(decoder.state, decoder.scratch, decoder.pcm, 0, 320) == 320
        assert not any(decoder.pcm)


# --- packets ---


def test_packet_info():
    """Mode, bandwidth and channels as RFC 6716 table 2 says them."""
    for opus in require_opus():
        info = array("i", bytes(4 * opus.INFO))
        for packet, samples, expected in (
            (b"\x08\xff\xff", 320, [1, 320, 1, opus.NARROWBAND, opus.SILK, 1]),
            (b"\x48\x00\x00", 320, [1, 320, 1, opus.WIDEBAND, opus.SILK, 0]),
            (b"\x08", 320, [1, 320, 1, opus.NARROWBAND, opus.SILK, 0]),
            (b"\x6c\x01\x02", 320, [1, 320, 2, opus.SUPERWIDEBAND, opus.HYBRID, 0]),
            (b"\xf8\x01\x02", 320, [1, 320, 1, opus.FULLBAND, opus.CELT, 0]),
            (b"\xe1\x01\x02", 80, [2, 40, 1, opus.FULLBAND, opus.CELT, 0]),
            (b"\x18\x80", 960, [1, 960, 1, opus.NARROWBAND, opus.SILK, 0]),
            (b"\x0b\x03\x00\x00\x00", 960, [3, 320, 1, opus.NARROWBAND, opus.SILK, 0]),
        ):
            got = opus.packet_info(b"??" + packet + b"?", 2, len(packet), 16000, info)
            assert (got, list(info)) == (samples, expected), packet


def test_bad_packets():
    """RFC 6716 §3.4: what a receiver must not take. packet_info says so, decode raises."""
    for opus in require_opus():
        info = array("i", [7] * opus.INFO)
        decoder = Decoder(opus).start()
        before = bytes(decoder.state)
        for packet in (
            b"",  # R1
            b"\x09\x01\x02\x03\x04"[:4],  # R3: two equal frames, odd length
            b"\x0a",  # R4: no length of the first frame
            b"\x0a\xfc",  # half a two-byte length
            b"\x0a\x05\x00",  # first frame longer than the packet
            b"\x0b",  # R6: no frame count
            b"\x0b\x00",  # no frames
            b"\x1b\x03" + bytes(30),  # R5: 180 ms
            b"\x0b\x31" + bytes(100),  # 49 frames
            b"\x0b\x43\x05\x00",  # padding longer than the packet
            b"\x0b\x02\x00",  # frames of unequal length in CBR
            b"\x08" + bytes(1276),  # R2: a frame above 1275 bytes
        ):
            assert opus.packet_info(packet, 0, len(packet), 16000, info) == opus.EPACKET, packet
            raises(ValueError, decoder.decode, packet)
            raises(
                ValueError,
                opus.decode_fec,
                *(decoder.state, decoder.scratch, packet, 0, len(packet), decoder.pcm, 0, 320),
            )
        assert list(info) == [7] * opus.INFO
        assert bytes(decoder.state) == before and not any(decoder.pcm)


def test_random_and_damaged_packets():
    """Whatever comes, a packet is decoded to what packet_info said or refused as it said."""
    for opus in require_opus():
        random = Random(5)
        encoder = Encoder(opus)
        decoders = [Decoder(opus, 8000).start(), Decoder(opus, 48000, 2).start()]
        info = array("i", bytes(4 * opus.INFO))
        pcm = voice(16000, 3200)
        for k in range(120):
            packet = bytearray(encoder.encode(pcm, 320 * (k % 10)))
            if k % 2:
                packet = bytearray(random.bytes(1 + random.below(90)))
            else:
                packet[random.below(len(packet))] ^= 1 + random.below(255)
            for decoder in decoders:
                expected = opus.packet_info(packet, 0, len(packet), decoder.rate, info)
                before = bytes(decoder.state)
                if expected < 0:
                    raises(ValueError, decoder.decode, packet)
                    assert bytes(decoder.state) == before
                else:
                    assert decoder.decode(packet) == expected


# --- what it refuses ---


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
