"""What native modules cost per CPU: sizes of the files; stack and instructions, emulated.

python -m cpus.costs               what the last `make test-cpus` found, beside the last release
python -m cpus.costs --release     keep it as that of this release, in last_release.json
"""

import json
import re
import sys
from pathlib import Path

from elftools.elf.elffile import ELFFile

import callboard
from cpus.machine import MACHINES, TOP, Machine

LAST_RELEASE = Path(__file__).with_name("last_release.json")
NATMODS = TOP / "build" / "natmods"
# name, rate, complexity, bitrate, application
OPUS_CASES = (
    ("16 kHz SILK c0", 16000, 0, 24000, "VOIP"),
    ("16 kHz SILK c5", 16000, 5, 24000, "VOIP"),
    ("16 kHz SILK c10", 16000, 10, 24000, "VOIP"),
    ("8 kHz SILK c0", 8000, 0, 12000, "VOIP"),
    ("16 kHz CELT c0", 16000, 0, 32000, "LOWDELAY"),
)
_COUNTED_FRAMES = 50


def measure(machine: Machine, rom: bytes) -> dict:
    """Instructions per frame of each case, and stack, scratch and state of each module."""
    count = f"guest_costs.instructions({machine.per_tick}, {OPUS_CASES}, {_COUNTED_FRAMES})"
    return {
        "instructions": machine.json(count, rom, count=True),
        "memory": machine.json("guest_costs.stack_and_memory()", rom),
    }


def instruction_ratio(boards: dict) -> float:
    """The worst ratio of a .mpy to the same code linked in, encoding and decoding together."""
    ratios = [
        sum(row["mpy"].values()) / sum(row["linked"].values())
        for board in boards.values()
        for row in board.get("instructions", ())
    ]
    return round(max(ratios), 4)


def _linked_log(path: Path) -> dict[str, int]:
    """What MicroPython's linker said about a module: text (with rodata, on most CPUs), bss."""
    sizes = dict(re.findall(r"^(\w+) size: +(\d+)$", path.read_text(), flags=re.MULTILINE))
    return {name: int(size) for name, size in sizes.items()}


def _rodata(folder: Path) -> int:
    """Bytes of constants in the objects that were linked."""
    total = 0
    for path in folder.glob("native/*/*.o"):
        if path.name.endswith(".part.o"):
            continue
        with path.open("rb") as file:
            sections = ELFFile(file).iter_sections()
            total += sum(
                s["sh_size"] for s in sections if s.name.startswith((".rodata", ".srodata"))
            )
    return total


def module_size(cpu: str, module: str) -> dict[str, int]:
    """Bytes of one .mpy and of what is in it. Code includes the functions taken from libgcc."""
    linked = _linked_log(NATMODS / cpu / f"callboard_{module}.log")
    rodata = linked.get("rodata", _rodata(NATMODS / cpu / f"{module}.o"))
    return {
        "mpy": (NATMODS / cpu / f"callboard_{module}.mpy").stat().st_size,
        "code": linked["text"] - (0 if "rodata" in linked else rodata),
        "rodata": rodata,
        "bss": linked["bss"],
    }


def costs(boards: dict) -> dict[str, dict]:
    """{"sizes": {cpu: {module: {...}}}, "instructions": {cpu: {case: {...}}}}."""
    sizes: dict = {}
    for folder in sorted(path for path in NATMODS.iterdir() if path.is_dir()):
        cpu = folder.name
        memory = {row["module"]: row for row in boards.get(cpu, {}).get("memory", ())}
        for path in sorted(folder.glob("callboard_*.mpy")):
            module = path.stem.removeprefix("callboard_")
            row = module_size(cpu, module)
            row |= {k: v for k, v in memory.get(module, {}).items() if k != "module"}
            sizes.setdefault(cpu, {})[module] = row
    instructions = {
        cpu: {
            row["case"]: {
                **row["mpy"],
                "ratio": round(sum(row["mpy"].values()) / sum(row["linked"].values()), 4),
            }
            for row in board["instructions"]
        }
        for cpu, board in boards.items()
        if "instructions" in board
    }
    return {"sizes": sizes, "instructions": instructions}


def _compared(now: float, before: float | None) -> str:
    if not before or now == before:
        return f"{now:>10}" + " " * 8
    return f"{now:>10} {100 * (now / before - 1):+5.1f} %"


def _table(title: str, now: dict, before: dict, columns: tuple[str, ...]) -> None:
    print(f"{title:28}" + "".join(f"{name:>10}        " for name in columns))
    for cpu, rows in now.items():
        for name, row in rows.items():
            old = before.get(cpu, {}).get(name, {})
            cells = [
                _compared(row[column], old.get(column)) if column in row else " " * 18
                for column in columns
            ]
            print(f"{cpu:10}{name:18}" + "".join(cells))


def show() -> None:
    """Print build/cpus.json and both cost files beside those of the last release."""
    report = json.loads((TOP / "build" / "cpus.json").read_text())
    boards = ", ".join(MACHINES)
    print(f"{len(report['configurations'])} configurations of Opus, {report['frames']} frames, on")
    print(f"{', '.join(report['targets'])}: {report['differences']} differences")
    print(
        f"key store: {report['keystore_cuts']} power cuts on {boards}: the same flash everywhere"
    )
    print(f".mpy / linked code: {report['instruction_ratio']} at most; {report['measured_on']}")
    before = json.loads(LAST_RELEASE.read_text()) if LAST_RELEASE.exists() else {}
    release = before.get("release", "none")
    for name, title, columns in (
        ("sizes", "bytes", ("mpy", "code", "rodata", "bss", "stack", "scratch", "state")),
        ("instructions", "instructions per frame", ("encode", "decode", "ratio")),
    ):
        now = json.loads((TOP / "build" / "bench" / f"{name}.json").read_text())
        print()
        _table(f"{title} ({release})", now, before.get(name, {}), columns)


def keep() -> None:
    """Write the figures of a release."""
    figures = {
        name: json.loads((TOP / "build" / "bench" / f"{name}.json").read_text())
        for name in ("sizes", "instructions")
    }
    rows = ",\n".join(
        f' "{name}": {{\n'
        + ",\n".join(f'  "{cpu}": {json.dumps(rows)}' for cpu, rows in part.items())
        + "\n }"
        for name, part in figures.items()
    )
    text = f'{{\n "release": "{callboard.__version__}",\n{rows}\n}}\n'
    LAST_RELEASE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    keep() if "--release" in sys.argv else show()
