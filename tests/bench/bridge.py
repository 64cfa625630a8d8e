"""Spoken calls over `callboard bridge` at several speeds; figures in build/bench/bridge.json.

bridge.py [BAUD:CODEC …]        default: 921600:opus 921600:pcmu 230400:pcmu 115200:opus

A 32-bit board behind a paced cable and an ESP32's ring of 260 bytes. A call that a busy machine
disturbed (it says so: frames lost in `capture`) is no measure of the bridge.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "firmware"), str(ROOT / "host_tools")]

from rich.console import Console  # noqa: E402  (needs the path above)

from callboard.serial import budget  # noqa: E402
from callboard_host.demo import call  # noqa: E402
from callboard_host.demo.progress import Steps  # noqa: E402
from support.bridged import RING, spoken_call  # noqa: E402
from support.cable import TO_BOARD, TO_TOOL  # noqa: E402

DEFAULT = ("921600:opus", "921600:pcmu", "230400:pcmu", "115200:opus")
DIRECTIONS = (("board_to_phone", TO_TOOL), ("phone_to_board", TO_BOARD))


def measure(baud: int, codec: str) -> dict:
    """One call."""
    options = call.CallOptions(bits=32, codec=codec, speech_s=6.6, chirps_s=2.4)
    with tempfile.TemporaryDirectory() as folder:
        report, _, counts, cable = asyncio.run(
            spoken_call(Path(folder), options, Steps(Console(quiet=True)), baud, RING)
        )
    seconds = report["call"]["duration_ms"] / 1000
    directions = {}
    for direction, way in DIRECTIONS:
        media = report["media"][direction]
        directions[direction] = {
            "frames_sent": media["frames_sent"],
            "frames_lost": media["frames_lost_where"],
            "stoi": media["stoi"],
            "stoi_codec_only": media["stoi_codec_only"],
            "mouth_to_ear_ms": media["mouth_to_ear_ms"],
            "line_bytes_per_s": round(cable.passed[way] / seconds),  # with its start and its log
        }
    return {
        "baud": baud,
        "codec": report["call"]["codec_name"],
        "budget_bytes_per_s": budget.spare(baud // 10),
        "needed_bytes_per_s": budget.needs(codec),
        "allocated_bytes_per_s": report["board"]["allocated_bytes_per_s"],
        "ring_overflows": cable.overflowed,
        "bridge": counts.json(),
        **directions,
    }


def main() -> None:
    """Measure, print, write."""
    results = []
    for wanted in sys.argv[1:] or DEFAULT:
        baud, codec = wanted.split(":")
        result = measure(int(baud), codec)
        results.append(result)
        print(f"{baud} baud, {codec}: {result['allocated_bytes_per_s']} bytes/s allocated")
        for direction, _ in DIRECTIONS:
            media = result[direction]
            lost = ", ".join(f"{n} {where}" for where, n in media["frames_lost"].items() if n)
            delay = media["mouth_to_ear_ms"]
            print(
                f"  {direction}: {media['frames_sent']} frames, lost: {lost or 'none'}; STOI "
                f"{media['stoi']:.4f} (codec alone {media['stoi_codec_only']:.4f}); mouth to ear "
                f"{delay['p50']:.0f} / {delay['p95']:.0f} ms; {media['line_bytes_per_s']} bytes/s"
            )
    path = ROOT / "build" / "bench" / "bridge.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
