"""Device tests on the emulated chip: which of them, and how a file of them is run.

What is not named here does not fit: it opens sockets, reads the host's files, or needs more memory
or time than a test on a chip that is emulated at a fraction of its speed should take.
"""

import functools
from pathlib import Path

from support.rp2040 import flash_image
from support.rp2040.chip import Chip
from support.rp2040.repl import RemoteError, Repl
from support.rp2040.usb_host import UsbHost

FILES = (
    "test_core_backoff",  # the small parts of the core, on the chip's own clock and asyncio
    "test_core_events",
    "test_core_queue",
    "test_core_scope",
    "test_core_supervisor",
    "test_native_heaplock",  # native modules linked into firmware: nothing allocates
    "test_opus_heaplock",
    "test_pcm_g711",
    "test_wire_websocket",
    "test_pins",
    "test_i2s",
    "test_silicon",
    "test_url",
    "test_serial_framing",
    "test_voip_call",
)
FILE_MS = 120_000  # of the guest's time
_SUPPORT = ("support/__init__", "support/fake_clock", "implementations")


@functools.cache
def _flash() -> bytes:
    """Firmware, the runner, what tests share, and every chosen file, as bytecode."""
    tests = flash_image.TOP / "tests"
    files = {"run_device.mpy": flash_image.bytecode(tests / "run_device.py", "run_device.py")}
    for stem in _SUPPORT:
        source = tests / (stem + ".py")
        if not source.exists():
            source = tests / "device" / (stem + ".py")
        files[stem + ".mpy"] = flash_image.bytecode(source, source.name)
    for stem in FILES:
        source = tests / "device" / (stem + ".py")
        files[f"device/{stem}.mpy"] = flash_image.bytecode(source, source.name)
    return flash_image.with_files(flash_image.firmware_flash(), files)


def run(path: Path, names: list[str]) -> str:
    """What tests/run_device.py prints for these tests of one file, on a board of its own."""
    chip = Chip(_flash())
    host = UsbHost(chip)
    chip.power_on()
    repl = Repl(chip, host)
    said = ""
    for name in names:
        code = f"import run_device; run_device.run_file('/device/{path.name}::{name}')"
        try:
            said += repl.run(code, FILE_MS)
        except (RemoteError, TimeoutError) as error:
            return f"{said}\n{error}"
    return said
