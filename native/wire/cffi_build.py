"""callboard_native._wire: the core for CPython. Run by native/cffi_backend.py at the top."""

import os
import sys

from cffi import FFI

FOLDER = os.path.join("native", "wire")
SOURCES = ("rtp_tx.c", "rtp_rx.c", "websocket.c", "h264.c", "serial.c")


def ffibuilder():
    """The FFI that compiles the module, against the stable ABI."""
    sys.path.insert(0, os.path.join("native", "common"))
    from cffi_header import declarations

    ffi = FFI()
    ffi.cdef(declarations(os.path.join(FOLDER, "wire.h")))
    ffi.set_source(
        "callboard_native._wire",
        '#include "wire.h"',
        sources=[os.path.join(FOLDER, name) for name in SOURCES],
        include_dirs=[FOLDER],
        extra_compile_args=["-O2", "-Wall", "-Wextra"],
        py_limited_api=True,
    )
    return ffi
