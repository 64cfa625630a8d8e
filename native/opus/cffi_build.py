"""callboard_native._opus: libopus for CPython, with _opus_frame in the same file.

Run by native/cffi_backend.py from the top folder. libopus itself is built by libopus.mk,
as for every other target, into a static library.
"""

import os
import subprocess
import sys

from cffi import FFI

FOLDER = os.path.join("native", "opus")
SOURCES = ("encoder.c", "decoder.c", "packet.c", "state.c", "scratch.c", "cpython.c")
LIBRARY = os.path.join("build", "libopus", "host")
FLAGS = ["-O2", "-fPIC", "-DCALLBOARD_HOST"]


def build_libopus():
    """The static library's path, after bringing it up to date."""
    jobs = f"-j{os.cpu_count() or 1}"
    make = ["make", "-s", "--no-print-directory", jobs, "-f", os.path.join(FOLDER, "libopus.mk")]
    # The make that called us has its own ideas of jobs and flags.
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS")}
    subprocess.run(
        [*make, f"OUT={LIBRARY}", f"FLAGS={' '.join(FLAGS)}"], check=True, env=environment
    )
    return os.path.join(LIBRARY, "libopus.a")


def include_dirs():
    """Where our headers and libopus' are."""
    tree = os.environ.get("OPUS_DIR") or os.path.join("build", "src", "opus")
    return [FOLDER, os.path.join(tree, "include")]


def ffibuilder():
    """The FFI that compiles the modules, against the stable ABI."""
    sys.path.insert(0, os.path.join("native", "common"))
    from cffi_header import declarations

    library = build_libopus()
    ffi = FFI()
    ffi.cdef(declarations(os.path.join(FOLDER, "opus_core.h")))
    ffi.set_source(
        "callboard_native._opus",
        '#include "opus_core.h"',
        sources=[os.path.join(FOLDER, name) for name in SOURCES],
        include_dirs=include_dirs(),
        extra_compile_args=[*FLAGS, "-Wall", "-Wextra", "-fvisibility=hidden"],
        extra_objects=[library],
        extra_link_args=["-Wl,--gc-sections"],
        py_limited_api=True,
    )
    return ffi
