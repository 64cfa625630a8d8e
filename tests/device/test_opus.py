"""opus: what each function does, on every implementation there is here."""

from array import array

from implementations import Random
from opus_rig import Decoder, Encoder, energy, require_opus, voice

from support import raises

RATES = (8000, 12000, 16000, 24000, 48000)


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
