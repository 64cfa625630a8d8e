"""The bars that a call on loopback must clear, and which of them a busy machine may miss."""

from dataclasses import dataclass
from typing import Any

Report = dict[str, Any]

STOI_MARGIN = 0.01
STOI_LEAST = 0.97  # of the recorded voices; what somebody else says may be noise
_NO_SPEECH = 0.5  # a codec that leaves less was given a tone or the like: STOI tells nothing then
DIRECTIONS = ("board_to_phone", "phone_to_board")


@dataclass(frozen=True)
class Bar:
    """One bar. `timing` marks those that a busy machine misses: shown, never a failure."""

    name: str
    value: float | None
    limit: float
    ok: bool
    timing: bool

    def as_dict(self) -> dict[str, Any]:
        """For report.json."""
        return dict(vars(self))


def at_most(name: str, value: float | None, limit: float, timing: bool = False) -> Bar:
    """A bar that `value` must not exceed; a value that is missing does not clear it."""
    return Bar(name, value, limit, value is not None and value <= limit, timing)


def at_least(name: str, value: float | None, limit: float) -> Bar:
    """A bar that `value` must reach."""
    return Bar(name, value, limit, value is not None and value >= limit, False)


def check(report: Report) -> list[Bar]:
    """Every bar for a finished report."""
    bars = [at_most("call.setup_ms", report["call"]["setup_ms"], 150, timing=True)]
    for direction in DIRECTIONS:
        media, ours = report["media"][direction], report["speech"] is None
        bars += _direction(f"media.{direction}", media, _stoi_needed(media, ours))
    if report["board"]["implementation"] == "micropython":
        growth = report["board"]["heap_growth_bytes"]
        bars.append(at_most("board.heap_growth_bytes", growth, 0))
    return bars


def _stoi_needed(media: dict[str, Any], ours: bool) -> float:
    """The bar for STOI, of the recorded voices or of what somebody gave us to say."""
    needed = round(media["stoi_codec_only"] - STOI_MARGIN, 4)
    if ours:
        return max(STOI_LEAST, needed)
    return needed if media["stoi_codec_only"] >= _NO_SPEECH else -1.0


def _direction(name: str, media: dict[str, Any], stoi_needed: float) -> list[Bar]:
    return [
        at_most(f"{name}.frames_lost", media["frames_lost"], 0),
        at_most(f"{name}.missing_windows", media["missing_windows"], 0),
        at_most(f"{name}.chirps_missing", media["chirps_missing"], 0),
        at_least(f"{name}.stoi", media["stoi"], stoi_needed),
        at_most(f"{name}.mouth_to_ear_ms.p50", media["mouth_to_ear_ms"]["p50"], 100, timing=True),
        at_most(f"{name}.mouth_to_ear_ms.p95", media["mouth_to_ear_ms"]["p95"], 140, timing=True),
    ]


def failures(bars: list[Bar]) -> list[Bar]:
    """The bars missed that no busy machine excuses."""
    return [bar for bar in bars if not bar.ok and not bar.timing]


def slow(bars: list[Bar]) -> list[Bar]:
    """The timing bars missed."""
    return [bar for bar in bars if not bar.ok and bar.timing]
