"""The media socket: packets of a session past its signalling, for who has the token."""

import asyncio
import json
from contextlib import suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from callboard import codes
from support.relay_client import Refusal, rtp_packet

from .test_relay_calls import answer, start_call


async def media_socket(world, token, first=None):
    """An open media socket, and the relay's answer to its token."""
    url = world.relay.url.replace("http", "ws", 1) + "/v1/media"
    socket = await connect(url, subprotocols=["callboard.v1"], ping_interval=None)
    await socket.send(json.dumps({"token": token}) if first is None else first)
    with suppress(ConnectionClosed):
        return socket, json.loads(await asyncio.wait_for(socket.recv(), 20))
    return socket, None


async def talking(world):
    device, phone = await world.device(), await world.phone()
    call, _ = await start_call(device, phone)
    media, phone_media = await answer(device, phone, call)
    return device, phone, media, phone_media


async def test_packets_go_past_the_signalling(world):
    device, phone, media, phone_media = await talking(world)
    assert "media-socket" in device.hello["caps"]
    token = (await device.request("media.open"))["token"]
    socket, said = await media_socket(world, token)
    assert said == {"result": {}}
    up = rtp_packet(media["send"]["ssrc"], 1)
    await socket.send(up)
    assert await asyncio.wait_for(phone.media.get(), 20) == up
    down = rtp_packet(phone_media["send"]["ssrc"], 2)
    await phone.socket.send(down)
    assert await asyncio.wait_for(socket.recv(), 20) == down
    await device.socket.send(up)  # the other way stays open
    assert await asyncio.wait_for(phone.media.get(), 20) == up
    await socket.send(rtp_packet(1))  # no feed of this device's
    await socket.close()
    await device.settle()
    while world.relay.core.hub.sessions["device:doorbell-1/SN0001"].media is not None:
        await asyncio.sleep(0.01)
    await phone.socket.send(down)
    assert await asyncio.wait_for(device.media.get(), 20) == down
    assert world.relay.core.hub.router.totals.refused == 1


async def test_a_token_works_once_and_not_for_long(world):
    device = await world.device()
    token = (await device.request("media.open"))["token"]
    newer = (await device.request("media.open"))["token"]
    for wrong in (token, "M" + "0" * 40, "", newer[:-1]):
        socket, said = await media_socket(world, wrong)
        assert said["error"]["code"] == codes.UNAUTHENTICATED
        with suppress(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 4401
    tickets = world.relay.core.media_tickets
    assert tickets.redeem(newer, world.relay.clock.monotonic_ms() + 30_000) is None  # too late
    newer = (await device.request("media.open"))["token"]
    socket, said = await media_socket(world, newer)
    assert said == {"result": {}}
    again, said = await media_socket(world, newer)
    assert "error" in said


@pytest.mark.parametrize("first", ["{}", "[]", "x", '{"token": 7}', b"\x80\0", "[" * 5000])
async def test_what_is_no_token_closes_it(world, first):
    socket, said = await media_socket(world, "", first)
    assert said is None and socket.close_code == 4400


async def test_it_ends_with_its_session_and_a_newer_one_takes_over(world):
    device = await world.device()
    first, _ = await media_socket(world, (await device.request("media.open"))["token"])
    second, _ = await media_socket(world, (await device.request("media.open"))["token"])
    with suppress(ConnectionClosed):
        await asyncio.wait_for(first.recv(), 20)
    assert first.close_code == 4409
    world.relay.core.hub.end_session("device:doorbell-1/SN0001", 4409, "test")
    with suppress(ConnectionClosed):
        await asyncio.wait_for(second.recv(), 20)
    assert second.close_code == 1001


async def test_text_and_long_packets_close_it(world):
    device = await world.device()
    for bad in ("text", bytes(1501)):
        socket, _ = await media_socket(world, (await device.request("media.open"))["token"])
        await socket.send(bad)
        with suppress(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 20)
        assert socket.close_code == 4400


async def test_users_have_none(world):
    phone = await world.phone()
    with pytest.raises(Refusal):
        await phone.request("media.open")


async def test_a_narrow_line_gets_opus_or_no_call(world):
    device = world.client("device", await world.register())
    await device.connect(caps=["opus", "opus-8k", "narrow"])
    phone = await world.phone()
    with pytest.raises(Refusal) as refused:
        await device.request("voip.call", open_id=phone.open_id, call_type=2)
    assert refused.value.code == codes.CODEC_UNAVAILABLE and "narrow" in str(refused.value)
    await phone.close()
    await phone.connect(caps=["opus", "pcmu"])
    call, _ = await start_call(device, phone)
    with pytest.raises(Refusal) as refused:  # it offers less than it said
        await phone.request("call.answer", call_id=call["call_id"], codecs=["pcmu"])
    assert refused.value.code == codes.CODEC_UNAVAILABLE
    taken = await phone.request("call.answer", call_id=call["call_id"], codecs=["opus", "pcmu"])
    assert taken["media"]["send"]["codec"] == "opus"
