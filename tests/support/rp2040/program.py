"""An emulated board as a program: its serial line a pty, its boot ROM's drive a folder.

    python -m support.rp2040.program --flash board.flash --line ttyBoard --drive RPI-RP2

`board.flash` is its flash: kept up to date, and blank if there is none, so that the board shows
the drive first. `ttyBoard`, a link to the pty, is there while the board is on USB, as /dev/ttyACM0
would be, and so is the folder with the drive: what is copied there, a UF2 file, is flashed. Lines
on standard input: `reset`, `bootsel` (reset with that button held), `press PIN MS` (a button that
connects a pin with ground, for so long in the board's time), `quit`. Printed: `drive`, `serial`,
`gone`, `led PIN 0|1`. Its time is not faster than ours, and slower when it is busy.
"""

import argparse
import contextlib
import os
import pty
import select
import shutil
import time
import tty
from pathlib import Path

from support.rp2040.chip import Chip
from support.rp2040.drive import Drive
from support.rp2040.usb_host import UsbHost

_STEP_US = 2000
_BEHIND_S = 0.05  # a board that was slow does not hurry to catch up with more than this
_LOOK_S = 0.1  # how often files are looked at


class Program:
    """One board, until run() ends."""

    def __init__(self, flash: Path, line: Path, drive: Path | None, leds: list[int]):
        self._flash, self._link, self._folder = flash, line, drive
        self.chip = Chip(flash.read_bytes() if flash.exists() else b"")
        self.host = UsbHost(self.chip)
        self._kept = b""
        self._pty: int | None = None
        self._slave: int | None = None
        self._drive: Drive | None = None
        self._seen: dict[Path, int] = {}
        self._copied: set[Path] = set()
        self._looked = 0.0
        self._heard = b""  # of a line on standard input
        self._pressed: dict[int, float] = {}  # pin: until when, in µs of the board
        for pin in leds:
            self.chip.mcu.gpio[pin].add_listener(
                lambda state, _before, pin=pin: say(f"led {pin} {int(state)}")
            )

    def run(self) -> None:
        """Until `quit` or the end of input."""
        self.chip.power_on()
        origin = time.monotonic() - self.chip.now_us / 1e6
        try:
            while True:
                self.chip.step(_STEP_US)
                self._let_go()
                self._follow_usb()
                ahead = self.chip.now_us / 1e6 + origin - time.monotonic()
                if ahead < -_BEHIND_S:
                    origin -= ahead + _BEHIND_S
                if not self._listen(max(0.0, ahead)):
                    return
                if time.monotonic() - self._looked > _LOOK_S:
                    self._looked = time.monotonic()
                    self._keep_flash()
                    self._look_at_drive()
        finally:
            self._unplug()
            self._keep_flash()

    # --- what is on USB ---

    def _follow_usb(self) -> None:
        if self._pty is None and self.host.serial is not None:
            self._plug()
        elif self._pty is not None and self.host.serial is None:
            self._unplug()
            say("gone")
        if self._drive is None and self.host.drive is not None and self._folder is not None:
            self._drive = Drive(self.chip, self.host)
            self._folder.mkdir(parents=True, exist_ok=True)
            for name, data in self._drive.files().items():
                (self._folder / name).write_bytes(data)
            self._copied = set(self._folder.iterdir())
            say("drive")
        elif self._drive is not None and self._drive.gone:
            self._eject()

    def _eject(self) -> None:
        self._drive = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        say("gone")

    def _plug(self) -> None:
        self._pty, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._pty, False)
        self.host.serial.on_data = self._to_tool
        if self.host.serial.received_bytes:
            self._to_tool(bytes(self.host.serial.received_bytes))
        temporary = self._link.with_name(self._link.name + ".new")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.ttyname(self._slave))
        temporary.replace(self._link)
        say("serial")

    def _unplug(self) -> None:
        if self._pty is None:
            return
        self._link.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._pty)
        self._pty = self._slave = None

    def _to_tool(self, data: bytes) -> None:
        if self._pty is not None:
            with contextlib.suppress(BlockingIOError):  # nobody reads: it is lost, as on a wire
                os.write(self._pty, data)

    # --- from outside ---

    def _listen(self, wait_s: float) -> bool:
        """Take what tools and standard input have. False at the end."""
        watched = [0] if self._pty is None else [0, self._pty]
        readable, _, _ = select.select(watched, [], [], wait_s)
        if self._pty in readable:
            with contextlib.suppress(OSError):  # the tool has closed it
                self.host.serial.write(os.read(self._pty, 4096))
        return 0 not in readable or self._hear(os.read(0, 4096))

    def _hear(self, data: bytes) -> bool:
        *lines, self._heard = (self._heard + data).split(b"\n")
        return bool(data) and all(self._command(line.decode()) for line in lines)

    def _let_go(self) -> None:
        """Let go of the buttons that were pressed for long enough."""
        for pin, until_us in list(self._pressed.items()):
            if self.chip.now_us >= until_us:
                del self._pressed[pin]
                self.chip.mcu.gpio[pin].set_input_value(True)

    def _command(self, line: str) -> bool:
        words = line.split()
        if words == ["quit"]:
            return False
        if words == ["reset"]:
            self.chip.release_bootsel()
            self.chip.push_reset_button()
        elif words == ["bootsel"]:
            self.chip.hold_bootsel()
            self.chip.push_reset_button()
        elif words[:1] == ["press"] and len(words) == 3:
            pin, duration_ms = int(words[1]), int(words[2])
            self._pressed[pin] = self.chip.now_us + 1000 * duration_ms
            self.chip.mcu.gpio[pin].set_input_value(False)
        return True

    # --- files ---

    def _keep_flash(self) -> None:
        now = self.chip.flash
        if now != self._kept:
            temporary = self._flash.with_name(self._flash.name + ".new")
            temporary.write_bytes(now)
            temporary.replace(self._flash)
            self._kept = now

    def _look_at_drive(self) -> None:
        """Flash a file that was copied to the drive, once it does not grow any more."""
        if self._drive is None or self._folder is None or not self._folder.exists():
            return
        for path in set(self._folder.iterdir()) - self._copied:
            size = path.stat().st_size
            if size and self._seen.get(path) == size:
                self._copied.add(path)
                self.chip.release_bootsel()
                if self._drive.copy(path.read_bytes()):
                    self._eject()
                    return
            self._seen[path] = size


def say(text: str) -> None:
    """A line for whoever started us."""
    print(text, flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--flash", type=Path, required=True)
    parser.add_argument("--line", type=Path, required=True)
    parser.add_argument("--drive", type=Path)
    parser.add_argument("--led", type=int, action="append", default=[], metavar="PIN")
    arguments = parser.parse_args()
    Program(arguments.flash, arguments.line, arguments.drive, arguments.led).run()


if __name__ == "__main__":
    main()
