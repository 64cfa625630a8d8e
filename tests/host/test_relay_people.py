"""Users, devices, notices, commands at the relay: what is kept, told, refused (PROTOCOL.md §4)."""

import asyncio

import pytest

from callboard import codes
from callboard.errors import RemoteError
from callboard_host.relay.clock import FakeClock
from callboard_host.relay.refusal import Refused
from callboard_host.relay.reservations import LIFE_MS, WAITING, Reservations
from support.covers import covers
from support.relay_client import Refusal

from .conftest import APP, MODEL
from .test_relay_calls import refusal_of, start_call

OWN = {"model_id": MODEL, "sn": "SN0001"}


async def code_of(awaitable):
    with pytest.raises(RemoteError) as refused:
        await awaitable
    return refused.value.code


# --- who decides ---


@covers("V-61")
async def test_a_user_is_told_of_a_bound_device_and_authorises_it(world):
    device, phone = await world.device(), await world.phone(devices=())
    assert await phone.request("device.list") == {"devices": [], "more": False}
    await world.admin.name_device(*OWN.values(), "Front door")
    await world.admin.bind(phone.open_id, *OWN.values())
    told = await phone.pushed("device.bound")
    assert told == {"device": OWN | {"name": "Front door"}}
    (listed,) = (await phone.request("device.list"))["devices"]
    state = {"bound": True, "authorised": False, "online": True}
    assert listed == OWN | {"name": "Front door"} | state
    call = {"open_id": phone.open_id, "call_type": 2}
    assert await refusal_of(device, "voip.call", **call) == codes.CALL_NOT_AUTHORISED
    for _ in range(2):
        assert await phone.request("device.authorise", **OWN) == {}
    await start_call(device, phone)


async def test_binding_twice_or_with_an_authorisation_asks_for_nothing(world):
    phone = await world.phone(devices=())
    await world.admin.authorise(phone.open_id, *OWN.values())
    await world.admin.bind(phone.open_id, *OWN.values())
    await phone.settle()
    assert not [m for m in phone.inbox if m.get("method") == "device.bound"]


async def test_what_a_user_may_not_authorise(world):
    await world.device()
    await world.admin.add_app("wxother")
    identity, _ = await world.invite("Zoe", app="wxother")
    zoe = world.client("user", identity)
    await zoe.connect()
    for method in ("device.authorise",):
        assert await refusal_of(zoe, method, **OWN) == codes.CALL_OTHER_APP
    for change, code in (
        ({"model_id": "none"}, codes.MODEL_REFUSED),
        ({"model_id": 5}, codes.INVALID_ARGUMENT),
        ({"sn": "a b"}, codes.SN_BAD_CHARACTER),
        ({"sn": "x" * 129}, codes.SN_TOO_LONG),
    ):
        assert await refusal_of(zoe, "device.authorise", **OWN | change) == code
    for number in range(64):
        await zoe.request("device.authorise", model_id=MODEL, sn=f"N{number}")
    refused = await refusal_of(zoe, "device.authorise", model_id=MODEL, sn="N64")
    assert refused == codes.INVALID_ARGUMENT
    listed = await zoe.request("device.list")
    assert len(listed["devices"]) == 64 and not any(d["online"] for d in listed["devices"])
    await zoe.request("device.revoke", model_id=MODEL, sn="N0")
    await zoe.request("device.authorise", model_id=MODEL, sn="N64")


async def test_a_long_list_of_devices_comes_in_parts(world):
    phone = await world.phone(devices=())
    sns = [f"{n:03}" + "x" * 125 for n in range(60)]
    for sn in sns:
        await world.admin.bind(phone.open_id, MODEL, sn)
    found, more = [], True
    while more:
        part = await phone.request("device.list", skip=len(found))
        assert part["devices"]
        found += [device["sn"] for device in part["devices"]]
        more = part["more"]
    assert found == sns and len(part["devices"]) < len(sns)
    assert (await phone.request("device.list", skip=60)) == {"devices": [], "more": False}
    for wrong in (-1, "1", True):
        assert await refusal_of(phone, "device.list", skip=wrong) == codes.INVALID_ARGUMENT


async def test_an_unbound_device_does_not_show_whether_it_is_there(world):
    await world.device()
    phone = await world.phone(devices=())
    await phone.request("device.authorise", **OWN)
    (listed,) = (await phone.request("device.list"))["devices"]
    assert (listed["bound"], listed["authorised"], listed["online"]) == (False, True, False)


async def test_a_revoked_device_finishes_its_call(world):
    device, phone = await world.device(), await world.phone()
    call, _ = await start_call(device, phone)
    await phone.request("device.revoke", **OWN)
    await phone.request("call.answer", call_id=call["call_id"], codecs=["pcmu"])
    await device.pushed("call.answered")


