"""Faults of a relay that is really there, mended by the device itself, on each Python."""

import dataclasses

import pytest

from callboard_host.relay import Relay
from support.pythons import PYTHONS
from support.wired_device import wired_device

from .conftest import APP, MODEL

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
