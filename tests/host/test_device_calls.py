"""Calls of the real device, on each Python, through the real relay: both directions, every end."""

import asyncio
import time

import pytest

from callboard import codes
from callboard.errors import RemoteError
from support.covers import covers
from support.pythons import PYTHONS
from support.relay_client import Refusal, rtp_packet

from .conftest import MODEL

SN = "SN0001"
DEVICE = {"model_id": MODEL, "sn": SN}
NEAR_MS = 2_000  # what 000 allows the relay's time to be off
ROOM = "Flur, äußere Tür"


@pytest.fixture(params=PYTHONS)
async def device(request, world, tmp_path):
    """A registered device on each Python, online and ready."""
    async with world.ready_device(request.param, tmp_path / "flash") as wired:
        yield wired


async def dial(phone, device, **wishes):
    """The phone calls, it rings at the device; (call_id, visitor, what the device was told)."""
    call = await phone.request("voip.call", **DEVICE, **({"call_type": 2} | wishes))
    _, command, visitor, args = await device.told("command")
    assert command == codes.COMMAND_CALL_INCOMING
    return call["call_id"], visitor, args


async def talk(phone, device):
    """The same, answered, and both have received something; (call_id, visitor)."""
    call_id, visitor, _ = await dial(phone, device)
    assert await device.do("answer") is True
    media = (await phone.pushed("call.answered", call_id=call_id))["media"]
    await phone.socket.send(rtp_packet(media["send"]["ssrc"], 1))
    await device.told("receive", visitor)
    assert await device.do("send", visitor=visitor, count=3) == 3
    for _ in range(3):
        assert len(await asyncio.wait_for(phone.media.get(), 20)) > 160
    await device.do("told")
    return call_id, visitor


async def ended(phone, call_id):
    """(reason, by) of the phone's call.ended."""
    params = await phone.pushed("call.ended", call_id=call_id)
    return params["reason"], params["by"]


@covers("V-29", "V-41", "V-42", "V-44", "V-60")
async def test_every_ending_of_a_call_from_the_phone(world, device):
    phone = await world.phone()

    call_id, visitor = await talk(phone, device)  # the phone hangs up: HANG_UP, then the stop
    assert await device.do("is_busy") == 1
    await phone.request("call.hang_up", call_id=call_id)
    await device.told("command", codes.COMMAND_CALL_HANG_UP, visitor)
    told = [["stop receive", visitor], ["stop play", visitor]]
    told.append(["state", "idle", codes.END_HUNG_UP_BY_CALLER])
    assert await device.do("told") == told and await device.do("is_busy") == 0

    call_id, visitor = await talk(phone, device)  # the device hangs up: no command
    await device.do("hang_up")
    assert await ended(phone, call_id) == ("hung_up_by_callee", "callee")
    told = await device.do("told")
    assert [each for each in told if each[0] == "command"] == []
    assert told.count(["stop play", visitor]) == told.count(["stop receive", visitor]) == 1
    assert told[-1] == ["state", "idle", codes.END_HUNG_UP_BY_CALLEE]
    await device.do("hang_up")  # again: nothing
    assert await device.do("told") == []

    call_id, _, _ = await dial(phone, device)  # rejected
    await device.do("reject")
    assert await ended(phone, call_id) == ("rejected", "callee")
    await device.told("state", "idle", codes.END_REJECTED)

    call_id, visitor, _ = await dial(phone, device)  # given up
    await phone.request("call.hang_up", call_id=call_id)
    await device.told("command", codes.COMMAND_CALL_CANCEL, visitor)
    assert await device.refused("answer") == codes.AVT_WRONG_ORDER
    assert await device.do("told") == [["state", "idle", codes.END_CANCELLED]]

    world.set_times(ring_ms=200)
    call_id, visitor, _ = await dial(phone, device)  # nobody answers
    await device.told("command", codes.COMMAND_CALL_TIMEOUT, visitor)
    assert await ended(phone, call_id) == ("timeout", "network")

    world.set_times(ring_ms=60_000, grace_ms=500)
    call_id, visitor = await talk(phone, device)  # the phone's line is gone: no command
    await phone.cut()
    await device.told("stop play", visitor)
    assert await device.do("told") == [["state", "idle", codes.END_ABORTED]]


@covers("V-29", "V-33", "V-60")
async def test_several_users_one_after_the_other(world, device):
    """Each has an own visitor number, always the same; who comes while it is busy is told so."""
    ada, bob = await world.phone("Ada"), await world.phone("Bob")
    visitors = []
    for phone, name in ((ada, "Ada"), (bob, "Bob"), (ada, "Ada")):
        call_id, visitor, args = await dial(phone, device)
        assert (args["open_id"], args["name"]) == (phone.open_id, name)
        visitors.append(visitor)
        other = bob if phone is ada else ada
        with pytest.raises(Refusal) as refused:
            await other.request("voip.call", **DEVICE, call_type=2)
        assert refused.value.code == codes.AVT_BUSY
        assert await device.refused("call", open_id=other.open_id) == codes.AVT_BUSY
        await device.do("reject")
        await phone.pushed("call.ended", call_id=call_id)
    assert visitors[0] == visitors[2] != visitors[1]


