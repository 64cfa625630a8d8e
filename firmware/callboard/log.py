"""The log: one line per message, `L (ms) module: text`, with L one of D I W E.

    log = Log(write, clock)
    net = log.module("net")
    net.warn("no answer in %d ms", 500)

Lines go to `write(line)`. Control characters are shown as dots, so that a line stays a line. What
is secret is never given to a log; there is no filter that would find it.
"""

LEVELS = "DIWE"
LINE_MAX = 240


class Log:
    """Writes lines of level `level` and above; `counts` holds how many of each were asked for."""

    def __init__(self, write, clock, level="I"):
        self._write = write
        self._clock = clock
        self._lowest = LEVELS.index(level)
        self.counts = [0] * len(LEVELS)

    def module(self, name):
        """A Module that logs under `name`."""
        return Module(self, name)

    def line(self, level, name, text, args=()):
        """Log one line: `level` 0..3, an index into LEVELS; `text` is formatted with `args`."""
        self.counts[level] += 1
        if level < self._lowest:
            return
        if args:
            text = text % args
        if len(text) > LINE_MAX:
            text = text[: LINE_MAX - 3] + "..."
        self._write(
            "%s (%d) %s: %s" % (LEVELS[level], self._clock.ticks_ms(), name, printable(text))
        )


class Module:
    """A part of the program that logs under its own name."""

    def __init__(self, log, name):
        self._log = log
        self._name = name

    def debug(self, text, *args):
        """What only a developer wants to know."""
        self._log.line(0, self._name, text, args)

    def info(self, text, *args):
        """What happened."""
        self._log.line(1, self._name, text, args)

    def warn(self, text, *args):
        """What went wrong and was mended."""
        self._log.line(2, self._name, text, args)

    def error(self, text, *args):
        """What went wrong and needs somebody."""
        self._log.line(3, self._name, text, args)


def printable(text):
    """`text` with control characters and lone surrogates as dots: it stays one line."""
    for character in text:
        code = ord(character)
        if code < 32 or 127 <= code < 160 or 0xD800 <= code <= 0xDFFF:
            break
    else:
        return text
    return "".join(
        "." if ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) <= 0xDFFF else c
        for c in text
    )
