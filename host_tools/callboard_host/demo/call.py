"""`make call`: relay, ticket, registration, button, ring, answer, talk, hang-up; the report."""

import asyncio
import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from callboard_host import board as boards
from callboard_host import paths
from callboard_host.board import BoardConfig
from callboard_host.demo import bars as bar_rules
from callboard_host.demo import report as reports
from callboard_host.demo import speech
from callboard_host.demo.bars import Bar, Report
from callboard_host.demo.callfiles import CallEvents, Files
from callboard_host.demo.progress import Steps
from callboard_host.demo.speech import Plan
from callboard_host.demo.stage import MODEL, ONLINE_S, RING_S, SN, Stage, locked
from callboard_host.errors import CallFailed
from callboard_host.events import Event
from callboard_host.process import Child

BOARD_RATE = 16000  # what an I2S microphone of a board usually runs at
PHONE_RATE = 48000
BOARD, PHONE = "board", "phone"  # who calls
ANSWER_AFTER_S = 1.0
AUDIO_S = 10.0
_TAIL_S = 0.4  # the last chirp must reach the far end before the phone hangs up
AUTO = "auto"  # of the codecs: each end offers all it has
_PHONE_SKIP_S = 1.7  # with one file for both, the phone begins elsewhere in it


@dataclass(frozen=True)
class CallOptions:
    """What `callboard demo-call` can be told. `output` None: build/call; `codec`: AUTO, a name."""

    output: Path | None = None
    python: str = boards.MICROPYTHON
    bits: int = 64
    caller: str = BOARD
    codec: str = AUTO
    board_codecs: tuple[str, ...] | None = None  # what one end offers, whatever `codec` says
    phone_codecs: tuple[str, ...] | None = None
    speech: Path | None = None
    speech_s: float = 6.6
    chirps_s: float = 2.4
    tls: bool = True
    heap_bytes: int | None = None

    @property
    def plan(self) -> Plan:
        """When what is said."""
        return Plan(speech_s=self.speech_s, chirps_s=self.chirps_s)


