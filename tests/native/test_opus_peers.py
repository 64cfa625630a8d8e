"""opus and the world: our packets in Debian's libopus and in ffmpeg, theirs in ours."""

import shutil
from array import array

import numpy as np
import pytest
from opus_peers import ffmpeg_decode, library, library_decode, library_encode, ogg_opus
from opus_speech import stereo, voices

from callboard_native import opus

# name: rate, channels, frame in ms, application, bitrate, complexity, FEC
CASES = {
    "wb-silk": (16000, 1, 20, "VOIP", 24000, 5, 1),
    "nb-silk": (8000, 1, 20, "VOIP", 12000, 0, 0),
    "wb-celt": (16000, 1, 20, "LOWDELAY", 32000, 10, 0),
    "fb-hybrid": (48000, 1, 20, "VOIP", 36000, 5, 0),
    "swb-hybrid-60ms": (24000, 1, 60, "VOIP", 32000, 5, 0),
    "stereo-celt": (48000, 2, 20, "AUDIO", 96000, 10, 0),
}


def encode(rate, channels, ms, application, bitrate, complexity, fec):
    n = rate * ms // 1000
    state = bytearray(opus.encoder_size(channels))
    scratch = bytearray(opus.encoder_scratch(rate, channels, complexity, n))
    opus.encoder_init(state, rate, channels, getattr(opus, application))
    for what, value in ((opus.BITRATE, bitrate), (opus.COMPLEXITY, complexity), (opus.FEC, fec)):
        opus.encoder_set(state, what, value)
    opus.encoder_set(state, opus.LOSS, 15 if fec else 0)
    pcm = voices(rate) if channels == 1 else stereo(rate)
    out, packets = bytearray(3 * opus.MAX_PACKET), []
    for k in range(len(pcm) // n):
        size = opus.encode(state, scratch, pcm, k * n, n, out, 0, len(out))
        packets.append(bytes(out[:size]))
    return packets


def decode(packets, rate, channels) -> np.ndarray:
    state = bytearray(opus.decoder_size(channels))
    scratch = bytearray(opus.decoder_scratch(rate, channels))
    opus.decoder_init(state, rate, channels)
    pcm, out = array("h", bytes(2 * channels * rate * 120 // 1000)), []
    for packet in packets:
        n = opus.decode(*(state, scratch, packet, 0, len(packet), pcm, 0, len(pcm) // channels))
        out.append(np.array(pcm[: n * channels], "<i2"))
    return np.concatenate(out)


def snr_db(reference, other) -> float:
    """How far `other` is below `reference`, which it must equal in length."""
    assert len(reference) == len(other)
    noise = reference.astype(float) - other
    return 10 * np.log10(np.mean(reference.astype(float) ** 2) / max(np.mean(noise**2), 1e-9))


@pytest.fixture(scope="module")
def peer():
    try:
        return library()
    except OSError:
        pytest.skip("Debian's libopus0 is not installed")


@pytest.fixture(scope="module")
def ffmpeg():
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")


@pytest.mark.parametrize("case", CASES)
def test_our_packets_in_libopus(peer, case):
    """A floating-point libopus of another version decodes to the same, but for rounding."""
    rate, channels = CASES[case][:2]
    packets = encode(*CASES[case])
    ours, theirs = decode(packets, rate, channels), library_decode(peer, packets, rate, channels)
    assert snr_db(theirs, ours) > 40


@pytest.mark.parametrize("case", CASES)
def test_our_packets_in_ffmpeg(ffmpeg, tmp_path, case):
    """Also ffmpeg's own decoder, which shares no code; it resamples SILK in another way.

    So our PCM must be as near to it as that of the libopus that ffmpeg has, too.
    """
    rate, channels, ms = CASES[case][:3]
    packets = encode(*CASES[case])
    ogg = tmp_path / "speech.opus"
    ogg.write_bytes(ogg_opus(packets, 48 * ms, channels, rate))
    ours = decode(packets, 48000, channels)
    assert len(ours) == 48 * ms * len(packets) * channels
    libopus, own = (ffmpeg_decode(ogg, decoder, channels) for decoder in ("libopus", "opus"))
    assert snr_db(libopus, ours) > 40
    assert snr_db(own, ours) > max(10, min(40, snr_db(own, libopus)) - 0.5)


@pytest.mark.parametrize(("rate", "bitrate"), [(8000, 12000), (16000, 24000), (48000, 64000)])
def test_their_packets_in_ours(peer, rate, bitrate):
    packets = library_encode(peer, voices(rate), rate, rate // 50, bitrate)
    assert snr_db(library_decode(peer, packets, rate, 1), decode(packets, rate, 1)) > 40


def test_another_libopus_in_the_same_process_is_not_touched(peer):
    """Both answer with their own version of the same names: nothing of ours is exported."""
    assert peer.opus_get_version_string() != b""
    packets = encode(*CASES["wb-silk"])
    assert library_decode(peer, packets[:5], 16000, 1).size == 5 * 320
