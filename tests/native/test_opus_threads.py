"""opus on the host: cffi releases the GIL, so codecs of several threads run at the same time."""

from concurrent.futures import ThreadPoolExecutor

from opus_speech import voices

from callboard_native import opus


def encode_all(pcm) -> list[bytes]:
    state = bytearray(opus.encoder_size(1))
    scratch = bytearray(opus.encoder_scratch(16000, 1, 10, 320))
    opus.encoder_init(state, 16000, 1, opus.VOIP)
    out, packets = bytearray(opus.MAX_PACKET), []
    for k in range(len(pcm) // 320):
        n = opus.encode(state, scratch, pcm, k * 320, 320, out, 0, len(out))
        packets.append(bytes(out[:n]))
    return packets


def test_threads_do_not_share_a_scratch():
    pcm = voices(16000)
    alone = encode_all(pcm)
    with ThreadPoolExecutor(4) as pool:
        for together in pool.map(encode_all, [pcm] * 8):
            assert together == alone
