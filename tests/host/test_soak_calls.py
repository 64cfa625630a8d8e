"""A device that is on for years: one call after the other, in one init, whatever ends them.

50 calls in `make test`, 1000 in `make soak`, which writes build/soak.json; with a relay, TLS and
sound that are real, on 32 bits, as on a board. The relay is restarted every 100 calls (25); what
the device holds then, in the second half of the calls against the first, is the growth.
"""

import asyncio
import dataclasses
import json
import time
from pathlib import Path

import pytest

from callboard import codes
from callboard_host.relay import Relay
from callboard_host.relay.rooms import Limits
from support.covers import covers
from support.relay_client import rtp_packet
from support.soak import times
from support.wired_device import wired_device

from .conftest import APP, MODEL

SN = "SN0001"
CALLS = times(50, 1000)
RESTART = times(25, 100)  # calls from one restart of the relay to the next
RING_MS = 5_000
# Bytes by which the heap may grow. The smallest thing that each call could leave behind takes 16;
# in 50 calls, what is made once at some time must not count for it.
GROWTH_MAX = times(15 * RESTART, 0)
EVERY_TIMEOUT = times(45, 40)  # calls from one that nobody answers to the next: it takes RING_MS
REPORT = Path(__file__).parents[2] / "build" / times("soak-short.json", "soak.json")


