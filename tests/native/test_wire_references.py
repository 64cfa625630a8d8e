"""wire's C core (cffi) against pure Python, the websockets package, and rules of the RFCs."""

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import apply_mask

from callboard.pure import wire as pure
from callboard_native import wire

SSRC = 0x80000001
FRAME = 160


def receiver(module, level_id=1):
    state = bytearray(module.RTP_RX_STATE)
    module.rtp_rx_init(state, SSRC, 8000, FRAME, level_id)
    return state


def packet(seq, timestamp, payload=b"x"):
    head = (0x80, 0, *divmod(seq & 0xFFFF, 256))
    return bytes(head) + (timestamp & 0xFFFFFFFF).to_bytes(4) + SSRC.to_bytes(4) + payload


def parse_all(module, packets):
    """What the receiver makes of the packets, one after the other."""
    state, results = receiver(module), []
    info, stats = array("i", [0] * module.RTP_INFO), array("i", [0] * module.RTP_STATS)
    for data in packets:
        result = module.rtp_parse(state, data, 0, len(data), info, -1)
        module.rtp_rx_stats(state, stats)
        results.append((result, info.tolist(), stats.tolist(), bytes(state)))
    return results


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=48), max_size=6))
def test_any_bytes_agree(packets):
    assert parse_all(wire, packets) == parse_all(pure, packets)


STEP = st.tuples(
    st.integers(-70, 70) | st.integers(0, 65535),
    st.integers(-70, 70) | st.integers(-(1 << 24), 1 << 24),
    st.sampled_from([0] * 9 + [1]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, max_size=30))
def test_any_walk_agrees(steps):
    seq, timestamp, packets = 65500, 0xFFFFF000, []
    for seq_step, frames, off in steps:
        seq, timestamp = seq + seq_step, timestamp + frames * FRAME + off
        packets.append(packet(seq, timestamp))
    assert parse_all(wire, packets) == parse_all(pure, packets)


@settings(max_examples=200, deadline=None)
@given(
    start=st.integers(0, 2**32 - 1),
    order=st.permutations(range(12)),
    wild=st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1)),
)
def test_frame_indexes_do_not_depend_on_order_or_on_one_wild_packet(start, order, wild):
    """Each index is the distance from the first packet, whatever came between."""
    state, info = receiver(wire), array("i", [0] * wire.RTP_INFO)
    for i, place in enumerate(order):
        data = packet(100 + place, start + place * FRAME)
        assert wire.rtp_parse(state, data, 0, len(data), info, -1) == 0
        assert info[5] == place - order[0]
        if i == 3:
            data = packet(*wild)
            assert wire.rtp_parse(state, data, 0, len(data), info, -1) in (
                0,
                wire.RTP_EJUMP,
                wire.RTP_EALIGN,
            )


def test_an_index_at_its_end_re_bases():
    """At 2**29 frames (124 days) the stream starts anew instead of leaving the small integers."""
    for module in (wire, pure):
        state, info = receiver(module), array("i", [0] * module.RTP_INFO)

        def put(seq, state=state, info=info, module=module):
            data = packet(seq, seq * FRAME)
            return module.rtp_parse(state, data, 0, len(data), info, -1)

        assert put(0) == 0
        state[28:32] = (1 << 29).to_bytes(4, "little")  # the newest frame's index
        assert put(0) == 0 and info[5] == 1 << 29
        assert put(1) == module.RTP_EJUMP
        assert put(2) == module.RTP_RESET and info[5] == 0


@settings(deadline=None)
@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4), st.integers(0, 7))
def test_masking_equals_websockets(data, key, offset):
    buffer = bytearray(offset) + data
    wire.ws_mask(buffer, offset, len(data), key, 0, 0)
    assert bytes(buffer[offset:]) == apply_mask(data, key)


@settings(deadline=None)
@given(
    st.one_of(st.integers(0, 300), st.integers(65400, 65700)),
    st.sampled_from([0, 1, 2]),
    st.booleans(),
    st.none() | st.binary(min_size=4, max_size=4),
)
def test_frames_are_read_as_written(n, opcode, fin, key):
    buffer = bytearray(14 + n)
    start = wire.ws_frame(buffer, 14, n, opcode, fin, key, 0)
    info = array("i", [0] * wire.WS_INFO)
    size = wire.ws_header(buffer, start, len(buffer) - start, info)
    assert start + size == 14
    assert info.tolist() == [int(fin), opcode, int(key is not None), n, 10 if key else -1]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=20))
def test_any_header_agrees(data):
    results = []
    for module in (wire, pure):
        info = array("i", [9] * module.WS_INFO)
        results.append((module.ws_header(data, 0, len(data), info), info.tolist()))
    assert results[0] == results[1]
