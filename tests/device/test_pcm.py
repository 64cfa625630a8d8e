"""pcm: every implementation against definitions, bad arguments and each other (G.711 apart)."""

from array import array

from implementations import Random, agreed, implementations, refuses

from support import raises

ALL = implementations("pcm")
RATES = (8000, 16000, 48000)


def samples(*values):
    return array("h", values)


def noise(random, n):
    return array("h", [random.below(65536) - 32768 for _ in range(n)])


def test_every_expected_implementation_is_here():
    names = [module.IMPLEMENTATION for module in ALL]
    assert len(names) == 2 and names[1] == "pure python", names
    assert names[0] in ("cffi", "native module", "user C module"), names


def test_facade_prefers_native():
    from callboard import native

    assert native.pcm is ALL[0]
    assert native.implementations()["pcm"] == ALL[0].IMPLEMENTATION


def test_all_offer_the_same():
    for module in ALL:
        for name in dir(ALL[-1]):
            if name[0] != "_" and name not in ("TAPS", "check", "fits", "read", "write"):
                assert hasattr(module, name), (module.IMPLEMENTATION, name)
        assert module.TONE_STATE == ALL[0].TONE_STATE


# --- sample rates ---


def pairs():
    return [(a, b) for a in RATES for b in RATES]


def resampler(pcm, a, b):
    state = bytearray(pcm.resampler_size(a, b))
    pcm.resampler_init(state, a, b)
    return state


