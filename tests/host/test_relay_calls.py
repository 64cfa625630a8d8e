"""Calls through a running relay: register, ring, answer, talk, hang up (PROTOCOL.md §4, §5)."""

import asyncio

import pytest

from callboard import codes
from callboard_host.relay.rooms import Limits
from support.covers import covers
from support.relay_client import Refusal, rtp_packet


async def start_call(device, phone, **more):
    """Ring; returns the call as both see it."""
    params = {"open_id": phone.open_id, "call_type": 2, "caller_camera": 0, "callee_camera": 0}
    call = await device.request("voip.call", **(params | more))
    incoming = await phone.pushed("call.incoming")
    return call, incoming


async def answer(device, phone, call):
    """Answer; returns the media descriptions of device and phone."""
    result = await phone.request("call.answer", call_id=call["call_id"], codecs=["pcmu"])
    answered = await device.pushed("call.answered", call_id=call["call_id"])
    return answered["media"], result["media"]


@covers("V-63")
async def test_a_call_from_ring_to_hang_up(world):
    device = await world.device()
    phone = await world.phone()
    await device.pushed("voip.peer_ready")
    call, incoming = await start_call(device, phone)
    assert call["call_id"] == incoming["call_id"]
    assert (call["state"], call["direction"]) == ("ringing", "device_to_phone")
    assert incoming["peer"] == {"model_id": "doorbell-1", "sn": "SN0001", "name": "SN0001"}
    device_media, phone_media = await answer(device, phone, call)
    assert device_media["send"] == phone_media["receive"]
    assert device_media["receive"] == phone_media["send"]

    for sequence in range(5):
        await device.socket.send(rtp_packet(device_media["send"]["ssrc"], sequence, b"d" * 160))
        await phone.socket.send(rtp_packet(phone_media["send"]["ssrc"], sequence, b"p" * 160))
    for sequence in range(5):
        heard = await asyncio.wait_for(phone.media.get(), 20)
        assert heard == rtp_packet(device_media["send"]["ssrc"], sequence, b"d" * 160)
        heard = await asyncio.wait_for(device.media.get(), 20)
        assert heard == rtp_packet(phone_media["send"]["ssrc"], sequence, b"p" * 160)

    assert await phone.request("call.hang_up", call_id=call["call_id"]) == {}
    for end in (device, phone):
        ended = await end.pushed("call.ended", call_id=call["call_id"])
        assert (ended["reason"], ended["by"]) == ("hung_up_by_callee", "callee")
    assert await device.request("call.hang_up", call_id=call["call_id"]) == {}


async def refusal_of(client, method, **params):
    with pytest.raises(Refusal) as refused:
        await client.request(method, **params)
    return refused.value.code


@pytest.mark.parametrize(
    ("open_id", "code"),
    [
        ("nobody", codes.CALL_OPEN_ID_INVALID),
        ("", codes.CALL_OPEN_ID_INVALID),
        ("a b", codes.CALL_OPEN_ID_INVALID),
        ("o" * 129, codes.CALL_OPEN_ID_INVALID),
        (None, codes.CALL_OPEN_ID_INVALID),
        (["o"], codes.CALL_OPEN_ID_INVALID),
        ("\ud800", codes.CALL_OPEN_ID_INVALID),
    ],
)
async def test_a_user_that_is_none(world, open_id, code):
    device = await world.device()
    assert await refusal_of(device, "voip.call", open_id=open_id, call_type=2) == code


async def test_a_user_of_another_app_and_one_who_did_not_authorise(world):
    device = await world.device()
    await world.admin.add_app("wxother")
    _, stranger = await world.invite("Zoe", app="wxother")
    _, shy = await world.invite("Shy")
    for open_id, code in ((stranger, codes.CALL_OTHER_APP), (shy, codes.CALL_NOT_AUTHORISED)):
        assert await refusal_of(device, "voip.call", open_id=open_id, call_type=2) == code
    await world.admin.authorise(shy, "doorbell-1", "SN0002")  # another device
    code = codes.CALL_NOT_AUTHORISED
    assert await refusal_of(device, "voip.call", open_id=shy, call_type=2) == code


@pytest.mark.parametrize(
    "change",
    [
        {"call_type": 0},
        {"call_type": 3},
        {"call_type": True},
        {"call_type": "2"},
        {"call_type": None},
        {"caller_camera": 2},
        {"callee_camera": -1},
        {"video_info": []},
        {"video_info": {"a": {"b": {"c": 1}}}},
        {"video_info": {"a": 1.5}},
        {"video_info": {"a": "x" * 129}},
        {"video_info": {str(n): n for n in range(17)}},
    ],
)
async def test_malformed_members_of_a_call_are_named(world, change):
    device, phone = await world.device(), await world.phone()
    params = {"open_id": phone.open_id, "call_type": 2} | change
    with pytest.raises(Refusal, match=next(iter(change))) as refused:
        await device.request("voip.call", **params)
    assert refused.value.code == codes.INVALID_ARGUMENT
    await start_call(device, phone)  # nothing was changed


