"""The phone when it calls: whom, how long it lets it ring, calls that cross."""

import asyncio

import pytest

from callboard import codes
from callboard.errors import Busy, CallboardError, RemoteError
from callboard_host import phone as phones
from callboard_host import phone_keys
from callboard_host.errors import BadInput
from support import until
from support.covers import covers

from .phone_rig import MEDIA, FakeSound, started_phones

AUDIO = {"call_type": codes.CALL_TYPE_AUDIO}


@pytest.fixture
async def rig(tmp_path, monkeypatch):
    """Makes a running phone from PhoneConfig changes."""
    async with started_phones(tmp_path, monkeypatch) as start:
        yield start


@covers("V-60")
async def test_it_calls_a_board_talks_and_hangs_up(rig):
    it = await rig(to=("doorbell", "SN1"), hang_up_after=0.02)
    await phone_keys.act(it.phone, "c")
    await it.until("rings")
    assert it.link.requests == [("voip.call", {"model_id": "doorbell", "sn": "SN1"} | AUDIO)]
    assert it.names[-2:] == ["calling", "rings"] and it.phone.state == phones.CALLING
    assert it.link.push("call.answered", call_id="o1", media=MEDIA) == {}
    assert it.phone.state == phones.TALKING and FakeSound.made[0].running
    await until(lambda: it.link.requests[-1] == ("call.hang_up", {"call_id": "o1"}))
    it.link.push("call.ended", call_id="o1", reason="hung_up_by_caller", by="caller")
    await it.until("ended")
    assert it.told[-1] == ("ended", {"reason": "hung_up_by_caller", "by": "caller"})
    assert it.phone.state == phones.IDLE


async def test_it_calls_by_itself_again_and_again_and_counts(rig):
    it = await rig(to=("doorbell", "SN1"), call_after=0.0, calls=2)
    for number in (1, 2):
        await until(lambda n=number: it.names.count("rings") == n)
        it.link.push("call.ended", call_id="o1", reason="rejected", by="callee")
    await until(lambda: it.phone.finished.is_set())
    assert it.names.count("ended") == 2


async def test_a_call_that_is_refused_is_told_with_its_code_and_counts(rig):
    it = await rig(calls=1)
    it.link.answers["voip.call"] = RemoteError("not authorised", codes.CALL_NOT_AUTHORISED)
    it.phone.dial("doorbell", "SN1")
    await it.until("error")
    assert dict(it.told)["error"]["code"] == codes.CALL_NOT_AUTHORISED
    assert it.phone.state == phones.IDLE and it.phone.finished.is_set()


@pytest.mark.parametrize("answer", [{}, {"call_id": 5}, [], None])
async def test_a_malformed_answer_to_a_call_is_refused(rig, answer):
    it = await rig()
    it.link.answers["voip.call"] = answer
    with pytest.raises(CallboardError):
        await it.phone.call("doorbell", "SN1")
    assert it.phone.state == phones.IDLE


async def test_it_lets_it_ring_for_so_long_and_gives_up(rig):
    it = await rig(give_up_after=0.02)
    await it.phone.call("doorbell", "SN1")
    await until(lambda: it.link.requests[-1] == ("call.hang_up", {"call_id": "o1"}))
    it.link.push("call.ended", call_id="o1", reason="cancelled", by="caller")
    await it.until("ended")
    assert it.phone.state == phones.IDLE and FakeSound.made == []


async def test_it_hangs_up_before_the_relay_says_which_call_it_is(rig):
    it = await rig()
    answer = it.link.answers["voip.call"] = asyncio.get_running_loop().create_future()
    it.phone.dial("doorbell", "SN1")
    await it.until("calling")
    await phone_keys.act(it.phone, "h")
    assert it.link.requests[-1] == ("call.hang_up", {})
    answer.set_result(RemoteError("it ended before it rang", codes.AVT_FAILED))
    await it.until("ended")
    assert it.told[-1] == ("ended", {"reason": "cancelled", "by": "caller"})
    assert "error" not in it.names and it.phone.state == phones.IDLE


@covers("V-33", "V-60")
async def test_calls_that_cross_the_other_was_first(rig):
    """Its own call is refused, before or after the other one rings here; that one is answered."""
    it = await rig()
    answer = it.link.answers["voip.call"] = asyncio.get_running_loop().create_future()
    it.phone.dial("doorbell", "SN1")
    await it.until("calling")
    assert it.ring("c9") == {} and it.phone.state == phones.RINGING
    answer.set_result(Busy("the one you call is calling you"))
    await it.until("error")
    assert it.phone.state == phones.RINGING
    await it.phone.answer()
    assert it.link.requests[-1][1]["call_id"] == "c9" and it.phone.state == phones.TALKING


async def test_while_it_rings_there_another_call_meets_a_busy_phone(rig):
    it = await rig()
    await it.phone.call("doorbell", "SN1")
    with pytest.raises(Busy):
        it.ring("c2")
    await it.phone.call("doorbell", "SN2")  # nothing: it is in a call
    assert it.phone.state == phones.CALLING and len(it.link.requests) == 1


async def test_media_that_is_none_hangs_up(rig):
    it = await rig()
    await it.phone.call("doorbell", "SN1")
    with pytest.raises(CallboardError):
        it.link.push("call.answered", call_id="o1", media={"send": {}})
    await until(lambda: it.link.requests[-1][0] == "call.hang_up")
    assert FakeSound.made == []


@pytest.mark.parametrize("word", ["c", "call", "call doorbell", "call /SN1", "call doorbell/"])
async def test_whom_to_call_must_be_said(rig, word):
    it = await rig()
    with pytest.raises(BadInput):
        await phone_keys.act(it.phone, word)
    await phone_keys.act(it.phone, "call doorbell/SN7")
    await it.until("rings")
    assert it.link.requests[0][1]["sn"] == "SN7"


async def test_it_ends_after_its_calls(rig):
    it = await rig(calls=2)
    for call_id in ("c1", "c2"):
        assert not it.phone.finished.is_set()
        it.ring(call_id)
        it.link.push("call.ended", call_id=call_id, reason="timeout", by="network")
        await asyncio.sleep(0.01)
    await until(lambda: it.phone.finished.is_set() and it.link.stopped)
