"""Faults of a relay that is really there, mended by the device itself, on each Python."""

import asyncio
import dataclasses

import pytest

from callboard import codes
from callboard_host.relay import Relay
from callboard_host.relay.clock import FakeClock
from callboard_host.relay.rooms import Limits
from support.covers import covers
from support.pythons import PYTHONS
from support.soak import times
from support.throttle import Throttle
from support.wired_device import wired_device

from .conftest import APP, MODEL

LOST_S = times(6, 30)
SN = "SN0001"
DEVICE = {"model_id": MODEL, "sn": SN, "call_type": 2}


async def rings(world, device):
    """A phone, new as the connection, calls: it rings at the device, which rejects."""
    phone = await world.phone()
    call_id = (await phone.request("voip.call", **DEVICE))["call_id"]
    await device.told("state", "incoming")
    await device.do("reject")
    assert (await phone.pushed("call.ended", call_id=call_id))["reason"] == "rejected"
    await phone.close()


async def restart(world):
    """The relay ends and begins again, on the same port, with what is in its folder."""
    old = world.relay
    config = dataclasses.replace(old.config, port=old.port)
    await old.stop()
    world.relay = Relay(config)
    await world.relay.start()


@pytest.mark.parametrize("python", PYTHONS)
async def test_the_relays_certificate_is_renewed(make_world, tmp_path, python):
    """While it runs, and when it starts anew: boards trust the CA, not the certificate."""
    world = await make_world(tls=True)
    options = {"url": world.relay.url, "flash": str(tmp_path / "flash"), "app": APP}
    options["ca"] = str(world.relay.ca_path)
    async with wired_device(python, model=MODEL, sn=SN, **options) as device:
        await device.do("start")
        await device.do("register", ticket=(await world.admin.ticket(MODEL, SN))["ticket"])
        await device.told("ready")
        prints = {world.relay.certificates.fingerprint}

        world.relay.certificates.server_path.unlink()
        world.relay._renew_certificate()
        prints.add(world.relay.certificates.fingerprint)
        sessions = world.relay.core.hub.sessions
        sessions[f"device:{MODEL}/{SN}"].connection.close(1011, "a test")
        await device.told("offline")
        await device.told("online")
        await rings(world, device)

        world.relay.certificates.server_path.unlink()
        await restart(world)
        prints.add(world.relay.certificates.fingerprint)
        assert len(prints) == 3
        await device.told("offline")
        await device.told("ready")
        await rings(world, device)


@covers("V-43", "V-60")
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("how", ["rebooted as it rang", "rebooted as it talked", "off"])
async def test_the_power_is_lost_in_a_call(make_world, tmp_path, python, how):
    """For the phone it is "aborted": nobody rejected it or hung up. Afterwards it rings again."""
    world = await make_world(limits=Limits(grace_ms=1_500 if how == "off" else 30_000))
    phone = await world.phone()
    options = {"url": world.relay.url, "flash": str(tmp_path / "flash"), "app": APP}
    async with wired_device(python, model=MODEL, sn=SN, **options) as device:
        await device.do("start")
        await device.do("register", ticket=(await world.admin.ticket(MODEL, SN))["ticket"])
        await device.told("ready")
        call_id = (await phone.request("voip.call", **DEVICE))["call_id"]
        await device.told("state", "incoming")
        if how == "rebooted as it talked":
            assert await device.do("answer")
        await device.lose_power()
    if how == "off":
        ended = await phone.pushed("call.ended", call_id=call_id)
    async with wired_device(python, model=MODEL, sn=SN, **options) as device:
        await device.do("start")
        if how != "off":
            ended = await phone.pushed("call.ended", call_id=call_id)
        assert (ended["reason"], ended["by"]) == ("aborted", "network")
        await device.told("ready")
        await rings(world, device)


async def given_up(world, key, phone=None):
    """For the relay time passes, until it has given up who is silent; this phone is not."""
    config, hub = world.relay.config, world.relay.core.hub
    for _ in range(2):
        world.relay.clock.advance(config.dead_ms * 2 // 3)
        if phone is not None:
            await (await phone.socket.ping())
    async with asyncio.timeout(20):
        while hub.is_online(key):
            await asyncio.sleep(0.05)
    world.relay.clock.advance(config.limits.grace_ms)
    hub.tick()


@covers("V-24", "V-43")
@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("python", PYTHONS)
async def test_the_network_is_dead_for_a_while(make_world, tmp_path, python):
    """In a call, and with none: nothing passes, nothing is refused, and then it is back."""
    world = await make_world(FakeClock(), tls=True, heartbeat_ms=500, dead_ms=2_000)
    async with Throttle(world.relay.port) as line:
        options = {"url": f"https://127.0.0.1:{line.port}", "flash": str(tmp_path / "flash")}
        options |= {"app": APP, "ca": str(world.relay.ca_path), "sound": True, "timeout_s": 180}
        async with wired_device(python, model=MODEL, sn=SN, **options) as device:
            await device.do("start")
            await device.do("register", ticket=(await world.admin.ticket(MODEL, SN))["ticket"])
            await device.told("ready")
            for in_a_call in (True, False):
                if in_a_call:
                    phone = await world.phone()
                    call_id = (await phone.request("voip.call", **DEVICE))["call_id"]
                    await device.told("state", "incoming")
                    assert await device.do("answer") is True
                line.dead = True
                begun = asyncio.get_running_loop().time()
                await device.told("offline", codes.OFFLINE_NETWORK)
                await given_up(world, f"device:{MODEL}/{SN}", phone if in_a_call else None)
                if in_a_call:
                    told = await device.told("state", "idle")
                    assert told[2] == codes.END_ABORTED
                    ended = await phone.pushed("call.ended", call_id=call_id)
                    assert ended["reason"] == codes.END_ABORTED
                await asyncio.sleep(LOST_S - (asyncio.get_running_loop().time() - begun))
                line.dead = False
                await device.told("online", within_s=45)
                await rings(world, device)
