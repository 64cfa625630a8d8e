"""Fixtures of the host tests: a relay inside the test's own event loop, and clients of it."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest

from callboard_host.relay import Relay, RelayConfig
from callboard_host.relay.admin_client import AdminClient
from callboard_host.relay.rooms import Limits
from support.relay_client import SignallingClient, new_client_id
from support.wired_device import wired_device

APP = "wx1234567890abcdef"
MODEL = "doorbell-1"


@dataclass
class World:
    """A running relay and what a test needs to fill it."""

    relay: Relay
    admin: AdminClient
    clients: list = field(default_factory=list)

    @asynccontextmanager
    async def ready_device(self, python, flash, **options):
        """A real device, SN0001, on this Python: registered, online, and ready for calls."""
        options |= {"url": self.relay.url, "flash": str(flash), "app": APP}
        async with wired_device(python, model=MODEL, sn="SN0001", **options) as wired:
            await wired.do("start")
            ticket = (await self.admin.ticket(MODEL, "SN0001"))["ticket"]
            await wired.do("register", ticket=ticket)
            await wired.told("ready")
            await wired.do("told")
            yield wired

    def set_times(self, push_ms=None, **limits):
        """How long the relay waits from now on: for an answer; members of Limits, in ms.

        Short for what is to time out, and only then: a busy machine takes its time.
        """
        core = self.relay.core
        engine = core.hub.engine
        engine.limits = engine._state.limits = replace(engine.limits, **limits)
        if push_ms is not None:
            core.config = replace(core.config, push_ms=push_ms)

    async def register(self, sn="SN0001", **more):
        """Register a device over HTTP; returns its identity for hello, with the key."""
        ticket = (await self.admin.ticket(MODEL, sn))["ticket"]
        body = {
            "model_id": MODEL,
            "sn": sn,
            "wxa_appid": APP,
            "ticket": ticket,
            "nonce": new_client_id(),
        } | more
        answer = await self.post("/v1/register", body)
        key = bytes.fromhex(answer["device_key"])
        return {"model_id": MODEL, "sn": sn, "wxa_appid": APP, "flavour": 0, "key": key}

    async def invite(self, name="Ada", app=APP):
        """Invite a user, redeem the invitation; returns identity for hello, and open_id."""
        invited = await self.admin.invite(app, name)
        client = new_client_id()
        body = {"invitation": invited["invitation"], "client": client}
        redeemed = await self.post("/v1/users/redeem", body)
        return {"token": redeemed["user_token"], "client": client}, redeemed["open_id"]

    async def post(self, path, body):
        """POST without the admin token."""
        async with (
            aiohttp.ClientSession() as http,
            http.post(self.relay.url + path, json=body, ssl=False) as response,
        ):
            answer = await response.json()
            assert response.status == 200, answer
            return answer

    def client(self, role, identity):
        """A client that is closed at the end of the test."""
        client = SignallingClient(self.relay.url, role, identity, self.relay.ca_path)
        self.clients.append(client)
        return client

    async def device(self, sn="SN0001"):
        """A registered device that is online."""
        client = self.client("device", await self.register(sn))
        await client.connect()
        return client

    async def phone(self, name="Ada", devices=("SN0001",), source=None, **hello):
        """A user who is online and has authorised these devices; the client has `.open_id`.

        `source`: the address it comes from; `hello`: members of its hello.
        """
        identity, open_id = await self.invite(name)
        for sn in devices:
            await self.admin.authorise(open_id, MODEL, sn)
        client = self.client("user", identity)
        client.open_id = open_id
        client.source = source
        await client.connect(**hello)
        return client


def relay_config(data_dir: Path, **more) -> RelayConfig:
    """Plain HTTP on loopback, no rate limits, and as much time as a busy machine may need."""
    options = {
        "tls": False,
        "limits": Limits(grace_ms=30_000),
        "handshakes_per_s": 1e6,
        "failures_per_s": 1e6,
    }
    return RelayConfig(data_dir=data_dir, **(options | more))


@pytest.fixture
async def make_world(tmp_path):
    """Start relays: `world = await make_world(**RelayConfig members)`."""
    worlds = []

    async def make(clock=None, **more):
        relay = Relay(relay_config(tmp_path / "relay", **more), clock)
        await relay.start()
        token = relay.admin_token_path.read_text().strip()
        admin = await AdminClient(relay.url, token, relay.ca_path).__aenter__()
        worlds.append(World(relay, admin))
        await admin.add_app(APP)
        await admin.add_model(MODEL)
        return worlds[-1]

    yield make
    for world in worlds:
        for client in world.clients:
            await client.close()
        await world.admin.__aexit__(None, None, None)
        await world.relay.stop()


@pytest.fixture
async def world(make_world):
    """One relay with an app and a model."""
    return await make_world()
