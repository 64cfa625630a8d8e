"""Calls of boards that have no network: `callboard bridge` at their serial line."""

import asyncio
import json
import signal
import time
from dataclasses import replace

import pytest
from rich.console import Console

from callboard import codes
from callboard_host import board
from callboard_host.demo import bars, call
from callboard_host.demo.progress import Steps
from support.bridged import RING, Bridged, spoken_call, staged, without_network
from support.cable import Cable
from support.covers import covers
from system.programs import Program, run

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

UART = 115200
FAST = 921600
ATTEMPTS = 5  # as in test_call.py; who got no time for 100 ms has lost packets, too


def config(tmp_path, **options):
    return board.BoardConfig(run_dir=tmp_path / "board", **options)


@pytest.mark.parametrize(
    ("python", "bits", "tls"),
    [("micropython", 64, "host"), ("cpython", 64, "board")],  # 32 bits: below
)
async def test_a_board_without_a_network_registers_and_calls(tmp_path, python, bits, tls):
    for attempt in range(ATTEMPTS):
        board_config = config(tmp_path / str(attempt), python=python, bits=bits)
        counts = await registered_and_called(tmp_path / str(attempt), board_config, tls)
        assert counts.streams >= 3 and counts.bytes_to_board > 1000
        assert counts.media_to_relay > 0 < counts.media_to_board
        if counts.streams == 3 and counts.frames_damaged == counts.media_dropped == 0:
            return
    raise AssertionError(counts)


async def registered_and_called(folder, board_config, tls):
    """Registration and a call over a bridge: what that carried."""
    folder.mkdir()
    async with staged(folder, "--answer-after", "0.1", "--hang-up-after", "1") as stage:
        with without_network(stage, board_config, tls) as virtual:
            async with Bridged(stage, virtual.path) as bridged:
                await bridged.wait_event("registered")
                await bridged.wait_event("ready")
                await bridged.write_line("button press")
                await bridged.wait_event("audio_first")
                assert (await bridged.wait_event("ended"))["reason"] == "hung_up_by_callee"
                return bridged.bridge.counts


@covers("V-30", "V-63")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("baud", "ring", "tls"), [(FAST, RING, "host"), (UART, None, "board")], ids=["fast", "uart"]
)
async def test_a_spoken_call_is_as_good_as_its_codec(tmp_path, baud, ring, tls):
    options = call.CallOptions(python="micropython", bits=32, speech_s=3.0, chirps_s=1.2)
    for _ in range(ATTEMPTS):
        steps = Steps(Console(quiet=True))
        report, checked, counts, cable = await spoken_call(
            tmp_path, options, steps, baud, ring, tls
        )
        assert report["call"]["result"] == "completed" and report["call"]["codec"] == "opus"
        assert counts.media_to_board > 150 < counts.media_to_relay
        failed = [bar.as_dict() for bar in bars.failures(checked)]
        if not failed and cable.overflowed == counts.frames_damaged == 0:
            return
    raise AssertionError((failed, cable.overflowed, counts))