def test_impulse_comes_out_after_the_delay():
    for pcm in ALL:
        for a, b in pairs():
            delay = pcm.resampler_delay(a, b)
            assert delay * 1000 <= 3 * b
            n_in = a // 50
            src, dst = array("h", bytes(2 * n_in)), array("h", bytes(2 * (b // 50)))
            src[0] = 32767
            assert pcm.resample(resampler(pcm, a, b), src, 0, n_in, dst, 0) == b // 50
            peak = max(dst)
            assert dst[delay] == peak and peak > 32767 * min(a, b) // a * 9 // 10, (a, b, peak)


def test_constant_stays_constant():
    for pcm in ALL:
        for a, b in pairs():
            src, dst = array("h", bytes(a // 25)), array("h", bytes(b // 25))
            pcm.fill(src, 0, a // 50, -20000)
            pcm.resample(resampler(pcm, a, b), src, 0, a // 50, dst, 0)
            for v in dst[b // 100 :]:
                assert abs(v + 20000) <= 340, (a, b, v)  # 0.15 dB


def test_chunks_do_not_matter():
    random = Random(5)
    for a, b in pairs():
        step = max(a // b, 1)
        src = noise(random, a // 50)
        pcm = ALL[0]
        whole, parts = array("h", bytes(b // 25)), array("h", bytes(b // 25))
        pcm.resample(resampler(pcm, a, b), src, 0, a // 50, whole, 0)
        state, taken, written = resampler(pcm, a, b), 0, 0
        while taken < a // 50:
            n = min(step * random.below(30), a // 50 - taken)
            written += pcm.resample(state, src, taken, n, parts, written)
            taken += n
        assert written == b // 50 and whole == parts, (a, b)


def test_resamplers_agree_to_the_bit():
    random = Random(6)
    for a, b in pairs():
        n = a // 200
        outputs = []
        src = noise(random, n)
        for pcm in ALL:
            state, dst = resampler(pcm, a, b), array("h", bytes(b // 50))
            done = pcm.resample(state, src, 0, n, dst, 0)
            done += pcm.resample(state, src, 0, n, dst, done)  # once more, on the history
            outputs.append(bytes(dst))
        assert outputs[0] == outputs[1], (a, b)


def test_full_scale_saturates():
    """A square wave overshoots a sharp filter; it must clip, not wrap."""
    for pcm in ALL:
        for a, b in pairs():
            n = a // 100
            src = array("h", [32767 if (i * 8000 // a) % 16 < 8 else -32768 for i in range(n)])
            dst = array("h", bytes(b // 50))
            count = pcm.resample(resampler(pcm, a, b), src, 0, n, dst, 0)
            assert max(dst) == 32767 and min(dst) == -32768
            for i in range(count - 1):
                assert abs(dst[i + 1] - dst[i]) < 60000 or a == b, (a, b, i)


def test_resampler_refuses():
    for pcm in ALL:
        for bad in (0, -8000, 11025, 44100, 1 << 33):
            raises(ValueError, pcm.resampler_size, bad, 8000)
            raises(ValueError, pcm.resampler_delay, 8000, bad)
        size = pcm.resampler_size(48000, 8000)
        raises(ValueError, pcm.resampler_init, bytearray(size - 1), 48000, 8000)
        good = (resampler(pcm, 48000, 8000), bytearray(100), 0, 48, bytearray(20), 0)
        for n in (1, 47, 49):
            refuses(pcm, "resample", good, 3, n, ValueError)
        for state in (
            bytearray(0),
            bytearray(size),
            good[0][:-1],
            bytearray(b"CPR1\x00\x07" * 200),
        ):
            refuses(pcm, "resample", good, 0, state, ValueError)
        refuses(pcm, "resample", good, 5, 3, ValueError)


# --- levels ---


def test_gain():
    for pcm in ALL:
        x = samples(1, -1, 1000, -1000, 32767, -32768)
        assert pcm.gain(x, 0, 6, 4096) == 0
        assert list(x) == [1, -1, 1000, -1000, 32767, -32768]
        assert pcm.gain(x, 2, 4, 8192) == 2
        assert list(x) == [1, -1, 2000, -2000, 32767, -32768]
        assert pcm.gain(x, 0, 6, 65535) == 2
        assert pcm.gain(x, 0, 6, 0) == 0
        assert list(x) == [0] * 6


def test_fade():
    for pcm in ALL:
        x = samples(*([4096] * 8))
        pcm.fade(x, 0, 8, 4096, 0)
        assert list(x) == [4096, 3584, 3072, 2560, 2048, 1536, 1024, 512]
        pcm.fade(x, 0, 0, 0, 0)
        pcm.fade(x, 7, 1, 0, 65535)
        assert x[7] == 0
        y = samples(*([-32768] * 3))
        pcm.fade(y, 0, 3, 4096, 65535)
        assert list(y) == [-32768] * 3


def test_rms_peak_level():
    for pcm in ALL:
        full = samples(*([-32768] * 160))
        assert (pcm.rms(full, 0, 160), pcm.peak(full, 0, 160), pcm.level(full, 0, 160)) == (
            32768,
            32768,
            0,
        )
        silence = samples(*([0] * 160))
        assert (
            pcm.rms(silence, 0, 160),
            pcm.peak(silence, 0, 160),
            pcm.level(silence, 0, 160),
        ) == (0, 0, 127)
        assert (pcm.rms(full, 3, 0), pcm.peak(full, 3, 0), pcm.level(full, 3, 0)) == (0, 0, 127)
        square = samples(*([3277, -3277] * 80))
        assert pcm.level(square, 0, 160) == 20 and pcm.rms(square, 0, 160) == 3277
        assert pcm.peak(samples(1, -5, 4), 0, 3) == 5
        silence[5] = 1  # mean square 1/160: 90.3 + 22.0 dB down
        assert pcm.level(silence, 0, 160) == 112


# --- moving samples ---


def test_mix_copy_fill():
    for pcm in ALL:
        x = samples(30000, -30000, 5, 0)
        pcm.mix(x, 0, samples(9, 10000, -10000, -6), 1, 3)
        assert list(x) == [32767, -32768, -1, 0]
        pcm.copy(x, 1, x, 0, 3)
        assert list(x) == [32767, 32767, -32768, -1]
        pcm.copy(x, 0, x, 1, 3)
        assert list(x) == [32767, -32768, -1, -1]
        pcm.fill(x, 1, 2, -7)
        assert list(x) == [32767, -7, -7, -1]
        raises(ValueError, pcm.fill, x, 0, 1, 32768)
        raises(ValueError, pcm.fill, x, 0, 1, -32769)


def test_slots():
    words = array("i", [0x12345678, -1, -0x40000000, 0x3FFF0000, 0x7FFFFFFF, -0x7FFFFFFF])
    for pcm in ALL:
        out = samples(0, 0, 0)
        pcm.slots32_to_16(words, 0, out, 0, 3, 2, 0, 16)
        assert list(out) == [0x1234, -0x4000, 0x7FFF]
        pcm.slots32_to_16(words, 0, out, 0, 3, 2, 1, 14)
        assert list(out) == [-1, 32767, -32768]
        pcm.slots32_to_16(words, 4, out, 1, 2, 1, 0, 16)
        assert list(out) == [-1, -1, -0x4000]
        back = array("i", [0] * 4)
        pcm.slots16_to_32(samples(9, -2, 0x1234), 1, back, 0, 2, 2)
        assert list(back) == [-0x20000, -0x20000, 0x12340000, 0x12340000]
        pcm.slots16_to_32(samples(1), 0, back, 12, 1, 1)
        assert back[3] == 0x10000
        for args in (
            (words, 0, out, 0, 3, 3, 0, 16),
            (words, 0, out, 0, 3, 2, 2, 16),
            (words, 1, out, 0, 3, 2, 0, 16),
        ):
            raises(ValueError, pcm.slots32_to_16, *args)
        raises(ValueError, pcm.slots16_to_32, out, 0, back, 1, 2, 2)


# --- tones ---


def test_tone_frequency_and_amplitude():
    for pcm in ALL:
        state, x = bytearray(pcm.TONE_STATE), array("h", bytes(1600))
        pcm.tone_init(state, 8000, 425, 0, 12000)
        pcm.tone(state, x, 0, 800)
        rising = sum(1 for i in range(1, 800) if x[i - 1] < 0 <= x[i])
        assert x[0] == 0 and rising in (41, 42), rising
        assert 11950 <= max(x) <= 12000 and -12000 <= min(x) <= -11950
        assert abs(pcm.rms(x, 0, 800) - 8485) < 60


def test_tone_phase_continues():
    for pcm in ALL:
        whole, parts = array("h", bytes(640)), array("h", bytes(640))
        a, b = bytearray(pcm.TONE_STATE), bytearray(pcm.TONE_STATE)
        pcm.tone_init(a, 16000, 697, 1209, 32767)
        pcm.tone_init(b, 16000, 697, 1209, 32767)
        pcm.tone(a, whole, 0, 320)
        for off, n in ((0, 7), (7, 0), (7, 200), (207, 113)):
            pcm.tone(b, parts, off, n)
        assert whole == parts and a == b


def test_tone_refuses():
    for pcm in ALL:
        good = (bytearray(pcm.TONE_STATE), 8000, 400, 450, 1000)
        refuses(pcm, "tone_init", good, 0, bytearray(pcm.TONE_STATE - 1), ValueError)
        for index, values in (
            (1, (0, 799, 192001)),
            (2, (0, 4001)),
            (3, (-1, 4001)),
            (4, (-1, 32768)),
        ):
            for bad in values:
                refuses(pcm, "tone_init", good, index, bad, ValueError)
        play = (bytearray(pcm.TONE_STATE), bytearray(20), 0, 10)
        assert raises(ValueError, pcm.tone, *play)


# --- every function, bad arguments ---


def good_calls(pcm):
    """A valid call of each function on bytearrays of exactly the right size."""
    tone = bytearray(pcm.TONE_STATE)
    pcm.tone_init(tone, 8000, 400, 0, 9)
    eight = bytearray(b"\x01\x02" * 4)
    return (
        ("ulaw_encode", (eight, 1, bytearray(5), 2, 3)),
        ("ulaw_decode", (bytearray(5), 2, bytearray(8), 1, 3)),
        ("alaw_encode", (eight, 1, bytearray(5), 2, 3)),
        ("alaw_decode", (bytearray(5), 2, bytearray(8), 1, 3)),
        ("resample", (resampler(pcm, 8000, 16000), eight, 1, 3, bytearray(14), 1)),
        ("resample", (resampler(pcm, 8000, 8000), eight, 1, 3, bytearray(8), 1)),
        ("gain", (bytearray(8), 1, 3, 4096)),
        ("fade", (bytearray(8), 1, 3, 4096, 1)),
        ("rms", (eight, 1, 3)),
        ("peak", (eight, 1, 3)),
        ("level", (eight, 1, 3)),
        ("mix", (bytearray(8), 1, eight, 1, 3)),
        ("copy", (bytearray(8), 1, eight, 1, 3)),
        ("fill", (bytearray(8), 1, 3, 7)),
        ("slots32_to_16", (bytearray(25), 1, bytearray(8), 1, 3, 2, 1, 16)),
        ("slots16_to_32", (eight, 1, bytearray(25), 1, 3, 2)),
        ("tone", (tone, bytearray(8), 1, 3)),
    )


def test_bad_arguments_touch_nothing():
    for pcm in ALL:
        for name, args in good_calls(pcm):
            getattr(pcm, name)(*[bytearray(a) if isinstance(a, bytearray) else a for a in args])
            for i in range(len(args)):
                if isinstance(args[i], bytearray):
                    refuses(pcm, name, args, i, None, TypeError)
                    refuses(pcm, name, args, i, 5, TypeError)
                    refuses(pcm, name, args, i, args[i][:-1], ValueError)
                else:
                    refuses(pcm, name, args, i, "1", TypeError)
                    for bad in (-1, -(1 << 31), 1 << 30, (1 << 31) - 1, 1 << 32, 1 << 70):
                        if not (name == "fill" and i == 3 and bad == -1):
                            refuses(pcm, name, args, i, bad, ValueError)


def test_read_only_output_is_refused():
    for pcm in ALL:
        raises(TypeError, pcm.fill, b"1234", 0, 1, 7)
        raises(TypeError, pcm.ulaw_encode, b"1234", 0, b"12", 0, 1)
        raises(TypeError, pcm.tone, bytes(pcm.TONE_STATE), bytearray(4), 0, 1)
        raises(TypeError, pcm.mix, memoryview(b"1234"), 0, b"1234", 0, 1)


def test_random_calls_agree():
    random = Random(7)
    for _ in range(1200):
        n, size = random.below(12), random.below(40)
        offset = random.pick((0, 0, 1, 2, 3, -1, 9))
        x, y = bytearray(random.bytes(size)), bytearray(random.bytes(random.below(64)))
        q12 = random.pick((0, 1, 4095, 4096, 4097, 65535, 65536, -1, random.below(65536)))
        name, args = random.pick(
            (
                ("ulaw_encode", (x, offset, y, 1, n)),
                ("alaw_encode", (x, 0, y, offset, n)),
                ("ulaw_decode", (x, offset, y, 0, n)),
                ("alaw_decode", (x, 0, y, offset, n)),
                ("gain", (x, offset, n, q12)),
                ("fade", (x, offset, n, q12, random.below(65536))),
                ("fade", (x, offset, n, random.below(65536), q12)),
                ("rms", (x, offset, n)),
                ("peak", (x, offset, n)),
                ("level", (x, offset, n)),
                ("mix", (x, offset, y, 1, n)),
                ("copy", (x, 0, y, offset, n)),
                ("fill", (x, offset, n, q12)),
                (
                    "slots32_to_16",
                    (y, offset, x, 1, n, random.below(4), random.below(3) - 1, random.below(33)),
                ),
                ("slots16_to_32", (x, offset, y, 1, n, random.below(4))),
                (
                    "tone_init",
                    (y, random.pick(RATES), random.below(5000), random.below(5000), q12),
                ),
                ("tone", (bytearray(b"CPT1" + random.bytes(16) + b"\x99\x11\0\0"), x, offset, n)),
            )
        )
        agreed(ALL, name, args)