@covers("V-33", "V-44")
async def test_a_busy_user_is_told_by_code_and_by_command(world, device):
    phone = await world.phone(devices=(SN, "SN0002"))
    other = await world.device("SN0002")
    call = await other.request("voip.call", open_id=phone.open_id, call_type=2)
    assert await device.refused("call", open_id=phone.open_id) == codes.AVT_BUSY
    await device.told("command", codes.COMMAND_CALL_BUSY)
    await device.told("state", "idle", codes.END_BUSY)
    await other.request("call.hang_up", call_id=call["call_id"])
    assert await device.do("call", open_id=phone.open_id)  # who waits gets through


@covers("V-31", "V-32")
async def test_wishes_reach_the_other_end_in_both_directions(world, device):
    phone = await world.phone()
    info = {"send": {"codec": "h264", "w": 640, "h": 360}, "recv": {"codec": "h264"}}
    for call_type, caller, callee in ((1, 1, 0), (1, 0, 1), (2, 0, 0)):
        wishes = {"call_type": call_type, "caller_camera": caller, "callee_camera": callee}
        wishes["video_info"] = info if call_type == 1 else {}
        call_id = await device.do("call", open_id=phone.open_id, **wishes)
        incoming = await phone.pushed("call.incoming", call_id=call_id)
        assert wishes.items() <= incoming.items()
        await device.do("hang_up")
        await ended(phone, call_id)
        call_id, _, args = await dial(phone, device, **wishes)
        assert wishes.items() <= args.items()
        await device.do("reject")
        await ended(phone, call_id)


@covers("V-33", "V-60")
async def test_calls_that_cross(world, device):
    """Both ask at once: one is made, the other end is rung, and the call can be talked in."""
    phone = await world.phone()
    for _ in range(6):
        dialled = asyncio.ensure_future(phone.request("voip.call", **DEVICE, call_type=2))
        called = asyncio.ensure_future(device.do("call", open_id=phone.open_id))
        results = await asyncio.gather(dialled, called, return_exceptions=True)
        failed = [isinstance(result, Exception) for result in results]
        assert sorted(failed) == [False, True], results
        if failed[1]:  # the phone was first
            assert results[1].code == codes.AVT_BUSY
            await device.told("command", codes.COMMAND_CALL_INCOMING)
            assert await device.do("answer") is True
            await phone.pushed("call.answered")
        else:
            assert results[0].code == codes.AVT_BUSY
            incoming = await phone.pushed("call.incoming", call_id=results[1])
            params = {"call_id": incoming["call_id"], "codecs": ["pcmu"]}
            await phone.request("call.answer", **params)
            await device.told("state", "talking")
        assert await device.do("is_busy") == 1
        await device.do("hang_up")
        await phone.pushed("call.ended")
        await device.do("told")
        phone.inbox.clear()


@covers("V-23", "V-24", "V-26", "V-27")
async def test_the_relays_time_services_and_end(world, device):
    before_ms = time.time() * 1000
    now_ms = await device.do("time")
    assert before_ms - NEAR_MS < now_ms < time.time() * 1000 + NEAR_MS
    times = [await device.do("time") for _ in range(20)]
    assert times == sorted(times)
    for mask in (codes.MODULE_AI, codes.MODULE_AI | codes.MODULE_CLOUD_STORAGE, 0):
        await world.admin.set_modules(MODEL, SN, mask)
        await device.told("modules", mask)
    before_ms = time.time() * 1000
    world.relay.core.hub.sessions[f"device:{MODEL}/{SN}"].connection.close(1011, "a test")
    await device.told("offline", codes.OFFLINE_NETWORK)
    _, online_ms = await device.told("online")
    assert before_ms - NEAR_MS < online_ms < time.time() * 1000 + NEAR_MS
    await device.do("stop")
    assert (await device.do("told"))[-1] == ["offline", codes.OFFLINE_NORMAL]
    await device.do("start")


@covers("V-03")
async def test_properties_travel_both_ways_and_what_is_refused_is_not_kept(world, device):
    """Also in a call."""
    await device.do("report", properties={"volume": 7, "room": ROOM, "on": True})
    await device.do("report", properties={"on": None, "count": -3})
    kept = {"volume": 7, "room": ROOM, "count": -3}
    assert await world.admin.properties(MODEL, SN) == kept
    phone = await world.phone()
    call_id, _ = await talk(phone, device)
    await world.admin.set_properties(MODEL, SN, {"volume": 3})
    await device.told("set", {"volume": 3})
    with pytest.raises(RemoteError, match="volume must be 0 to 10") as refused:
        await world.admin.set_properties(MODEL, SN, {"volume": 11})
    assert refused.value.code == codes.INVALID_ARGUMENT
    assert await device.refused("report", properties={"half": 0.5}) == codes.INVALID_ARGUMENT
    assert await world.admin.properties(MODEL, SN) == kept | {"volume": 3}
    await phone.request("call.hang_up", call_id=call_id)
