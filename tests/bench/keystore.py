"""make bench-keystore: the flash key store beside littlefs on the same simulated flash.

8 KB of NOR flash (tests/native/keystore/nor.h, which enforces its rules), 6 keys with 4-byte
names, values of 16 to 64 bytes, random updates. Also the size of the core on an armv6m, and years
of life. Prints a table, writes build/bench/keystore.json, never fails on a number.
"""

import argparse
import datetime
import json
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).parents[2]
sys.path[0] = str(TOP / "tests" / "native")  # not this folder, whose keystore.py is this file

from keystore.sim import CORE, KS, SECTOR, SIZE, UNITS, Nor, Store, ffi, lib  # noqa: E402
from littlefs import LittleFS  # noqa: E402
from littlefs.context import UserContext  # noqa: E402

OUT = TOP / "build" / "bench" / "keystore.json"
KEYS = [b"key%d" % i for i in range(6)]
CYCLES = 100_000  # erases that a sector of ordinary NOR flash stands
UPDATES_PER_YEAR = 365.25 * 24 * 60  # one a minute
LITTLEFS_PROG = (256, 32)
IDEAL_OVERHEAD = 12  # bytes per record, name included, of the ideal log


def updates(count, seed=1):
    """(name, value) of `count` updates, the same for everyone."""
    lot = random.Random(seed)
    for _ in range(count):
        yield lot.choice(KEYS), lot.randbytes(lot.randint(16, 64))


def measured(nor, count, update):
    """Bytes and erases per update of update(name, value) on a flash."""
    handle = nor.handle
    before = handle.bytes_programmed, handle.bytes_read, handle.programs, nor.erases
    for name, value in updates(count):
        update(name, value)
    erases = [now - then for now, then in zip(nor.erases, before[3], strict=True)]
    assert nor.violations == 0, "the flash was used against its rules"
    return {
        "bytes_per_update": (handle.bytes_programmed - before[0]) / count,
        "erases_per_update": sum(erases) / count,
        "bytes_read_per_update": (handle.bytes_read - before[1]) / count,
        "programs_per_update": (handle.programs - before[2]) / count,
        "sector_erases": erases,
        "years_at_one_update_a_minute": 2 * CYCLES / (sum(erases) / count) / UPDATES_PER_YEAR,
    }


def bench_ours(unit, count):
    """The key store, maintained after every update, with the smallest buffer."""
    nor = Nor(unit)
    store = Store(nor, keys=len(KEYS))
    for name in KEYS:
        assert store.put(name, bytes(40)) == 0
    store.maintain()

    def update(name, value):
        assert store.put(name, value) == 0
        assert store.maintain() == 0

    result = measured(nor, count, update)
    held = dict(updates(count))
    assert all(store.get(name) == held[name] for name in held)
    before = nor.handle.bytes_read
    assert store.reopen() == 0
    result["mount_bytes_read"] = nor.handle.bytes_read - before
    result["packed_limit"] = packed_limit(unit, count)
    return result


class NorContext(UserContext):
    """The simulated flash as littlefs wants it."""

    def __init__(self, nor):
        super().__init__(buffsize=SIZE)
        self.nor = nor.handle

    def read(self, cfg, block, off, size):
        out = ffi.new("uint8_t[]", size)
        assert lib.nor_read(self.nor, block * SECTOR + off, out, size) == 0
        return bytearray(ffi.buffer(out))

    def prog(self, cfg, block, off, data):
        return lib.nor_program(self.nor, block * SECTOR + off, bytes(data), len(data))

    def erase(self, cfg, block):
        return lib.nor_erase(self.nor, block * SECTOR)


def bench_littlefs(prog, count):
    """littlefs with a file per key, set up as MicroPython does on rp2 (256) and esp32 (32)."""
    nor = Nor(prog)
    fs = LittleFS(
        context=NorContext(nor),
        mount=False,
        block_size=SECTOR,
        block_count=2,
        read_size=32,
        prog_size=prog,
        cache_size=min(SECTOR, 4 * max(32, prog)),
        lookahead_size=32,
        block_cycles=100,
        disk_version=0x00020001,
    )
    fs.format()
    fs.mount()

    def update(name, value):
        with fs.open(name.decode(), "wb") as file:
            file.write(value)

    for name in KEYS:
        update(name, bytes(40))
    return measured(nor, count, update)


def log_limit(record_size, unit, count, header=0):
    """(bytes, erases) per update of a log that packs its snapshots and wastes nothing else."""

    def aligned(n):
        return (n + unit - 1) // unit * unit

    live = {name: record_size(40) for name in KEYS}
    at = header + sum(live.values())
    written = swaps = 0
    for name, value in updates(count):
        size = record_size(len(value))
        live[name] = size
        if at + aligned(size) > SECTOR:
            at = aligned(header + sum(live.values()))
            written += at
            swaps += 1
        else:
            at += aligned(size)
            written += aligned(size)
    return {"bytes_per_update": written / count, "erases_per_update": swaps / count}


def ideal_log(count):
    """A log with 12 bytes of overhead per record, name included, at program unit 1."""
    return log_limit(lambda n: IDEAL_OVERHEAD + n, 1, count)


def packed_limit(unit, count):
    """What our records would cost at this unit with no header and perfectly packed snapshots."""
    return log_limit(lambda n: lib.ks_record_size(4, n), unit, count)


# --- size on a board ---

CORE_FILES = ("record.c", "index.c", "sectors.c", "store.c")
ARM = "arm-none-eabi-"


def run(*command):
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True
    ).stdout


