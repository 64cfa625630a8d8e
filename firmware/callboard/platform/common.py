"""What every board has, silicon or not: its log and console, events, trust, sound from files.

A kind of board is a subclass: platform/unix.py, platform/hardware.py. It adds led(), network_up(),
scan(), log_ring(), reset_cause(), watchdog(), open_store(), and may take sound from elsewhere.
"""

import asyncio
import json

from .. import __version__, port, port_console
from ..errors import InvalidArgument
from ..log import Log
from ..parts import part
from ..serial.console import Console
from ..serial.outlet import Outlet

FLUSH_MS = 1000
BUTTON_ACTIONS = ("press", "release", "long")


class Common:
    """One board, made of the constants in `settings`; `about`: what Improv tells of the maker."""

    about = "callboard"

    def __init__(self, name, settings, clock):
        self.name = name
        self.settings = settings
        self.clock = clock
        stdout = port_console.Stdout()
        self.outlet = Outlet(stdout.write, stdout.ready, clock, write_part=stdout.write_part)
        self.log = Log(self.outlet.line, clock)
        self.network = None
        if settings.serial_network:
            from ..serial.bridge import Bridge
            from ..serial.network import SerialNetwork

            self.network = SerialNetwork(Bridge(clock, self.outlet), clock, settings.host_tls)
        self._writer = None
        self._devices = []

    # --- out ---

    def emit(self, event, fields=None):
        """Print an event for a program that watches."""
        message = {"event": event, "t_us": self.clock.epoch_ms() * 1000}
        message.update(fields or {})
        self._print("@" + json.dumps(message))

    def _print(self, line):
        self.outlet.line(line)
        if self._writer is None:
            self._writer = asyncio.create_task(self.outlet.run())

    # --- in ---

    async def read_console(self, on_button, on_quit, on_command, commands):
        """Read what comes in until `quit` or the end of input: `on_button(action)`, `on_quit()`,
        with `prompt=True` after Ctrl-C.

        `on_command(line)` gets what is neither; False: it does not know it. The rest is for
        `commands`, a serial.commands.Commands.
        """

        def take(line):
            word, _, action = line.partition(" ")
            if line == "quit":
                return None
            if word == "button" and action in BUTTON_ACTIONS:
                on_button(action)
                return True
            return on_command(line)

        info = ("callboard", __version__, self.name, self.about)
        log = self.log.module("console")
        bridge = self.network.bridge if self.network else None
        console = Console(commands, self.outlet, self.clock, log, info, take, bridge)
        if await console.run(*await port_console.stdin_functions()):
            on_quit(prompt=True)
        else:
            on_quit()

    # --- parts ---

    def tls(self):
        """Trust for the relay: its CA, its leaf, or None for http:// addresses."""
        settings = self.settings
        if not (settings.relay_ca or settings.relay_leaf_sha256):
            return None
        if settings.relay_leaf_sha256 is not None:
            return port.tls_client_context(leaf_sha256=settings.relay_leaf_sha256)
        tls = part("net.tls", "TLS")
        try:
            return tls.context_from_file(settings.relay_ca)
        except OSError as error:
            raise InvalidArgument("cannot read board.RELAY_CA %s: %s" % (settings.relay_ca, error))

    def microphone(self):
        """A new microphone. Raises InvalidArgument when its WAV file cannot be read."""
        from ..media import devices

        settings = self.settings
        if callable(settings.microphone):
            return settings.microphone(settings.audio_rate, self.clock)
        if settings.microphone is None:
            return devices.NullMicrophone(settings.audio_rate, self.clock, settings.audio_ppm)
        files = part("media.wav_devices", "sound from files")
        device = files.WavMicrophone(settings.microphone, self.clock, settings.audio_ppm)
        self._devices.append(device)
        return device

    def speaker(self):
        """A new speaker. Raises InvalidArgument when its WAV file cannot be made."""
        from ..media import devices

        settings = self.settings
        rate, ppm = settings.audio_rate, settings.audio_ppm
        if callable(settings.speaker):
            return settings.speaker(rate, self.clock)
        if settings.speaker is None:
            return devices.NullSpeaker(rate, self.clock, ppm)
        files = part("media.wav_devices", "sound into files")
        device = files.WavSpeaker(settings.speaker, rate, self.clock, ppm)
        device.loudspeaker = settings.loudspeaker
        self._devices.append(device)
        return device

    def pictures(self):
        """A camera and a screen, None for what this board has not. Raises InvalidArgument."""
        return None, None

    def close(self):
        """Switch off: close the files."""
        devices, self._devices = self._devices, []
        for device in devices:
            device.close()

    def flush(self):
        """Let everything out that was printed, at the end."""
        if self._writer is not None:
            self._writer.cancel()
        self.outlet.flush(FLUSH_MS)
