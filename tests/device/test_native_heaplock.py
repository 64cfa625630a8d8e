"""No function of the native modules allocates: each one under heap_lock(), with 32-bit numbers.

Counts on the 32-bit MicroPython only (see require_heap_lock). The init functions are exempt: they
may take integers beyond 2**30, which exist only on the heap.
"""

from array import array

from implementations import implementations

from support import IS_32_BIT, SkipTest, heap_locked, raises, require_heap_lock

PCM = implementations("pcm")[0]
WIRE = implementations("wire")[0]
STARTS = (0x7FFFFFF0, 0xFFFFFFF0)
FRAME = 160


def require_native():
    require_heap_lock()
    for module in (PCM, WIRE):
        if module.IMPLEMENTATION == "pure python":
            raise SkipTest("no native module here: run make natmods")


def test_the_lock_catches_allocation():
    """The test of the tests: what these functions are for, done in Python, fails."""
    require_native()
    timestamp, lock = STARTS[0], heap_locked()

    def advance():
        with lock:
            return timestamp + FRAME & 0xFFFFFFFF

    assert IS_32_BIT
    raises(MemoryError, advance)


def test_pcm():
    require_native()
    pcm, lock = PCM, heap_locked()
    mic, speaker = array("h", range(-320, 320, 2)), array("h", bytes(1920))
    slots, coded = array("i", range(640)), bytearray(320)
    tone = bytearray(pcm.TONE_STATE)
    pcm.tone_init(tone, 16000, 7999, 8000, 32767)
    total = 0
    with lock:
        for _ in range(3):
            total += pcm.ulaw_encode(mic, 0, coded, 0, 320)
            total += pcm.ulaw_decode(coded, 0, speaker, 0, 320)
            total += pcm.alaw_encode(mic, 0, coded, 0, 320)
            total += pcm.alaw_decode(coded, 0, speaker, 0, 320)
            total += pcm.gain(speaker, 0, 320, 65535) >= 0
            pcm.fade(speaker, 0, 320, 65535, 0)
            total += pcm.rms(mic, 0, 320) > 0
            total += pcm.peak(mic, 0, 320) > 0
            total += pcm.level(mic, 0, 320) > 0
            pcm.mix(speaker, 0, mic, 0, 320)
            pcm.copy(speaker, 1, speaker, 0, 319)
            pcm.fill(speaker, 0, 320, -32768)
            pcm.slots32_to_16(slots, 0, speaker, 0, 320, 2, 1, 14)
            pcm.slots16_to_32(mic, 0, slots, 0, 320, 2)
            pcm.tone(tone, speaker, 0, 960)
            total += pcm.resampler_size(48000, 8000) + pcm.resampler_delay(48000, 8000) > 0
    assert total == 3 * (4 * 320 + 5)


def test_resamplers():
    require_native()
    pcm, lock = PCM, heap_locked()
    src, dst = array("h", [32767, -32768] * 480), array("h", bytes(1920))
    for a in (8000, 16000, 48000):
        for b in (8000, 16000, 48000):
            state = bytearray(pcm.resampler_size(a, b))
            pcm.resampler_init(state, a, b)
            with lock:
                n = pcm.resample(state, src, 0, a // 50, dst, 0)
            assert n == b // 50


def test_rtp_out():
    require_native()
    wire, lock = WIRE, heap_locked()
    for start in STARTS:
        state, out = bytearray(wire.RTP_TX_STATE), bytearray(64)
        wire.rtp_tx_init(state, 111, start, 65535, start, 1, 2, b"mic")
        with lock:
            for _ in range(5):
                size = wire.rtp_header_size(state)
                assert wire.rtp_write(state, out, 14, True, 127, True) == size
                wire.rtp_advance(state, FRAME, True)
                wire.rtp_advance(state, (1 << 30) - 1, False)
        assert wire.rtp_tx_peek(state)[0] == 4


def test_rtp_in():
    """Good, repeated, malformed, wild and re-basing packets."""
    require_native()
    wire, lock = WIRE, heap_locked()
    for start in STARTS:
        tx, state = bytearray(wire.RTP_TX_STATE), bytearray(wire.RTP_RX_STATE)
        info, stats = array("i", [0] * wire.RTP_INFO), array("i", [0] * wire.RTP_STATS)
        wire.rtp_tx_init(tx, 0, start, 65530, start, 1, 0, b"")
        wire.rtp_rx_init(state, start, 8000, FRAME, 1)
        buf, size, arrival = bytearray(64), 0, (1 << 30) - 60
        with lock:
            for i in range(12):
                size = wire.rtp_write(tx, buf, 3, False, i, False)
                for _ in range(2):
                    assert wire.rtp_parse(state, buf, 3, size, info, arrival + i) == 0
                    assert info[5] == i and info[6] == i
                assert wire.rtp_parse(state, buf, 3, size - 1, info, -1) == wire.RTP_EEXT
                wire.rtp_advance(tx, FRAME, True)
            wire.rtp_advance(tx, 1 << 29, True)
            wire.rtp_write(tx, buf, 0, False, 0, False)
            assert wire.rtp_parse(state, buf, 0, 20, info, 0) == wire.RTP_EJUMP
            wire.rtp_advance(tx, FRAME, True)
            wire.rtp_write(tx, buf, 0, False, 0, False)
            assert wire.rtp_parse(state, buf, 0, 20, info, 0) == wire.RTP_RESET
            wire.rtp_rx_stats(state, stats)
        assert stats[0] == 13 and stats[3] == 12 and stats[6] == 1


def test_frames():
    require_native()
    wire, lock = WIRE, heap_locked()
    payload, out, packet = bytearray(180), bytearray(200), bytearray(520)
    with lock:
        size = wire.frame_encode(out, 0x4D, payload, 0, 180)
        n = wire.frame_fill(packet, 0, out, 1, size - 1)
        assert n == size - 2 and wire.frame_decode(packet, n) == 180
        assert wire.frame_decode(packet, 5) == wire.FRAME_EDAMAGED


def test_h264():
    require_native()
    wire, lock = WIRE, heap_locked()
    unit, end = b"\0\0\0\1\x65" + bytes(range(1, 250)), 254
    walk, assembly = array("i", [0, end, 0, 0]), array("i", [0] * wire.H264_ASSEMBLY)
    packet, out = bytearray(64), bytearray(300)
    with lock:
        assert wire.h264_look(unit, 0, end) == wire.H264_KEY
        while walk[0] < end:
            n = wire.h264_pack(unit, walk, packet, 4, 60)
            assert wire.h264_unpack(packet, 4, n, assembly, out) > n
        assert wire.h264_unpack(packet, 0, 4, assembly, out) == wire.H264_EFORMAT
    assert bytes(out[:end]) == unit


def test_websocket():
    require_native()
    wire, lock = WIRE, heap_locked()
    buf, keys, info = bytearray(300), b"\xff\xee\xdd\xcc\xbb", array("i", [0] * wire.WS_INFO)
    with lock:
        start = wire.ws_frame(buf, 14, 200, 2, True, keys, 1)
        assert wire.ws_header(buf, start, 208, info) == 8
        assert wire.ws_mask(buf, 14, 200, buf, info[4], 0) == 0
        assert wire.ws_frame(buf, 14, 5, 1, True, None, 0) == 12
    assert bytes(buf[14:214]) == bytes(200)
