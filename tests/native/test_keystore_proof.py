"""The proof: the power cut at every operation (keystore/prove.c), bits flipped (keystore/flips.c).

Writes build/keystore-proof.json. In a soak: more histories, more ways to recover, every bit.
"""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from keystore.proof_file import note
from keystore.sim import BUILD, CORE, HERE, UNITS, compiled

from support.covers import covers
from support.soak import times

LONG = times(False, True)
TIMEOUT_S = 6 * 3600 if LONG else 1500  # of a busy machine, where `nice` leaves a tenth of a core
# Program unit -> histories (seeds), and how many of the ways to cut each operation of a recovery.
SHORT_FORM = {1: (1, 1), 4: (1, 1), 16: (1, 2), 32: (1, 2), 256: (8, 4)}
LONG_FORM = {1: (4, 6), 4: (4, 6), 16: (10, 8), 32: (10, 8), 256: (60, 12)}
FLIP_STEP = 1 if LONG else 251


def run_all(commands):
    """The JSON that each program prints; whether it ended well is in its `failures`."""

    def run(command):
        words = ["nice", *map(str, command)]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        assert done.stdout, f"{command}: {done.returncode} {done.stderr}"
        return {**json.loads(done.stdout), "said": done.stderr}

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(run, commands))


def buffers(unit):
    """The write buffers to try: small ones make more operations, at which to cut."""
    if unit >= 16:
        return [()]
    return [(24,), (128,)] if LONG else [(128,)]


@covers("V-22")
@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(TIMEOUT_S)
def test_power_cut_at_every_operation():
    prove = compiled("prove", ["prove.c", "nor.c", "model.c"])
    form = LONG_FORM if LONG else SHORT_FORM
    commands = [
        (prove, unit, seed, thorough, *buffer)
        for unit, (seeds, thorough) in form.items()
        for seed in range(1, seeds + 1)
        for buffer in buffers(unit)
    ]
    results = run_all(commands)
    units = {}
    for result in results:
        unit = units.setdefault(
            str(result["unit"]), {"cut_points": 0, "operations": 0, "calls": 0}
        )
        for name in unit:
            unit[name] += result[name]
    note(
        form="long" if LONG else "short",
        cut_points=sum(result["cut_points"] for result in results),
        second_cuts=sum(result["second_cuts"] for result in results),
        cut_failures=sum(result["failures"] for result in results),
        by_unit=units,
    )
    assert set(units) == {str(unit) for unit in UNITS}
    assert not any(result["failures"] for result in results), [r["said"] for r in results]


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(TIMEOUT_S)
def test_every_bit_flipped():
    flips = compiled("flips", ["flips.c", "nor.c"])
    results = run_all([(flips, unit, 1, FLIP_STEP) for unit in UNITS])
    note(
        flips=sum(result["flips"] for result in results),
        keys_damaged=sum(result["keys_damaged"] for result in results),
        flip_failures=sum(result["failures"] for result in results),
    )
    assert sum(result["keys_damaged"] for result in results) > 100
    assert not any(result["failures"] for result in results), [r["said"] for r in results]


# A defect of each kind, and the program with its arguments that must find it.
DEFECTS = {
    "a blank sector is trusted": (
        (
            "sectors.c",
            "if (s->flags & FLAG_CLAIMED && ks_fits(s, RECORD_MIN) && !found",
            "if (!found",
        ),
        ("prove", 256, 1, 4),
    ),
    "the claim is not taken back": (
        (
            "sectors.c",
            "if (s->flags & FLAG_CLAIMED && has_room && write_note(s)) {",
            "if (has_room && 0) {",
        ),
        ("prove", 256, 3, 6),
    ),
    "the header comes first": (
        ("record.c", "s->pass == is_header", "(s->pass == is_header || is_header)"),
        ("prove", 256, 1, 1),
    ),
    "a torn header block counts": (
        ("sectors.c", "if (!(found[active] & HEADER_SECOND) &&", "if (0 &&"),
        ("prove", 256, 1, 2),
    ),
    "the commit shares a unit": (
        (
            "store.c",
            "    ks_flush(s);\n    ks_append(s, TAG_PENDING",
            "    ks_append(s, TAG_PENDING",
        ),
        ("prove", 256, 1, 2),
    ),
    "a torn record's end is free": (
        ("index.c", "end = at + (r.size ? r.size : 1);", "end = at + 1;"),
        ("prove", 16, 1, 1),
    ),
    "nothing checks the CRC": (
        ("record.c", "return crc == RESIDUE;", "return 1;"),
        ("flips", 1, 1, 501),
    ),
    "one commit record": (
        (
            "store.c",
            "    ks_append(s, TAG_PENDING, &entry);\n    ks_append(s, TAG_PENDING, &entry);",
            "    ks_append(s, TAG_PENDING, &entry);",
        ),
        ("flips", 1, 1, 41),
    ),
    "one header": (
        (
            "sectors.c",
            "            *sequence =",
            "            if (copy == HEADER_FIRST) *sequence =",
        ),
        ("flips", 1, 1, 61),
    ),
}


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("defect", DEFECTS)
def test_the_proof_finds(defect, tmp_path):
    """What never fails proves nothing: with a defect put in, the programs report failures."""
    (file, good, bad), (program, *arguments) = DEFECTS[defect]
    shutil.copytree(CORE, tmp_path / "native" / "keystore")
    shutil.copytree(CORE.parent / "common", tmp_path / "native" / "common")
    core = tmp_path / "native" / "keystore"
    text = (core / file).read_text(encoding="utf-8")
    assert text.count(good) == 1, "the core has changed: write this defect anew"
    (core / file).write_text(text.replace(good, bad), encoding="utf-8")
    sources = [HERE / name for name in (f"{program}.c", "nor.c", "model.c")]
    files = [*sources, *(core / name for name in ("record.c", "index.c", "sectors.c", "store.c"))]
    built = tmp_path / program
    subprocess.run(["gcc", "-O2", "-w", f"-I{core}", f"-I{HERE}", "-o", built, *files], check=True)
    words = [str(word) for word in ("nice", built, *arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["failures"] > 0


def test_programs_are_built_from_this_core():
    assert (BUILD / "libkeystore.so").stat().st_mtime >= (CORE / "record.c").stat().st_mtime
