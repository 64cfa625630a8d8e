"""The pictures of report.html, as inline SVG."""

import io
import re

import matplotlib

matplotlib.use("svg")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from callboard_host.demo.chirp import Samples
from callboard_host.demo.speech import Plan

_SAID, _HEARD, _BAD = "#3b6ea5", "#c7702e", "#c0392b"
_COLUMNS = 900
_SOURCES = ("phone", "board")


def svg(figure: Figure) -> str:
    """The figure as an `<svg>` element."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight")
    text = buffer.getvalue()
    return re.sub(r'\s(width|height)="[\d.]+pt"', "", text[text.index("<svg") :], count=2)


def _figure(rows: int, height: float) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(9.5, height), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    for axis in axes:
        axis.grid(True, alpha=0.25, linewidth=0.5)
        axis.tick_params(labelsize=8)
    return figure, axes


def _envelope(axis: Axes, samples: Samples, rate: int, colour: str, label: str) -> None:
    step = max(1, len(samples) // _COLUMNS)
    count = len(samples) // step
    blocks = samples[: count * step].reshape(count, step)
    t = np.arange(count) * step / rate
    axis.fill_between(t, blocks.min(axis=1), blocks.max(axis=1), color=colour, linewidth=0)
    axis.set_ylabel(label, fontsize=8)
    axis.set_ylim(-1, 1)


def waveforms(said: Samples, heard: Samples, rate: int, plan: Plan, missing_s: list[float]) -> str:
    """What was said above what was heard, on the time line of the microphone; holes in red."""
    figure, axes = _figure(2, 2.6)
    length = round((plan.total_s + 0.6) * rate)
    _envelope(axes[0], said[:length], rate, _SAID, "said")
    _envelope(axes[1], heard[:length], rate, _HEARD, "heard")
    for axis in axes:
        axis.axvspan(plan.speech_start_s, plan.speech_end_s, color="k", alpha=0.05)
    for at in missing_s:
        axes[1].axvspan(at, at + 0.02, color=_BAD)
    axes[1].set_xlabel("seconds from the first sample of the microphone", fontsize=8)
    return svg(figure)


def delays(points: list[tuple[float, float]]) -> str:
    """Mouth-to-ear delay over the call: chirps and speech."""
    figure, (axis,) = _figure(1, 2.0)
    if points:
        axis.plot(*zip(*points, strict=True), ".", color=_HEARD, markersize=4)
    axis.axhline(100, color=_BAD, linewidth=0.8, linestyle="--")
    axis.set_ylim(0, 1.15 * max([100.0, *(value for _, value in points)]))
    axis.set_ylabel("mouth to ear, ms", fontsize=8)
    axis.set_xlabel("seconds from the first sample of the microphone", fontsize=8)
    return svg(figure)


def losses(series: dict[str, list[list[float]]]) -> str:
    """Counters that should stay at zero (frames lost, late, underruns …), over the call."""
    figure, (axis,) = _figure(1, 1.8)
    top = 1.0
    for name, points in series.items():
        if points:
            axis.step(*zip(*points, strict=True), where="post", label=name)
            top = max(top, *(value for _, value in points))
    axis.set_ylim(-0.05 * top, top * 1.1)
    axis.set_ylabel("frames so far", fontsize=8)
    axis.set_xlabel("seconds of the call", fontsize=8)
    if series:
        axis.legend(fontsize=7, loc="upper left")
    return svg(figure)


def timeline(events: list[tuple[float, str, str]]) -> str:
    """(seconds, who, what) of signalling and media, one row for each end."""
    figure, (axis,) = _figure(1, 3.0)
    axis.margins(x=0.08)  # room for the last label
    last: dict[str, tuple[float, int]] = {}
    span = max((at for at, _, _ in events), default=1.0) or 1.0
    for at, source, name in events:
        row = _SOURCES.index(source)
        before, level = last.get(source, (-span, -1))
        # Labels close together climb, so that they can be read.
        level = level + 1 if at - before < 0.1 * span and level < 7 else 0
        last[source] = (at, level)
        axis.plot([at, at], [row, row + 0.1 + 0.11 * level], color=_SAID, linewidth=0.6)
        axis.plot([at], [row], "o", color=_HEARD, markersize=3)
        axis.text(at, row + 0.1 + 0.11 * level, f"{name} {at:.2f}", fontsize=6.5)
    axis.set_yticks(range(len(_SOURCES)), _SOURCES)
    axis.set_ylim(-0.2, len(_SOURCES))
    axis.set_xlabel("seconds", fontsize=8)
    return svg(figure)
