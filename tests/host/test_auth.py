"""Who gets in: challenge and hello over a real connection (PROTOCOL.md §2)."""

import asyncio
import json

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from callboard import codes
from support.relay_client import Refusal, new_client_id

from .conftest import APP, MODEL


async def refused(client, **more):
    """Say hello; returns the code of the refusal and of the close."""
    with pytest.raises(Refusal) as refusal:
        await client.connect(**more)
    return refusal.value.code, await client.closed()


async def test_a_device_with_its_key_gets_in(world):
    device = world.client("device", await world.register())
    before_ms = world.relay.clock.epoch_ms()
    hello = await device.connect()
    assert {"pcmu", "media-ws"} <= set(hello["caps"])
    assert (hello["protocol"], hello["resumed"], hello["call"], hello["modules"]) == (
        1,
        False,
        None,
        0,
    )
    assert before_ms <= hello["time_ms"] <= world.relay.clock.epoch_ms()
    assert hello["heartbeat_ms"] < hello["dead_ms"]
    (listed,) = await world.admin.devices()
    assert listed["online"] is True and listed["firmware"] == "test"


@pytest.mark.parametrize(
    "change",
    [
        {"key": b"\0" * 32},
        {"sn": "SN9999"},
        {"wxa_appid": "wxother"},
    ],
)
async def test_wrong_identity_is_refused_the_same_way(world, change):
    device = world.client("device", await world.register() | change)
    assert await refused(device) == (codes.UNAUTHENTICATED, 4401)
    assert not world.relay.core.hub.sessions


async def test_a_model_that_the_relay_does_not_know_is_named(world):
    """Document 000 has a code of its own for it: the device may be of another operator."""
    device = world.client("device", await world.register() | {"model_id": "other"})
    assert await refused(device) == (codes.MODEL_REFUSED, 4401)
    assert not world.relay.core.hub.sessions


async def test_a_replayed_hello_is_refused(world):
    identity = await world.register()
    first = world.client("device", identity)
    await first.connect()
    seen = first.hello_params()  # as an eavesdropper saw it
    thief = world.client("device", {"key": b"\0" * 32})
    assert await refused(thief, **seen) == (codes.UNAUTHENTICATED, 4401)
    await first.request("dm.report", properties={})  # undisturbed


async def test_the_mac_covers_host_and_path(world):
    """A relay in the middle cannot pass a hello on to another path or host."""
    device = world.client("device", await world.register())
    real = device.url
    device.url = "ws://other.example:1"
    await_open = device.open

    async def open_real():
        device.url, fake = real, device.url
        await await_open()
        device.url = fake

    device.open = open_real
    assert await refused(device) == (codes.UNAUTHENTICATED, 4401)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"protocol": 2}, codes.RPC_VERSION),
        ({"protocol": True}, codes.RPC_VERSION),
        ({"require": ["teleport"]}, codes.RPC_CAPABILITY),
        ({"require": "pcmu"}, codes.INVALID_ARGUMENT),
        ({"caps": "pcmu"}, codes.INVALID_ARGUMENT),
        ({"caps": [["pcmu"]]}, codes.INVALID_ARGUMENT),
        ({"role": "user"}, codes.INVALID_ARGUMENT),
        ({"firmware": "x" * 65}, codes.INVALID_ARGUMENT),
        ({"flavour": 3}, codes.INVALID_ARGUMENT),
        ({"mac": 5}, codes.INVALID_ARGUMENT),
        ({"resume": []}, codes.INVALID_ARGUMENT),
        ({"sn": None}, codes.INVALID_ARGUMENT),
    ],
)
async def test_a_hello_that_cannot_be_served_closes_with_4400(world, change, code):
    device = world.client("device", await world.register())
    assert await refused(device, **change) == (code, 4400)


async def test_unknown_capabilities_and_members_are_ignored(world):
    device = world.client("device", await world.register())
    await device.connect(caps=["pcmu", "teleport"], require=["pcmu"], shoe_size=46)


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "[]",
        '{"jsonrpc": "2.0", "id": 1, "method": "voip.call", "params": {}}',
        '{"jsonrpc": "2.0", "id": "hello", "method": "hello"}',
        '{"jsonrpc": "1.0", "id": "hello", "method": "hello", "params": {}}',
        "[" * 16_000,
        b"\x80\x00",
    ],
)
async def test_the_first_message_must_be_hello(world, message):
    client = world.client("device", {})
    await client.open()
    await client.socket.send(message)
    assert await client.closed() == 4400


async def test_who_says_nothing_is_closed(make_world):
    world = await make_world(hello_ms=100)
    client = world.client("user", {})
    await client.open()
    assert await client.closed() == 4408