async def test_a_removed_user_is_cut_off_and_cannot_come_back(world):
    device, phone = await world.device(), await world.phone()
    invited = await world.admin.invite(APP, "Late")
    await world.admin.remove_user(phone.open_id)
    assert await phone.closed() == 4401
    with pytest.raises(Refusal) as refused:
        await world.client("user", phone.identity).connect()
    assert refused.value.code == codes.UNAUTHENTICATED
    call = {"open_id": phone.open_id, "call_type": 2}
    assert await refusal_of(device, "voip.call", **call) == codes.CALL_OPEN_ID
    assert await code_of(world.admin.remove_user(phone.open_id)) == codes.CALL_OPEN_ID
    assert await code_of(world.admin.bind(phone.open_id, *OWN.values())) == codes.CALL_OPEN_ID
    assert await code_of(world.admin.remove_user("nobody")) == codes.CALL_OPEN_ID_INVALID
    removed = {user["name"]: user["removed"] for user in await world.admin.users()}
    assert removed == {"Ada": True, "Late": False}
    await world.admin.remove_user(invited["open_id"])
    body = {"invitation": invited["invitation"], "client": "0" * 32}
    with pytest.raises(AssertionError, match="unknown, used or expired"):
        await world.post("/v1/users/redeem", body)


async def test_a_forgotten_device_is_cut_off_and_everything_of_it_is_gone(world):
    device, phone = await world.device(), await world.phone()
    await device.request("dm.report", properties={"volume": 7})
    call, _ = await start_call(device, phone)
    await world.admin.forget_device(*OWN.values())
    assert await device.closed() == 4401
    assert (await phone.pushed("call.ended", call_id=call["call_id"]))["reason"] == "aborted"
    with pytest.raises(Refusal):
        await world.client("device", device.identity).connect()
    assert await world.admin.devices() == [] == await world.admin.authorisations()
    await world.device()
    assert await world.admin.properties(*OWN.values()) == {}


async def test_lists_of_who_may_what(world):
    admin = world.admin
    ada, bob = await world.phone("Ada"), await world.phone("Bob", devices=("SN0002",))
    await admin.unbind(ada.open_id, *OWN.values())
    await admin.revoke(bob.open_id, MODEL, "SN0002")
    first = {"open_id": ada.open_id, **OWN, "bound": False, "authorised": True}
    second = {"open_id": bob.open_id, "model_id": MODEL, "sn": "SN0002"}
    second |= {"bound": True, "authorised": False}
    assert sorted(await admin.authorisations(), key=lambda r: r["sn"]) == [first, second]
    assert await admin.authorisations(open_id=bob.open_id) == [second]
    assert await admin.authorisations(**OWN) == [first]
    assert await admin.authorisations(model_id="none") == []
    for again in (
        admin.unbind(ada.open_id, *OWN.values()),
        admin.revoke(bob.open_id, MODEL, "SN0002"),
    ):
        assert await code_of(again) == codes.INVALID_ARGUMENT


async def test_an_app_keeps_what_is_not_mentioned(world):
    admin = world.admin
    await admin.add_app(APP, "Demo", arrears=True)
    await admin.add_app(APP, None, campus=True)
    await admin.add_app(APP, "Demo 2")
    (app,) = await admin.apps()
    flags = {"arrears": True, "campus": True, "in_review": False, "needs_token": False}
    assert app == {"wxa_appid": APP, "name": "Demo 2"} | flags
    for wrong in (1, "yes", None):
        assert await code_of(admin.add_app(APP, None, arrears=wrong)) == codes.INVALID_ARGUMENT


@covers("V-34", "V-39")
async def test_a_call_that_says_wrongly_who_calls(world):
    """-2 a deviceId or modelId that is not its own, -19 another app; its own ones are fine."""
    device, phone = await world.device(), await world.phone()
    await world.device("SN0002")
    call = {"open_id": phone.open_id, "call_type": 2}
    for change, code in (
        ({"device_id": "SN0002"}, codes.CALL_DEVICE_ID),
        ({"device_id": 5}, codes.CALL_DEVICE_ID),
        ({"model_id": "none"}, codes.CALL_DEVICE_ID),
        ({"wxa_appid": "wxother"}, codes.CALL_OTHER_APP),
        ({"group_id": []}, codes.CALL_GROUP_ID),
        ({"voip_id": "v_1"}, codes.CALL_GROUP_ID),
        ({"voip_token": 5}, codes.INVALID_ARGUMENT),
        ({"voip_token": "x" * 129}, codes.INVALID_ARGUMENT),
    ):
        assert await refusal_of(device, "voip.call", **call | change) == code
    await start_call(device, phone, device_id="SN0001", model_id=MODEL, wxa_appid=APP)


