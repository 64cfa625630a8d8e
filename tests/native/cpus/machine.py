"""Runs guest.py on emulated CPUs: MicroPython under QEMU, its files in a ROM file system.

    machine = MACHINES["rv32imc"]
    for line in machine.run("vectors(60)"): ...

A system emulator finds the ROM image in its memory and is spoken to in raw REPL on its serial
line; qemu-xtensa is given the image and the code as arguments. Ends when the code has.
"""

import json
import os
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpremote.romfs import VfsRomWriter

HERE = Path(__file__).parent
TOP = HERE.parents[2]
BUILD = TOP / "build" / "cpus"
TIMEOUT_S = 500
_CRASH = b"exception caught:"  # what the qemu port says before it stops for good


class GuestFailed(Exception):
    """The code raised on the emulated CPU, or never ended; the text is what it printed."""


def version() -> str:
    """Which QEMU is used."""
    said = subprocess.run(
        ["qemu-system-arm", "--version"], capture_output=True, text=True, check=True
    )
    return said.stdout.split(" (")[0].replace("emulator version ", "")


def rom_image(files: dict[str, bytes]) -> bytes:
    """A ROM file system with these files ("a/b.py": contents)."""
    tree: dict = {}
    for name, content in files.items():
        *folders, last = name.split("/")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[last] = content
    writer = VfsRomWriter()

    def add(node: dict) -> None:
        for name, entry in sorted(node.items()):
            if isinstance(entry, dict):
                writer.opendir(name)
                add(entry)
                writer.closedir()
            else:
                writer.mkfile(name, entry)

    add(tree)
    return bytes(writer.finalise())


@dataclass(frozen=True)
class Machine:
    """One emulated board. `per_tick`: instructions per tick of its clock; 0: cannot be counted."""

    cpu: str
    system: tuple[str, ...]  # the emulator and its machine; empty: qemu-xtensa
    rom_address: int = 0
    per_tick: int = 0

    @property
    def firmware(self) -> Path:
        return BUILD / self.cpu / "firmware.elf"

    def run(self, code: str, rom: bytes, count: bool = False) -> list[str]:
        """The lines that `code` prints, a call of a function in guest.py or, written
        guest_costs.NAME(...), there. `count`: every instruction takes a nanosecond."""
        assert self.firmware.exists(), f"{self.firmware} is missing: run make cpus"
        with tempfile.NamedTemporaryFile(dir=BUILD, suffix=".romfs") as image:
            image.write(rom)
            image.flush()
            if not self.system:
                return self._run_program(image.name, _code(code))
            return self._run_system(image.name, len(rom), _code(code), count)

    def json(self, code: str, rom: bytes, count: bool = False) -> list[dict]:
        """The JSON objects that it prints."""
        return [json.loads(line) for line in self.run(code, rom, count)]

    def _run_program(self, image: str, code: str) -> list[str]:
        command = ["qemu-xtensa", "-cpu", "de233_fpu", str(self.firmware), image, code]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as late:
            raise GuestFailed(f"{self.cpu}: still running: {late.stdout!r}") from late
        if done.returncode:
            raise GuestFailed(f"{self.cpu}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout.splitlines()

    def _run_system(self, image: str, size: int, code: str, count: bool) -> list[str]:
        mount = (
            "import vfs, uctypes\n"
            f"vfs.mount(vfs.VfsRom(uctypes.bytearray_at({self.rom_address:#x}, {size})), '/rom')\n"
        )
        command = [
            *self.system,
            *("-display", "none", "-monitor", "none", "-serial", "stdio", "-semihosting"),
            *("-kernel", str(self.firmware)),
            *("-device", f"loader,file={image},addr={self.rom_address:#x},force-raw=on"),
            *(("-icount", "shift=0") if count else ()),
        ]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            return self._raw_repl(process, mount + code)
        finally:
            watchdog.cancel()
            process.kill()
            process.wait()

    def _raw_repl(self, process: Any, code: str) -> list[str]:
        said = bytearray()

        def until(end: bytes) -> bytes:
            while end not in said:
                chunk = os.read(process.stdout.fileno(), 4096)
                said.extend(chunk)
                if not chunk or _CRASH in said:
                    raise GuestFailed(
                        f"{self.cpu}: ended, crashed or was stopped: {bytes(said)!r}"
                    )
            before, _, after = bytes(said).partition(end)
            said[:] = after
            return before

        def tell(data: bytes) -> None:
            process.stdin.write(data)
            process.stdin.flush()

        tell(b"\r\x01")
        until(b"raw REPL; CTRL-B to exit\r\n>")
        tell(code.encode() + b"\x04")
        until(b"OK")
        output, error = until(b"\x04"), until(b"\x04")
        if error:
            raise GuestFailed(f"{self.cpu}: {output.decode()}{error.decode()}")
        return output.decode().splitlines()


def _code(call: str) -> str:
    prepare = "import sys\nsys.path.insert(0, '/rom')\nimport guest\nguest.paths()\n"
    if call.startswith("guest_costs."):
        return f"{prepare}import guest_costs\n{call}\n"
    return f"{prepare}guest.{call}\n"


def _mps2(machine: str) -> tuple[str, ...]:
    return ("qemu-system-arm", "-machine", machine)


MACHINES = {
    machine.cpu: machine
    for machine in (
        Machine("armv6m", _mps2("mps2-an385"), 0x21000000, 40),
        Machine("armv7m", _mps2("mps2-an385"), 0x21000000, 40),
        Machine("armv7emsp", _mps2("mps2-an386"), 0x21000000, 40),
        Machine(
            "rv32imc",
            ("qemu-system-riscv32", "-machine", "virt", "-bios", "none"),
            0x84000000,
            100,
        ),
        Machine("xtensawin", ()),
    )
}
