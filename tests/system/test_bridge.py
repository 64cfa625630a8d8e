"""Calls of boards that have no network: `callboard bridge` at their serial line."""

import asyncio
import contextlib
import time

import pytest

from callboard.net.tls import context_from_file
from callboard_host import board, events
from callboard_host.board_pty import PtyBoard
from callboard_host.demo.stage import Stage
from callboard_host.serial_line.bridge import Bridge
from callboard_host.serial_line.port import SerialPort

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


class Bridged:
    """A bridge on a port, and what its board says."""

    def __init__(self, stage: Stage, path: str, rate: int = 0, baud: int = 115200):
        self.events: list[dict] = []
        self.notes: list[str] = []
        self.lines: list[str] = []
        tls = context_from_file(str(stage.ca_path)) if stage.ca_path else None
        self.bridge = Bridge(
            lambda: SerialPort(path, baud),
            stage.relay_url,
            tls,
            rate,
            self._line,
            self.notes.append,
        )

    async def __aenter__(self):
        self.task = asyncio.create_task(self.bridge.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def _line(self, line, cut):
        text = line.decode("utf-8", "replace")
        self.lines.append(text)
        if event := events.parse(text):
            self.events.append(event)

    async def until(self, *names, seconds=20.0, after=0):
        """The first event of these names behind the first `after` ones."""
        deadline = time.monotonic() + seconds
        while True:
            found = [e for e in self.events[after:] if e["event"] in names]
            if found:
                return found[0]
            if self.task.done():
                self.task.result()
            assert time.monotonic() < deadline, (names, self.lines[-20:], self.notes)
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def staged(tmp_path, *phone_options):
    """A relay with accounts, and a phone."""
    async with Stage(tmp_path, log=lambda text: None) as stage:
        await stage.start_relay()
        await stage.create_accounts()
        stage.phone = await stage.start_phone(*phone_options)
        yield stage


def bridged_board(stage, tmp_path, **options):
    """A board without a network that knows the relay, its ticket and its user."""
    config = board.BoardConfig(
        run_dir=tmp_path / "board",
        relay_url=stage.relay_url,
        ca_path=stage.ca_path,
        ticket=stage.ticket,
        open_id=stage.open_id,
        network="serial",
        **options,
    )
    return PtyBoard(config)


@pytest.mark.parametrize(
    ("python", "bits"), [("micropython", 32), ("cpython", 64)], ids=["micropython32", "cpython"]
)
async def test_a_board_without_a_network_registers_and_calls(tmp_path, python, bits):
    answering = ("--answer-after", "0.1", "--hang-up-after", "2")
    async with staged(tmp_path, *answering) as stage:
        options = {"python": python, "bits": bits, "bridge_tls": "host"}
        with bridged_board(stage, tmp_path, **options) as virtual:
            async with Bridged(stage, virtual.path) as bridged:
                await bridged.until("registered")
                await bridged.until("ready")
                assert bridged.bridge.type("button press")
                await bridged.until("audio_first")
                assert (await bridged.until("ended"))["reason"] == "hung_up_by_callee"
                counts = bridged.bridge.counts
                assert counts.streams == 2 and counts.bytes_to_board > 1000
                assert counts.frames_damaged == counts.stalls == 0