async def test_pcmu_at_115200_is_refused_with_the_reason(tmp_path):
    async with staged(tmp_path) as stage:
        pcmu = config(tmp_path, codecs=("pcmu",))
        with without_network(stage, pcmu) as virtual:
            async with Bridged(stage, virtual.path, UART // 10) as bridged:
                await bridged.wait_event("ready")
                assert any("too slow for this call" in line for line in bridged.lines)
                await bridged.write_line("button press")
                error = await bridged.wait_event("error")
                assert error["code"] == codes.CODEC_UNAVAILABLE
                assert "--baud" in error["message"] and "9750" in error["message"]
            async with Bridged(stage, virtual.path, FAST // 10) as bridged:  # a faster line
                await bridged.wait_event("ready", "online")
                await asyncio.sleep(0.1)
                await bridged.write_line("button press")
                await bridged.wait_event("ringing")


async def test_at_115200_a_phone_without_opus_is_not_rung(tmp_path):
    async with staged(tmp_path, "--codecs", "pcmu") as stage:
        with without_network(stage, config(tmp_path)) as virtual:
            async with Bridged(stage, virtual.path, UART // 10) as bridged:
                await bridged.wait_event("ready")
                await bridged.write_line("button press")
                error = await bridged.wait_event("error")
                assert error["code"] == codes.CODEC_UNAVAILABLE and "PCMU" in error["message"]
                assert not [e for e in stage.phone.events if e["event"] == "ringing"]


@pytest.mark.slow
async def test_a_cable_pulled_in_a_call_and_a_relay_that_restarts(tmp_path):
    async with staged(tmp_path, "--answer-after", "0.1") as stage:
        with (
            without_network(stage, config(tmp_path, bits=32)) as virtual,
            Cable(virtual.path, tmp_path / "tty", FAST // 10) as cable,
        ):
            async with Bridged(stage, str(cable.path)) as bridged:
                await bridged.wait_event("ready")
                await bridged.write_line("button press")
                heard = await bridged.wait_event("audio_first")
                cable.disconnect()  # for a moment: the call goes on
                await bridged.until_note("disconnected: ")
                cable.connect()
                back = await bridged.wait_event("online", after_us=heard["t_us"])
                await carried(bridged)
                assert not [e for e in bridged.events if e["event"] in ("ended", "ready")][1:]
                cable.disconnect()  # for good
                await bridged.until_note("disconnected: ", 2)
                ended = await stage.phone.wait_event("ended", timeout_s=40)
                assert ended["reason"] == "aborted"
                cable.connect()
                ready = await bridged.wait_event("ready", after_us=back["t_us"], timeout_s=40)
                ends = [e for e in bridged.events if e["event"] == "ended"]
                assert [e["reason"] for e in ends] in ([], ["aborted"])  # said into no cable
                await bridged.write_line("button press")
                await bridged.wait_event("audio_first", after_us=ready["t_us"])
                port = stage.relay_port
                await stage.relay.stop()
                gone = await bridged.wait_event("offline", after_us=ready["t_us"])
                await bridged.wait_event("ended", after_us=gone["t_us"], timeout_s=40)
                await stage.start_relay(port=port)
                await bridged.wait_event("ready", after_us=gone["t_us"], timeout_s=60)
                assert bridged.bridge.counts.disconnects == 2


async def carried(bridged):
    """Wait until packets of audio go both ways again."""
    before, deadline = bridged.bridge.counts, time.monotonic() + 20
    while time.monotonic() < deadline:
        now = bridged.bridge.counts
        if (
            min(
                now.media_to_relay - before.media_to_relay,
                now.media_to_board - before.media_to_board,
            )
            > 3
        ):
            return
        await asyncio.sleep(0.05)
    raise AssertionError((before, bridged.bridge.counts, bridged.lines[-20:]))


async def test_a_board_that_is_reset_comes_back(tmp_path):
    async with staged(tmp_path) as stage:
        with without_network(stage, config(tmp_path)) as virtual:
            async with Bridged(stage, virtual.path) as bridged:
                first = await bridged.wait_event("ready")
                virtual.reset()
                await bridged.wait_event("ready", after_us=first["t_us"] + 1)
                assert bridged.bridge.counts.sessions == 2


async def test_it_leads_to_its_relay_and_says_why_it_does_not(tmp_path):
    async with staged(tmp_path) as stage:
        wrong = replace(stage, relay_url="https://127.0.0.1:1", children=[])
        with without_network(stage, config(tmp_path)) as virtual:
            async with Bridged(wrong, virtual.path) as bridged:
                await bridged.until_note("no connection for the board")
                error = await bridged.wait_event("error")
                assert "nobody listens there" in error["message"]


async def test_the_command(tmp_path):
    async with staged(tmp_path, "--answer-after", "0.1", "--hang-up-after", "0.5") as stage:
        with without_network(stage, config(tmp_path)) as virtual:
            where = (virtual.path, "--relay", stage.relay_url, "--ca", stage.ca_path)
            with Program("bridge", *where, "--output", tmp_path / "log", keyboard=True) as bridge:
                await asyncio.to_thread(use, bridge)
            assert "ready to call" in (tmp_path / "log").read_text()
            with Program("bridge", *where, "--json") as bridge:
                await asyncio.to_thread(bridge.wait_line, "is bridged to")
                bridge.process.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(bridge.finish) == 0
            last = json.loads(bridge.output.strip().splitlines()[-1])
            assert last["counts"]["sessions"] == 1


async def test_a_bridge_that_is_killed_is_missed(tmp_path):
    """It says no goodbye; who looks at the log next sees the board go offline, then return."""
    async with staged(tmp_path) as stage:
        with without_network(stage, config(tmp_path)) as virtual:
            where = (virtual.path, "--relay", stage.relay_url, "--ca", stage.ca_path)
            with Program("bridge", *where) as bridge:
                await asyncio.to_thread(bridge.wait_line, "ready to call")
                bridge.process.kill()
            with Program("log", virtual.path, "--history") as log:
                await asyncio.to_thread(log.wait_line, "offline, status")
            with Program("bridge", *where) as bridge:
                await asyncio.to_thread(bridge.wait_line, "online")


def use(bridge):
    bridge.wait_line("is bridged to https://127.0.0.1")
    bridge.wait_line("ready to call")
    bridge.type("button press\n")
    bridge.wait_line("call idle: hung_up_by_callee")
    bridge.process.send_signal(signal.SIGINT)
    assert bridge.finish() == 0
    assert "media packets" in bridge.output and bridge.left_behind() == []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--relay", "https://127.0.0.1:1"), 6, "there is no port"),
        (("--relay", "https://127.0.0.1:1", "--ca", "nothing.pem"), 6, "cannot read nothing.pem"),
        (("--relay", "ftp://relay"), 2, "url must begin with http:// or https://"),
        (("--data", "nothing"), 6, "no relay runs on nothing"),
    ],
)
def test_what_the_command_cannot_do(tmp_path, arguments, status, said):
    ended, output = run("bridge", tmp_path / "no-port", *arguments)
    assert ended == status and said in output and "Traceback" not in output
    assert "media packets" not in output
