"""opus is the same everywhere: packets and PCM of cffi, x64 and x86 .mpy hash equal."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from opus_speech import write_inputs
from opus_vectors import CONFIGURATIONS

TOP = Path(__file__).parents[2]
SCRIPT = TOP / "tests" / "native" / "opus_vectors.py"
INPUTS = TOP / "build" / "opus-vectors"
REPORT = TOP / "build" / "opus-vectors.json"
HASHES = ("packets_sha256", "pcm_sha256")
# Who runs the script: a name, and the command before it. A MicroPython with the user C module
# takes part when CALLBOARD_USERMOD_MICROPYTHON names one.
PYTHONS = {
    "cffi": [sys.executable],
    "x64 .mpy": [TOP / "build" / "bin" / "micropython64", "-X", "heapsize=8M"],
    "x86 .mpy": [TOP / "build" / "bin" / "micropython32", "-X", "heapsize=8M"],
}
if usermod := os.environ.get("CALLBOARD_USERMOD_MICROPYTHON"):
    PYTHONS["user C module"] = [usermod, "-X", "heapsize=8M"]


pytestmark = pytest.mark.timeout(400)


def vectors(command):
    """(implementation, {configuration: what came out}) of one Python."""
    done = subprocess.run(
        [*map(str, command), str(SCRIPT), str(INPUTS)],
        env={**os.environ, "MICROPYPATH": ".frozen"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-500:]}{done.stderr}"
    head, *rows = [json.loads(line) for line in done.stdout.splitlines()]
    return head["implementation"], {row["name"]: row for row in rows}


@pytest.fixture(scope="module")
def results():
    """Every Python's vectors; also in build/opus-vectors.json."""
    write_inputs(INPUTS)
    found = {name: vectors(command) for name, command in PYTHONS.items()}
    table = [
        {
            **{k: v for k, v in row.items() if k not in HASHES},
            **{kind: {name: found[name][1][case][kind] for name in found} for kind in HASHES},
            "equal": all(len({found[n][1][case][kind] for n in found}) == 1 for kind in HASHES),
        }
        for case, row in found["cffi"][1].items()
    ]
    REPORT.write_text(json.dumps({"configurations": table}, indent=1) + "\n", encoding="utf-8")
    return found


def test_all_are_native(results):
    expected = {"cffi": "cffi", "user C module": "user C module"}
    for name, (implementation, _) in results.items():
        assert implementation == expected.get(name, "native module")


@pytest.mark.parametrize("case", [row[0] for row in CONFIGURATIONS])
def test_equal_everywhere(results, case):
    reference = results["cffi"][1][case]
    for name, (_, rows) in results.items():
        for kind in HASHES:
            assert rows[case][kind] == reference[kind], f"{kind} of {name} differs from cffi's"


def test_the_configurations_reach_what_they_are_named_for(results):
    """Every mode, FEC, DTX and losses really occurred."""
    rows = results["cffi"][1]
    assert all(rows[case]["frames"] > 90 for case in rows)
    for case, seen in rows.items():
        for mode in ("celt", "hybrid"):
            if case.startswith(mode):
                assert seen[mode] == seen["frames"], case
        if case.startswith(("wb", "nb")):
            assert seen["silk"] == seen["frames"], case
        if case.endswith("lossy"):
            assert seen["lost"] > 40, case
        if case.endswith("pauses"):
            assert seen["dtx"] > 60, case
        if "call" in case or case == "nb-c5-lossy":
            assert seen["fec"] > 100, case
    assert all(rows["moving-fb"][mode] > 30 for mode in ("silk", "hybrid", "celt"))
