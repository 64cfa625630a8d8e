"""callboard_native._keystore: the key store for CPython. Run by native/cffi_backend.py from the
top folder."""

import os
import sys

from cffi import FFI

FOLDER = os.path.join("native", "keystore")
SOURCES = ("record.c", "index.c", "sectors.c", "store.c", "attach.c", "seal.c")

# The flash and the cryptography are Python objects: callboard_native.keystore defines these.
CALLBACKS = """
extern "Python" {
    int32_t keystore_read(void *, uint32_t, uint8_t *, uint32_t);
    int32_t keystore_program(void *, uint32_t, const uint8_t *, uint32_t);
    int32_t keystore_erase(void *, uint32_t);
    int32_t keystore_geometry(void *);
    int32_t keystore_aes(void *, const uint8_t *, uint8_t *, uint32_t);
    int32_t keystore_hmac(void *, const uint8_t *, uint32_t, const uint8_t *, uint32_t, uint8_t *);
}
"""


def ffibuilder():
    """The FFI that compiles the module, against the stable ABI."""
    sys.path.insert(0, os.path.join("native", "common"))
    from cffi_header import declarations

    ffi = FFI()
    for header in ("keystore.h", "seal.h"):
        ffi.cdef(declarations(os.path.join(FOLDER, header)))
    ffi.cdef(CALLBACKS)
    ffi.set_source(
        "callboard_native._keystore",
        '#include "seal.h"',
        sources=[os.path.join(FOLDER, name) for name in SOURCES],
        include_dirs=[FOLDER],
        extra_compile_args=["-O2", "-Wall", "-Wextra"],
        py_limited_api=True,
    )
    return ffi
