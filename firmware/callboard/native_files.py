"""What a native module's file must show before it is imported: its CPU, its release, its hash.

MicroPython runs what a .mpy says without looking: one that was cut short hangs the board. So the
folder of the modules holds a list, in the form of sha256sum, that was made with them:

    # callboard 0.1.0 armv6m
    5f0c…e2  callboard_pcm.mpy

The host's side is callboard_host/natmods.py.
"""

import hashlib
import sys
from binascii import hexlify

from . import __version__
from .errors import NativeError

LIST = "callboard_natmods.sha256"

# By MicroPython's numbers; a CPU of the ARM family also runs what is for the smaller ones.
_CPUS = (
    "no CPU",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
)
_ARMV6M = 4
_BUFFER = 512
_LINE_MAX = 128


def check(module, format, path=None):
    """Raise NativeError unless `module` may be imported; nothing if no file on `path` has it.

    `format` is what this MicroPython loads (port.mpy_format()); 0 is a Python that loads no .mpy.
    Reads the file once, through a small buffer: about 110 instructions a byte on an armv6m.
    """
    name = module + ".mpy"
    for folder in (sys.path if path is None else path) if format else ():
        prefix = folder + "/" if folder else ""
        try:
            file = open(prefix + name, "rb")  # noqa: SIM115  (the next folder is tried)
        except OSError:
            continue
        with file:
            digest = _digest(file, name, format)
        if digest != _listed(prefix + LIST, name):
            raise NativeError(name + " is damaged: its SHA-256 is not the one in " + LIST)
        return


def _digest(file, name, format):
    """The file's SHA-256 in hexadecimal. NativeError if its first bytes say it is not for us."""
    buffer = memoryview(bytearray(_BUFFER))
    n = file.readinto(buffer)
    _check_header(buffer[:n], name, format)
    sha256 = hashlib.sha256()
    while n:
        sha256.update(buffer[:n])
        n = file.readinto(buffer)
    return hexlify(sha256.digest())


def _check_header(header, name, format):
    """`M`, format version, features: sub-version in two bits, CPU above them (MicroPython)."""
    if len(header) < 4 or header[0] != 0x4D:
        raise NativeError(name + " is damaged: it is no .mpy file")
    version, ours = "%d.%d", (format & 0xFF, format >> 8 & 3)
    theirs = (header[1], header[2] & 3)
    if theirs != ours:
        raise NativeError(
            "%s has format %s, this MicroPython loads %s: install the release for it"
            % (name, version % theirs, version % ours)
        )
    cpu, our_cpu = header[2] >> 2, format >> 10
    if cpu != our_cpu and not (_ARMV6M <= cpu <= our_cpu and our_cpu <= _CPUS.index("armv7emdp")):
        raise NativeError(
            "%s is for %s, this is %s: install the one for %s"
            % (name, _cpu(cpu), _cpu(our_cpu), _cpu(our_cpu))
        )


def _cpu(number):
    return _CPUS[number] if number < len(_CPUS) else "CPU %d" % number


def _listed(path, name):
    """The hash that the list has for a file, or NativeError: none, or another release's list."""
    try:
        file = open(path, "rb")  # noqa: SIM115  (its absence is told apart)
    except OSError:
        raise NativeError("%s has no %s beside it: install both" % (name, LIST))
    with file:
        head = file.readline(_LINE_MAX).split()
        if head[:2] != [b"#", b"callboard"] or len(head) < 3:
            raise NativeError(LIST + " is damaged: install it with the native modules again")
        if head[2] != __version__.encode():
            raise NativeError(
                "%s is not of callboard %s: install package and native modules of one release"
                % (LIST, __version__)
            )
        while True:
            line = file.readline(_LINE_MAX)
            if not line:
                raise NativeError("%s does not list %s: install both" % (LIST, name))
            words = line.split()
            if len(words) == 2 and words[1] == name.encode():
                return words[0]
