"""What fits through a serial line beside its log: the bytes per second of each codec.

A packet of audio every 20 ms costs, in each direction, its payload, the headers of RTP, the frame
around it, and a PING one way or its PONG the other. What is left must do for signalling and for
the log (at most 64 bytes each 20 ms).
"""

from .outlet import CALL_PAUSE_MS, CHUNK

PACKETS_PER_S = 50
RTP_BYTES = 20  # header and extensions (PROTOCOL.md §5)
FRAME_BYTES = 6  # delimiters, COBS, type, CRC
PING_BYTES = 9
PAYLOADS = {"pcmu": 160, "opus": 60, "opus-8k": 60}  # bytes of 20 ms; Opus at 24 kb/s
SIGNALLING_SHARE = 10  # the line's rate divided by this
LOG_BYTES_PER_S = CHUNK * 1000 // CALL_PAUSE_MS


def needs(codec):
    """Bytes/s in each direction that a call coded in `codec` takes."""
    return PACKETS_PER_S * (PAYLOADS[codec] + RTP_BYTES + FRAME_BYTES + PING_BYTES)


def spare(rate):
    """Bytes/s that a line of `rate` bytes/s has for a call in each direction."""
    return max(0, rate - LOG_BYTES_PER_S - rate // SIGNALLING_SHARE)


def fits(rate, codec):
    """Whether a call in `codec` fits through a line of `rate` bytes/s; 0: it has no limit."""
    return not rate or needs(codec) <= spare(rate)


def refusal(rate, codecs):
    """The sentence that says why none of `codecs` fits, and what to do."""
    wanted = ", ".join("%s %d" % (name, needs(name)) for name in codecs)
    return (
        "the serial line is too slow for this call: of %d bytes/s it has %d for audio each way, "
        "which needs (%s): use a faster line (--baud at the bridge and at the board; --usb for a "
        "line that is USB all the way), or Opus" % (rate, spare(rate), wanted)
    )
