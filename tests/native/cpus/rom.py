"""The files of an emulated board: package, tests, native modules, and some speech."""

from pathlib import Path

from cpus.machine import HERE, TOP, rom_image

SPEECH = TOP / "build" / "opus-vectors"
FRAMES = 60  # of each configuration: what happens in them is over in a second
_LONGEST_FRAME_MS = {24000: 60}
_PACKAGES = ("firmware/callboard", "tests/support", "tests/device")
_FILES = (
    "tests/run_device.py",
    "tests/native/opus_vectors.py",
    "tests/native/keystore_history.py",
)


def natmods(cpu: str) -> dict[str, bytes]:
    """A CPU's modules and their list, by name."""
    folder = TOP / "build" / "natmods" / cpu
    names = [path.name for path in folder.glob("callboard_*.mpy")] + ["callboard_natmods.sha256"]
    return {
        name: (folder / name).read_bytes()
        for name in names
        if not name.endswith(("_enc.mpy", "_dec.mpy"))
    }


def speech() -> dict[str, bytes]:
    """The beginning of each recording that opus_vectors.py reads (write_inputs() makes them)."""
    files = {}
    for path in sorted(SPEECH.glob("speech_*.raw")):
        rate, channels = map(int, path.stem.split("_")[1:])
        frame_bytes = 2 * channels * rate * _LONGEST_FRAME_MS.get(rate, 20) // 1000
        files[path.name] = path.read_bytes()[: FRAMES * frame_bytes]
    return files


def rom_for(cpu: str, other: str) -> bytes:
    """The ROM of a board. Beside its own modules: one that was cut short, and those of `other`."""
    files = {f"speech/{name}": content for name, content in speech().items()}
    for package in _PACKAGES:
        for path in (TOP / package).rglob("*.py"):
            files[str(path.relative_to(TOP))] = path.read_bytes()
    for name in _FILES:
        files[name] = (TOP / name).read_bytes()
    for path in Path(HERE).glob("guest*.py"):
        files[path.name] = path.read_bytes()
    own = natmods(cpu)
    files.update({f"natmods/{name}": content for name, content in own.items()})
    cut_short = own["callboard_pcm.mpy"][:5000]
    files["natmods-damaged/callboard_pcm.mpy"] = cut_short
    for name in ("callboard_pcm.mpy", "callboard_natmods.sha256"):
        files[f"natmods-other/{name}"] = natmods(other)[name]
        files.setdefault(f"natmods-damaged/{name}", own[name])
    return rom_image(files)
