"""What an emulated CPU is asked to do; runs there. Prints one JSON object per line.

The machine's ROM file system holds this file and, as in the repository, firmware/, tests/,
natmods/ (this CPU's modules with their hash list) and speech/.
"""

import gc
import json
import sys
import time

ROM = "/rom"
MODULES = ("pcm", "wire", "keystore", "opus")


def say(**fields):
    print(json.dumps(fields))


def paths():
    """Where Python looks: the package, the tests and what they share."""
    sys.path[:] = [".frozen"]
    for folder in ("", "/firmware", "/tests", "/tests/device", "/tests/native"):
        sys.path.append(ROM + folder)


def use_natmods():
    """Let `import callboard_pcm` mean the .mpy, also where a user C module has that name."""
    from callboard import native_files, port

    names = []
    for name in MODULES:
        native_files.check("callboard_" + name, port.mpy_format(), [ROM + "/natmods"])
        try:
            module = __import__("natmods.callboard_" + name, None, None, ("*",))
        except ImportError:
            continue
        assert module.IMPLEMENTATION == "native module", module.IMPLEMENTATION
        sys.modules["callboard_" + name] = module
        names.append(name)
    return names


def vectors(frames, natmods=True):
    """Hashes of packets and PCM in every configuration, of the .mpy or the user C module."""
    if natmods:
        use_natmods()
    import opus_vectors

    say(implementation=opus_vectors.opus.IMPLEMENTATION)
    for row in opus_vectors.CONFIGURATIONS:
        start = time.ticks_ms()
        result = opus_vectors.Run(row, ROM + "/speech", frames).run(None)
        say(ms=time.ticks_diff(time.ticks_ms(), start), **result)
        gc.collect()


def device_tests(arguments):
    """Device tests by FILE::name,name, on the .mpy; the runner prints a line for each."""
    say(modules=use_natmods())
    import run_device

    for argument in arguments:
        gc.collect()
        run_device.run_file(ROM + "/tests/device/" + argument)
    say(done=True)


def keystore():
    """The key store's scripted history."""
    use_natmods()
    import callboard_keystore
    from keystore_history import UNITS, history

    for unit in UNITS:
        say(**history(callboard_keystore, unit))


def refusals():
    """What is said to modules that are whole, cut short, and of another CPU."""
    from callboard import native_files, port
    from callboard.errors import NativeError

    for folder in ("natmods", "natmods-damaged", "natmods-other"):
        try:
            native_files.check("callboard_pcm", port.mpy_format(), [ROM + "/" + folder])
            said = None
        except NativeError as error:
            said = error.message
        say(folder=folder, said=said)


def unaligned():
    """Read a word from an odd address, as careless C would: a Cortex-M0 does not survive that."""
    import uctypes

    memory = bytearray(b"12345678")
    word = uctypes.struct(uctypes.addressof(memory) + 1, {"x": uctypes.UINT32 | 0}, uctypes.NATIVE)
    say(word=word.x)
