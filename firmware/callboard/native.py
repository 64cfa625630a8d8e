"""The one door to native code: `pcm` (samples), `wire` (packets) and `opus`, as there are.

Tried in this order: a native module or user C module (MicroPython), cffi (CPython), pure Python.
All have the same functions, described in native/pcm/pcm.h and native/wire/wire.h;
`IMPLEMENTATION` names the one in use. A .mpy that is damaged, or of another CPU or release, is
not passed over: it is a broken installation, and NativeError says what to do (native_files.py).

opus (native/opus/opus_core.h) and keystore (native/keystore/keystore.h) have no pure form: where
nothing native is installed they are None.
"""

from . import port

if port.mpy_format() >> 10:  # this Python loads native code
    from . import native_files

    for _name in ("pcm", "wire", "opus", "keystore"):
        native_files.check("callboard_" + _name, port.mpy_format())

try:
    import callboard_pcm as pcm
except ImportError:
    try:
        from callboard_native import pcm
    except ImportError:
        from callboard.pure import pcm

try:
    import callboard_wire as wire
except ImportError:
    try:
        from callboard_native import wire
    except ImportError:
        from callboard.pure import wire

try:
    import callboard_opus as opus
except ImportError:
    try:
        from callboard_native import opus
    except ImportError:
        opus = None

try:
    import callboard_keystore as keystore
except ImportError:
    try:
        from callboard_native import keystore
    except ImportError:
        keystore = None


def implementations():
    """The implementation of each module, for reports: {"pcm": "cffi", ..., "opus": None}."""
    return {
        "pcm": pcm.IMPLEMENTATION,
        "wire": wire.IMPLEMENTATION,
        "opus": opus.IMPLEMENTATION if opus else None,
        "keystore": keystore.IMPLEMENTATION if keystore else None,
    }
