"""The one door to native code: `pcm` (samples) and `wire` (packets), whichever implementation there is.

Tried in this order: a native module or user C module (MicroPython), cffi (CPython), pure Python. All have
the same functions; native/pcm/pcm.h and native/wire/wire.h describe them, `IMPLEMENTATION` names the one
in use. An unreadable .mpy (wrong CPU: ValueError) is not passed over: it is a broken installation.
"""

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


def implementations():
    """The implementation in use of each module, for logs and reports: {"pcm": "cffi", ...}."""
    return {"pcm": pcm.IMPLEMENTATION, "wire": wire.IMPLEMENTATION}
