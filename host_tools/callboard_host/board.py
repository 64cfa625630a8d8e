"""A virtual board: firmware/main.py on MicroPython's unix port or on CPython.

Its run directory is the board: `board.py` says what it is made of, `flash` is its flash, WAV files
are its microphone and speaker. The button and the LED are lines on its console.
"""

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from callboard_host import events, paths, typed
from callboard_host.errors import BadInput, Interrupted, ProgramFailed
from callboard_host.media_files import check_files, check_pictures
from callboard_host.process import Child

MICROPYTHON = "micropython"
CPYTHON = "cpython"
_GOODBYE_S = 3.0
_BRIDGE_CODE = 60_000  # bytes; a real board has its code in flash, this one on the heap
PICTURE_MEMORY = 192_000  # bytes: boards with a camera have memory of their own for its pictures


def board_json() -> dict[str, Any]:
    """What boards/UNIX/board.json says."""
    return json.loads((paths.BOARDS / "UNIX" / "board.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class BoardConfig:
    """What a virtual board is. Rates in Hz; `ppm`: how much too fast its audio clock is."""

    run_dir: Path
    relay_url: str = ""
    ca_path: Path | None = None
    model_id: str = "doorbell"
    sn: str = "SN0001"
    wxa_appid: str = "wxdemo"
    open_id: str = ""  # whom its button calls; several, one after the other: with spaces
    ring_s: tuple[int, ...] | None = None  # how long each of them rings
    duplex: Literal["full", "half"] = "full"  # half: push to talk
    auto_answer: int | None = None  # seconds; None: somebody presses the button
    ticket: str = ""
    python: Literal["micropython", "cpython"] = MICROPYTHON  # type: ignore[assignment]
    bits: int = 64
    heap_bytes: int | None = None
    microphone: Path | None = None
    speaker: Path | None = None
    camera: Path | None = None  # H.264, Annex B
    camera_fps: int = 15
    screen: Path | None = None  # what it shows is written there
    audio_rate: int = 16000
    ppm: int = 0
    codecs: tuple[str, ...] | None = None  # names of PROTOCOL.md §4; None: those of board.json
    window_ms: int = 0  # how long it waits for Ctrl-C before it starts
    blank: bool = False  # told nothing of relay and identity: to be provisioned
    wifi: tuple[tuple[bytes, bytes, int], ...] | None = None  # (ssid, password, dBm) around it
    network: Literal["own", "serial"] = "own"  # serial: none but `callboard bridge`
    bridge_tls: Literal["board", "host"] = "board"  # who makes TLS then


def constants(config: BoardConfig) -> dict[str, Any]:
    """The contents of board.py (firmware/callboard/platform/unix.py tells what each means)."""

    def text(path: Path | None) -> str | None:
        return str(path.resolve()) if path else None

    known = {
        "RELAY_URL": config.relay_url,
        "RELAY_CA": text(config.ca_path),
        "MODEL_ID": config.model_id,
        "SN": config.sn,
        "WXA_APPID": config.wxa_appid,
        "OPEN_ID": config.open_id,
        "RING_S": list(config.ring_s) if config.ring_s else None,
        "AUTO_ANSWER": config.auto_answer,
        "TICKET": config.ticket,
    }
    return {
        **({} if config.blank else known),
        "DUPLEX": config.duplex,
        "NETWORK": config.network,
        "BRIDGE_TLS": config.bridge_tls,
        "WIFI": list(config.wifi) if config.wifi is not None else None,
        "WINDOW_MS": config.window_ms,
        "DATA_PATH": str((config.run_dir / "flash").resolve()),
        "MICROPHONE": text(config.microphone),
        "SPEAKER": text(config.speaker),
        "CAMERA": text(config.camera),
        "CAMERA_FPS": config.camera_fps,
        "SCREEN": text(config.screen),
        "AUDIO_RATE": config.audio_rate,
        "AUDIO_PPM": config.ppm,
        "CODECS": list(config.codecs or board_json()["codecs"]),
    }


def write_board_py(config: BoardConfig) -> Path:
    """Make the run directory and its board.py. Raises BadInput when it cannot be written."""
    lines = ['"""What this virtual board is made of; written by `callboard board`."""', ""]
    lines += [f"{name} = {value!r}" for name, value in constants(config).items()]
    path = config.run_dir / "board.py"
    try:
        config.run_dir.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        text = f"cannot write {path}: {error.strerror}"
        raise BadInput(text, "choose another --run-dir") from error
    return path


def command(config: BoardConfig) -> tuple[list[str], dict[str, str]]:
    """(argv, environment) that boot the board. Raises NotBuilt."""
    run_dir, main_py = str(config.run_dir.resolve()), str(paths.main_py())
    if config.python == CPYTHON:
        python_path = os.pathsep.join([run_dir, paths.python_path()])
        return [sys.executable, "-u", main_py], {"PYTHONPATH": python_path}
    heap = config.heap_bytes or board_json()["heap_bytes"][str(config.bits)]
    if config.network == "serial" and config.heap_bytes is None:
        heap += _BRIDGE_CODE
    if config.camera or config.screen:
        heap += PICTURE_MEMORY
    argv = [str(paths.micropython(config.bits)), "-X", f"heapsize={heap}", main_py]
    folders = [run_dir, str(paths.FIRMWARE), str(paths.natmods(config.bits)), ".frozen"]
    return argv, {"MICROPYPATH": ":".join(folders)}


async def start(config: BoardConfig, log: Path | None = None, name: str = "board") -> Child:
    """Boot a virtual board. `log` gets everything it prints."""
    write_board_py(config)
    argv, environment = command(config)
    return await Child.start(name, argv, env=environment, cwd=config.run_dir, log=log, stdin=True)


async def press(board: Child) -> None:
    """Press its button shortly."""
    await board.write_line("button press")
    await board.write_line("button release")


async def run_interactively(config: BoardConfig, show_events: bool = False) -> int:
    """Boot it and connect it with our terminal: Enter presses the button. Its exit status."""
    check_files(config.microphone, config.speaker)
    check_pictures(config.camera, config.screen)
    board = await start(config)
    async with board:
        board.on_line = lambda line: print(line, flush=True)
        if show_events:
            board.on_event = _print_event
        keys = asyncio.create_task(_type_lines(board))
        try:
            return await board.wait(timeout_s=None)
        except asyncio.CancelledError:
            await switch_off(board)
            raise Interrupted("the board was switched off") from None
        finally:
            keys.cancel()


async def switch_off(board: Child) -> None:
    """Let it say goodbye and close its files, then make sure that it is gone."""
    if board.returncode is None:
        with contextlib.suppress(ProgramFailed):
            await board.write_line("quit")
            await board.wait(_GOODBYE_S)
    await board.stop()


def _print_event(event: dict[str, Any]) -> None:
    print(events.MARK + json.dumps(event), flush=True)


async def _type_lines(board: Child) -> None:
    """Give our standard input to the board, line by line; an empty line presses the button."""
    async for words in typed.lines():
        if words:
            await board.write_line(words)
        else:
            await press(board)