async def test_wishes_reach_the_phone_unchanged(world):
    identity = await world.register()
    device = world.client("device", identity | {"flavour": 2})
    await device.connect()
    phone = await world.phone()
    info = {"send": {"codec": "h264", "w": 640, "h": 360}, "recv": {"codec": "h264"}}
    wishes = {"call_type": 1, "caller_camera": 1, "callee_camera": 0, "video_info": info}
    _, incoming = await start_call(device, phone, **wishes)
    assert wishes.items() <= incoming.items()
    assert (incoming["flavour"], incoming["ring_ms"]) == (2, 60_000)


async def test_reject(world):
    device, phone = await world.device(), await world.phone()
    call, _ = await start_call(device, phone)
    await phone.request("call.reject", call_id=call["call_id"])
    for end in (device, phone):
        assert (await end.pushed("call.ended"))["reason"] == "rejected"


async def test_busy(world):
    """The device in a call, the user in a call, and a phone that says so itself."""
    device, gate = await world.device(), await world.device("SN0002")
    phone = await world.phone(devices=("SN0001", "SN0002"))
    other = await world.phone("Bob", devices=("SN0001", "SN0002"))
    call, _ = await start_call(device, phone)
    for caller, callee in ((device, other), (gate, phone)):
        busy = await refusal_of(caller, "voip.call", open_id=callee.open_id, call_type=2)
        assert busy == codes.AVT_BUSY
    other.automatic = False
    request_id = await gate.start("voip.call", open_id=other.open_id, call_type=2)
    incoming = await other.wait_for(lambda m: m.get("method") == "call.incoming")
    error = {"code": codes.AVT_BUSY, "message": "in a call of another app"}
    await other.send({"id": incoming["id"], "error": error})
    with pytest.raises(Refusal) as refused:
        await gate.answer_of(request_id)
    assert refused.value.code == codes.AVT_BUSY
    await answer(device, phone, call)  # the first call is undisturbed


async def test_a_phone_that_cannot_be_reached(make_world):
    world = await make_world(limits=Limits(delivery_ms=100))
    device, phone = await world.device(), await world.phone()
    await phone.close()
    code = codes.TIMEOUT
    assert await refusal_of(device, "voip.call", open_id=phone.open_id, call_type=2) == code


async def test_nobody_answers(make_world):
    world = await make_world(limits=Limits(ring_ms=100))
    device, phone = await world.device(), await world.phone()
    await start_call(device, phone)
    for end in (device, phone):
        ended = await end.pushed("call.ended")
        assert (ended["reason"], ended["by"]) == ("timeout", "network")


async def test_answering_and_hanging_up_what_is_over(world):
    device, phone = await world.device(), await world.phone()
    call, _ = await start_call(device, phone)
    assert await device.request("call.hang_up") == {}  # without naming the call
    assert (await phone.pushed("call.ended"))["reason"] == "cancelled"
    over = {"call_id": call["call_id"]}
    assert await refusal_of(phone, "call.answer", **over, codecs=["pcmu"]) == codes.ROOM_INVALID
    assert await refusal_of(phone, "call.reject", **over) == codes.ROOM_INVALID
    assert await phone.request("call.hang_up", **over) == {}
    for bad in (5, "x" * 65, {}):
        assert await refusal_of(phone, "call.hang_up", call_id=bad) == codes.INVALID_ARGUMENT
    for bad in (1, "yes", None):
        assert await refusal_of(phone, "call.hang_up", lost=bad) == codes.INVALID_ARGUMENT


async def test_twenty_calls_in_a_row_leave_nothing_behind(world):
    device, phone = await world.device(), await world.phone()
    hub = world.relay.core.hub
    for number in range(20):
        call, _ = await start_call(device, phone)
        if number % 2:
            await answer(device, phone, call)
        await (device, phone)[number % 3 == 0].request("call.hang_up", call_id=call["call_id"])
        await device.pushed("call.ended")
        await phone.pushed("call.ended")
    await device.settle()
    await phone.settle()
    state = hub.engine._state
    assert not state.calls and not state.rooms and not state.ssrcs
    assert not hub.router._routes and hub.engine.next_deadline_ms() is None
    for session in hub.sessions.values():
        assert session.peer.unanswered == 0 and session.call_request is None
