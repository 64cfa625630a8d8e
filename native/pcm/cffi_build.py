"""callboard_native._pcm: the core for CPython. Run by native/cffi_backend.py at the top."""

import os
import sys

from cffi import FFI

FOLDER = os.path.join("native", "pcm")
SOURCES = ("pcm.c", "g711.c", "level.c", "resample.c", "tone.c", "duck.c", "stretch.c", "noise.c")
HEADERS = ("pcm.h", "duck.h", "stretch.h", "noise.h")


def ffibuilder():
    """The FFI that compiles the module, against the stable ABI."""
    sys.path.insert(0, os.path.join("native", "common"))
    from cffi_header import declarations

    ffi = FFI()
    for header in HEADERS:
        ffi.cdef(declarations(os.path.join(FOLDER, header)))
    ffi.set_source(
        "callboard_native._pcm",
        "".join(f'#include "{header}"\n' for header in HEADERS),
        sources=[os.path.join(FOLDER, name) for name in SOURCES],
        include_dirs=[FOLDER],
        extra_compile_args=["-O2", "-Wall", "-Wextra"],
        py_limited_api=True,
    )
    return ffi
