"""Nothing of the ESP8266's calling convention gets into an ESP32's modules."""

import os
import subprocess
import sys

import pytest
from cpus.machine import TOP

pytestmark = pytest.mark.slow

CHECK = TOP / "host_tools" / "toolchain" / "xtensa" / "check_abi.py"
GCC = "xtensa-lx106-elf-gcc"
SOURCE = "int other(int); int f(int a) { return other(a) + 1; }\n"


def compiled(folder, *flags):
    """An object made with our description of the core."""
    source = folder / "f.c"
    source.write_text(SOURCE)
    environment = {**os.environ, "XTENSA_GNU_CONFIG": str(TOP / "build" / "xtensa" / "core.so")}
    command = [GCC, *flags, "-c", source, "-o", source.with_suffix(".o")]
    subprocess.run(command, env=environment, check=True)
    return source.with_suffix(".o")


def check(*files):
    command = [sys.executable, str(CHECK), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_windowed_objects_and_our_runtime_pass(tmp_path):
    done = check(compiled(tmp_path, "-mabi=windowed"), TOP / "build" / "xtensa" / "libruntime.a")
    assert done.returncode == 0, done.stderr


def test_the_other_convention_is_refused(tmp_path):
    done = check(compiled(tmp_path, "-mabi=call0"))
    assert done.returncode == 1 and "calling convention of the ESP8266" in done.stderr


def test_the_compilers_own_library_is_refused():
    """What LINK_RUNTIME=1 would link: it crashes an ESP32 without a word."""
    libgcc = subprocess.check_output([GCC, "--print-libgcc-file-name"], text=True).strip()
    done = check(libgcc)
    assert done.returncode == 1 and "libgcc.a(" in done.stderr


def test_another_cpu_and_nothing_at_all_are_refused(tmp_path):
    source = tmp_path / "f.c"
    source.write_text(SOURCE)
    subprocess.run(["gcc", "-c", source, "-o", source.with_suffix(".o")], check=True)
    assert "EM_X86_64" in check(source.with_suffix(".o")).stderr
    assert check().returncode == 1
