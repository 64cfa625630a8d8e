"""`callboard bridge`: the bridge with a terminal around it: log lines, notes, typed lines."""

import asyncio
import contextlib
import json
import os
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from callboard.net import tls as tls_names
from callboard.net import url as urls
from callboard_host import running
from callboard_host.errors import BadInput, Interrupted

from . import records, screen
from .bridge import Bridge, Counts
from .port import SerialPort

BITS = 10  # of a byte on a UART: start, eight, stop
_MAX_BYTES, _KEEP = 10_000_000, 5  # of the log file


@dataclass(frozen=True)
class Options:
    """What `callboard bridge` was told."""

    port: str
    relay: str
    ca: Path | None
    level: str
    output: Path | None
    events: bool
    quiet: bool
    reconnect: bool
    limited: bool
    baud: int
    as_json: bool


def run(options: Options) -> None:
    """Until Ctrl-C, which is how one leaves it; then what was carried is told."""
    url = urls.parse(options.relay)
    tls = None
    if url.secure:
        tls = _context(options.ca)
    shown = records.Filter("E" if options.quiet else options.level)
    sinks: list[records.Sink] = []
    if options.as_json:
        sinks.append(screen.JsonSink())
    else:
        sinks.append(screen.ScreenSink(None, True, options.events))
    file = records.FileSink(options.output, _MAX_BYTES, _KEEP, False) if options.output else None

    def on_record(record: records.Record) -> None:
        if shown.passes(record) and not (options.quiet and not record.note):
            for sink in sinks:
                sink.write(record)
        if file:
            file.write(record)

    bridge = Bridge(
        lambda: SerialPort(options.port, options.baud),
        options.relay,
        tls,
        options.baud // BITS if options.limited else 0,
        lambda line, cut: on_record(records.parse(line, cut)) if line else None,
        lambda text: on_record(records.Record(time.time(), text, note=True)),
        options.reconnect,
    )
    try:
        with contextlib.suppress(Interrupted):
            running.run(_main(bridge))
        _tell(bridge.counts, options.as_json)
    finally:
        if file:
            file.close()


def _context(ca: Path | None) -> object:
    if ca is None:
        return tls_names.client_context()
    try:
        return tls_names.context_from_file(str(ca))
    except OSError as error:
        raise BadInput(f"cannot read {ca}: {error.strerror}") from error


async def _main(bridge: Bridge) -> None:
    keys = asyncio.create_task(_type_lines(bridge.type))
    try:
        await bridge.run()
    finally:
        keys.cancel()


async def _type_lines(type_line: Callable[[str], bool]) -> None:
    """Give our standard input to the board, line by line, where it is one to be waited for."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (sys.stdin.isatty() or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return  # a file, /dev/null: nobody types
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        type_line(line.decode("utf-8", "replace").rstrip("\r\n"))


def _tell(counts: Counts, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"counts": counts.json()}), flush=True)
        return
    words = (
        f"{counts.bytes_to_relay} bytes to the relay, {counts.bytes_to_board} to the board; "
        f"media packets: {counts.media_to_relay} to the relay, {counts.media_to_board} to the "
        f"board, {counts.media_dropped} dropped"
    )
    print(words, file=sys.stderr)
