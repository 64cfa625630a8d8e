"""The admin interface, the data model, and the open HTTP requests (PROTOCOL.md §1, §6, §7)."""

import asyncio
import json
import logging

import aiohttp
import pytest

from callboard import codes
from callboard.errors import NetworkError, RemoteError, TLSError
from callboard_host.relay.admin_client import AdminClient
from support.covers import covers
from support.relay_client import Refusal, new_client_id

from .conftest import APP, MODEL
from .test_relay_calls import answer, start_call


async def raw(world, method, path, body=None, **options):
    """One request without a client library's help: status and JSON."""
    if "json" not in options and body is not None:
        options["data"] = body
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, world.relay.url + path, **options) as response,
    ):
        return response.status, await response.json(content_type=None)


async def code_of(awaitable):
    with pytest.raises(RemoteError) as refused:
        await awaitable
    return refused.value.code


async def test_health(world):
    before_ms = world.relay.clock.epoch_ms()
    status, body = await raw(world, "GET", "/v1/health")
    assert (status, body["status"], body["protocol"]) == (200, "ok", 1)
    assert before_ms <= body["time_ms"] <= world.relay.clock.epoch_ms()


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer ", "Basic abc", "Bearer ü"])
async def test_the_admin_token_is_needed(world, header):
    headers = {"Authorization": header} if header else {}
    status, body = await raw(world, "GET", "/v1/admin/devices", headers=headers)
    assert (status, body["error"]["code"]) == (401, codes.UNAUTHENTICATED)


async def test_the_admin_token_survives_a_restart_and_is_private(make_world):
    world = await make_world()
    path = world.relay.admin_token_path
    assert path.stat().st_mode & 0o777 == 0o600
    token = path.read_text()
    await world.relay.stop()
    await world.relay.start()
    assert path.read_text() == token


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b"[" * 10_000, 400),
        (b'{"sn": "' + b"x" * 16_384 + b'"}', 400),
        (b'{"sn": NaN}', 400),
    ],
)
@pytest.mark.parametrize("path", ["/v1/register", "/v1/check"])
async def test_bad_bodies_are_refused(world, path, body, status):
    got, answered = await raw(world, "POST", path, body)
    assert got == status
    assert answered["error"]["code"] == codes.INVALID_ARGUMENT


@covers("V-09", "V-10", "V-11")
async def test_whoever_would_register_is_told_beforehand(world):
    await world.admin.add_app("wxother")
    await world.admin.add_model("theirs", wxa_appid="wxother")
    good = {"model_id": MODEL, "sn": "SN0001", "wxa_appid": APP}
    assert (await world.post("/v1/check", good)).keys() == {"time_ms"}
    for change, code in (
        ({"model_id": "unknown"}, codes.MODEL_REFUSED),
        ({"model_id": "theirs"}, codes.MODEL_REFUSED),
        ({"sn": "x" * 129}, codes.SN_TOO_LONG),
        ({"sn": "a b"}, codes.SN_BAD_CHARACTER),
        ({"sn": None}, codes.INVALID_ARGUMENT),
        ({"model_id": "x" * 65}, codes.INVALID_ARGUMENT),
        ({"wxa_appid": 5}, codes.INVALID_ARGUMENT),
    ):
        status, body = await raw(world, "POST", "/v1/check", json=good | change)
        assert (status, body["error"]["code"]) == (400, code), change
    assert await world.admin.devices() == []


@covers("V-09")
async def test_hello_tells_of_a_model_that_is_unknown_and_of_nothing_else(world):
    identity = await world.register("SN0001")
    for change, code in (
        ({"model_id": "unknown"}, codes.MODEL_REFUSED),
        ({"sn": "SN0002"}, codes.UNAUTHENTICATED),
        ({"wxa_appid": "wxnone"}, codes.UNAUTHENTICATED),
        ({"key": bytes(32)}, codes.UNAUTHENTICATED),
    ):
        device = world.client("device", identity | change)
        with pytest.raises(Refusal) as refused:
            await device.connect()
        assert refused.value.code == code, change
        await device.socket.wait_closed()
        assert device.socket.close_code == 4401


@pytest.mark.parametrize(
    ("path", "method"), [("/", "GET"), ("/v1/nothing", "GET"), ("/v1/register", "GET")]
)
async def test_paths_that_do_not_exist(world, path, method):
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, world.relay.url + path) as response,
    ):
        assert response.status in (404, 405)


