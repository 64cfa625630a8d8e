"""A board at MicroPython's prompt, by mpremote: who it is, its keys, and into its boot ROM."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from callboard_host.errors import NotBuilt
from callboard_host.serial_line.port import SerialPort

from .job import NoBoard

# Runs on the board. The key store is where our own firmware keeps it, or in two pin files.
_WHO = """
import sys, machine, binascii
print(getattr(sys.implementation, '_machine', ''))
print(str(binascii.hexlify(machine.unique_id()), 'ascii'))
try:
    print(open('/image.json').read().replace('\\n', ' '))
except OSError:
    print('{}')
"""
# Memory may be short: an application that did not fit may have left little of it.
_KEYS = """
import gc, binascii
gc.collect()
b = bytearray(128)
def show():
    print(str(binascii.hexlify(b), 'ascii'))
try:
    import callboard_firmware as own
    import rp2
    print('sectors')
    f = rp2.Flash()
    for i in (0, 1):
        for at in range(0, 4096, 128):
            f.readblocks(own.KEY_BLOCK + i, b, at)
            show()
except ImportError:
    try:
        for n in ('/keystore0.pin', '/keystore1.pin'):
            with open(n, 'rb') as f:
                if n[-5] == '0':
                    print('pin_files')
                for i in range(32):
                    f.readinto(b)
                    show()
    except OSError:
        print('none')
"""
# Whoever opens the port next may send a byte that is Ctrl-C, and would keep it here.
_LEAVE = """
import machine, micropython, time
micropython.kbd_intr(-1)
print('leaving')
time.sleep_ms(200)
machine.{}()
"""
_LIMIT_S = 20


@dataclass(frozen=True)
class Who:
    """A board: MicroPython's name for it, its number, and the image.json that it runs."""

    machine: str
    number: str
    facts: dict[str, Any]


class Prompt:
    """Made by at_prompt()."""

    def __init__(self, transport: Any):
        self._transport = transport

    def who(self) -> Who:
        """Who it is."""
        machine, number, facts = self._run(_WHO).split("\n", 2)
        try:
            known = json.loads(facts)
        except ValueError:
            known = {}
        return Who(machine.strip(), number.strip(), known if isinstance(known, dict) else {})

    def keys(self) -> tuple[str, bytes]:
        """(where its key store lives, its 8 KB); ("none", b"") when it has none."""
        place, _, rest = self._run(_KEYS).partition("\n")
        data = bytes.fromhex("".join(rest.split()))
        return (place, data) if len(data) == 8192 else ("none", b"")

    def start_boot_rom(self) -> None:
        """Into the boot ROM, which shows its drive; the port goes away."""
        self._leave("bootloader")

    def restart(self) -> None:
        """Start the board anew, as its reset button does."""
        self._leave("reset")

    def _leave(self, how: str) -> None:
        """The port may go before it has confirmed anything: what follows shows whether it did."""
        with contextlib.suppress(Exception):
            self._transport.exec_raw_no_follow(_LEAVE.format(how))
            self._transport.read_until(1, b"leaving", timeout_overall=_LIMIT_S)

    def _run(self, code: str) -> str:
        return self._transport.exec(code).decode("utf-8", "replace").replace("\r\n", "\n").strip()


def _last_line(error: Exception) -> str:
    """What went wrong; of a traceback on the board, its end."""
    said = getattr(error, "error_output", "") or str(error)
    lines = said.strip().splitlines()
    return lines[-1] if lines else type(error).__name__


@contextlib.contextmanager
def at_prompt(port: str) -> Iterator[Prompt]:
    """The board on `port` at its prompt; what ran there is interrupted.

    Nothing is started again: call restart(), or start_boot_rom(). Raises NoBoard, PortFailed,
    NotBuilt.
    """
    try:
        from mpremote.transport import TransportError
        from mpremote.transport_serial import SerialTransport
    except ImportError as error:
        raise NotBuilt("mpremote is not installed", "pip install 'callboard[serial]'") from error
    SerialPort(port).close()  # whatever is wrong with the port, we say it better
    transport = None
    try:
        transport = SerialTransport(port, baudrate=115200)
        transport.enter_raw_repl(soft_reset=False, timeout_overall=_LIMIT_S)
        yield Prompt(transport)
    except (TransportError, OSError) as error:
        raise NoBoard(
            f"the board on {port} gives no Python prompt: {_last_line(error)}",
            "hold BOOTSEL while you plug it in, and run the same command again",
        ) from error
    finally:
        if transport is not None:
            with contextlib.suppress(OSError):  # it has gone, as it was told to
                transport.close()
