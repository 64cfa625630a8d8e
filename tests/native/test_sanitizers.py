"""The C under AddressSanitizer and UBSan with random arguments, and the cores' strict warnings."""

import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOP = HERE.parents[1]
NATIVE = TOP / "native"
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
GLUE = {"natmod.c", "usermod.c"}
SOURCES = sorted(
    path
    for folder in ("pcm", "wire")
    for path in (NATIVE / folder).glob("*.c")
    if path.name not in GLUE
)
SECONDS = int(os.environ.get("CALLBOARD_FUZZ_SECONDS", "3"))


def run(*command, **environment):
    """Run a program; its output is in the failure if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=150 + SECONDS,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_warnings(source, tmp_path):
    strict = "-std=c99 -O2 -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Wcast-qual -Werror"
    run("gcc", *strict.split(), "-c", source, "-o", tmp_path / "out.o")


@pytest.mark.slow
@pytest.mark.timeout(180 + SECONDS)
def test_fuzz_with_sanitizers(tmp_path):
    program = tmp_path / "fuzz_cores"
    run("gcc", "-std=c99", "-g", "-O1", *SANITIZE, HERE / "fuzz_cores.c", *SOURCES, "-o", program)
    assert int(run(program, SECONDS, "1").split()[0]) >= 1000


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_opus_of_cpython_with_sanitizers(tmp_path, monkeypatch):
    """The tests of its glue on an extension that was compiled with them (libopus was not)."""
    package = tmp_path / "callboard_native"
    ignored = shutil.ignore_patterns("_opus.*", "__pycache__")
    shutil.copytree(NATIVE / "host" / "callboard_native", package, ignore=ignored)
    monkeypatch.chdir(TOP)
    build = runpy.run_path(str(NATIVE / "opus" / "cffi_build.py"))
    build["ffibuilder"]().emit_c_code(str(tmp_path / "_opus.c"))
    folders = [*build["include_dirs"](), sysconfig.get_paths()["include"]]
    sources = [tmp_path / "_opus.c", *(NATIVE / "opus" / name for name in build["SOURCES"])]
    flags = [*build["FLAGS"], "-g", "-O1", *SANITIZE, *(f"-I{folder}" for folder in folders)]
    made = package / "_opus.abi3.so"
    run("gcc", "-shared", *flags, *sources, build["build_libopus"](), "-lm", "-o", made)

    path = f"{tmp_path} firmware host_tools tests tests/device tests/native"
    environment = {
        "PYTHONPATH": str(tmp_path),
        "PYTHONMALLOC": "malloc",  # or Python's own allocator hides where a buffer ends
        "LD_PRELOAD": run("gcc", "-print-file-name=libasan.so").strip(),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python keeps much for ever
    }
    which = "from callboard_native import _opus; print(_opus.__file__)"
    assert run(sys.executable, "-c", which, **environment).strip() == str(made)
    tests = HERE / "test_opus_cpython.py"
    options = ["-k", "not warnings", "-o", f"pythonpath={path}", "-o", f"cache_dir={tmp_path}"]
    assert " passed" in run(sys.executable, "-m", "pytest", *options, tests, **environment)
