"""The HTTP interface for the backend of an app's developer, with an API key (PROTOCOL.md §7)."""

import aiohttp
import pytest

from callboard import codes
from callboard.errors import RemoteError
from callboard_host.relay.admin_client import AdminClient
from callboard_host.relay.clock import FakeClock
from support.covers import covers
from support.relay_client import Refusal

from .conftest import APP, MODEL

OTHER = "wxother"
OWN = {"model_id": MODEL, "sn": "SN0001"}


@pytest.fixture
async def backend(world):
    """A backend of APP, whose model is MODEL."""
    await world.admin.add_app(OTHER)
    await world.admin.add_model(MODEL, wxa_appid=APP)
    key = (await world.admin.add_key(APP, "backend"))["key"]
    async with AdminClient(world.relay.url, key) as client:
        yield client


async def refusal(client, method, path, body=None):
    with pytest.raises(RemoteError) as refused:
        await client.request(method, path, body)
    return refused.value.code


@covers("V-16")
async def test_everything_a_backend_does_for_a_call(world, backend):
    ticket = await backend.request("POST", "/v1/app/tickets", OWN)
    assert ticket["ticket"].startswith("T")
    assert ticket["expires_ms"] - world.relay.clock.epoch_ms() <= 300_000
    device = await world.device()
    invited = await backend.request("POST", "/v1/app/users", {"name": "Ada"})
    body = {"invitation": invited["invitation"], "client": "a" * 32}
    token = (await world.post("/v1/users/redeem", body))["user_token"]
    phone = world.client("user", {"token": token, "client": "a" * 32})
    await phone.connect()
    pair = OWN | {"open_id": invited["open_id"]}
    await backend.request("POST", "/v1/app/bindings", pair)
    await phone.pushed("device.bound")
    await phone.request("device.authorise", **OWN)
    call = await backend.request("POST", "/v1/app/calls", pair)
    ids = {name: call[name] for name in ("group_id", "voip_id")}
    made = await backend.request(
        "POST", "/v1/app/voip_tokens", {"kind": "device_to_phone", "model_id": MODEL}
    )
    ids["voip_token"] = made["voip_token"]
    await device.request("voip.call", open_id=invited["open_id"], call_type=2, **ids)
    await phone.pushed("call.incoming")
    (listed,) = (await backend.request("GET", "/v1/app/devices"))["devices"]
    assert (listed["sn"], listed["online"]) == ("SN0001", True)
    (user,) = (await backend.request("GET", "/v1/app/users"))["users"]
    assert (user["name"], user["online"]) == ("Ada", True)
    (relation,) = (await backend.request("GET", "/v1/app/authorisations"))["authorisations"]
    assert relation == pair | {"bound": True, "authorised": True}
    await backend.request("DELETE", "/v1/app/bindings", pair)
    await backend.request("DELETE", "/v1/app/users", {"open_id": invited["open_id"]})
    assert await phone.closed() == 4401


async def test_nothing_of_another_app_can_be_seen_or_touched(world, backend):
    await world.admin.add_model("m2", wxa_appid=OTHER)
    _, stranger = await world.invite("Zoe", app=OTHER)
    await world.admin.bind(stranger, "m2", "SN0001")
    theirs = {"model_id": "m2", "sn": "SN0001"}
    mine = OWN | {"open_id": (await world.invite())[1]}
    for method, path, body, code in (
        ("POST", "/tickets", theirs, codes.MODEL_REFUSED),
        ("POST", "/bindings", theirs | {"open_id": mine["open_id"]}, codes.MODEL_REFUSED),
        ("POST", "/bindings", OWN | {"open_id": stranger}, codes.CALL_OTHER_APP),
        ("DELETE", "/bindings", theirs | {"open_id": stranger}, codes.CALL_OTHER_APP),
        ("DELETE", "/users", {"open_id": stranger}, codes.CALL_OTHER_APP),
        ("POST", "/calls", OWN | {"open_id": stranger}, codes.CALL_OTHER_APP),
        ("PUT", "/contacts", {"user_id": "p", "open_ids": [stranger]}, codes.CALL_OTHER_APP),
        (
            "POST",
            "/voip_tokens",
            {"kind": "campus", "model_id": "m2", "user_id": "p"},
            codes.MODEL_REFUSED,
        ),
    ):
        assert await refusal(backend, method, "/v1/app" + path, body) == code, path
    for path, member in (("users", "users"), ("authorisations", "authorisations")):
        listed = (await backend.request("GET", f"/v1/app/{path}"))[member]
        assert stranger not in str(listed)
    assert (await backend.request("GET", "/v1/app/devices"))["devices"] == []