class Soak:
    """A device and a phone at a relay; `failures`: sentences."""

    def __init__(self, world, device):
        self.world = world
        self.device = device
        self.phone = None
        self.failures = []
        self.seen = {}  # how calls ended: how many

    async def begin(self):
        ticket = (await self.world.admin.ticket(MODEL, SN))["ticket"]
        await self.device.do("start")
        await self.device.do("register", ticket=ticket)
        self.phone = await self.world.phone()
        await self.device.told("ready")

    # --- a call, from either end ---

    async def ring(self, by_device):
        """It rings at the other end; the call's id."""
        if by_device:
            call_id = await self.device.do("call", open_id=self.phone.open_id)
            await self.phone.pushed("call.incoming", call_id=call_id)
            return call_id
        asked = {"model_id": MODEL, "sn": SN, "call_type": codes.CALL_TYPE_AUDIO}
        call_id = (await self.phone.request("voip.call", **asked))["call_id"]
        await self.device.told("state", "incoming")
        return call_id

    async def talk(self, by_device):
        """It is answered and both hear something; the call's id."""
        call_id = await self.ring(by_device)
        if by_device:
            answer = await self.phone.request("call.answer", call_id=call_id, codecs=["pcmu"])
            await self.device.told("state", "talking")
        else:
            assert await self.device.do("answer") is True
            answer = await self.phone.pushed("call.answered", call_id=call_id)
        while not self.phone.media.empty():
            self.phone.media.get_nowait()
        for number in range(8):
            ssrc = answer["media"]["send"]["ssrc"]
            await self.phone.socket.send(rtp_packet(ssrc, number))
        await self.device.told("receive")
        for _ in range(2):
            assert len(await asyncio.wait_for(self.phone.media.get(), 10)) > 160
        return call_id

    async def one(self, number):
        """Call number `number`; raises when something is not as it should be."""
        by_device = number % 2 == 0
        if number % RESTART == RESTART - 1:
            return await self.restarted(by_device)
        if number % EVERY_TIMEOUT == EVERY_TIMEOUT - 1:
            return await self.timeout(by_device)
        endings = self.phone_hangs_up, self.device_hangs_up, self.refused, self.given_up
        await endings[number // 2 % len(endings)](by_device)

    async def over(self, call_id, reason):
        """Both ends know that it is over, and why."""
        told = await self.device.told("state", "idle")
        assert told[2] == reason, (told, reason)
        ended = await self.phone.pushed("call.ended", call_id=call_id)
        assert ended["reason"] == reason, (ended, reason)
        assert await self.device.do("is_busy") == 0
        self.seen[reason] = self.seen.get(reason, 0) + 1

    async def phone_hangs_up(self, by_device):
        call_id = await self.talk(by_device)
        await self.phone.request("call.hang_up", call_id=call_id)
        by_phone = codes.END_HUNG_UP_BY_CALLEE if by_device else codes.END_HUNG_UP_BY_CALLER
        await self.over(call_id, by_phone)

    async def device_hangs_up(self, by_device):
        call_id = await self.talk(by_device)
        await self.device.do("hang_up")
        reason = codes.END_HUNG_UP_BY_CALLER if by_device else codes.END_HUNG_UP_BY_CALLEE
        await self.over(call_id, reason)

    async def refused(self, by_device):
        call_id = await self.ring(by_device)
        if by_device:
            await self.phone.request("call.reject", call_id=call_id)
        else:
            await self.device.do("reject")
        await self.over(call_id, codes.END_REJECTED)

    async def given_up(self, by_device):
        call_id = await self.ring(by_device)
        if by_device:
            await self.device.do("hang_up")
        else:
            await self.phone.request("call.hang_up", call_id=call_id)
        await self.over(call_id, codes.END_CANCELLED)

    async def timeout(self, by_device):
        await self.over(await self.ring(by_device), codes.END_TIMEOUT)

    async def restarted(self, by_device):
        """The relay is started anew in the middle of the call."""
        await self.talk(by_device)
        world, old = self.world, self.world.relay
        config = dataclasses.replace(old.config, port=old.port)
        await old.stop()
        world.relay = Relay(config)
        await world.relay.start()
        told = await self.device.told("state", "idle")
        assert told[2] == codes.END_ABORTED
        await self.device.told("online")
        await self.device.told("ready")
        await self.phone.close()
        self.phone.inbox.clear()
        await self.phone.connect()
        self.seen["relay restarted"] = self.seen.get("relay restarted", 0) + 1

    async def run(self):
        """All calls. Returns the report."""
        started = time.monotonic()
        held = []  # after each restart of the relay: the same moment of each round
        for number in range(CALLS):
            try:
                await self.one(number)
            except Exception as error:
                self.failures.append(f"call {number}: {error!r}")
                if len(self.failures) >= 5:
                    break
            await self.device.do("told")  # forget the rest
            self.phone.inbox.clear()
            if number % RESTART == RESTART - 1:
                held.append(kept([await self.device.do("measure") for _ in range(3)]))
        middle = len(held) // 2
        before, after = kept(held[:middle]), kept(held[middle:])
        return {
            "calls": sum(self.seen.values()),
            "failures": len(self.failures),
            "heap_growth_bytes": after["heap_bytes"] - before["heap_bytes"],
            "socket_growth": after["sockets"] - before["sockets"],
            "longest_stall_ms": held[-1]["stall_ms"],
            "longest_stall_cpu_ms": held[-1]["stall_cpu_ms"],  # of it, what it worked itself
            "longest_stall_in_a_call_ms": held[-1]["sound_stall_ms"],
            "ended": self.seen,
            "heap_bytes": [each["heap_bytes"] for each in held],
            "seconds": round(time.monotonic() - started),
            "python": "micropython32",
            "what_failed": self.failures,
        }


def kept(measured):
    """The last of some measurements, with the least it held in any of them.

    Now and then a collector takes a number for a pointer.
    """
    least = {name: min(each[name] for each in measured) for name in ("heap_bytes", "sockets")}
    return measured[-1] | least


@covers("V-08")
@pytest.mark.soak
@pytest.mark.system
@pytest.mark.timeout(times(180, 7200))
async def test_calls_without_end_leave_nothing_behind(make_world, tmp_path):
    limits = Limits(grace_ms=2_000, ring_ms=RING_MS)
    world = await make_world(limits=limits, tls=True)
    options = {"url": world.relay.url, "flash": str(tmp_path / "flash"), "app": APP}
    options |= {"ca": str(world.relay.ca_path), "sound": True, "timeout_s": times(180, 7200)}
    async with wired_device("micropython32", model=MODEL, sn=SN, **options) as device:
        soak = Soak(world, device)
        await soak.begin()
        report = await soak.run()
    REPORT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    assert report["failures"] == 0, report["what_failed"]
    assert report["calls"] == CALLS
    assert report["heap_growth_bytes"] <= GROWTH_MAX and report["socket_growth"] == 0, report