async def test_a_websocket_path_without_a_websocket(world):
    headers = {"Sec-WebSocket-Protocol": "callboard.v1"}
    status, body = await raw(world, "GET", "/v1/device", headers=headers)
    assert (status, body["error"]["code"]) == (400, codes.INVALID_ARGUMENT)


async def test_errors_of_the_admin_interface(world):
    admin = world.admin
    assert await code_of(admin.ticket("nomodel", "SN1")) == codes.MODEL_REFUSED
    assert await code_of(admin.ticket(MODEL, "x" * 129)) == codes.SN_TOO_LONG
    assert await code_of(admin.ticket(MODEL, "a b")) == codes.SN_BAD_CHARACTER
    assert await code_of(admin.invite("noapp", "Ada")) == codes.INVALID_ARGUMENT
    assert await code_of(admin.invite(APP, "x" * 129)) == codes.INVALID_ARGUMENT
    assert await code_of(admin.add_app("a b")) == codes.INVALID_ARGUMENT
    assert await code_of(admin.add_model("x" * 65)) == codes.INVALID_ARGUMENT
    open_id = (await admin.invite(APP, "Ada"))["open_id"]
    assert await code_of(admin.authorise("onone", MODEL, "SN1")) == codes.CALL_OPEN_ID_INVALID
    assert await code_of(admin.authorise(open_id, "nomodel", "SN1")) == codes.MODEL_REFUSED
    assert await code_of(admin.properties(MODEL, "SN9")) == codes.INVALID_ARGUMENT
    assert await code_of(admin.set_modules(MODEL, "SN9", 1)) == codes.INVALID_ARGUMENT


async def test_adding_twice_renames(world):
    for name in ("one", "two"):
        await world.admin.add_app(APP, name)
        await world.admin.add_model(MODEL, name)
    open_id = (await world.admin.invite(APP, "Ada"))["open_id"]
    for _ in range(2):
        await world.admin.authorise(open_id, MODEL, "SN1")


@covers("V-03")
async def test_properties_travel_both_ways(world):
    device = await world.device()
    await device.request("dm.report", properties={"volume": 7, "room": "hall", "on": True})
    await device.request("dm.report", properties={"room": None})
    assert await world.admin.properties(MODEL, "SN0001") == {"volume": 7, "on": True}
    await world.admin.set_properties(MODEL, "SN0001", {"volume": 3})
    assert await device.pushed("dm.set") == {"properties": {"volume": 3}}
    assert (await world.admin.properties(MODEL, "SN0001"))["volume"] == 3


async def test_properties_that_a_device_does_not_take_are_not_kept(world):
    device = await world.device()
    device.automatic = False
    setting = asyncio.create_task(world.admin.set_properties(MODEL, "SN0001", {"volume": 99}))
    push = await device.wait_for(lambda m: m.get("method") == "dm.set")
    error = {"code": 1, "message": "volume must be 0 to 10"}
    await device.send({"id": push["id"], "error": error})
    with pytest.raises(RemoteError, match="volume must be 0 to 10") as refused:
        await setting
    assert refused.value.code == codes.INVALID_ARGUMENT
    assert await world.admin.properties(MODEL, "SN0001") == {}


async def test_properties_of_a_device_that_is_away_or_silent(make_world):
    world = await make_world(push_ms=100)
    device = await world.device()
    device.automatic = False
    set_volume = (MODEL, "SN0001", {"volume": 1})
    assert await code_of(world.admin.set_properties(*set_volume)) == codes.TIMEOUT
    await device.close()
    assert await code_of(world.admin.set_properties(*set_volume)) == codes.NETWORK
    assert await world.admin.properties(MODEL, "SN0001") == {}


@pytest.mark.parametrize(
    "properties",
    [
        None,
        [],
        {"a": 1.5},
        {"a": {}},
        {"a": [1]},
        {"a b": 1},
        {"": 1},
        {"x" * 65: 1},
        {"a": "x" * 1025},
        {"a": 2**53},
        {str(n): n for n in range(33)},
    ],
)
async def test_malformed_properties_are_refused_whole(world, properties):
    device = await world.device()
    if isinstance(properties, dict):
        properties = {"good": 1} | properties
    with pytest.raises(Refusal) as refused:
        await device.request("dm.report", properties=properties)
    assert refused.value.code == codes.INVALID_ARGUMENT
    assert await world.admin.properties(MODEL, "SN0001") == {}


