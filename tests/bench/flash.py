"""make bench-flash: `callboard flash` beside esptool alone, on the same emulated chip.

An image of more than 2 MB onto an ESP32 with an identity to keep, as whole commands, in turn;
medians of five. No chip is here, so the loader is ours (tests/support/esp_rom.py) and the line a
pseudo-terminal without a speed: what is compared is everything but the wire. Of the two limits of
the overhead, 5 % and a second, the larger counts. Prints a table, writes build/bench/flash.json,
never fails on a number.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).parents[2]
sys.path[0] = str(TOP / "tests")

from callboard import keystore  # noqa: E402
from callboard.flash.devices import RamFlash  # noqa: E402
from callboard_host import paths  # noqa: E402
from callboard_host.image import build  # noqa: E402
from support import firmwares  # noqa: E402
from support.esp_board import EspBoard  # noqa: E402

OUT = TOP / "build" / "bench" / "flash.json"
BOARD = "ESP32_GENERIC"
BAUD = "460800"
ROUNDS = 5
RATIO_MAX, OVERHEAD_MAX_S = 1.05, 1.0  # whichever is larger


def made(folder: Path):
    """An image of more than 2 MB, and its file."""
    firmware = firmwares.firmware_file(folder, BOARD, size=1_800_000)
    natmods = firmwares.natmods(folder, "xtensawin")
    image = build.build(build.Options(BOARD, firmware, natmods=natmods)).image
    path = folder / "image.bin"
    path.write_bytes(image.file())
    return image, path


def identity() -> bytes:
    """A key store with a key in it."""
    flash = RamFlash()
    keystore.open(flash, identity=False).put("device_key", b"k" * 32)
    return bytes(flash.data)


def timed(command: list[str], environment: dict) -> tuple[float, float]:
    """(seconds, seconds of CPU) that a command takes. It must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    seconds = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(image, path: Path, port: str, folder: Path) -> dict[str, list[str]]:
    """The commands to compare; esptool gets the same parts as files."""
    parts = []
    for at, part in sorted(image.parts.items()):
        file = folder / f"{at:x}.bin"
        file.write_bytes(part)
        parts += [hex(at), str(file)]
    python = [sys.executable, "-m"]
    ours = [*python, "callboard_host", "flash", str(path), "--port", port, "--baud", BAUD]
    ours += ["--backups", str(folder / "keys")]
    return {
        "esptool": [*python, "esptool", "--port", port, "--baud", BAUD, "write-flash", *parts],
        "callboard": [*ours, "--no-hello"],
        "callboard_and_hello": ours,
        "callboard_skip_flashed": [*ours, "--no-hello", "--skip-flashed"],
    }


def measure(rounds: int) -> dict:
    """Everything."""
    environment = {**os.environ, "PYTHONPATH": paths.python_path()}
    with tempfile.TemporaryDirectory(prefix="callboard-") as name:
        folder = Path(name)
        image, path = made(folder)
        seconds: dict[str, list[tuple[float, float]]] = {}
        with EspBoard("esp32", 4 << 20) as board:
            for number, at in enumerate(image.key_sectors):
                keys = identity()[4096 * number : 4096 * (number + 1)]
                board.flash[at : at + 4096] = keys
            for _ in range(rounds):
                for what, command in commands(image, path, board.pty(), folder).items():
                    seconds.setdefault(what, []).append(timed(command, environment))
            kept = keystore_of(board, image) == identity()
    medians, cpu = (
        {what: statistics.median(pair[i] for pair in values) for what, values in seconds.items()}
        for i in (0, 1)
    )
    return {
        "board": BOARD,
        "image_bytes": image.size,
        "rounds": rounds,
        "python": platform.python_version(),
        "seconds": {what: round(value, 3) for what, value in medians.items()},
        "cpu_seconds": {what: round(value, 3) for what, value in cpu.items()},
        "load_average": round(os.getloadavg()[0], 1),
        "overhead_s": round(medians["callboard"] - medians["esptool"], 3),
        "overhead_ratio": round(medians["callboard"] / medians["esptool"], 4),
        **limit(medians["esptool"], medians["callboard"]),
        "identity_kept": kept,
    }


def limit(alone_s: float, ours_s: float) -> dict:
    """Which of both limits counts, as seconds of overhead, and whether it is kept."""
    by_ratio = alone_s * (RATIO_MAX - 1)
    name = "overhead_ratio" if by_ratio > OVERHEAD_MAX_S else "overhead_s"
    limit_s = max(by_ratio, OVERHEAD_MAX_S)
    return {
        "limit_applies": name,
        "limit_s": round(limit_s, 3),
        "within_limit": ours_s - alone_s <= limit_s,
    }


def keystore_of(board: EspBoard, image) -> bytes:
    """What is in the board's key store."""
    return b"".join(bytes(board.flash[at : at + 4096]) for at in image.key_sectors)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    facts = measure(parser.parse_args().rounds)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    size = facts["image_bytes"] / 1e6
    print(f"{size:.2f} MB onto an emulated {BOARD}, median of {facts['rounds']}")
    for what, value in facts["seconds"].items():
        cpu = facts["cpu_seconds"][what]
        print(f"{what:24} {value:6.2f} s, {cpu:5.2f} s of CPU")
    print(f"overhead  {facts['overhead_s']:+.2f} s, ratio {facts['overhead_ratio']:.3f}")
    kept = "kept" if facts["within_limit"] else "missed"
    print(f"limit     {facts['limit_s']:+.2f} s ({facts['limit_applies']}): {kept}")
    print(f"identity kept: {facts['identity_kept']}")
    print(OUT.relative_to(TOP))


if __name__ == "__main__":
    main()