async def test_pings_before_hello_are_answered_and_do_not_count_as_hello(make_world):
    world = await make_world(hello_ms=2_000)
    client = world.client("user", {})
    await client.open()
    await asyncio.wait_for(await client.socket.ping(), 20)
    assert await client.closed() == 4408


async def test_an_invitation_works_once(world):
    invited = await world.admin.invite("wx1234567890abcdef", "Ada")
    body = {"invitation": invited["invitation"], "client": new_client_id()}
    first = await world.post("/v1/users/redeem", body)
    assert first["open_id"] == invited["open_id"]
    async with aiohttp.ClientSession() as http:
        for again in (body, body | {"client": new_client_id()}, body | {"invitation": "Inone"}):
            async with http.post(world.relay.url + "/v1/users/redeem", json=again) as response:
                assert response.status == 401
                assert (await response.json())["error"]["code"] == codes.UNAUTHENTICATED


async def test_a_user_token_is_bound_to_its_client(world):
    identity, open_id = await world.invite()
    phone = world.client("user", identity)
    hello = await phone.connect()
    assert hello["user"] == {"open_id": open_id, "name": "Ada"}
    for change in ({"client": new_client_id()}, {"token": "Unone"}):
        thief = world.client("user", identity | change)
        assert await refused(thief) == (codes.UNAUTHENTICATED, 4401)


async def test_a_device_cannot_come_in_as_a_user(world):
    identity = await world.register()
    client = world.client("user", {n: v for n, v in identity.items() if n != "key"})
    assert await refused(client) == (codes.INVALID_ARGUMENT, 4400)


async def test_a_second_connection_replaces_the_first(world):
    identity = await world.register()
    first, second = (world.client("device", identity) for _ in range(2))
    await first.connect()
    await second.connect()
    assert await first.closed() == 4409
    await second.request("dm.report", properties={})
    assert len(world.relay.core.hub.sessions) == 1


async def test_registering_again_ends_the_old_session(world):
    device = world.client("device", await world.register())
    await device.connect()
    identity = await world.register()
    assert await device.closed() == 4409
    assert await refused(device) == (codes.UNAUTHENTICATED, 4401)
    await world.client("device", identity).connect()


async def test_too_many_wrong_attempts_are_slowed_down(make_world):
    world = await make_world(failures_per_s=0.001)
    device = world.client("device", await world.register() | {"key": b"\0" * 32})
    for _ in range(20):
        assert (await refused(device))[0] == codes.UNAUTHENTICATED
    with pytest.raises(InvalidStatus) as status:
        await device.connect()
    assert status.value.response.status_code == 429
    async with aiohttp.ClientSession() as http:
        body = {"invitation": "Inone", "client": new_client_id()}
        async with http.post(world.relay.url + "/v1/users/redeem", json=body) as response:
            assert response.status == 429


async def test_too_many_guesses_at_a_model_are_slowed_down(make_world):
    world = await make_world(failures_per_s=0.001)
    names = {"model_id": MODEL, "sn": "SN0001", "wxa_appid": APP}
    async with aiohttp.ClientSession(world.relay.url) as http:
        for n in range(20):
            await world.post("/v1/check", names)  # what is right does not count
            guess = names | {"model_id": f"model{n}"}
            async with http.post("/v1/check", json=guess) as answer:
                assert (await answer.json())["error"]["code"] == codes.MODEL_REFUSED
        for path in ("/v1/check", "/v1/register", "/v1/users/redeem"):
            async with http.post(path, json=names) as answer:
                assert answer.status == 429


async def test_too_many_handshakes_are_slowed_down(make_world):
    world = await make_world(handshakes_per_s=0.2)
    with pytest.raises(InvalidStatus) as status:
        for _ in range(20):
            await world.client("user", {}).open()
    assert status.value.response.status_code == 429


@pytest.mark.parametrize("offered", [None, ["callboard.v2"], ["chat"]])
async def test_the_subprotocol_must_be_ours(world, offered):
    url = world.relay.url.replace("http", "ws") + "/v1/device"
    with pytest.raises(InvalidStatus) as status:
        await connect(url, subprotocols=offered)
    assert status.value.response.status_code == 400
    body = json.loads(status.value.response.body)
    assert body["error"]["code"] == codes.RPC_VERSION


async def test_our_subprotocol_among_others_is_chosen(world):
    url = world.relay.url.replace("http", "ws") + "/v1/device"
    async with connect(url, subprotocols=["chat", "callboard.v1"]) as socket:
        assert socket.subprotocol == "callboard.v1"


async def test_hello_over_tls(make_world):
    world = await make_world(tls=True)
    device = world.client("device", await world.register())
    await device.connect()
    await device.request("dm.report", properties={"volume": 3})
    assert world.relay.url.startswith("https://")
