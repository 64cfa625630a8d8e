"""The phone when it is called: it rings, answers, rejects, hangs up."""

import asyncio

import pytest

from callboard import codes
from callboard.errors import Busy, CallboardError, NetworkError, RemoteError
from callboard_host import phone as phones
from callboard_host import phone_keys
from support import until

from .phone_rig import FakeSound, started_phones, stream


@pytest.fixture
async def rig(tmp_path, monkeypatch):
    """Makes a running phone from PhoneConfig changes."""
    async with started_phones(tmp_path, monkeypatch) as start:
        yield start


@pytest.mark.parametrize(
    ("chosen", "offered"),
    [
        (("pcmu",), ["pcmu"]),
        (("opus-8k",), ["opus-8k", "pcmu"]),
        (("pcmu", "opus"), ["opus", "opus-8k", "pcmu"]),
    ],
)
async def test_it_offers_the_codecs_it_was_given_and_pcmu(rig, chosen, offered):
    it = await rig(answer_after=0.01, codecs=chosen)
    it.ring()
    await it.until("answered")
    assert it.link.requests[0] == ("call.answer", {"call_id": "c1", "codecs": offered})
    params = it.link.hello("00" * 16, "127.0.0.1:9", "/v1/user")
    assert params["caps"] == [*offered, "media-ws"]


@pytest.mark.parametrize("camera", [None, "film.h264"])
@pytest.mark.parametrize("screen", [None, "seen.h264"])
async def test_it_offers_pictures_as_it_has_a_camera_and_a_screen(
    rig, monkeypatch, camera, screen
):
    monkeypatch.setattr("callboard_host.phone.check_pictures", lambda *_: None)
    it = await rig(answer_after=0.01, camera=camera, screen=screen)
    it.link.answers["voip.call"] = {"call_id": "c0"}
    await it.phone.call("doorbell", "SN1")
    _, wishes = it.link.requests[0]
    assert wishes["call_type"] == (1 if camera or screen else 2)
    assert wishes.get("caller_camera", 0) == bool(camera)
    assert wishes.get("callee_camera", 0) == bool(screen)
    it.link.push("call.ended", call_id="c0", reason="rejected", by="callee")
    await it.until("ended")
    it.ring()
    await it.until("answered")
    _, answer = it.link.requests[-1]
    assert ("h264" in answer["codecs"]) == bool(screen)
    assert answer.get("camera", False) == bool(camera)
    caps = it.link.hello("00" * 16, "127.0.0.1:9", "/v1/user")["caps"]
    assert ("h264" in caps) == bool(screen)


async def test_it_says_how_the_sound_is_coded(rig):
    it = await rig(answer_after=0.01)
    coded = {"codec": "opus", "rate": 16000, "bitrate_bps": 24000, "fec": True, "dtx": True}
    opus = stream(**coded, key="secret")
    it.link.answers["call.answer"] = {"media": {"send": opus, "receive": opus}}
    it.ring()
    await it.until("answered")
    assert ("answered", coded) in it.told


async def test_it_answers_by_itself_talks_and_hangs_up(rig):
    it = await rig(answer_after=0.01, hang_up_after=0.02)
    assert it.ring() == {}
    await it.until("ringing", "answered")
    codecs = ["opus", "opus-8k", "pcmu"]
    assert ("answered", {"codec": "pcmu"}) in it.told
    assert it.link.requests[0] == ("call.answer", {"call_id": "c1", "codecs": codecs})
    await until(lambda: ("call.hang_up", {"call_id": "c1"}) in it.link.requests)
    it.link.push("call.ended", call_id="c1", reason="hung_up_by_callee", by="callee")
    await it.until("ended")
    assert it.told[-1] == ("ended", {"reason": "hung_up_by_callee", "by": "callee"})
    assert not FakeSound.made[0].running
    assert it.phone.state == phones.IDLE


async def test_it_rejects_by_itself(rig):
    it = await rig(reject_after=0.0)
    it.ring()
    await until(lambda: it.link.requests == [("call.reject", {"call_id": "c1"})])
    assert it.phone.state == phones.RINGING  # until the relay says that it is over


async def test_it_waits_for_keys_and_ignores_those_that_mean_nothing_now(rig):
    it = await rig()
    for word in ("a", "answer", "r", "h", "hang up", "", "dance"):
        await phone_keys.act(it.phone, word)
    assert it.link.requests == []
    it.ring()
    await phone_keys.act(it.phone, "a")
    assert it.names[-1] == "answered"
    await phone_keys.act(it.phone, "r")  # too late to reject
    await phone_keys.act(it.phone, "h")
    assert [method for method, _ in it.link.requests] == ["call.answer", "call.hang_up"]


