"""Where a call's time goes on the emulated chip: samples of its program counter, by function.

    PYTHONPATH=tests build/venv/bin/python -m support.rp2040.profile    # opus-8k over the bridge

Prints µs of each frame's 20 ms: in C functions, in Python functions alone (with the C they call),
in Python functions with all they call. To the emulator flash is as fast as RAM.
"""

import bisect
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path

from elftools.elf.elffile import ELFFile

from callboard_host.demo.speech import Plan
from support.rp2040 import flash_image
from support.rp2040.chip import Chip
from support.rp2040.spoken_call import SpokenCall

EVERY_NS = 41_000  # nothing of the board's has that period
FRAME_NS = 20_000_000
_FIGURES = ("frames_sent", "frames_lost", "underruns", "stoi", "stoi_codec_only")
_SRAM = 0x20000000


class Symbols:
    """Functions of C by address, and of frozen Python by the address of their bytecode."""

    def __init__(self, elf: Path):
        with elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            symbols = [
                s
                for s in table.iter_symbols()
                if s["st_shndx"] != "SHN_ABS" and s.name[:1] not in ("", "$", ".")
            ]
        found = {s["st_value"]: s.name for s in symbols}
        self.stack = next(
            (s["st_value"], s["st_size"]) for s in symbols if s.name == "callboard_stack"
        )
        self.types = {a for a, n in found.items() if n in ("mp_type_fun_bc", "mp_type_gen_wrap")}
        self.python = {
            a: n.removeprefix("fun_data_").removeprefix("callboard_")
            for a, n in found.items()
            if n.startswith("fun_data_")
        }
        code = {address & ~1: name for address, name in found.items() if address & 1}
        self._starts = sorted(code)
        self._names = [code[start] for start in self._starts]

    def c_function(self, pc: int) -> str:
        """Of the program counter."""
        at = bisect.bisect_right(self._starts, pc) - 1
        return self._names[at] if at >= 0 else hex(pc)


class Profile:
    """Samples a chip while `on`."""

    def __init__(self, chip: Chip, symbols: Symbols):
        self._chip, self._symbols = chip, symbols
        self.on = False
        self.c: Counter[str] = Counter()
        self.alone: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.samples = self.idle = 0
        self._pointer: int | None = None
        self._alarm = chip.simulator.clock.create_alarm(self._sample)
        self._alarm.schedule(EVERY_NS)

    def _sample(self) -> None:
        self._alarm.schedule(EVERY_NS)
        if not self.on:
            return
        self.samples += 1
        core = self._chip.mcu.core
        if core.waiting:
            self.idle += 1
            return
        function = self._symbols.c_function(core.registers[15])
        self.c[function] += 1
        stack = self._python_stack()
        top = stack[0] if stack else "-"
        self.alone[top] += 1
        self.pairs[top, function] += 1
        for name in set(stack):
            self.whole[name] += 1

    def _python_stack(self) -> list[str]:
        """Functions that have begun, the last first. Coroutines are not on MicroPython's stack:
        they count for who resumed them."""
        words = memoryview(self._chip.mcu.sram).cast("I")
        base, size = self._symbols.stack
        if self._pointer is None:  # its bounds lie in front of it
            found = words.tobytes().find(struct.pack("<II", base, base + size))
            assert found >= 0 and found % 4 == 0
            self._pointer = found // 4 + 2
        names = []
        for at in range((base - _SRAM) // 4, (words[self._pointer] - _SRAM) // 4):
            function = words[at] - _SRAM  # a code state holds the function object first
            if function & 3 or not 0 <= function // 4 < len(words) - 3:
                continue
            if words[function // 4] in self._symbols.types:
                bytecode = words[function // 4 + 3]
                names.append(self._symbols.python.get(bytecode, hex(bytecode)))
        return names[::-1]

    def report(self, frames: float, most: int = 45) -> str:
        """Tables in µs per frame."""
        scale = EVERY_NS / 1000 / frames
        lines = [f"{self.samples * scale:.0f} µs a frame, idle {self.idle * scale:.0f}"]
        for title, counts in (
            ("C", self.c),
            ("Python alone", self.alone),
            ("Python with what it calls", self.whole),
        ):
            lines += ["", title]
            lines += [f"{n * scale:8.0f} {name}" for name, n in counts.most_common(most)]
        lines += ["", "Python function, C function"]
        lines += [f"{n * scale:8.0f} {a} | {b}" for (a, b), n in self.pairs.most_common(most)]
        return "\n".join(lines)


class ProfiledCall(SpokenCall):
    """Samples from the answer to the end."""

    profile: Profile

    def prepare_chip(self, chip: Chip) -> None:
        self.profile = Profile(chip, Symbols(flash_image.FIRMWARE.with_suffix(".elf")))

    def _board_said(self, line: bytes, cut: bool) -> None:
        super()._board_said(line, cut)
        if self.board_events:
            last = self.board_events[-1]["event"]
            if last == "audio_first":
                self.profile.on = True
            elif last in ("ended", "stats"):
                self.profile.on = False


def main(codec: str = "opus-8k", rate: str = "8000") -> None:
    """Make the call of test_rp2040.py and print where the time went."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(speech_s=3.0, chirps_s=1.2)
        call = ProfiledCall(Path(folder), plan, codec=codec, rate=int(rate))
        report = call.run(flash_image.firmware_flash())
    print(call.profile.report(call.profile.samples * EVERY_NS / FRAME_NS))
    print(f"\nframe_cpu_ms {report['board']['frame_cpu_ms']}")
    for name, side in report["media"].items():
        print(name, *(f"{figure} {side[figure]}" for figure in _FIGURES))


if __name__ == "__main__":
    main(*sys.argv[1:])
