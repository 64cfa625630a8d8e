"""opus does not allocate: every call of the frame path under heap_lock(), on 32 bits."""

from array import array

from implementations import implementations

from support import SkipTest, heap_locked, require_heap_lock

FOUND = implementations("opus")


def test_the_frame_path():
    """Encode, DTX, decode, FEC, concealment, settings and packet inspection, at three rates."""
    require_heap_lock()
    if not FOUND:
        raise SkipTest("no opus here: run make natmods")
    for rate in (8000, 16000, 48000):
        frame_path(FOUND[0], rate)


def frame_path(opus, rate):
    n, lock = rate // 50, heap_locked()
    encoder, decoder = bytearray(opus.encoder_size(1)), bytearray(opus.decoder_size(1))
    scratch = bytearray(opus.encoder_scratch(rate, 1, 10, n))
    pcm = array("h", [(k * k % 257 - 128) * 60 for k in range(n)])
    silence, heard = array("h", bytes(2 * n)), array("h", bytes(2 * n))
    packet, info = bytearray(opus.MAX_PACKET + 12), array("i", bytes(4 * opus.INFO))
    opus.encoder_init(encoder, rate, 1, opus.VOIP)
    opus.decoder_init(decoder, rate, 1)
    total = 0
    with lock:
        opus.encoder_set(encoder, opus.BITRATE, 24000)
        opus.encoder_set(encoder, opus.FEC, 1)
        opus.encoder_set(encoder, opus.LOSS, 15)
        opus.encoder_set(encoder, opus.DTX, 1)
        for k in range(30):
            source = pcm if k < 15 else silence
            size = opus.encode(encoder, scratch, source, 0, n, packet, 12, opus.MAX_PACKET)
            total += opus.packet_info(packet, 12, size, rate, info)
            total += opus.decode(decoder, scratch, packet, 12, size, heard, 0, n)
            total += opus.decode_fec(decoder, scratch, packet, 12, size, heard, 0, n)
            total += opus.conceal(decoder, scratch, heard, 0, n)
            # What a peer may send, refused without an exception.
            packet[12] = 0x0B
            packet[13] = 0
            total += opus.packet_info(packet, 12, 2, rate, info) - opus.EPACKET
            opus.encoder_get(encoder, opus.IN_DTX)
    assert total == 30 * 4 * n
