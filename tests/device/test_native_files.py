"""What a .mpy must show before it is imported: damaged, wrong CPU, wrong release are refused."""

import hashlib
import os
import sys
from binascii import hexlify

from callboard import __version__, native_files, port
from callboard.errors import NativeError
from support import SkipTest, raises

FOLDER = "/tmp/callboard_test_native_%d" % (id(object()) & 0xFFFFFFFF)
NAME = "callboard_wire.mpy"
# A native .mpy of format 6.3 for armv7m, which nobody imports here, and what loads it.
ARMV7M = 6 | 3 << 8 | 5 << 10
FILE = bytes([0x4D, 6, 5 << 2 | 3, 31]) + bytes(range(256)) * 9


def listing(contents, version=__version__, name=NAME):
    digest = hexlify(hashlib.sha256(contents).digest()).decode()
    return "# callboard %s armv7m\n%s  callboard_a.mpy\n%s  %s\n" % (
        version,
        "0" * 64,
        digest,
        name,
    )


def write(name, contents):
    with open(FOLDER + "/" + name, "wb") as file:
        file.write(contents)


def make(file, text):
    """The folder with such a file and such a list (None: without)."""
    remove()
    os.mkdir(FOLDER)
    write(NAME, file)
    if text is not None:
        write(native_files.LIST, text.encode())


def remove():
    for name in (NAME, native_files.LIST):
        try:
            os.remove(FOLDER + "/" + name)
        except OSError:
            pass
    try:
        os.rmdir(FOLDER)
    except OSError:
        pass


def check(format=ARMV7M):
    native_files.check("callboard_wire", format, ["/nowhere", "", FOLDER])


def refusal(file, text, format=ARMV7M):
    """What is said to such a file with such a list."""
    make(file, text)
    try:
        return raises(NativeError, check, format).message
    finally:
        remove()


def test_the_listed_file_passes():
    make(FILE, listing(FILE))
    check()
    check(0)  # a Python that loads no .mpy looks at nothing
    remove()
    check()  # no such file: nothing to refuse


def test_larger_arm_cpus_run_what_is_for_smaller_ones():
    make(FILE, listing(FILE))
    for cpu in (5, 6, 7, 8):
        check(6 | 3 << 8 | cpu << 10)
    remove()
    said = refusal(FILE, listing(FILE), 6 | 3 << 8 | 4 << 10)
    assert said == NAME + " is for armv7m, this is armv6m: install the one for armv6m", said


def test_damaged_files_are_refused():
    for damaged in (FILE[:-1], FILE[:600], FILE + b"\0", FILE[:700] + b"\x55" + FILE[701:]):
        said = refusal(damaged, listing(FILE))
        assert said == NAME + " is damaged: its SHA-256 is not the one in " + native_files.LIST
    for damaged in (b"", b"M\6", b"import" + FILE):
        assert refusal(damaged, listing(FILE)) == NAME + " is damaged: it is no .mpy file"


def test_another_cpu_or_format_is_refused_and_named():
    for header, format, words in (
        (b"M\6\x0b\x1f", ARMV7M, "is for x64, this is armv7m"),
        (b"M\6\x2f\x1f", ARMV7M, "is for rv32imc, this is armv7m"),
        (b"M\6\xff\x1f", ARMV7M, "is for CPU 63, this is armv7m"),
        (b"M\6\x17\x1f", 6 | 3 << 8 | 11 << 10, "is for armv7m, this is rv32imc"),
        (b"M\5\x17\x1f", ARMV7M, "has format 5.3, this MicroPython loads 6.3"),
        (b"M\6\x16\x1f", ARMV7M, "has format 6.2, this MicroPython loads 6.3"),
        (b"M\6\3\x1f", ARMV7M, "is for no CPU, this is armv7m"),
    ):
        file = header + FILE[4:]
        said = refusal(file, listing(file), format)
        assert (NAME + " " + words) in said and "install" in said, said


def test_the_list_is_checked_too():
    other = "0.0.9" if __version__ != "0.0.9" else "0.0.8"
    for text, words in (
        (None, "has no callboard_natmods.sha256 beside it"),
        ("", "is damaged"),
        ("\xff" * 5000, "is damaged"),
        (listing(FILE, other), "is not of callboard " + __version__),
        (listing(FILE, name="callboard_wir.mpy"), "does not list"),
        (listing(FILE).replace(NAME, NAME * 40), "does not list"),
        (listing(b"other"), "its SHA-256 is not the one"),
    ):
        said = refusal(FILE, text)
        assert words in said and ("install" in said or "SHA" in said), (text, said)


def installed():
    """Folder and contents of this Python's own pcm module."""
    if not port.mpy_format():
        raise SkipTest("CPython loads no .mpy")
    for folder in sys.path:
        try:
            with open(folder + "/" + NAME, "rb") as file:
                return folder, file.read()
        except OSError:
            pass
    raise AssertionError("no native modules here: run make natmods-host")


def test_real_modules():
    """What `make` built passes as it is, and not when bytes are missing or changed."""
    folder, file = installed()
    with open(folder + "/" + native_files.LIST) as list_file:
        text = list_file.read()
    ours = port.mpy_format()
    make(file, text)
    native_files.check("callboard_wire", ours, [FOLDER])
    for damaged in (
        file[: len(file) // 2],
        file[:-1],
        file[:1000] + bytes([file[1000] ^ 1]) + file[1001:],
    ):
        assert "damaged" in refusal(damaged, text, ours)


def test_the_modules_of_another_cpu():
    """The other unix build's module, with its own list beside it."""
    folder, _ = installed()
    other = folder[:-3] + ("x86" if folder.endswith("x64") else "x64")
    said = raises(NativeError, native_files.check, "callboard_wire", port.mpy_format(), [other])
    assert "is for " + other[-3:] in said.message, said
