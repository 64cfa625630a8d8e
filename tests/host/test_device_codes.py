"""Every code of doWxCloudVoipCall, from the real relay's state to the real device (000 §3)."""

import pytest

from callboard import codes
from support.covers import covers
from support.pythons import PYTHONS
from support.wired_device import wired_device

from .conftest import APP, MODEL

SN = "SN0001"


@pytest.fixture(params=PYTHONS)
async def device(request, world, tmp_path):
    """A registered device of APP on each Python, online and ready."""
    options = {"url": world.relay.url, "flash": str(tmp_path / "flash"), "app": APP}
    async with wired_device(request.param, model=MODEL, sn=SN, **options) as wired:
        await wired.do("start")
        await wired.do("register", ticket=(await world.admin.ticket(MODEL, SN))["ticket"])
        await wired.told("ready")
        yield wired


async def rings(device, phone, **arguments):
    """The call rings, and is given up again."""
    call_id = await device.do("call", open_id=phone.open_id, **arguments)
    incoming = await phone.pushed("call.incoming", call_id=call_id)
    await device.do("hang_up")
    await phone.pushed("call.ended", call_id=call_id)
    return incoming


@covers("V-34", "V-35", "V-36", "V-61")
async def test_who_may_be_called(world, device):
    """-20 nobody, -19 of another app, -8, -9, then it rings; -7 when the user was removed."""
    admin = world.admin
    await admin.add_app("wxother")
    _, stranger = await world.invite("Zoe", app="wxother")
    phone = await world.phone(devices=())
    for open_id in ("nobody", "o" + "0" * 32):
        assert await device.refused("call", open_id=open_id) == codes.CALL_OPEN_ID_INVALID
    assert await device.refused("call", open_id=stranger) == codes.CALL_OTHER_APP
    own = {"model_id": MODEL, "sn": SN}
    assert await device.refused("call", open_id=phone.open_id) == codes.CALL_NOT_AUTHORISED
    await phone.request("device.authorise", **own)
    assert await device.refused("call", open_id=phone.open_id) == codes.CALL_NOT_BOUND
    await admin.bind(phone.open_id, MODEL, SN)
    await rings(device, phone)
    await phone.request("device.revoke", **own)
    assert await device.refused("call", open_id=phone.open_id) == codes.CALL_NOT_AUTHORISED
    await phone.request("device.authorise", **own)
    await rings(device, phone)
    await admin.unbind(phone.open_id, MODEL, SN)
    assert await device.refused("call", open_id=phone.open_id) == codes.CALL_NOT_BOUND
    await admin.remove_user(phone.open_id)
    assert await device.refused("call", open_id=phone.open_id) == codes.CALL_OPEN_ID
    for wrong, code in (
        ({"device_id": "SN0002"}, codes.CALL_DEVICE_ID),
        ({"model_id": "other"}, codes.CALL_DEVICE_ID),
        ({"wxa_appid": "wxother"}, codes.CALL_OTHER_APP),
    ):
        assert await device.refused("call", open_id=phone.open_id, **wrong) == code
    assert await device.do("is_busy") == 0


@covers("V-12", "V-34", "V-37", "V-39")
async def test_what_the_platform_thinks_of_the_app(world, device):
    """-15 not paid, -12 under review and formal, -5 no room."""
    admin, phone = world.admin, await world.phone()
    for flags, code in (
        ({"arrears": True, "in_review": True}, codes.CALL_ARREARS),
        ({"arrears": False}, codes.CALL_IN_REVIEW),
    ):
        await admin.add_app(APP, None, **flags)
        assert await device.refused("call", open_id=phone.open_id) == code
    for flavour in (codes.FLAVOUR_DEVELOPER, codes.FLAVOUR_TRIAL):
        await device.do("stop")
        await device.do("start", flavour=flavour)
        await device.told("ready")
        assert (await rings(device, phone))["flavour"] == flavour
    await admin.add_app(APP, None, in_review=False)
    await admin.faults(no_rooms=True)
    assert await device.refused("call", open_id=phone.open_id) == codes.CALL_NO_ROOM
    await admin.faults(no_rooms=False)
    await rings(device, phone)