@covers("V-34", "V-37", "V-38", "V-60")
async def test_a_phone_that_calls_a_device_is_held_to_the_same_rules(world):
    """-2, -19, -15, -12 unless its own release is another, -14, -17, -8, -9; then it rings."""
    admin, device, phone = world.admin, await world.device(), await world.phone(devices=())
    await admin.add_app("wxother")
    await admin.add_model("m2")
    zoe = world.client("user", (await world.invite("Zoe", app="wxother"))[0])
    await zoe.connect()
    call = OWN | {"call_type": 2}
    assert await refusal_of(phone, "voip.call", **call | {"sn": "SN9"}) == codes.CALL_DEVICE_ID
    assert await refusal_of(zoe, "voip.call", **call) == codes.CALL_OTHER_APP
    await admin.add_app(APP, None, arrears=True, in_review=True, needs_token=True)
    assert await refusal_of(phone, "voip.call", **call) == codes.CALL_ARREARS
    await admin.add_app(APP, None, arrears=False)
    assert await refusal_of(phone, "voip.call", **call) == codes.CALL_IN_REVIEW
    call["flavour"] = codes.FLAVOUR_DEVELOPER

    async def token(kind, model_id=MODEL):
        body = {"kind": kind, "model_id": model_id}
        return (await admin.of_app("POST", APP, "/voip_tokens", body))["voip_token"]

    for wrong in (None, "Vforged", await token("device_to_phone")):
        tried = call | {"voip_token": wrong}
        assert await refusal_of(phone, "voip.call", **tried) == codes.CALL_PHONE_TOKEN
    other = call | {"voip_token": await token("phone_to_device", "m2")}
    assert await refusal_of(phone, "voip.call", **other) == codes.CALL_TOKEN_MODEL
    call["voip_token"] = await token("phone_to_device")
    assert await refusal_of(phone, "voip.call", **call) == codes.CALL_NOT_AUTHORISED
    await phone.request("device.authorise", **OWN)
    assert await refusal_of(phone, "voip.call", **call) == codes.CALL_NOT_BOUND
    await admin.bind(phone.open_id, *OWN.values())
    await phone.request("voip.call", **call)
    await device.pushed("call.incoming")


def test_prepared_calls_end_after_a_minute_and_are_bounded():
    waiting = Reservations()
    made = waiting.add("m", "s", "o", 0)
    waiting.find(("m", "s"), made.group_id, made.voip_id, "o", LIFE_MS - 1)
    with pytest.raises(Refused) as refused:
        waiting.find(("m", "s"), made.group_id, made.voip_id, "o", LIFE_MS)
    assert refused.value.code == codes.CALL_GROUP_ID and len(waiting) == 0
    for _ in range(WAITING):
        waiting.add("m", "s", "o", LIFE_MS)
    with pytest.raises(Refused, match="too many") as refused:
        waiting.add("m", "s", "o", LIFE_MS)
    assert refused.value.code == codes.RPC_OVERLOADED
    waiting.add("m", "s", "o", 2 * LIFE_MS)
    assert len(waiting) == 1


# --- notices ---


@covers("V-55")
async def test_a_notice_waits_for_its_phone_even_through_a_restart(world):
    device, phone = await world.device(), await world.phone()
    await phone.close()
    sent = [
        (await device.request("notice.send", open_id=phone.open_id, notice={"n": n}))["notice_id"]
        for n in range(3)
    ]
    await device.close()
    await world.relay.stop()
    await world.relay.start()
    phone.url = world.relay.url.replace("http", "ws", 1)
    await phone.connect()
    got = [await phone.pushed("notice", notice_id=notice_id) for notice_id in sent]
    assert [notice["notice"]["n"] for notice in got] == [0, 1, 2]
    assert got[0]["peer"] == OWN | {"name": "SN0001"}
    await phone.settle()
    async with asyncio.timeout(20):
        while await waiting_of(world, phone):
            await asyncio.sleep(0.01)
    await phone.close()
    await phone.connect()
    await phone.settle()
    assert not [m for m in phone.inbox if m.get("method") == "notice"]


async def waiting_of(world, phone):
    async with world.relay.core.store.read() as tx:
        return await tx.notices(phone.open_id)


async def test_a_notice_that_the_phone_did_not_take_comes_again(world):
    device, phone = await world.device(), await world.phone()
    phone.automatic = False
    sent = await device.request("notice.send", open_id=phone.open_id, notice={"text": "x"})
    await phone.pushed("notice", **sent)
    await phone.close()
    phone.automatic = True
    await phone.connect()  # a new session
    await phone.pushed("notice", **sent)


