"""The opus core under strict warnings, and fuzzed with AddressSanitizer and UBSan.

CALLBOARD_FUZZ_SECONDS sets how long (5): CI says 60, `make fuzz` more.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
CORE = sorted(
    path
    for path in (TOP / "native" / "opus").glob("*.c")
    if path.name not in ("natmod.c", "usermod.c", "cpython.c")
)
SECONDS = int(os.environ.get("CALLBOARD_FUZZ_SECONDS", "5"))


def run(*command, timeout):
    """Run a program from the top folder; its output, which is in the failure if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=TOP,
        env={k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.mark.parametrize("bits", ["-m64", "-m32"])
@pytest.mark.parametrize("source", CORE, ids=lambda path: path.name)
def test_no_warnings(source, bits, tmp_path):
    tree = os.environ.get("OPUS_DIR") or "build/src/opus"
    strict = "-std=gnu99 -O2 -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Wcast-align -Werror"
    include = [f"-isystem{tree}/{folder}" for folder in ("include", "celt", "silk", "silk/fixed")]
    run("gcc", bits, *strict.split(), *include, "-c", source, "-o", tmp_path / "o", timeout=30)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 250)
@pytest.mark.parametrize("target", ["opus", "opus_decode"])
def test_fuzz(target, tmp_path):
    program = TOP / "build" / "fuzz" / target
    jobs = f"-j{os.cpu_count() or 1}"
    make = ["make", "-s", jobs, "-f", "tests/native/fuzz/fuzz.mk"]
    run(*make, program.relative_to(TOP), timeout=180)
    # A long run goes on where the last one ended; a short one would only re-read what that found.
    corpus = program.with_suffix(".corpus") if SECONDS >= 60 else tmp_path / "corpus"
    corpus.mkdir(exist_ok=True)
    # From an empty build/ always the same; whoever goes on (make fuzz) tries something else.
    seed = () if any(corpus.iterdir()) else ("-seed=1",)
    said = run(
        *(program, f"-max_total_time={SECONDS}", "-max_len=512", "-timeout=25", *seed),
        *(f"-artifact_prefix={tmp_path}/", corpus),
        timeout=SECONDS + 60,
    )
    done = re.search(r"Done (\d+) runs", said)
    assert done and int(done.group(1)) > 100, said[-2000:]
