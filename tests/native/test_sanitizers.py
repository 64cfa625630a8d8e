"""The C cores under AddressSanitizer and UBSan with random arguments, and strict warnings."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NATIVE = HERE.parents[1] / "native"
GLUE = {"natmod.c", "usermod.c"}
SOURCES = sorted(
    path
    for folder in ("pcm", "wire")
    for path in (NATIVE / folder).glob("*.c")
    if path.name not in GLUE
)
SECONDS = int(os.environ.get("CALLBOARD_FUZZ_SECONDS", "3"))


def run(*command):
    """Run a program; its output is in the failure if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=50 + SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_warnings(source, tmp_path):
    strict = "-std=c99 -O2 -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Wcast-qual -Werror"
    run("gcc", *strict.split(), "-c", source, "-o", tmp_path / "out.o")


@pytest.mark.slow
@pytest.mark.timeout(60 + SECONDS)
def test_fuzz_with_sanitizers(tmp_path):
    program = tmp_path / "fuzz_cores"
    flags = "-std=c99 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all"
    run("gcc", *flags.split(), HERE / "fuzz_cores.c", *SOURCES, "-o", program)
    assert int(run(program, SECONDS, "1").split()[0]) > 1000