async def test_notices_are_bounded_and_old_ones_forgotten(make_world):
    clock = FakeClock()
    world = await make_world(clock=clock, notice_ms=1_000)
    phone = await world.phone(devices=("SN0001", "SN0002", "SN0003"))
    devices = [await world.device(f"SN000{n}") for n in (1, 2, 3)]
    await phone.close()

    async def send(device):
        return await device.request("notice.send", open_id=phone.open_id, notice={})

    for device in devices[:2]:
        for _ in range(16):
            await send(device)
        with pytest.raises(Refusal) as refused:
            await send(device)
        assert refused.value.code == codes.RPC_OVERLOADED
    with pytest.raises(Refusal):
        await send(devices[2])  # 32 wait for this user already
    clock.advance(1_001)
    await send(devices[2])
    assert len(await waiting_of(world, phone)) == 1


async def test_a_flood_of_messages_is_refused(make_world):
    clock = FakeClock()
    world = await make_world(clock=clock)
    device, phone = await world.device(), await world.phone()
    ask = {"open_id": phone.open_id, "notice": {}}
    for _ in range(100):
        await device.request("notice.send", **ask)
    assert await refusal_of(device, "notice.send", **ask) == codes.RPC_OVERLOADED
    clock.advance(100)
    await device.request("notice.send", **ask)


# --- commands ---


@covers("V-56")
async def test_commands_need_both_ends_and_pass_errors_on(world):
    device, phone = await world.device(), await world.phone()
    to_device = OWN | {"args": {"a": 1}}
    device.automatic = phone.automatic = False

    async def answered(asking, body, other, answer):
        request = await asking.start("command.send", **body)
        push = await other.wait_for(lambda m: m.get("method") == "command")
        await other.send({"id": push["id"]} | answer)
        return await asking.answer_of(request)

    right = {"result": {"args": {"b": [1, {"c": "ü"}]}}}
    assert await answered(phone, to_device, device, right) == right["result"]
    to_phone = {"open_id": phone.open_id, "args": {}}
    assert await answered(device, to_phone, phone, right) == right["result"]
    for answer, code in (
        ({"error": {"code": -77, "message": "no"}}, -77),
        ({"result": {}}, codes.INVALID_ARGUMENT),
        ({"result": []}, codes.INVALID_ARGUMENT),
        ({"result": {"args": {"x": 1.5}}}, codes.INVALID_ARGUMENT),
    ):
        with pytest.raises(Refusal) as refused:
            await answered(phone, to_device, device, answer)
        assert refused.value.code == code
    world.set_times(push_ms=100)
    assert await refusal_of(phone, "command.send", **to_device) == codes.TIMEOUT
    await device.close()
    assert await refusal_of(phone, "command.send", **to_device) == codes.NETWORK


async def test_a_command_that_is_not_answered_does_not_hold_up_a_hang_up(world):
    device, phone = await world.device(), await world.phone()
    call, _ = await start_call(device, phone)
    device.automatic = False
    await phone.start("command.send", **OWN, args={})
    assert await phone.request("call.hang_up", call_id=call["call_id"]) == {}


@pytest.mark.parametrize(
    "args",
    [None, [], "x", {"a": 1.5}, {"a": "x" * 4096}, {"a": 2**53}, {"a": "\ud800"}, {"\ud800": 1}],
)
async def test_malformed_messages_are_refused(world, args):
    device, phone = await world.device(), await world.phone()
    assert await refusal_of(phone, "command.send", **OWN, args=args) == codes.INVALID_ARGUMENT
    body = {"open_id": phone.open_id, "notice": args}
    assert await refusal_of(device, "notice.send", **body) == codes.INVALID_ARGUMENT


async def test_who_may_send_what_to_whom(world):
    device, phone = await world.device(), await world.phone(devices=())
    await world.admin.add_app("wxother")
    _, stranger = await world.invite("Zoe", app="wxother")
    for method, content in (("notice.send", "notice"), ("command.send", "args")):
        for open_id, code in (
            ("nobody", codes.CALL_OPEN_ID_INVALID),
            (None, codes.CALL_OPEN_ID_INVALID),
            (stranger, codes.CALL_OTHER_APP),
            (phone.open_id, codes.CALL_NOT_AUTHORISED),
        ):
            body = {"open_id": open_id, content: {}}
            assert await refusal_of(device, method, **body) == code
    assert await refusal_of(phone, "notice.send", **OWN, notice={}) == codes.RPC_METHOD_NOT_FOUND
    command = {"args": {}}
    assert await refusal_of(phone, "command.send", **OWN, **command) == codes.CALL_NOT_AUTHORISED
    unknown = OWN | {"sn": "SN9"}
    assert await refusal_of(phone, "command.send", **unknown, **command) == codes.CALL_DEVICE_ID
    assert not [m for m in device.inbox if m.get("method") == "command"]