def offered(options: CallOptions, own: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The codecs that an end offers; None: all it has."""
    return own or (None if options.codec == AUTO else (options.codec,))


def write_speech(files: Files, options: CallOptions) -> None:
    """Make the microphones' WAV files. Raises BadInput, NotBuilt."""
    plan = options.plan
    if options.speech:
        both = speech.load(options.speech)
        sources = ((both, 0.0), (both, _PHONE_SKIP_S))
    else:
        sources = (
            (speech.phrases(paths.SPEECH, speech.BOARD_PHRASES), 0.0),
            (speech.phrases(paths.SPEECH, speech.PHONE_PHRASES), 0.0),
        )
    targets = ((files.said("board"), BOARD_RATE), (files.said("phone"), PHONE_RATE))
    for ((samples, rate), skip_s), (path, device_rate) in zip(sources, targets, strict=True):
        said = speech.fit(samples, rate, plan.speech_s, skip_s)
        said = speech.resample(said, rate, device_rate)
        speech.write(path, speech.microphone(said, device_rate, plan), device_rate)


def board_config(stage: Stage, files: Files, options: CallOptions) -> BoardConfig:
    """The virtual board of a staged call."""
    return BoardConfig(
        run_dir=stage.folder / "board",
        relay_url="",
        python=options.python,  # type: ignore[arg-type]
        bits=options.bits,
        heap_bytes=options.heap_bytes,
        microphone=files.said("board"),
        speaker=files.heard("board"),
        audio_rate=BOARD_RATE,
        codecs=offered(options, options.board_codecs),
    )


async def start_ends(
    stage: Stage, files: Files, options: CallOptions, *phone_options: str
) -> tuple[Child, Child]:
    """Start phone and board side by side; wait until the board may call."""
    codecs = offered(options, options.phone_codecs)
    booting = asyncio.ensure_future(stage.start_board(board_config(stage, files, options)))
    phone = await stage.start_phone(
        *("--microphone", files.said("phone"), "--speaker", files.heard("phone")),
        *("--rate", str(PHONE_RATE), *phone_options),
        *(("--codecs", ",".join(codecs)) if codecs else ()),
    )
    board = await booting
    await board.wait_event("ready", timeout_s=ONLINE_S)
    return phone, board


async def press_and_ring(board: Child, phone: Child, log: Any = None) -> Event:
    """Press the button and wait until the phone rings; the board's `button` event."""
    seen = after_last(board)
    await boards.press(board)
    button = await board.wait_event("button", timeout_s=RING_S, after_us=seen)
    await until_it_rings(board, phone, "ringing", button["t_us"])
    return button


async def dial_and_ring(board: Child, phone: Child) -> Event:
    """Let the phone call and wait until the board rings; the phone's `calling` event."""
    seen = after_last(phone)
    await phone.write_line(f"call {MODEL}/{SN}")
    calling = await phone.wait_event("calling", timeout_s=RING_S, after_us=seen)
    await until_it_rings(phone, board, "incoming", calling["t_us"])
    return calling


def after_last(child: Child) -> int:
    """A moment after its last event, in µs since 1970."""
    return child.events[-1]["t_us"] + 1 if child.events else 0


async def until_it_rings(caller: Child, callee: Child, event_name: str, start_us: int) -> None:
    """Wait for the callee's event. Raises CallFailed with what the caller was refused with."""
    ringing = asyncio.ensure_future(
        callee.wait_event(event_name, timeout_s=RING_S, after_us=start_us)
    )
    refused = asyncio.ensure_future(
        caller.wait_event("error", "ended", timeout_s=RING_S + 1, after_us=start_us)
    )
    done, _ = await asyncio.wait([ringing, refused], return_when=asyncio.FIRST_COMPLETED)
    for task in (ringing, refused):
        task.cancel()
    await asyncio.gather(ringing, refused, return_exceptions=True)
    if ringing not in done:
        event = refused.result()
        reason = event.get("message") or event.get("reason")
        raise CallFailed(f"the {caller.name} could not call: {reason}", code=event.get("code"))
    ringing.result()


async def begin(board: Child, phone: Child, caller: str) -> Event:
    """Let one end call the other and wait until it rings there; the call's first event."""
    if caller == PHONE:
        return await dial_and_ring(board, phone)
    return await press_and_ring(board, phone)


async def take(board: Child, phone: Child, caller: str) -> None:
    """Let the other end answer, now."""
    if caller == PHONE:
        await boards.press(board)
    else:
        await phone.write_line("answer")


async def ring(board: Child, phone: Child, steps: Steps, caller: str) -> Event:
    """Call, and let the other end answer after a moment; the call's first event."""
    steps("the phone calls" if caller == PHONE else "pressing the button")
    first = await begin(board, phone, caller)
    if caller == PHONE:
        steps("the board rings; its button answers")
        await asyncio.sleep(ANSWER_AFTER_S)
        await take(board, phone, caller)
    else:
        steps("the phone rings; it answers")  # by itself
    return first


async def talk(
    stage: Stage, board: Child, phone: Child, steps: Steps, talk_s: float, caller: str = BOARD
) -> CallEvents:
    """From the beginning to the end of a call that the phone hangs up by itself."""
    start = (await ring(board, phone, steps, caller))["t_us"]
    for end in (phone, board):
        await end.wait_event("answered", timeout_s=RING_S, after_us=start)
        await end.wait_event("audio_first", timeout_s=AUDIO_S, after_us=start)
    over = asyncio.gather(
        *(end.wait_event("ended", timeout_s=talk_s + 15, after_us=start) for end in (board, phone))
    )
    try:
        await steps.while_waiting("both are talking", talk_s, over)
    finally:
        over.cancel()
    steps("the phone hung up")
    return events_since(board, phone, start)


def events_since(board: Child, phone: Child, start_us: int) -> CallEvents:
    """What both printed from `start_us` on."""

    def since(child: Child) -> list[Event]:
        return [event for event in child.events if event["t_us"] >= start_us]

    before = [
        (child.name, event)
        for child in (board, phone)
        for event in child.events
        if event["t_us"] < start_us
    ]
    return CallEvents(before, since(board), since(phone))


async def run(options: CallOptions, folder: Path, steps: Steps) -> tuple[CallEvents, Files]:
    """Stage one call in `folder`."""
    files = Files(folder)
    plan = options.plan
    async with Stage(folder, log=steps, tls=options.tls) as stage:
        stage.forget()
        await asyncio.to_thread(write_speech, files, options)
        await stage.start_relay()
        await stage.create_accounts()
        talk_s = plan.total_s + _TAIL_S
        answer = ("--answer-after", str(ANSWER_AFTER_S), "--hang-up-after", str(talk_s))
        phone, board = await start_ends(stage, files, options, *answer)
        return await talk(stage, board, phone, steps, talk_s, options.caller), files


def made() -> dict[str, Any]:
    """When and on what kind of machine."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "made": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "machine": {"cpus": os.cpu_count(), "load_1min": load},
    }


async def main(options: CallOptions) -> None:
    """`callboard demo-call`: stage, measure, print, write. Raises CallFailed."""
    console = Console()
    steps = Steps(console)
    folder = (options.output or paths.BUILD / "call").resolve()
    with locked(folder):
        for name in ("report.json", "report.html"):
            (folder / name).unlink(missing_ok=True)
        events, files = await run(options, folder, steps)
        steps("measuring")
        report, bars = await asyncio.to_thread(publish, events, files, options)
    console.print()
    reports.print_table(console, report, bars)
    console.print(
        f"report: {folder / 'report.html'}", markup=False, highlight=False, soft_wrap=True
    )
    judge(report, bars, folder, options.codec)


def publish(events: CallEvents, files: Files, options: CallOptions) -> tuple[Report, list[Bar]]:
    """Measure, and write report.json and report.html."""
    from callboard_host.demo import results  # here: it takes seconds to import what it needs

    facts = {**made(), "speech": str(options.speech) if options.speech else None}
    report = results.make(events, files, options.plan, facts)
    bars = bar_rules.check(report)
    report["bars"] = [bar.as_dict() for bar in bars]
    pictures = results.sections(report, files, options.plan, events)
    page = reports.render_html(report, bars, pictures)
    (files.folder / "report.html").write_text(page, encoding="utf-8")
    reports.save_json(files.folder / "report.json", report)
    return report, bars


def judge(report: Report, bars: list[Bar], folder: Path, codec: str = AUTO) -> None:
    """Raises CallFailed when the call was none, had another codec than the one asked for, or
    missed a bar that no busy machine excuses.
    """
    result = report["call"]["result"]
    if result != "completed":
        raise CallFailed(f"the call failed: {result}", f"see the logs in {folder}")
    if codec not in (AUTO, name := report["call"]["codec_name"]):
        text = f"the call was coded in {name}, not in {codec}"
        raise CallFailed(text, "run `make native natmods`: Opus is not installed on both ends")
    if failed := bar_rules.failures(bars):
        raise CallFailed("; ".join(map(reports.missed, failed)), f"see {folder / 'report.html'}")
