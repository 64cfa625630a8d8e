"""The key store's core under strict warnings, and on arbitrary flash images under sanitizers.

CALLBOARD_FUZZ_SECONDS sets how long (5): CI says 60.
"""

import os
import re
import shutil
import subprocess

import pytest
from keystore.proof_file import note
from keystore.sim import BUILD, CORE, HERE, SOURCES, TOP

SECONDS = int(os.environ.get("CALLBOARD_FUZZ_SECONDS", "5"))
FUZZED = [HERE / "fuzz.c", HERE / "nor.c", *SOURCES]
SANITIZE = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"


def run(*command, timeout):
    """Run a program; its output, which is in the failure if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
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
@pytest.mark.parametrize("source", [*SOURCES, CORE / "attach.c"], ids=lambda path: path.name)
def test_no_warnings(source, bits, tmp_path):
    strict = "-std=c99 -O2 -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Wcast-qual -Werror"
    run("gcc", bits, *strict.split(), "-c", source, "-o", tmp_path / "o", timeout=30)


def build():
    """The fuzz program: clang's libFuzzer where there is one, otherwise gcc and fuzz/driver.c."""
    BUILD.mkdir(parents=True, exist_ok=True)
    program = BUILD / "fuzz"
    flags = f"-std=gnu99 -g -O1 -Wall -Wextra {SANITIZE} -I{CORE} -I{HERE}".split()
    if shutil.which("clang"):
        command = ["clang", *flags, "-fsanitize=fuzzer", *FUZZED, "-o", program]
        built = subprocess.run([str(word) for word in command], capture_output=True, check=False)
        if built.returncode == 0:
            return program
    run("gcc", *flags, *FUZZED, HERE.parent / "fuzz" / "driver.c", "-o", program, timeout=120)
    return program


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 200)
def test_any_image(tmp_path):
    program = build()
    corpus = TOP / "build" / "keystore" / "corpus" if SECONDS >= 60 else tmp_path / "corpus"
    corpus.mkdir(exist_ok=True)
    seed = () if any(corpus.iterdir()) else ("-seed=1",)  # as in test_opus_fuzz.py
    # The timeout is per input: opening must come back, whatever the flash holds.
    said = run(
        *(program, f"-max_total_time={SECONDS}", "-max_len=512", "-timeout=20", *seed),
        *(f"-artifact_prefix={tmp_path}/", corpus),
        timeout=SECONDS + 60,
    )
    done = re.search(r"Done (\d+) runs", said)
    assert done and int(done.group(1)) > 100, said[-2000:]
    note(fuzz_runs=int(done.group(1)), fuzz_seconds=SECONDS)
