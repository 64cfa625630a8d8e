"""The phone: ring, answer, reject, hang up, and what it keeps. Link and sound are fakes."""

import asyncio
import stat

import pytest

from callboard import codes
from callboard.errors import Busy, CallboardError, NetworkError, RemoteError
from callboard_host import phone as phones
from callboard_host import phone_keys, phone_state
from callboard_host.errors import BadInput
from callboard_host.phone_state import Identity
from support.covers import covers

AUDIO = {"call_type": codes.CALL_TYPE_AUDIO}
ME = Identity("o1", "wx1", "c" * 32, "secret-token")


def stream(**more):
    """A stream of PCMU (PROTOCOL.md §4)."""
    ids = {"feed_id": "f1", "mid": "0", "ssrc": 7, "payload_type": 0, "carriers": ["ws"]}
    return ids | {"codec": "pcmu", "clock_rate": 8000, "channels": 1, "frame_ms": 20} | more


MEDIA = {"send": stream(), "receive": stream()}


class FakeLink:
    """Stands for signalling.link.Link; `answers` says what each request gets."""

    def __init__(self, url, hello, **callbacks):
        self.url, self.hello = url, hello
        self.callbacks = callbacks
        self.transport = object()
        self.requests: list[tuple[str, dict]] = []
        self.answers: dict = {
            "call.answer": {"media": MEDIA},
            "voip.call": {"call_id": "o1", "peer": {"sn": "SN1"}},
        }
        self.stopped = False

    def start(self):
        asyncio.get_running_loop().call_soon(self.come_online, False, None)

    def come_online(self, resumed, call):
        self.callbacks["on_online"]({"resumed": resumed, "call": call})

    async def wait_online(self, timeout_ms):
        await asyncio.sleep(0)

    async def request(self, method, params, timeout_ms):
        self.requests.append((method, params))
        answer = self.answers.get(method, {})
        if isinstance(answer, asyncio.Future):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        await asyncio.sleep(0)
        return answer

    async def stop(self):
        self.stopped = True

    def push(self, method, **params):
        """A request of the relay; returns our answer."""
        return self.callbacks["on_request"](method, params)


class FakeSound:
    """Stands for PhoneSound."""

    made: list = []

    def __init__(self, config, codecs, media, transport, tell):
        self.media, self.tell, self.running = media, tell, True
        self.packets: list = []
        FakeSound.made.append(self)

    def receive(self, buf, off, n, arrival_ms):
        self.packets.append(bytes(buf[off : off + n]))

    async def stop(self):
        await asyncio.sleep(0)
        self.running = False


class Rig:
    """A phone that runs, its link, and what it told."""

    def __init__(self, phone):
        self.phone = phone
        self.told: list[tuple[str, dict]] = []
        phone._emit = lambda name, **fields: self.told.append((name, fields))

    @property
    def link(self) -> FakeLink:
        return self.phone._link

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.told]

    def ring(self, call_id="c1"):
        return self.link.push("call.incoming", call_id=call_id, peer={"sn": "SN1"})

    async def until(self, *names: str):
        """Wait until all of these events were told."""
        async with asyncio.timeout(20):
            while not set(names) <= set(self.names):
                await asyncio.sleep(0.002)


@pytest.fixture
async def rig(tmp_path, monkeypatch):
    """Makes a running phone from PhoneConfig changes; stops it at the end."""
    monkeypatch.setattr(phones, "Link", FakeLink)
    monkeypatch.setattr(phones, "PhoneSound", FakeSound)
    FakeSound.made = []
    state = tmp_path / "phone.json"
    phone_state.save(state, ME)
    tasks = []

    async def start(**changes) -> Rig:
        config = phones.PhoneConfig("http://127.0.0.1:9", state, **changes)
        rig = Rig(phones.Phone(config))
        tasks.append(asyncio.create_task(rig.phone.run()))
        await rig.until("online")
        return rig

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


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
    async with asyncio.timeout(20):
        while ("call.hang_up", {"call_id": "c1"}) not in it.link.requests:
            await asyncio.sleep(0.002)
    it.link.push("call.ended", call_id="c1", reason="hung_up_by_callee", by="callee")
    await it.until("ended")
    assert it.told[-1] == ("ended", {"reason": "hung_up_by_callee", "by": "callee"})
    assert not FakeSound.made[0].running
    assert it.phone.state == phones.IDLE


async def test_it_rejects_by_itself(rig):
    it = await rig(reject_after=0.0)
    it.ring()
    async with asyncio.timeout(20):
        while it.link.requests != [("call.reject", {"call_id": "c1"})]:
            await asyncio.sleep(0.002)
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
    async with asyncio.timeout(20):
        while it.link.requests[-1][0] != "call.hang_up":
            await asyncio.sleep(0.002)


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


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


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
    async with asyncio.timeout(20):
        await it.phone.finished.wait()
        while not it.link.stopped:
            await asyncio.sleep(0.002)


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


def test_the_state_is_kept_for_its_owner_only(tmp_path):
    path = tmp_path / "deep" / "phone.json"
    phone_state.save(path, ME)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert phone_state.load(path) == ME
    phone_state.save(path, Identity("o2", "wx1", "c" * 32, "other"))
    assert phone_state.load(path).open_id == "o2"
    assert [child.name for child in path.parent.iterdir()] == ["phone.json"]


def test_the_token_is_in_no_repr():
    assert "secret-token" not in repr(ME)


def test_no_state_is_none_and_a_damaged_one_is_refused(tmp_path):
    path = tmp_path / "phone.json"
    assert phone_state.load(path) is None
    for damage in ("{", "[]", '{"open_id": "o1"}', "null", b"\xff\xfe".decode("latin-1")):
        path.write_text(damage, encoding="latin-1")
        with pytest.raises(BadInput, match="--invitation|state"):
            phone_state.load(path)


def test_a_state_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadInput):
        phone_state.save(tmp_path / "file" / "phone.json", ME)


async def test_a_phone_that_is_nobody_yet_needs_an_invitation(tmp_path):
    config = phones.PhoneConfig("http://127.0.0.1:9", tmp_path / "phone.json")
    with pytest.raises(BadInput) as raised:
        await phones.Phone(config).run()
    assert "--invitation" in raised.value.hint
