"""pcm: G.711 of every implementation against the tables of the recommendation."""

from array import array

from implementations import implementations

ALL = implementations("pcm")

# ITU-T G.711 tables 1a and 2a: where each segment of 16 intervals ends. The very first µ-law
# interval is half as wide; the first two A-law segments are equally fine.
ULAW_ENDS = (31, 95, 223, 479, 991, 2015, 4063, 8159)
ALAW_ENDS = (32, 64, 128, 256, 512, 1024, 2048, 4096)


def samples(*values):
    return array("h", values)


def decision_values(ends, unit):
    """The 129 decision values of the positive half in 16-bit units."""
    values = [0]
    start = 0
    for end in ends:
        step = (end - start + 15) // 16
        values.extend([end - step * (15 - i) for i in range(16)])
        start = end
    return [v * unit for v in values]


def check_decoder(decode, decisions, code_of):
    """Every code decodes to the middle of its interval (µ-law's first one to 0)."""
    codes = bytes(range(256))
    out = array("h", bytes(512))
    assert decode(codes, 0, out, 0, 256) == 256
    for i in range(128):
        middle = (decisions[i] + decisions[i + 1]) // 2
        if i == 0 and decisions[1] == 4:
            middle = 0
        assert out[code_of(i, True)] == middle, i
        assert out[code_of(i, False)] == -middle, i


def check_encoder(encode, decisions, code_of, step):
    """Every step-th sample gets the code of its interval; negative ones mirror as ~x."""
    x = array("h", range(-32768, 32768, step))
    out = bytearray(len(x))
    assert encode(x, 0, out, 0, len(x)) == len(x)
    interval = 0
    for i in range(len(x)):  # from the loudest negative sample to the loudest positive one
        magnitude = x[i] if x[i] >= 0 else ~x[i]
        while interval < 127 and decisions[interval + 1] <= magnitude:
            interval += 1
        while decisions[interval] > magnitude:
            interval -= 1
        assert out[i] == code_of(interval, x[i] >= 0), x[i]


def ulaw_code(interval, positive):
    return (0xFF if positive else 0x7F) - interval


def alaw_code(interval, positive):
    return (interval | (0x80 if positive else 0)) ^ 0x55


def test_ulaw_is_g711():
    decisions = decision_values(ULAW_ENDS, 4)
    assert decisions[:4] == [0, 4, 12, 20] and decisions[-1] == 8159 * 4
    for pcm in ALL:
        check_decoder(pcm.ulaw_decode, decisions, ulaw_code)
        check_encoder(pcm.ulaw_encode, decisions, ulaw_code, 1 if pcm is ALL[0] else 7)


def test_alaw_is_g711():
    decisions = decision_values(ALAW_ENDS, 8)
    assert decisions[:4] == [0, 16, 32, 48] and decisions[-1] == 32768
    for pcm in ALL:
        check_decoder(pcm.alaw_decode, decisions, alaw_code)
        check_encoder(pcm.alaw_encode, decisions, alaw_code, 1 if pcm is ALL[0] else 7)


def test_g711_by_heart():
    for pcm in ALL:
        out = bytearray(6)
        x = samples(0, -1, 32767, -32768, 1000, -1000)
        pcm.ulaw_encode(x, 0, out, 0, 6)
        assert bytes(out) == b"\xff\x7f\x80\x00\xce\x4e"
        pcm.alaw_encode(x, 0, out, 0, 6)
        assert bytes(out) == b"\xd5\x55\xaa\x2a\xfa\x7a"


def test_g711_offsets():
    for pcm in ALL:
        out = bytearray(b"......")
        assert pcm.ulaw_encode(samples(5000, 0, -1, 5000), 1, out, 3, 2) == 2
        assert bytes(out) == b"...\xff\x7f."
        back = samples(9, 9, 9, 9)
        assert pcm.ulaw_decode(out, 3, memoryview(back), 2, 2) == 2
        assert list(back) == [9, 9, 0, 0]
