"""The link: hello, requests, pushes, media and heartbeats of one connection."""

import asyncio

from fake_relay import FakeRelay, mac_is_right
from link_rig import Owner, online

from callboard import codes
from callboard.errors import Busy, InvalidArgument, NetworkError, RemoteError, TimedOut
from callboard.signalling import hello
from support import FakeClock, outcome, raises, settle


async def test_hello_of_a_device_proves_its_key():
    clock, relay, owner = await online()
    params = relay.hellos[0]
    assert mac_is_right(params)
    assert params["protocol"] == 1 and params["role"] == "device"
    assert (params["model_id"], params["sn"], params["wxa_appid"]) == ("doorbell", "SN1", "wxdemo")
    assert params["flavour"] == codes.FLAVOUR_TRIAL
    assert "pcmu" in params["caps"] and "media-ws" in params["caps"]
    assert "resume" not in params
    await owner.link.stop()


async def test_hello_of_a_user_carries_its_token():
    clock, relay, owner = await online(
        url="wss://relay.test/v1/user", hello=hello.UserHello("token", "ab" * 16)
    )
    params = relay.hellos[0]
    assert params["role"] == "user" and params["token"] == "token"
    assert params["client"] == "ab" * 16 and "mac" not in params
    await owner.link.stop()


async def test_relay_time_is_told():
    clock, relay, owner = await online()
    assert owner.times == [clock.epoch_ms()]
    await owner.link.stop()


def test_addresses():
    assert hello.socket_url("https://r:8443", "device") == "wss://r:8443/v1/device"
    assert hello.socket_url("https://r/", "user") == "wss://r/v1/user"
    assert hello.socket_url("http://[::1]:80/a/", "user") == "ws://[::1]/a/v1/user"
    assert hello.host_and_path("wss://r:8443/v1/device") == ("r:8443", "/v1/device")
    assert hello.host_and_path("wss://r:443/v1/device") == ("r", "/v1/device")
    raises(InvalidArgument, hello.socket_url, "ftp://r", "device")


async def test_requests_and_refusals():
    clock, relay, owner = await online()

    def busy(params):
        raise Busy("taken")

    relay.answers["a"] = lambda params: {"n": params["n"] + 1}
    relay.answers["b"] = busy
    assert await owner.link.request("a", {"n": 4}) == {"n": 5}
    error = await outcome(owner.link.request("b", {}))
    assert isinstance(error, RemoteError) and error.code == codes.AVT_BUSY
    assert error.message == "taken"
    await owner.link.stop()


async def test_request_has_a_time_limit_and_a_late_answer_is_ignored():
    clock, relay, owner = await online()
    relay.silent.add("slow")
    task = asyncio.create_task(outcome(owner.link.request("slow", {}, 2000)))
    await clock.run(1999)
    assert not task.done()
    await clock.run(1)
    assert isinstance(await task, TimedOut)
    relay.peer.respond(1, {})
    await settle()
    assert owner.link.online and await owner.link.request("next", {}) == {}
    await owner.link.stop()


async def test_request_before_the_first_hello_fails_at_once():
    relay = FakeRelay(FakeClock())
    owner = Owner(relay)
    assert isinstance(await outcome(owner.link.request("a", {})), NetworkError)


async def test_pushes_are_answered():
    clock, relay, owner = await online()

    def handle(method, params):
        if method == "refused":
            raise InvalidArgument("colour must be red")
        if method == "broken":
            raise ValueError("a defect")
        return {"got": params["x"]} if method == "echo" else None

    owner.pushed = handle
    answers = [relay.push(method, {"x": 1}) for method in ("echo", "plain", "refused", "broken")]
    await settle()
    assert answers[0] == [{"got": 1}] and answers[1] == [{}]
    assert answers[2][0].code == codes.INVALID_ARGUMENT
    assert answers[2][0].message == "colour must be red"
    assert answers[3][0].code == codes.RPC_INTERNAL
    assert owner.reports[0][0] == "defect" and owner.link.online
    await owner.link.stop()


async def test_media_both_ways():
    clock, relay, owner = await online()
    relay.media(b"packet")
    await settle()
    assert owner.media == [(b"packet", clock.ticks_ms())]
    buf = bytearray(14) + b"abc"
    assert owner.link.transport.headroom == 14
    assert owner.link.transport.send(buf, 14, 3)
    assert relay.socket.media == [b"abc"]
    relay.socket.congested = True
    assert not owner.link.transport.send(buf, 14, 3)
    stats = owner.link.stats()
    assert stats["media_sent"] == 1 and stats["media_refused"] == 1
    await owner.link.stop()
    assert not owner.link.transport.send(buf, 14, 3)


async def test_failing_media_receiver_does_not_cost_the_line():
    clock, relay, owner = await online()

    def broken(*args):
        raise IndexError("a defect")

    owner.link.on_media = broken
    relay.media(b"packet")
    relay.media(b"packet")
    await settle()
    assert owner.link.online and owner.link.stats()["media_errors"] == 2
    assert len(owner.reports) == 1
    await owner.link.stop()


async def test_pings_every_heartbeat():
    clock, relay, owner = await online()
    before = relay.socket.pings
    await clock.run(10000)
    assert relay.socket.pings == before + 10
    assert owner.link.online
    await owner.link.stop()


async def test_silent_relay_is_left_after_dead_ms():
    clock, relay, owner = await online()
    first = relay.socket
    relay.answers_pings = False
    await clock.run(2900)
    assert owner.link.online
    await clock.run(200)
    assert ("offline", codes.OFFLINE_NETWORK) in owner.told
    assert first.sent_close[0] == 1001
    await clock.run(500)
    assert owner.link.online and relay.socket is not first
    await owner.link.stop()


async def test_relay_that_never_says_hello_is_left():
    clock = FakeClock()
    relay = FakeRelay(clock)
    relay.challenges = False
    owner = Owner(relay)
    owner.link.start()
    await clock.run(9900)
    assert relay.attempts == 1
    await clock.run(700)
    assert relay.attempts == 2 and isinstance(owner.reports[0][1], TimedOut)
    await owner.link.stop()


async def test_stop_is_clean_and_a_new_start_works():
    clock, relay, owner = await online()
    socket = relay.socket
    await owner.link.stop()
    assert socket.sent_close == (1000, "")
    assert owner.told == [("online", False), ("offline", codes.OFFLINE_NORMAL), "lost"]
    await clock.run(60000)
    assert relay.attempts == 1
    owner.link.start()
    await settle()
    assert owner.told[-1] == ("online", False)
    await owner.link.stop()
    await owner.link.stop()  # once more does nothing
    assert owner.told.count("lost") == 2