async def test_a_second_call_meets_a_busy_phone_and_changes_nothing(rig):
    it = await rig()
    it.ring("c1")
    with pytest.raises(Busy) as raised:
        it.ring("c2")
    assert raised.value.code == codes.AVT_BUSY
    await it.phone.answer()
    assert it.link.requests[-1][1]["call_id"] == "c1"


async def test_the_end_of_another_call_is_ignored(rig):
    it = await rig()
    it.ring("c1")
    assert it.link.push("call.ended", call_id="c0", reason="timeout", by="network") == {}
    assert it.phone.state == phones.RINGING


async def test_a_call_that_ends_while_it_rings_is_not_answered(rig):
    it = await rig(answer_after=0.05)
    it.ring()
    it.link.push("call.ended", call_id="c1", reason="cancelled", by="caller")
    await it.until("ended")
    await asyncio.sleep(0.08)
    assert it.link.requests == []


async def test_a_call_cancelled_while_it_is_answered_makes_no_sound(rig):
    it = await rig()
    it.ring()
    answering = asyncio.create_task(it.phone.answer())
    await asyncio.sleep(0)
    it.link.push("call.ended", call_id="c1", reason="cancelled", by="caller")
    await answering
    assert FakeSound.made == []


async def test_a_refused_answer_is_told_with_its_code(rig):
    it = await rig(answer_after=0.0)
    it.link.answers["call.answer"] = RemoteError("the call is over", -114)
    it.ring()
    await it.until("error")
    assert dict(it.told)["error"]["code"] == -114


async def test_sound_that_fails_is_told_and_ends_the_call(rig):
    it = await rig()
    it.ring()
    await it.phone.answer()
    FakeSound.made[0].tell("error", code=-30001, message="the disk is full")
    await until(lambda: it.link.requests[-1][0] == "call.hang_up")


async def test_packets_reach_the_sound_only_during_a_call(rig):
    it = await rig()
    media = it.link.callbacks["on_media"]
    media(b"early", 0, 5, 0)
    it.ring()
    await it.phone.answer()
    media(b"xxframe", 2, 5, 1)
    assert FakeSound.made[0].packets == [b"frame"]


@pytest.mark.parametrize("how", ["lost", "forgotten"])
async def test_a_lost_session_ends_the_call_here_and_the_next_one_works(rig, how):
    it = await rig()
    it.ring("c1")
    await it.phone.answer()
    if how == "lost":
        it.link.callbacks["on_lost"]()
    else:  # a relay that was restarted knows no call
        it.link.come_online(False, None)
    await it.until("ended")
    assert dict(it.told)["ended"] == {"reason": "aborted", "by": "network"}
    assert it.ring("c2") == {}
    await it.phone.answer()
    assert it.phone.state == phones.TALKING


async def test_a_phone_that_was_restarted_has_lost_its_call(rig):
    it = await rig()
    it.link.come_online(False, {"call_id": "c9", "state": "talking"})
    await asyncio.sleep(0)
    assert it.link.requests == [("call.hang_up", {"call_id": "c9", "lost": True})]
    assert it.phone.state == phones.IDLE


async def test_a_resumed_session_keeps_the_call(rig):
    it = await rig()
    it.ring("c1")
    await it.phone.answer()
    it.link.callbacks["on_offline"](1, NetworkError("cut"))
    it.link.come_online(True, {"call_id": "c1"})
    assert it.phone.state == phones.TALKING
    assert FakeSound.made[0].running


@pytest.mark.parametrize("call_id", [None, 5, ""])
async def test_a_malformed_call_is_refused(rig, call_id):
    it = await rig()
    with pytest.raises(CallboardError):
        it.ring(call_id)
    assert it.phone.state == phones.IDLE


async def test_an_unknown_push_is_refused_with_the_code_of_json_rpc(rig):
    it = await rig()
    with pytest.raises(CallboardError) as raised:
        it.link.push("call.dance")
    assert raised.value.code == codes.RPC_METHOD_NOT_FOUND


async def test_it_says_hello_with_its_stored_token(rig):
    it = await rig()
    params = it.link.hello("00" * 16, "127.0.0.1:9", "/v1/user")
    assert params["caps"] == ["opus", "opus-8k", "pcmu", "media-ws"]
    assert (params["role"], params["token"], params["client"]) == (
        "user",
        "secret-token",
        "c" * 32,
    )
    assert it.link.url == "ws://127.0.0.1:9/v1/user"
