"""What a call showed: a table on the terminal, report.json, and report.html."""

import html
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from callboard_host.demo.bars import Bar, Report

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#222}
body{max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse}
td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}
td.n{font-variant-numeric:tabular-nums}.ok{color:#27823b}.bad{color:#c0392b;font-weight:600}
.slow{color:#b9770e;font-weight:600}svg{width:100%;height:auto}pre{background:#f5f5f5;padding:.6rem}
"""


def save_json(path: Path, report: Report) -> None:
    """Write report.json. The file is complete or not there."""
    scratch = path.with_suffix(".tmp")
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    scratch.write_text(text + "\n", encoding="utf-8")
    scratch.replace(path)


def show(value: Any, unit: str = "") -> str:
    """A number as people read it; `–` for none."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return " / ".join(show(part) for part in value.values()) + (f" {unit}" if unit else "")
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {unit}" if unit else text


def rows(report: Report) -> list[tuple[str, str, str]]:
    """(what, board → phone or the call, phone → board) of the table."""
    there, back = report["media"]["board_to_phone"], report["media"]["phone_to_board"]

    def both(label: str, key: str, unit: str = "") -> tuple[str, str, str]:
        return label, show(there.get(key), unit), show(back.get(key), unit)

    return [
        both("frames sent", "frames_sent"),
        both("frames of silence, not sent", "frames_idle"),
        both("frames received", "frames_received"),
        both("frames lost", "frames_lost"),
        both("mouth to ear p50 / p95 / max", "mouth_to_ear_ms", "ms"),
        both("STOI", "stoi"),
        both("STOI, codec alone", "stoi_codec_only"),
        both("20 ms windows missing", "missing_windows"),
    ]


def codec(call: dict[str, Any]) -> str:
    """The codec of a call in a few words."""
    coding = call["coding"]
    if "rate" not in coding:
        return show(call["codec"])
    words = [call["codec"], f"{coding['rate'] // 1000} kHz"]
    words.append(f"{coding['bitrate_bps'] / 1000:g} kb/s")
    words += [name.upper() for name in ("fec", "dtx") if coding.get(name)]
    return ", ".join(words)


def setup_label(call: dict[str, Any]) -> str:
    """What the time of a call's set-up spans."""
    if call["caller"] == "phone":
        return "set-up: phone calls → board rings"
    return "set-up: button → phone rings"


def facts(report: Report) -> list[tuple[str, str]]:
    """(what, value) of the board and the call as a whole."""
    board, call = report["board"], report["call"]
    python = f"{board['implementation']} {board['version']}, {board['bits']} bits"
    return [
        ("board", python),
        ("result", call["result"]),
        ("codec", codec(call)),
        (setup_label(call), show(call["setup_ms"], "ms")),
        ("answer → audio", show(call["answer_to_audio_ms"], "ms")),
        ("duration", show(call["duration_ms"], "ms")),
        ("CPU of one frame on the board p50 / p95 / max", show(board["frame_cpu_ms"], "ms")),
        ("longest stall of the board", show(board["longest_stall_ms"], "ms")),
        ("heap growth", show(board["heap_growth_bytes"], "bytes")),
        ("allocated during the call", show(board["allocated_bytes_per_s"], "bytes/s")),
    ]


def print_table(console: Console, report: Report, bars: list[Bar]) -> None:
    """The table of `make call`."""
    whole = Table(show_header=False, box=None, pad_edge=False)
    for name, value in facts(report):
        whole.add_row(name, value)
    console.print(whole)
    media = Table("audio", "board → phone", "phone → board", box=None, pad_edge=False)
    for row in rows(report):
        media.add_row(*row)
    console.print(media)
    for bar in bars:
        if not bar.ok:
            console.print(missed(bar), style="yellow" if bar.timing else "bold red", markup=False)


def missed(bar: Bar) -> str:
    """A sentence about a bar that was missed."""
    excuse = "; is the machine busy?" if bar.timing else ""
    return f"bar missed: {bar.name} is {show(bar.value)}, bar {show(bar.limit)}{excuse}"


def _table(header: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td class=n>{html.escape(cell)}</td>" for cell in line) + "</tr>"
        for line in lines
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _bar_row(bar: Bar) -> str:
    kind = "ok" if bar.ok else "slow" if bar.timing else "bad"
    word = {"ok": "yes", "slow": "no (timing)", "bad": "NO"}[kind]
    cells = (bar.name, show(bar.value), show(bar.limit))
    text = "".join(f"<td class=n>{html.escape(cell)}</td>" for cell in cells)
    return f"<tr>{text}<td class={kind}>{word}</td></tr>"


def render_html(report: Report, bars: list[Bar], sections: list[tuple[str, str]]) -> str:
    """report.html. `sections` are (heading, SVG)."""
    title = f"callboard: a call, {report['made']}"
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>",
        f"<style>{_STYLE}</style><h1>{html.escape(title)}</h1>",
        _table(("", ""), list(facts(report))),
        "<h2>Audio</h2>",
        _table(("", "board → phone", "phone → board"), list(rows(report))),
        "<h2>Bars</h2><table><tr><th>what</th><th>value</th><th>bar</th><th>cleared</th></tr>",
        "".join(_bar_row(bar) for bar in bars),
        "</table>",
        *(f"<h2>{html.escape(heading)}</h2>{figure}" for heading, figure in sections),
        "<h2>report.json</h2><details><summary>show</summary><pre>",
        html.escape(json.dumps(report, indent=1, ensure_ascii=False)),
        "</pre></details></html>",
    ]
    return "\n".join(parts)
