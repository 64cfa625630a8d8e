"""Run device tests on this Python: micropython tests/run_device.py tests/device/test_rtp.py ...

Each test is a function `test_*` without parameters, plain or async; `FILE::one,two` runs only
those. Prints one line per test and exits with 1 if any failed. A file may set TIMEOUT_S, the
seconds an async test may take.
"""

import asyncio
import gc
import sys
import time

HERE = globals().get("__file__", "")  # our firmware for boards tells no file names
HERE = HERE.rsplit("/", 1)[0] if "/" in HERE else "."
NATMODS = "x64" if sys.maxsize > 1 << 32 else "x86"
for folder in ("/../build/natmods/" + NATMODS, "/../firmware", "", "/device"):
    sys.path.insert(0, HERE + folder)

from support import SkipTest  # noqa: E402  (needs the path above)

DEFAULT_TIMEOUT_S = 60

ticks_ms = getattr(time, "ticks_ms", None) or (lambda: time.monotonic_ns() // 1000000)


def print_exception(error):
    """Print a traceback to standard output on either Python."""
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        import traceback

        traceback.print_exception(error, file=sys.stdout)


def test_names(path):
    """The test functions of a file in the order they are written."""
    names = []
    with open(path) as source:
        for line in source:
            line = line[6:] if line.startswith("async ") else line
            if line.startswith("def test_"):
                names.append(line[4 : line.index("(")])
    return names


def call(test, timeout_s):
    """Call one test; an async one gets a fresh event loop and a time limit."""
    result = test()
    if hasattr(result, "send"):

        async def limited():
            try:
                await asyncio.wait_for(result, timeout_s)
            except asyncio.TimeoutError:
                raise AssertionError("still running after %d s" % timeout_s)

        try:
            asyncio.run(limited())
        finally:
            asyncio.new_event_loop()  # MicroPython's tasks of one test must not run in the next


def run_test(module, label, name):
    """Run one test, print its line; True unless it failed."""
    gc.collect()
    start = ticks_ms()
    try:
        call(getattr(module, name), getattr(module, "TIMEOUT_S", DEFAULT_TIMEOUT_S))
    except SkipTest as reason:
        print("skip", label, reason)
    except Exception as error:
        print("FAIL", label)
        print_exception(error)
        return False
    else:
        print("ok", label, ticks_ms() - start)
    return True


def run_file(argument):
    """Run the tests of `FILE` or `FILE::one,two`; the number that failed."""
    path, _, wanted = argument.partition("::")
    stem = path.rsplit("/", 1)[-1][:-3]
    names = wanted.split(",") if wanted else test_names(path)
    try:
        module = __import__(stem)
    except Exception as error:
        print("FAIL", stem + ".<import>")
        print_exception(error)
        return 1
    return sum(not run_test(module, stem + "." + name, name) for name in names)


if __name__ == "__main__":
    sys.exit(1 if sum(run_file(argument) for argument in sys.argv[1:]) else 0)
