"""Calls through a running relay: register, ring, answer, talk, hang up (PROTOCOL.md §4, §5)."""

import asyncio

import pytest

from callboard import codes
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
        heard = await asyncio.wait_for(phone.media.get(), 5)
        assert heard == rtp_packet(device_media["send"]["ssrc"], sequence, b"d" * 160)
        heard = await asyncio.wait_for(device.media.get(), 5)
        assert heard == rtp_packet(phone_media["send"]["ssrc"], sequence, b"p" * 160)

    assert await phone.request("call.hang_up", call_id=call["call_id"]) == {}
    for end in (device, phone):
        ended = await end.pushed("call.ended", call_id=call["call_id"])
        assert (ended["reason"], ended["by"]) == ("hung_up_by_callee", "callee")
    assert await device.request("call.hang_up", call_id=call["call_id"]) == {}


async def test_unknown_user_is_refused(world):
    device = await world.device()
    with pytest.raises(Refusal) as refused:
        await device.request("voip.call", open_id="nobody", call_type=2)
    assert refused.value.code == codes.CALL_OPEN_ID_INVALID
