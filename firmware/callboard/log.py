"""The log: one line per message, `L (ms) module: text`, with L one of D I W E.

    log = Log(write, clock)
    net = log.module("net")
    net.warn("no answer in %d ms", 500)

Lines go to `write(line)`, and the last ones are kept in memory for who comes later. Control
characters are shown as dots, so that a line stays a line. What is secret is not given to a log;
what hide() was told is replaced all the same, should it be part of somebody's sentence.
"""

from . import port
from .errors import InvalidArgument

LEVELS = "DIWE"
LINE_MAX = 240
RECENT_MAX = 2048  # bytes of lines that are kept
MODULES_MAX = 16  # that have a level of their own
HIDE_MIN = 4  # characters: shorter secrets would be found everywhere
TRACE_MAX = 24  # lines of one traceback


class Log:
    """Writes lines of level `level` and above; `counts` holds how many of each were asked for.

    `recent`: the last lines, oldest first, RECENT_MAX bytes of them at most. `keep`: None, or a
    function that is given each line, too.
    """

    def __init__(self, write, clock, level="I"):
        self._write = write
        self._clock = clock
        self._lowest = LEVELS.index(level)
        self._levels = {}  # module -> index into LEVELS
        self.counts = [0] * len(LEVELS)
        self.recent = []
        self.keep = None
        self._recent_bytes = 0
        self._secrets = ()

    def hide(self, secrets):
        """Never show these texts: `***` stands for them. Replaces what was told before."""
        self._secrets = [printable(text) for text in secrets if len(text) >= HIDE_MIN]

    def redact(self, text):
        """`text` as it may be shown: one line, without the secrets."""
        text = printable(text)
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, "***")
        return text

    def set_level(self, level, module=None):
        """Log `level` ("D", "I", "W", "E") and above, of all modules or of one; None: as all.

        Raises InvalidArgument.
        """
        if level is None and module is not None:
            self._levels.pop(module, None)
            return
        if not isinstance(level, str) or len(level) != 1 or level not in LEVELS:
            raise InvalidArgument("level must be one of D I W E")
        if module is None:
            self._lowest = LEVELS.index(level)
            return
        if not isinstance(module, str) or not 1 <= len(module) <= 32:
            raise InvalidArgument("module must be a text of 1 to 32 characters")
        if module not in self._levels and len(self._levels) >= MODULES_MAX:
            raise InvalidArgument("at most %d modules have a level of their own" % MODULES_MAX)
        self._levels[module] = LEVELS.index(level)

    def levels(self):
        """{"level": of all, "modules": {name: level}}."""
        modules = {name: LEVELS[self._levels[name]] for name in self._levels}
        return {"level": LEVELS[self._lowest], "modules": modules}

    def module(self, name):
        """A Module that logs under `name`."""
        return Module(self, name)

    def line(self, level, name, text, args=()):
        """Log one line: `level` 0..3, an index into LEVELS; `text` is formatted with `args`."""
        self.counts[level] += 1
        if level < self._levels.get(name, self._lowest):
            return
        if args:
            text = text % args
        text = self.redact(text)
        if len(text) > LINE_MAX:
            text = text[: LINE_MAX - 3] + "..."
        line = "%s (%d) %s: %s" % (LEVELS[level], self._clock.ticks_ms(), name, text)
        self._remember(line)
        if self.keep is not None:
            self.keep(line)
        self._write(line)

    def _remember(self, line):
        self.recent.append(line)
        self._recent_bytes += len(line.encode())
        while self._recent_bytes > RECENT_MAX:
            self._recent_bytes -= len(self.recent.pop(0).encode())


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

    def exception(self, error):
        """A bug's traceback, a line each; of a long one the end, which is where it happened."""
        lines = port.exception_text(error).rstrip().split("\n")
        for line in lines[:1] + lines[1:][-TRACE_MAX:]:
            self._log.line(3, self._name, line.rstrip())


def printable(text):
    """`text` with control characters and lone surrogates as dots: it stays one line."""
    data = port.utf8(text)
    for byte in data:
        if byte < 32 or byte == 0x7F or byte == 0xC2 or byte == 0xED:
            return _cleaned(data)
    return text


def _cleaned(data):
    clean = b""
    i = kept = 0
    while i < len(data):
        size = _unprintable(data, i)
        if size:
            clean += data[kept:i] + b"."
            kept = i + size
        i += size or 1
    return (clean + data[kept:]).decode()


def _unprintable(data, i):
    """Bytes of the control character or half character that begins at `i` in UTF-8; 0: none."""
    if data[i] < 32 or data[i] == 0x7F:
        return 1
    if data[i] == 0xC2 and data[i + 1] < 0xA0:  # U+0080 to U+009F
        return 2
    if data[i] == 0xED and data[i + 1] >= 0xA0:  # U+D800 to U+DFFF
        return 3
    return 0
