"""The way in: for a moment after each reset Ctrl-C leads to Python's prompt, whatever comes then.

Frames contain that byte, too; those of a bridge or a tool that is there already are no way in, and
are lost.
"""

from .. import port_console
from ..port import ticks_add, ticks_diff, ticks_ms
from . import framing

_LINE_MAX = 64


class _Watch(framing.Handler):
    interrupted = False

    def on_interrupt(self):
        self.interrupted = True


def interrupted_within(ms):
    """Wait `ms`; True as soon as Ctrl-C was typed. Nobody else reads the console meanwhile."""
    watch = _Watch()
    decoder = framing.Decoder(watch, _LINE_MAX, typed=True)
    end = ticks_add(ticks_ms(), ms)
    while not watch.interrupted:
        left = framing.ALONE_MS if decoder.held else ticks_diff(end, ticks_ms())
        byte = port_console.typed_byte(left) if left > 0 else None
        if byte:
            decoder.feed(byte, 1, ticks_ms())
        elif byte is None and decoder.held:
            decoder.silence(ticks_add(ticks_ms(), 1))
        else:  # time is up, or the input has ended
            break
    return watch.interrupted
