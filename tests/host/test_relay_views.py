"""Views through a running relay: the device is asked, told who watches, and everything ends."""

import asyncio

import pytest

from callboard import codes
from support.covers import covers
from support.relay_client import Refusal

from .test_relay_media import heard, settle
from .test_relay_video import picture_packet

BELL = {"model_id": "doorbell-1", "sn": "SN0001"}
INFO = {"codec": "h264", "width": 640, "height": 360, "fps": 15}
SCREEN = ["pcmu", "h264", "media-ws"]


async def viewers(world, *names):
    """A device that answers by hand, and phones with screens that it lets in."""
    device = await world.device()
    device.automatic = False
    phones = [await world.phone(name, caps=SCREEN) for name in names]
    await settle_all(device)
    return device, phones


async def settle_all(device):
    """Acknowledge what the relay greets a device with."""
    ready = await device.wait_for(lambda m: m.get("method") == "voip.peer_ready")
    await device.send({"id": ready["id"], "result": {}})


async def watch(device, phone, answer=None, **more):
    """Start a view; returns (what the device was asked, what the phone got)."""
    asking = await phone.start("view.start", **(BELL | more))
    asked = await device.wait_for(lambda m: m.get("method") == "view.start")
    await device.send({"id": asked["id"], **(answer or {"result": {"info": INFO}})})
    return asked["params"], await phone.answer_of(asking)


@covers("V-45", "V-46", "V-58", "V-67")
async def test_three_watch_one_leaves_two_go_on(world):
    device, phones = await viewers(world, "Ada", "Bob", "Eve")
    asked, got = zip(*[await watch(device, phone) for phone in phones], strict=True)
    assert [each["info"] for each in got] == 3 * [INFO], "what the device told reaches the viewer"
    assert len({each["visitor"] for each in asked}) == 3
    assert {each["address"] for each in asked} == {"127.0.0.1"}
    streams = [each["media"]["send_video"] for each in asked]
    assert streams[0] == streams[1] == got[2]["media"]["receive_video"]
    packet = picture_packet(streams[0]["ssrc"], 1, marker=True)
    await device.socket.send(packet)
    await settle(device, phones[2])
    for phone in phones:
        await phone.settle()
        assert heard(phone) == [packet]
    assert len(heard(device)) == 1, "a receiver report"
    await phones[1].request("view.stop", view_id=got[1]["view_id"])
    stop = await device.wait_for(lambda m: m.get("method") == "view.stop")
    assert stop["params"] == {"visitor": asked[1]["visitor"], "channel": 0, "res_type": 0}
    await device.send({"id": stop["id"], "result": {}})
    await device.socket.send(packet)
    await settle(device, phones[0])
    for phone, wanted in zip(phones, (1, 0, 1), strict=True):
        await phone.settle()
        assert len(heard(phone)) == wanted


@covers("V-66")
async def test_what_is_to_be_played_back_reaches_the_device_unchanged(world):
    device, (ada,) = await viewers(world, "Ada")
    args = {"start_ms": 1_763_640_000_000, "end_ms": 1_763_640_060_000}
    more = {"res_type": codes.RES_PLAYBACK, "channel": 3, "args": args}
    asked, _ = await watch(device, ada, **more)
    assert {name: asked[name] for name in more} == more


@covers("V-52")
async def test_the_device_has_no_more(world):
    device, (ada,) = await viewers(world, "Ada")
    asked, got = await watch(device, ada)
    await device.request("view.finish", visitor=asked["visitor"], channel=0, res_type=0)
    ended = await ada.pushed("view.ended")
    assert ended == {"view_id": got["view_id"], "reason": "eof"}


async def test_a_device_that_refuses_or_says_nothing(world):
    device, (ada,) = await viewers(world, "Ada")
    error = {"code": codes.CODEC_UNAVAILABLE, "message": "no camera"}
    with pytest.raises(Refusal) as refusal:
        await watch(device, ada, {"error": error})
    assert refusal.value.code == codes.CODEC_UNAVAILABLE
    world.set_times(push_ms=100)
    asking = await ada.start("view.start", **BELL)
    with pytest.raises(Refusal) as refusal:
        await ada.answer_of(asking)
    assert refusal.value.code == codes.TIMEOUT
    world.set_times(push_ms=30_000)
    late = await device.wait_for(lambda m: m.get("method") == "view.start")
    await device.send({"id": late["id"], "result": {"info": INFO}})  # nothing comes of it
    assert not world.relay.core.hub.router.routes("device:doorbell-1/SN0001")
    for answer in ({"info": 5}, {"info": {"a": 1.5}}):
        with pytest.raises(Refusal) as refusal:
            await watch(device, ada, {"result": answer})
        assert refusal.value.code == codes.INVALID_ARGUMENT


async def test_only_who_may_call_may_watch(world):
    device, (ada,) = await viewers(world, "Ada")
    stranger = await world.phone("Mallory", devices=(), caps=SCREEN)
    with pytest.raises(Refusal) as refusal:
        await stranger.request("view.start", **BELL)
    assert refusal.value.code == codes.CALL_NOT_AUTHORISED
    for bad in (
        {"channel": 16},
        {"channel": "0"},
        {"res_type": 4},
        {"args": 5},
        {"args": {"deep": {"deeper": {"deepest": 1}}}},
        {"sn": "SN0404"},
    ):
        with pytest.raises(Refusal):
            await ada.request("view.start", **(BELL | bad))
    assert not world.relay.core.hub.engine._state.views
    await device.cut()
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as refusal:
        await ada.request("view.start", **BELL)
    assert refusal.value.code == codes.NETWORK


async def test_a_device_that_is_lost_ends_its_views(world):
    device, (ada,) = await viewers(world, "Ada")
    _, got = await watch(device, ada)
    await device.cut()
    await device.connect()
    assert await ada.pushed("view.ended") == {"view_id": got["view_id"], "reason": "aborted"}
