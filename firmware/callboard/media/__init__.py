"""Sound: devices, codecs, RTP, the jitter buffer and the 20 ms pipeline that joins them."""
