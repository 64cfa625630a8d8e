"""On the board: how much memory the application leaves when Opus runs both ways at 16 kHz.

Prints bytes free and used, after a collection. board_.py is the board's board.py; of that name
main.py would start it.
"""

import gc

import board_

from callboard import platform, port
from callboard.app import App
from callboard.media import pipeline
from callboard.net import http, websocket  # noqa: F401  (what a connection loads)
from callboard.signalling import link  # noqa: F401

STREAM = {
    "codec": "opus",
    "rate": 16000,
    "bitrate_bps": 24000,
    "fec": True,
    "dtx": False,
    "payload_type": 111,
    "clock_rate": 48000,
    "channels": 1,
    "frame_ms": 20,
    "ssrc": 7,
    "mid": "0",
}
FRAMES = 10


class Loop:
    """A transport that sends back what it is given."""

    headroom = 16
    session = None
    sent = 0

    def send(self, buf, off, n):
        self.sent += 1
        self.session.receive(buf, off, n, port.ticks_ms())
        return True


app = App(platform.create(board_))
app._make_parts()
app._init_client()
loop = Loop()
codecs = app._client._av._codecs
loop.session = pipeline.AudioSession(
    port.CLOCK, *app._sound, STREAM, STREAM, loop, codecs=codecs
)
loop.session.start()
for _ in range(FRAMES):
    loop.session.tick()
assert loop.sent == FRAMES, loop.sent
gc.collect()
print(gc.mem_free(), gc.mem_alloc())