@covers("V-34", "V-38")
async def test_voip_tokens(world, device):
    """-13 wrong, missing, of another kind; -17 of another model; a right one rings."""
    admin, phone = world.admin, await world.phone()
    await admin.add_model("other-model")

    async def token(kind="device_to_phone", model_id=MODEL, **more):
        body = {"kind": kind, "model_id": model_id} | more
        return (await admin.of_app("POST", APP, "/voip_tokens", body))["voip_token"]

    right = await token()
    await rings(device, phone, voip_token=right)  # optional: it is checked when it is there
    await admin.add_app(APP, None, needs_token=True)
    wrong = [None, right[:-1] + ("0" if right[-1] != "0" else "1"), "V"]
    wrong += [await token("phone_to_device"), await token(sn="SN0002")]
    for voip_token in wrong:
        code = await device.refused("call", open_id=phone.open_id, voip_token=voip_token)
        assert code == codes.CALL_DEVICE_TOKEN, voip_token
    other = await token(model_id="other-model")
    code = await device.refused("call", open_id=phone.open_id, voip_token=other)
    assert code == codes.CALL_TOKEN_MODEL
    _, bob = await world.invite("Bob")
    for_bob = await token(open_id=bob)
    code = await device.refused("call", open_id=phone.open_id, voip_token=for_bob)
    assert code == codes.CALL_OPEN_ID
    for _ in range(2):
        await rings(device, phone, voip_token=right)
    await rings(device, phone, voip_token=await token(sn=SN, open_id=phone.open_id))


@covers("V-34", "V-40")
async def test_campus_face_pay(world, device):
    """-4 wrong token; -9 the openId is no contact of the person; bindings do not count there."""
    admin, phone = world.admin, await world.phone(devices=())
    await admin.add_app(APP, None, campus=True)

    async def token(user_id):
        body = {"kind": "campus", "model_id": MODEL, "user_id": user_id}
        return (await admin.of_app("POST", APP, "/voip_tokens", body))["voip_token"]

    body = {"kind": "device_to_phone", "model_id": MODEL}
    hardware = (await admin.of_app("POST", APP, "/voip_tokens", body))["voip_token"]
    for wrong in (None, "Vnothing", hardware):
        code = await device.refused("call", open_id=phone.open_id, voip_token=wrong)
        assert code == codes.CALL_CAMPUS_TOKEN
    await admin.of_app("PUT", APP, "/contacts", {"user_id": "pupil1", "open_ids": [phone.open_id]})
    code = await device.refused("call", open_id=phone.open_id, voip_token=await token("pupil2"))
    assert code == codes.CALL_NOT_BOUND
    await rings(device, phone, voip_token=await token("pupil1"))


@covers("V-34", "V-39")
async def test_prepared_calls(world, device):
    """-1 forged or used group, -3 forged voip id, -7 for somebody else; a right one rings once."""
    admin, phone = world.admin, await world.phone(devices=(SN, "SN0002"))
    bob = await world.phone("Bob")

    async def prepared(sn=SN):
        body = {"open_id": phone.open_id, "model_id": MODEL, "sn": sn}
        made = await admin.of_app("POST", APP, "/calls", body)
        return made["group_id"], made["voip_id"]

    group_id, voip_id = await prepared()
    for pair, code in (
        (("g_forged", voip_id), codes.CALL_GROUP_ID),
        ((group_id, "v_forged"), codes.CALL_VOIP_ID),
        ((group_id, (await prepared())[1]), codes.CALL_VOIP_ID),
        (await prepared("SN0002"), codes.CALL_GROUP_ID),
    ):
        assert await device.refused("call", open_id=phone.open_id, prepared=pair) == code
    right = (group_id, voip_id)
    assert await device.refused("call", open_id=bob.open_id, prepared=right) == codes.CALL_OPEN_ID
    await rings(device, phone, prepared=right)
    code = await device.refused("call", open_id=phone.open_id, prepared=right)
    assert code == codes.CALL_GROUP_ID


@covers("V-55", "V-56")
async def test_notices_and_commands(world, device):
    """Both ways between the real device and a phone; refused as a call would be."""
    phone = await world.phone()
    notice_id = await device.do("notice", open_id=phone.open_id, notice="Tür 😀 offen")
    notice = await phone.pushed("notice", notice_id=notice_id)
    assert notice["notice"] == {"text": "Tür 😀 offen"}
    assert notice["peer"] == {"model_id": MODEL, "sn": SN, "name": SN}
    own = {"model_id": MODEL, "sn": SN}
    answer = await phone.request("command.send", **own, args={"number": 21, "keep": [1, "ü"]})
    assert answer == {"args": {"double": 42, "keep": [1, "ü"]}}
    told = await device.told("command", codes.COMMAND_USER_DEFINE)
    assert told[3] == {"number": 21, "keep": [1, "ü"]} and 0 < told[2] < 2**31
    phone.automatic = False
    await phone.request("device.revoke", **own)
    for ask in ("notice", "command"):
        arguments = {"notice": {}} if ask == "notice" else {"args": {}}
        code = await device.refused(ask, open_id=phone.open_id, **arguments)
        assert code == codes.CALL_NOT_AUTHORISED
