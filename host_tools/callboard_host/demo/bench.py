"""`make bench-call`: many call set-ups, then a long call, for percentiles that mean something."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from callboard_host import paths
from callboard_host.demo import call, measure
from callboard_host.demo import report as reports
from callboard_host.demo.bars import Report
from callboard_host.demo.callfiles import CallEvents, Files
from callboard_host.demo.progress import Steps
from callboard_host.demo.stage import RING_S, Stage, locked
from callboard_host.process import Child

_SPEECH_S = 6.6  # of the long call; the rest is chirps
_PAUSES_S = 1.2
_TALK_S = 0.4  # of a set-up: long enough to hear each other


async def set_up_once(board: Child, phone: Child, caller: str) -> CallEvents:
    """A call that is answered at once and hung up as soon as both hear each other."""
    start = (await call.begin(board, phone, caller))["t_us"]
    await call.take(board, phone, caller)
    for end in (phone, board):
        await end.wait_event("audio_first", timeout_s=call.AUDIO_S, after_us=start)
    await asyncio.sleep(_TALK_S)
    await phone.write_line("hang up")
    for end in (phone, board):
        await end.wait_event("ended", timeout_s=RING_S, after_us=start)
    return call.events_since(board, phone, start)


async def long_call(
    board: Child, phone: Child, steps: Steps, talk_s: float, caller: str
) -> CallEvents:
    """A call of `talk_s` seconds."""
    start = (await call.begin(board, phone, caller))["t_us"]
    await call.take(board, phone, caller)
    await phone.wait_event("answered", timeout_s=RING_S, after_us=start)
    broken = asyncio.gather(
        *(end.wait_event("ended", timeout_s=talk_s + 15, after_us=start) for end in (board, phone))
    )
    try:
        talking = asyncio.ensure_future(asyncio.wait([broken], timeout=talk_s))
        await steps.while_waiting("a long call", talk_s, talking)
        await phone.write_line("hang up")
        await broken
    finally:
        broken.cancel()
    return call.events_since(board, phone, start)


def summary(calls: list[CallEvents], media: Report) -> Report:
    """The JSON of the benchmark."""
    from callboard_host.demo import results

    facts = [results.call_facts(events) for events in calls]

    def all_of(name: str) -> dict[str, Any]:
        values = [fact[name] for fact in facts if fact[name] is not None]
        return {**measure.percentiles(values), "count": len(values)}

    return {
        "format": results.FORMAT,
        "made": media["made"],
        "machine": media["machine"],
        "board": media["board"],
        "setups": {
            "setup_ms": all_of("setup_ms"),
            "answer_to_audio_ms": all_of("answer_to_audio_ms"),
            "heap_growth_bytes": [
                events.stats("board").get("heap_growth_bytes") for events in calls
            ],
        },
        "call": media["call"],
        "media": media["media"],
    }


async def run(
    options: call.CallOptions, folder: Path, setups: int, seconds: float, steps: Steps
) -> Report:
    """Stage everything in `folder`; the report."""
    files = Files(folder)
    speech_s = min(_SPEECH_S, seconds / 2)
    chirps_s = max(1.0, (seconds - speech_s - _PAUSES_S) / 2)
    options = replace(options, speech_s=speech_s, chirps_s=chirps_s)
    async with Stage(folder, log=steps, tls=options.tls) as stage:
        stage.forget()
        await asyncio.to_thread(call.write_speech, files, options)
        await stage.start_relay()
        await stage.create_accounts()
        phone, board = await call.start_ends(stage, files, options)
        calls = []
        for number in range(setups):
            calls.append(await set_up_once(board, phone, options.caller))
            steps(f"set-up {number + 1} of {setups}")
        talk_s = options.plan.total_s + 0.4
        calls.append(await long_call(board, phone, steps, talk_s, options.caller))
    steps("measuring")
    media, _ = await asyncio.to_thread(call.publish, calls[-1], files, options)
    return summary(calls, media)


async def main(options: call.CallOptions, setups: int, seconds: float) -> None:
    """`callboard bench-call`: writes and prints the figures; never fails on a time."""
    console = Console()
    folder = (options.output or paths.BUILD / "bench" / "call").resolve()
    with locked(folder):
        report = await run(options, folder, setups, seconds, Steps(console))
    path = folder.with_suffix(".json")
    reports.save_json(path, report)
    print_summary(console, report)
    console.print(f"report: {path}", markup=False, highlight=False, soft_wrap=True)


def print_summary(console: Console, report: Report) -> None:
    """The percentiles, a line each."""
    lines = [
        (reports.setup_label(report["call"]), report["setups"]["setup_ms"]),
        ("answer → audio", report["setups"]["answer_to_audio_ms"]),
    ]
    for name, media in report["media"].items():
        lines.append((f"mouth to ear, {name.replace('_', ' ')}", media["mouth_to_ear_ms"]))
    for name, values in lines:
        shown = {key: values[key] for key in ("p50", "p95", "max")}
        console.print(f"{name:34}  p50 / p95 / max  {reports.show(shown, 'ms')}", highlight=False)