async def test_an_api_key_opens_its_own_doors_only_until_it_is_taken_back(world, backend):
    key = await world.admin.add_key(APP, "second")
    async with AdminClient(world.relay.url, key["key"]) as second:
        await second.request("GET", "/v1/app/devices")
        assert await refusal(second, "GET", "/v1/admin/devices") == codes.UNAUTHENTICATED
        listed = {k["key_id"]: k for k in await world.admin.keys(APP)}
        assert listed[key["key_id"]]["last_used_ms"] and key["key"] not in str(listed)
        with pytest.raises(RemoteError):
            await world.admin.drop_key(OTHER, key["key_id"])
        await world.admin.drop_key(APP, key["key_id"])
        assert await refusal(second, "GET", "/v1/app/devices") == codes.UNAUTHENTICATED
    await backend.request("GET", "/v1/app/devices")
    with pytest.raises(RemoteError):
        await world.admin.drop_key(APP, key["key_id"])
    assert await refusal(world.admin, "GET", "/v1/app/devices") == codes.UNAUTHENTICATED


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer Bwrong", "Basic abc", "Bearer ü"])
async def test_a_wrong_key_is_401(world, header):
    headers = {"Authorization": header} if header else {}
    async with (
        aiohttp.ClientSession() as http,
        http.get(world.relay.url + "/v1/app/devices", headers=headers) as response,
    ):
        assert response.status == 401


async def test_a_key_is_good_for_so_many_requests_in_a_second(make_world):
    clock = FakeClock()
    world = await make_world(clock=clock, app_requests_per_s=1.0)
    keys = [(await world.admin.add_key(APP))["key"] for _ in range(2)]
    async with (
        AdminClient(world.relay.url, keys[0]) as one,
        AdminClient(world.relay.url, keys[1]) as two,
    ):
        for _ in range(10):
            await one.request("GET", "/v1/app/devices")
        assert await refusal(one, "GET", "/v1/app/devices") == codes.RPC_OVERLOADED
        await two.request("GET", "/v1/app/devices")  # another key has its own
        clock.advance(1_000)
        await one.request("GET", "/v1/app/devices")


async def test_guessing_keys_is_slowed_down(make_world):
    world = await make_world(failures_per_s=0.001)
    async with AdminClient(world.relay.url, "Bguess") as thief:
        refused = [await refusal(thief, "GET", "/v1/app/devices") for _ in range(25)]
    assert refused[0] == codes.UNAUTHENTICATED and refused[-1] == codes.RPC_OVERLOADED


async def test_the_life_of_a_voip_token(make_world):
    clock = FakeClock()
    world = await make_world(clock=clock)
    device, phone = await world.device(), await world.phone()
    body = {"kind": "device_to_phone", "model_id": MODEL, "valid_ms": 60_000}
    made = await world.admin.of_app("POST", APP, "/voip_tokens", body)
    assert made["expires_ms"] == clock.epoch_ms() + 60_000
    call = {"open_id": phone.open_id, "call_type": 2, "voip_token": made["voip_token"]}
    clock.advance(59_999)
    await device.request("voip.call", **call)
    await device.request("call.hang_up")
    clock.advance(1)
    request = await device.start("voip.call", **call)
    with pytest.raises(Refusal, match="expired"):
        await device.answer_of(request)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"kind": []},
        {"kind": "campus"},
        {"user_id": "p"},
        {"valid_ms": 0},
        {"valid_ms": 86_400_001},
        {"model_id": "a b"},
        {"open_id": 5},
    ],
)
async def test_malformed_requests_for_voip_tokens(world, change):
    body = {"kind": "device_to_phone", "model_id": MODEL} | change
    with pytest.raises(RemoteError) as refused:
        await world.admin.of_app("POST", APP, "/voip_tokens", body)
    assert refused.value.code == codes.INVALID_ARGUMENT


async def test_contacts_are_replaced_whole_and_bounded(world):
    people = [(await world.invite(name))[1] for name in "ab"]
    store = world.relay.core.store
    for open_ids in (people, people[:1], []):
        body = {"user_id": "pupil", "open_ids": open_ids}
        await world.admin.of_app("PUT", APP, "/contacts", body)
        async with store.read() as tx:
            found = [await tx.is_contact(APP, "pupil", open_id) for open_id in people]
        assert found == [open_id in open_ids for open_id in people]
    for wrong in (None, people * 17, [5], ["nobody"]):
        with pytest.raises(RemoteError):
            body = {"user_id": "pupil", "open_ids": wrong}
            await world.admin.of_app("PUT", APP, "/contacts", body)