async def test_a_device_keeps_a_bounded_number_of_properties(world):
    device = await world.device()
    for start in range(0, 128, 32):
        await device.request(
            "dm.report", properties={f"p{n}": n for n in range(start, start + 32)}
        )
    with pytest.raises(Refusal):
        await device.request("dm.report", properties={"one_more": 1})
    await device.request("dm.report", properties={"p0": None, "one_more": 1})
    assert len(await world.admin.properties(MODEL, "SN0001")) == 128


async def test_properties_too_long_for_a_message_are_refused(world):
    await world.device()
    changes = {f"p{n}": "x" * 1024 for n in range(15)}
    assert await code_of(world.admin.set_properties(MODEL, "SN0001", changes | {"q": "ü" * 500}))
    await world.admin.set_properties(MODEL, "SN0001", {"q": "ü" * 500})


@covers("V-27")
async def test_modules_reach_the_device_now_and_at_the_next_hello(world):
    device = await world.device()
    assert device.hello["modules"] == 0
    await world.admin.set_modules(MODEL, "SN0001", codes.MODULE_AI)
    assert await device.pushed("voip.module_status") == {"modules": codes.MODULE_AI}
    await device.close()
    await world.admin.set_modules(MODEL, "SN0001", codes.MODULE_CLOUD_STORAGE)
    assert (await device.connect())["modules"] == codes.MODULE_CLOUD_STORAGE
    for bad in (-1, 2**31, True, "1"):
        assert await code_of(world.admin.set_modules(MODEL, "SN0001", bad))


async def test_the_admin_client_says_what_is_wrong(make_world, tmp_path):
    world = await make_world(tls=True)
    url = world.relay.url
    async with AdminClient(url, "x", None) as client:
        with pytest.raises(TLSError):
            await client.health()
    async with AdminClient(url, "wrong", world.relay.ca_path) as client:
        assert await code_of(client.devices()) == codes.UNAUTHENTICATED
    async with AdminClient("http://127.0.0.1:1", "x") as client:
        with pytest.raises(NetworkError):
            await client.health()


async def test_no_secret_is_logged(world, caplog):
    caplog.set_level(logging.DEBUG)
    invited = await world.admin.invite(APP, "Ada")
    client = new_client_id()
    body = {"invitation": invited["invitation"], "client": client}
    token = (await world.post("/v1/users/redeem", body))["user_token"]
    ticket = (await world.admin.ticket(MODEL, "SN7"))["ticket"]
    body = {"model_id": MODEL, "sn": "SN7", "wxa_appid": APP, "nonce": new_client_id()}
    key = (await world.post("/v1/register", body | {"ticket": ticket}))["device_key"]
    device, phone = await world.device(), await world.phone()
    call, _ = await start_call(device, phone)
    await answer(device, phone, call)
    await device.cut()
    await device.connect(again=True)
    room = await phone.request("room.create")
    api_key = (await world.admin.add_key(APP))["key"]
    async with AdminClient(world.relay.url, api_key) as backend:
        body = {"kind": "device_to_phone", "model_id": MODEL}
        voip_token = (await backend.request("POST", "/v1/app/voip_tokens", body))["voip_token"]
    call = {"open_id": phone.open_id, "call_type": 2, "voip_token": voip_token}
    with pytest.raises(Refusal):
        await device.request("voip.call", **call)  # busy
    async with AdminClient(world.relay.url, api_key[:-1]) as wrong:
        assert await code_of(wrong.devices())
    thief = world.client("user", {"token": token, "client": new_client_id()})
    with pytest.raises(Refusal):
        await thief.connect()
    await world.relay.stop()
    secrets = {
        invited["invitation"],
        token,
        ticket,
        key,
        room["token"],
        api_key[:-1],
        voip_token,
        device.hello["resume_token"],
        phone.identity["token"],
        device.identity["key"].hex(),
        world.relay.admin_token_path.read_text().strip(),
    }
    records = [r for r in caplog.records if r.name.startswith("callboard_host")]
    assert records
    shown = json.dumps([r.getMessage() for r in records])
    assert not [secret for secret in secrets if secret in shown]
