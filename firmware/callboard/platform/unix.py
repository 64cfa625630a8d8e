"""The virtual board: button and LED as console lines, WAV files as microphone and speaker.

What a real board does with pins, this one does with lines. In: `button press`, `button release`,
`button long`, `quit`, and what the application knows. Out: `led: on|off|blink`, log lines
`L (ms) module: text`, and events: `@` and a JSON object
`{"event": name, "t_us": host time in µs since 1970, …}`.
"""

import json
import sys
import time

from .. import keystore, port
from ..errors import InvalidArgument
from ..log import Log
from .settings import Settings

LINE_MAX = 128
BUTTON_ACTIONS = ("press", "release", "long")


class HostClock(port.Clock):
    """The real time; the wall clock is the host's, so that recordings of programs compare."""

    @staticmethod
    def epoch_ms():
        """Milliseconds since 1970 by the host, whatever the relay says."""
        return time.time_ns() // 1000000


class Platform:
    """One virtual board. `board` is the module that `callboard board` writes."""

    name = "UNIX"

    def __init__(self, board):
        self.settings = Settings(board)
        self.clock = HostClock()
        self.log = Log(print_line, self.clock)
        self._led = None
        self._devices = []

    # --- out ---

    def emit(self, event, fields=None):
        """Print an event for a program that watches."""
        message = {"event": event, "t_us": time.time_ns() // 1000}
        message.update(fields or {})
        print_line("@" + json.dumps(message))

    def led(self, state):
        """Show "on", "off" or "blink"; prints changes only."""
        if state != self._led:
            self._led = state
            print_line("led: " + state)

    # --- in ---

    async def read_console(self, on_button, on_quit, on_command):
        """Read lines until `quit` or the end of input: `on_button(action)`, then `on_quit()`.

        `on_command(line)` gets what is neither; False: it does not know it.
        """
        log = self.log.module("console")
        reader = await port.stdin_reader()
        while True:
            line = await read_line(reader)
            if line is None or line == "quit":
                break
            word, _, action = line.partition(" ")
            if word == "button" and action in BUTTON_ACTIONS:
                on_button(action)
            elif line and not on_command(line):
                log.warn("not a command: %s", line)
        on_quit()

    # --- parts ---

    async def network_up(self):
        """The host's network is there already."""

    def tls(self):
        """Trust for the relay: its CA, its leaf, or None for http:// addresses."""
        settings = self.settings
        if not settings.relay_url.startswith("https:"):
            return None
        if settings.relay_leaf_sha256 is not None:
            return port.tls_client_context(leaf_sha256=settings.relay_leaf_sha256)
        from ..net.tls import context_from_file

        try:
            return context_from_file(settings.relay_ca)
        except OSError as error:
            raise InvalidArgument("cannot read board.RELAY_CA %s: %s" % (settings.relay_ca, error))

    def open_store(self):
        """The key store in the board's flash, here a file."""
        return keystore.open(keystore.FileDevice(self.settings.data_path))

    def microphone(self):
        """A new microphone. Raises InvalidArgument when its WAV file cannot be read."""
        from ..media import devices

        settings = self.settings
        if settings.microphone is None:
            return devices.NullMicrophone(settings.audio_rate, self.clock, settings.audio_ppm)
        device = devices.WavMicrophone(settings.microphone, self.clock, settings.audio_ppm)
        self._devices.append(device)
        return device

    def speaker(self):
        """A new speaker. Raises InvalidArgument when its WAV file cannot be made."""
        from ..media import devices

        settings = self.settings
        rate, ppm = settings.audio_rate, settings.audio_ppm
        if settings.speaker is None:
            return devices.NullSpeaker(rate, self.clock, ppm)
        device = devices.WavSpeaker(settings.speaker, rate, self.clock, ppm)
        device.loudspeaker = settings.loudspeaker
        self._devices.append(device)
        return device

    def close(self):
        """Switch off: close the WAV files."""
        devices, self._devices = self._devices, []
        for device in devices:
            device.close()


async def read_line(reader):
    """The next line without its end; None at the end of input. What exceeds LINE_MAX is cut off.

    Byte by byte: on MicroPython a readline() would block the board until the line is complete.
    """
    line = b""
    while True:
        byte = await reader.read(1)
        if not byte:
            return None
        if byte == b"\n":
            break
        if len(line) < LINE_MAX:
            line += byte
    try:
        return str(line, "utf-8").strip()
    except UnicodeError:
        return "?"  # reported as no command


def print_line(line):
    """Write one line to standard output at once."""
    sys.stdout.write(line + "\n")
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()
