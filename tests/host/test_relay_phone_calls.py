"""Calls from a phone to a device through a running relay, and calls that meet (PROTOCOL.md §4)."""

import asyncio

import pytest

from callboard import codes
from support.covers import covers
from support.relay_client import Refusal, rtp_packet

from .conftest import MODEL

DEVICE = {"model_id": MODEL, "sn": "SN0001"}
WISHES = {"call_type": 2, "caller_camera": 1, "callee_camera": 0, "video_info": {"w": 320}}


async def dial(phone, device, **more):
    """The phone calls; returns the call as both see it."""
    call = await phone.request("voip.call", **(DEVICE | WISHES | more))
    return call, await device.pushed("call.incoming")


async def refusal_of(client, method, **params):
    with pytest.raises(Refusal) as refused:
        await client.request(method, **params)
    return refused.value.code


@covers("V-60", "V-63")
async def test_a_call_from_a_phone_carries_sound_both_ways(world):
    device, phone = await world.device(), await world.phone()
    call, incoming = await dial(phone, device)
    assert call["peer"] == DEVICE | {"name": "SN0001"} and call["state"] == "ringing"
    assert incoming["peer"] == {"open_id": phone.open_id, "name": "Ada"}
    assert incoming["direction"] == call["direction"] == "phone_to_device"
    assert WISHES.items() <= incoming.items() and incoming["ring_ms"] == 60_000
    taken = await device.request("call.answer", call_id=call["call_id"], codecs=["pcmu"])
    answered = await phone.pushed("call.answered", call_id=call["call_id"])
    assert taken["media"]["send"] == answered["media"]["receive"]
    for sender, receiver, media in (
        (device, phone, taken["media"]),
        (phone, device, answered["media"]),
    ):
        packet = rtp_packet(media["send"]["ssrc"], 7)
        await sender.socket.send(packet)
        assert await asyncio.wait_for(receiver.media.get(), 20) == packet
    await device.request("call.hang_up")
    for end in (device, phone):
        ended = await end.pushed("call.ended")
        assert (ended["reason"], ended["by"]) == ("hung_up_by_callee", "callee")


@covers("V-60")
async def test_whom_a_phone_cannot_call(world):
    phone = await world.phone(devices=())
    await world.register("SN0001")
    ask = DEVICE | {"call_type": 2}
    assert await refusal_of(phone, "voip.call", **ask) == codes.CALL_NOT_AUTHORISED
    assert await refusal_of(phone, "voip.call", **(ask | {"sn": "SN9"})) == codes.CALL_DEVICE_ID
    assert await refusal_of(phone, "voip.call", **(ask | {"model_id": "no"})) == (
        codes.CALL_DEVICE_ID
    )
    await world.admin.add_app("wxother")
    identity, _ = await world.invite("Zoe", app="wxother")
    stranger = world.client("user", identity)
    await stranger.connect()
    assert await refusal_of(stranger, "voip.call", **ask) == codes.CALL_OTHER_APP
    for change, code in (
        ({"sn": "x" * 129}, codes.SN_TOO_LONG),
        ({"sn": "a b"}, codes.SN_BAD_CHARACTER),
        ({"sn": None}, codes.INVALID_ARGUMENT),
        ({"model_id": 5}, codes.INVALID_ARGUMENT),
        ({"call_type": 3}, codes.INVALID_ARGUMENT),
        ({"caller_camera": 2}, codes.INVALID_ARGUMENT),
        ({"video_info": 1}, codes.INVALID_ARGUMENT),
    ):
        assert await refusal_of(phone, "voip.call", **(ask | change)) == code


@covers("V-60")
async def test_a_device_that_is_offline_busy_or_too_old_to_ring(world):
    device, phone = await world.device(), await world.phone()
    ask = DEVICE | {"call_type": 2}
    device.automatic = False
    for code, expected in ((codes.AVT_BUSY, codes.AVT_BUSY), (-32601, codes.TIMEOUT)):
        request_id = await phone.start("voip.call", **ask)
        incoming = await device.wait_for(lambda m: m.get("method") == "call.incoming")
        await device.send({"id": incoming["id"], "error": {"code": code, "message": "no"}})
        with pytest.raises(Refusal) as refused:
            await phone.answer_of(request_id)
        assert refused.value.code == expected
    await device.close()
    world.set_times(delivery_ms=200)
    assert await refusal_of(phone, "voip.call", **ask) == codes.TIMEOUT


@covers("V-33", "V-60")
async def test_calls_that_cross_settle_and_one_of_them_talks(world):
    """Both ask at the same moment, many times: one call is made, its callee can answer it."""
    device, phone = await world.device(), await world.phone()
    for number in range(20):
        asks = {
            "device": device.request("voip.call", open_id=phone.open_id, call_type=2),
            "phone": phone.request("voip.call", **DEVICE, call_type=2),
        }
        names = list(asks)[:: 1 if number % 2 else -1]
        results = await asyncio.gather(*(asks[n] for n in names), return_exceptions=True)
        outcome = dict(zip(names, results, strict=True))
        refused = [n for n in names if isinstance(outcome[n], Refusal)]
        assert len(refused) == 1 and outcome[refused[0]].code == codes.AVT_BUSY
        (won,) = set(names) - set(refused)
        caller, callee = (device, phone) if won == "device" else (phone, device)
        call_id = outcome[won]["call_id"]
        assert (await callee.pushed("call.incoming"))["call_id"] == call_id
        await callee.request("call.answer", call_id=call_id, codecs=["pcmu"])
        await caller.pushed("call.answered", call_id=call_id)
        await caller.request("call.hang_up")
        for end in (device, phone):
            await end.pushed("call.ended", call_id=call_id)
    assert not world.relay.core.hub.engine._state.calls


@covers("V-29", "V-33")
async def test_two_boards_and_one_phone(world):
    """Busy for who comes second, in either direction; who waits gets through afterwards."""
    bell, gate = await world.device("SN0001"), await world.device("SN0002")
    phone = await world.phone(devices=("SN0001", "SN0002"))
    to_phone = {"open_id": phone.open_id, "call_type": 2}
    results = await asyncio.gather(
        bell.request("voip.call", **to_phone),
        gate.request("voip.call", **to_phone),
        phone.request("voip.call", **DEVICE, call_type=2),
        return_exceptions=True,
    )
    made = [result for result in results if isinstance(result, dict)]
    assert len(made) == 1
    assert {r.code for r in results if isinstance(r, Refusal)} == {codes.AVT_BUSY}
    call_id = made[0]["call_id"]
    outsider = gate if results.index(made[0]) != 1 else bell
    assert await refusal_of(outsider, "voip.call", **to_phone) == codes.AVT_BUSY
    await phone.request("call.hang_up", call_id=call_id)
    waited = await outsider.request("voip.call", **to_phone)
    assert waited["state"] == "ringing"