def board_size():
    """Bytes of code, RAM and stack on an armv6m at -Os; None without its compiler."""
    if not shutil.which(ARM + "gcc"):
        print("no arm-none-eabi-gcc: install Debian's gcc-arm-none-eabi for sizes")
        return {"code_bytes_armv6m": None, "ram_bytes": None, "stack_bytes": None}
    with tempfile.TemporaryDirectory() as folder:
        flags = ["-mcpu=cortex-m0plus", "-mthumb", "-Os", "-std=c99", "-fcallgraph-info=su"]
        code = {}
        for name in (*CORE_FILES, "seal.c"):
            out = Path(folder) / (name + ".o")
            run(ARM + "gcc", *flags, "-c", CORE / name, "-o", out)
            code[name] = int(run(ARM + "size", out).split()[6])
        probe = Path(folder) / "probe.c"
        probe.write_text(f'#include "{CORE}/internal.h"\nchar size[sizeof(ks_t)];\n')
        run(ARM + "gcc", *flags, "-c", probe, "-o", probe.with_suffix(".o"))
        symbols = run(ARM + "nm", "-S", "-t", "d", probe.with_suffix(".o"))
        state = int(re.search(r"(\d+) \w size$", symbols, flags=re.MULTILINE).group(1))
        stack, path = deepest_call(Path(folder).glob("*.ci"))
    return {
        "code_bytes_armv6m": sum(code[name] for name in CORE_FILES),
        "code_bytes_seal": code["seal.c"],
        "ram_bytes": state + KS["KS_HEADER"],
        "ram_bytes_per_key": KS["KS_PER_KEY"],
        "stack_bytes": stack,
        "stack_path": path,
    }


def deepest_call(graphs):
    """(bytes, functions) of the call chain that needs most stack, the driver not counted."""
    frames, calls = {}, {}
    for graph in graphs:
        if graph.stem == "seal":
            continue
        text = graph.read_text()
        for title, size in re.findall(r'title: "([^"]+)" label: "[^"]*\\n(\d+) bytes', text):
            frames[title.split(":")[-1]] = int(size)
        for edge in re.findall(r'sourcename: "([^"]+)" targetname: "([^"]+)"', text):
            caller, callee = (name.split(":")[-1] for name in edge)
            calls.setdefault(caller, set()).add(callee)

    def deepest(function, above=()):
        assert function not in above, f"{function} is recursive"
        below = [deepest(callee, (*above, function)) for callee in calls.get(function, ())]
        size, path = max(below, default=(0, []))
        return size + frames.get(function, 0), [function, *path]

    return max(deepest(function) for function in frames)


# --- report ---


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=10_000)
    count = parser.parse_args().updates
    littlefs = {str(prog): bench_littlefs(prog, count) for prog in LITTLEFS_PROG}
    ours = {str(unit): bench_ours(unit, count) for unit in UNITS}
    reference, best = littlefs["256"], ours["1"]
    ideal = ideal_log(count)
    report = {
        "date": datetime.date.today().isoformat(),
        "machine": platform.machine(),
        "updates": count,
        "bytes_per_update": best["bytes_per_update"],
        "erases_per_update": best["erases_per_update"],
        "programmed_ratio": reference["bytes_per_update"] / best["bytes_per_update"],
        "erase_ratio": reference["erases_per_update"] / best["erases_per_update"],
        "read_ratio": reference["bytes_read_per_update"] / best["bytes_read_per_update"],
        "mount_bytes_read": best["mount_bytes_read"],
        "years_at_one_update_a_minute": best["years_at_one_update_a_minute"],
        "over_ideal_log_percent": 100 * (best["bytes_per_update"] / ideal["bytes_per_update"] - 1),
        "ideal_log": ideal,
        **board_size(),
        "littlefs": littlefs,
        "keystore": ours,
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=1), encoding="utf-8")
    show(report)


def show(report):
    """The table."""
    columns = "programmed  erases/1000  read    erases of each sector  years"
    print(f"per update, of {report['updates']}:   {columns}")
    rows = [(f"littlefs, prog {prog}", row) for prog, row in report["littlefs"].items()]
    rows += [(f"key store, unit {unit}", row) for unit, row in report["keystore"].items()]
    for name, row in rows:
        print(
            f"{name:22} {row['bytes_per_update']:8.1f} B {1000 * row['erases_per_update']:10.1f}"
            f" {row['bytes_read_per_update']:8.0f} B   {row['sector_erases']!s:>14}"
            f" {row['years_at_one_update_a_minute']:12.1f}"
        )
        if limit := row.get("packed_limit"):
            print(
                f"{'  packed-snapshot limit':22} {limit['bytes_per_update']:7.1f} B"
                f" {1000 * limit['erases_per_update']:10.1f}"
            )
    ideal = report["ideal_log"]
    print(
        f"{'ideal log, 12 B each':22} {ideal['bytes_per_update']:8.1f} B"
        f" {1000 * ideal['erases_per_update']:10.1f}"
    )
    print(
        f"littlefs (prog 256) / key store (unit 1): programmed {report['programmed_ratio']:.2f},"
        f" erases {report['erase_ratio']:.2f}, read {report['read_ratio']:.1f};"
        f" {report['over_ideal_log_percent']:+.1f} % beside the ideal log"
    )
    print(
        f"mount reads {report['mount_bytes_read']} B; armv6m code {report['code_bytes_armv6m']} B,"
        f" RAM {report['ram_bytes']} B + 6 B per key, stack {report['stack_bytes']} B"
    )
    print(f"→ {OUT.relative_to(TOP)}")


if __name__ == "__main__":
    main()
