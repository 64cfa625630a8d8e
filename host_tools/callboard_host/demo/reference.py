"""The codec alone: what a call would sound like without network, jitter buffer and clocks."""

from array import array
from typing import Any

import numpy as np
import scipy.signal

from callboard.media.codec_set import CodecSet
from callboard.media.rates import RateConverter
from callboard_host.demo.chirp import Samples
from callboard_host.demo.measure import RATE
from callboard_host.demo.speech import resample

_FRAMES_PER_S = 50
_FULL_SCALE = 32768.0


def codec_only(said: Samples, rate: int, stream: dict[str, Any], speaker_rate: int) -> Samples:
    """`said` through the devices' own resamplers and codec, at measure.RATE, aligned with it.

    `stream`: how it is coded, as in PROTOCOL.md §4. What DTX leaves out is made up, as in a call.
    """
    coder, decoder = CodecSet().coder(stream), CodecSet().decoder(stream)
    down = RateConverter(rate, coder.rate)
    up = RateConverter(decoder.rate, speaker_rate)
    payload = bytearray(coder.max_payload)
    coded = array("h", bytes(2 * coder.frame_samples))
    played = array("h", bytes(2 * (speaker_rate // _FRAMES_PER_S)))
    size = rate // _FRAMES_PER_S
    whole = np.concatenate([said, np.zeros(2 * size - len(said) % size)])
    words = np.round(np.clip(whole * _FULL_SCALE, -32768, 32767)).astype(np.int16)
    heard = array("h")
    for start in range(0, len(words), size):
        frame = array("h", words[start : start + size].tobytes())
        down.convert(frame, size, coded)
        n = coder.encode(coded, payload, 0)
        if coder.idle:
            decoder.conceal(coded)
        else:
            decoder.decode(payload, 0, n, coded)
        up.convert(coded, coder.frame_samples, played)
        heard.extend(played)
    line = resample(np.array(heard) / _FULL_SCALE, speaker_rate, RATE)
    return aligned(resample(said, rate, RATE), line)


def aligned(original: Samples, late: Samples) -> Samples:
    """`late` moved so that it correlates best with `original`, to the sample; at most 50 ms."""
    correlation = scipy.signal.correlate(late, original, "full", "fft")
    zero = len(original) - 1
    limit = round(0.050 * RATE)
    shift = int(np.argmax(correlation[zero : zero + limit]))
    return late[shift : shift + len(original)]
