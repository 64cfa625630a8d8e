"""make bench-codec: Opus per 20 ms frame, in Python against the same libopus called from plain C.

Every round runs all programs one after another on the same speech. Of every few frames the fastest
pass counts, in all rounds: what the code costs when nobody disturbs it. Prints a table, writes
build/bench/codec.json, never fails on a time.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "tests" / "native"))

from opus_speech import write_inputs  # noqa: E402  (needs the path above)

OUT = TOP / "build" / "bench"
INPUTS = TOP / "build" / "opus-vectors"
VOIP, AUDIO, LOWDELAY = 2048, 2049, 2051
# name: rate, channels, application, bitrate, complexity, FEC
CASES = {
    "16 kHz SILK c0": (16000, 1, VOIP, 24000, 0, 1),
    "16 kHz SILK c5": (16000, 1, VOIP, 24000, 5, 1),
    "16 kHz SILK c10": (16000, 1, VOIP, 24000, 10, 1),
    "8 kHz SILK c5": (8000, 1, VOIP, 12000, 5, 0),
    "16 kHz CELT c5": (16000, 1, LOWDELAY, 32000, 5, 0),
    "48 kHz stereo c10": (48000, 2, AUDIO, 96000, 10, 0),
}
CALLS = str(TOP / "tests" / "bench" / "codec_calls.py")
PROGRAMS = {
    "plain C": [str(OUT / "codec_plain")],
    "cffi": [sys.executable, CALLS],
    "x64 .mpy": [str(TOP / "build/bin/micropython64"), "-X", "heapsize=16M", CALLS],
    "plain C -m32": [str(OUT / "codec_plain32")],
    "x86 .mpy": [str(TOP / "build/bin/micropython32"), "-X", "heapsize=16M", CALLS],
}
KINDS = ("encode", "decode", "frame")
REFERENCES = {"cffi": "plain C", "x64 .mpy": "plain C", "x86 .mpy": "plain C -m32"}


def build_reference(bits: int, program: Path) -> None:
    """libopus and codec_plain.c as a C programmer would compile them: -O2, no PIC."""
    library = TOP / "build" / "libopus" / f"plain{bits}"
    tree = os.environ.get("OPUS_DIR") or str(TOP / "build" / "src" / "opus")
    flags = f"-O2 -fno-pic -m{bits}"
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS")}
    make = ["make", "-s", f"-j{os.cpu_count()}", "-f", "native/opus/libopus.mk", f"OUT={library}"]
    subprocess.run([*make, f"FLAGS={flags}"], cwd=TOP, env=environment, check=True)
    program.parent.mkdir(parents=True, exist_ok=True)
    sources = ["tests/bench/codec_plain.c", "native/opus/scratch.c", f"{library}/libopus.a"]
    include = ["-Inative/opus", f"-I{tree}/include"]
    command = ["gcc", "-std=gnu99", "-no-pie", *flags.split(), *include, *sources, "-o", program]
    subprocess.run(command, cwd=TOP, check=True)


def run(program: str, case: str) -> dict:
    """What one program prints for one case."""
    numbers = CASES[case]
    file = INPUTS / f"speech_{numbers[0]}_{numbers[1]}.raw"
    command = [*PROGRAMS[program], str(file), *map(str, numbers)]
    environment = {**os.environ, "MICROPYPATH": ".frozen"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if said.returncode:
        raise SystemExit(f"{program}, {case}: {said.stdout}{said.stderr}")
    return json.loads(said.stdout)


def measure(case: str, rounds: int) -> dict:
    """Each program's time per frame, and its ratio to plain C."""
    results: dict = {}
    for _ in range(rounds):
        for program in PROGRAMS:
            now = run(program, case)
            best = results.setdefault(program, now)
            for kind in ("encode_us", "decode_us"):
                best[kind] = list(map(min, best[kind], now[kind]))
    if len({result["bytes"] for result in results.values()}) != 1:
        raise SystemExit(f"{case}: the programs did not make the same packets")
    for row in results.values():
        for kind in ("encode_us", "decode_us"):
            row[kind] = sum(row[kind]) / row["frames"]
        row["frame_us"] = row["encode_us"] + row["decode_us"]
    for program, reference in REFERENCES.items():
        for kind in KINDS:
            ratio = results[program][f"{kind}_us"] / results[reference][f"{kind}_us"]
            results[program][f"{kind}_ratio"] = round(ratio, 2)
    return results


def print_table(cases: dict) -> None:
    """One line per case and program; `frame` is encode and decode together, as in a call."""
    print(f"{'µs per 20 ms frame':34}  encode  ratio  decode  ratio   frame  ratio   alloc")
    for case, results in cases.items():
        for program, row in results.items():
            cells = [(row[f"{kind}_us"], row.get(f"{kind}_ratio")) for kind in KINDS]
            times = "".join(
                f"{us:8.1f}" + (f"{ratio:7.2f}" if ratio else " " * 7) for us, ratio in cells
            )
            allocated = row.get("encode_allocated", 0) + row.get("decode_allocated", 0)
            print(f"{case:20}{program:14}{times}{allocated:8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    write_inputs(INPUTS)
    build_reference(64, OUT / "codec_plain")
    build_reference(32, OUT / "codec_plain32")
    cases = {case: measure(case, rounds) for case in CASES}
    report = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "rounds": rounds,
        "cases": cases,
    }
    (OUT / "codec.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print_table(cases)


if __name__ == "__main__":
    main()
