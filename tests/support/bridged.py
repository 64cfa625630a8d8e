"""A virtual board without a network, a bridge at its serial line, and a cable between them."""

import asyncio
import contextlib
import time
from dataclasses import replace

from callboard.net.tls import context_from_file
from callboard_host import events
from callboard_host.board_pty import PtyBoard
from callboard_host.demo import call
from callboard_host.demo.callfiles import Files
from callboard_host.demo.stage import Stage
from callboard_host.serial_line.bridge import Bridge
from callboard_host.serial_line.port import SerialPort
from support.cable import Cable

BITS = 10  # of a byte on a UART
RING = 260  # an ESP32's


class Bridged:
    """A bridge on a port, and what its board says: to the demo's functions it is a board."""

    name = "board"

    def __init__(self, stage: Stage, path: str, rate: int = 0):
        self.events: list[events.Event] = []
        self.notes: list[str] = []
        self.lines: list[str] = []
        tls = context_from_file(str(stage.ca_path)) if stage.ca_path else None
        self.bridge = Bridge(
            lambda: SerialPort(path), stage.relay_url, tls, rate, self._line, self.notes.append
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

    async def write_line(self, line):
        """Type a line to the board."""
        assert self.bridge.type(line)

    async def wait_event(self, *names, timeout_s=20.0, after_us=0):
        """The first event of these names, not before `after_us`."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = [e for e in self.events if e["event"] in names and e["t_us"] >= after_us]
            if found:
                return found[0]
            if self.task.done():
                self.task.result()
            assert time.monotonic() < deadline, (names, self.lines[-20:], self.notes)
            await asyncio.sleep(0.02)

    async def until_note(self, text, times=1, timeout_s=20.0):
        """Wait until the bridge has said something so many times."""
        deadline = time.monotonic() + timeout_s
        while sum(text in note for note in self.notes) < times:
            assert time.monotonic() < deadline, (text, self.notes, self.lines[-20:])
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def staged(folder, *phone_options):
    """A relay with accounts, and its `.phone`."""
    async with Stage(folder, log=lambda text: None) as stage:
        await stage.start_relay()
        await stage.create_accounts()
        stage.phone = await stage.start_phone(*phone_options)
        yield stage


def without_network(stage, config, bridge_tls="host"):
    """The board of `config`, knowing the stage's relay, ticket and user, without a network."""
    config = replace(
        config,
        relay_url=stage.relay_url,
        ca_path=stage.ca_path,
        ticket=stage.ticket,
        open_id=stage.open_id,
        network="serial",
        bridge_tls=bridge_tls,
    )
    return PtyBoard(config)


async def spoken_call(folder, options, steps, baud, ring=None, bridge_tls="host"):
    """A call with recorded voices both ways through a cable of `baud` bits/s.

    Returns (report, bars, the bridge's counts, the cable).
    """
    files = Files(folder)
    talk_s = options.plan.total_s + 0.4
    rate = baud // BITS
    async with Stage(folder, log=lambda text: None) as stage:
        stage.forget()
        await asyncio.to_thread(call.write_speech, files, options)
        await stage.start_relay()
        await stage.create_accounts()
        phone = await stage.start_phone(
            *("--microphone", files.said("phone"), "--speaker", files.heard("phone")),
            *("--rate", str(call.PHONE_RATE), "--answer-after", "0.3"),
            *("--hang-up-after", str(talk_s)),
        )
        config = call.board_config(stage, files, options)
        with (
            without_network(stage, config, bridge_tls) as virtual,
            Cable(virtual.path, folder / "tty", rate, ring, ring_s=0.005) as cable,
        ):
            async with Bridged(stage, str(cable.path), rate) as board:
                await board.wait_event("ready")
                seen = await call.talk(stage, board, phone, steps, talk_s)
                counts = board.bridge.counts
    report, bars = call.publish(seen, files, options)
    return report, bars, counts, cable
