"""The link: hello, heartbeats, resume, back-off and what each end of a connection means."""

import asyncio

from fake_relay import CHALLENGE, URL, FakeRelay, device_hello, fixed_random, mac_is_right

from callboard import codes
from callboard.errors import (
    Busy,
    InvalidArgument,
    NetworkError,
    ProtocolError,
    RemoteError,
    TimedOut,
)
from callboard.signalling import hello
from callboard.signalling.connection import OUTBOX_LIMIT
from callboard.signalling.link import Link
from support import FakeClock, raises, settle


class Owner:
    """Records what a link tells."""

    def __init__(self, relay, **options):
        self.told = []
        self.media = []
        self.times = []
        self.reports = []
        self.pushed = lambda method, params: None
        self.link = Link(
            options.pop("url", URL),
            options.pop("hello", device_hello()),
            clock=relay.clock,
            connect=relay.connect,
            random=fixed_random,
            on_request=lambda method, params: self.pushed(method, params),
            on_online=lambda answer: self.told.append(("online", answer["resumed"])),
            on_offline=lambda status, error: self.told.append(("offline", status)),
            on_lost=lambda: self.told.append("lost"),
            on_media=self._media_arrived,
            set_time=self.times.append,
            report=lambda what, error: self.reports.append((what, error)),
            **options,
        )

    def _media_arrived(self, buf, off, n, arrival_ms):
        self.media.append((bytes(buf[off : off + n]), arrival_ms))


async def online(**options):
    """(clock, relay, owner) with the link online."""
    clock = FakeClock()
    relay = FakeRelay(clock)
    owner = Owner(relay, **options)
    owner.link.start()
    await settle()
    assert owner.link.online
    return clock, relay, owner


async def outcome(coro):
    """What a coroutine returned, or the exception it raised."""
    try:
        return await coro
    except Exception as error:
        return error


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


async def test_short_outage_resumes_and_nothing_is_lost():
    clock, relay, owner = await online()
    got = []
    owner.pushed = lambda method, params: got.append(params["n"])
    relay.unseen = 1  # lost on the way to the relay
    asked = asyncio.create_task(owner.link.request("ask", {"n": 1}))
    await settle()
    relay.cut()
    pushed = relay.push("tell", {"n": 7})  # lost on the way to the device
    await settle()
    assert owner.told[-1] == ("offline", codes.OFFLINE_NETWORK) and not owner.link.online
    later = asyncio.create_task(owner.link.request("ask", {"n": 2}))
    await clock.run(600)
    assert owner.told[-1] == ("online", True) and "lost" not in owner.told
    assert await asked == {} and await later == {}
    assert relay.requests == [("ask", {"n": 1}), ("ask", {"n": 2})]
    assert got == [7] and pushed == [{}]
    assert relay.hellos[1]["resume"] == "t1"
    await owner.link.stop()


async def test_lost_answer_is_repeated_not_done_twice():
    clock, relay, owner = await online()
    got = []
    owner.pushed = lambda method, params: got.append(params["n"])
    relay.unseen = 1  # the device's answer
    pushed = relay.push("tell", {"n": 7})
    await settle()
    assert got == [7] and pushed == []
    relay.cut()
    await clock.run(600)
    assert got == [7] and pushed == [{}]
    await owner.link.stop()


async def test_timed_out_request_leaves_no_gap():
    """Given up on during an outage it is sent all the same: the relay counts ids."""
    clock, relay, owner = await online()
    relay.unreachable = True
    relay.cut()
    await settle()
    task = asyncio.create_task(outcome(owner.link.request("late", {}, 1000)))
    await clock.run(1000)
    assert isinstance(await task, TimedOut)
    relay.unreachable = False
    await clock.run(2000)
    assert owner.told[-1] == ("online", True)
    assert await owner.link.request("next", {}) == {}
    assert relay.methods() == ["late", "next"]
    await owner.link.stop()


async def test_long_outage_loses_the_session_once():
    clock, relay, owner = await online()
    relay.silent.add("ask")
    relay.unreachable = True
    asked = asyncio.create_task(outcome(owner.link.request("ask", {}, 60000)))
    await settle()
    relay.cut()
    await clock.run(4900)
    assert "lost" not in owner.told and not asked.done()
    await clock.run(200)
    assert owner.told.count("lost") == 1 and isinstance(await asked, NetworkError)
    assert isinstance(await outcome(owner.link.request("ask", {})), NetworkError)
    relay.unreachable = False
    await clock.run(30000)
    assert owner.told[-1] == ("online", False) and owner.told.count("lost") == 1
    assert "resume" not in relay.hellos[-1]
    await owner.link.stop()


async def test_session_given_up_while_the_relay_resumes_it_begins_anew():
    clock, relay, owner = await online()
    relay.thinking = {}
    relay.cut()
    await clock.run(4900)
    assert relay.thinking["resume"] == "t1" and "lost" not in owner.told
    await clock.run(200)
    assert owner.told[-1] == "lost"
    socket = relay.socket
    relay.think()
    await settle()
    assert socket.sent_close[0] == 4400 and not owner.link.online
    await clock.run(2000)
    assert owner.told[-1] == ("online", False)
    assert await owner.link.request("ask", {}) == {}
    await owner.link.stop()


async def test_restarted_relay_begins_a_new_session():
    clock, relay, owner = await online()
    relay.silent.add("ask")
    asked = asyncio.create_task(outcome(owner.link.request("ask", {}, 60000)))
    await settle()
    relay.restart()
    await clock.run(600)
    assert owner.told == [
        ("online", False),
        ("offline", codes.OFFLINE_NETWORK),
        "lost",
        ("online", False),
    ]
    assert isinstance(await asked, NetworkError)
    assert await owner.link.request("again", {}) == {}  # both count from 1
    await owner.link.stop()


async def test_back_off_doubles_to_half_a_minute():
    clock = FakeClock()
    relay = FakeRelay(clock)
    relay.unreachable = True
    owner = Owner(relay)
    owner.link.start()
    await clock.run(160000)
    at = relay.attempted_ms
    gaps = [at[i + 1] - at[i] for i in range(len(at) - 1)]
    nominal = [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000]
    assert len(gaps) == len(nominal)
    for gap, expected in zip(gaps, nominal):
        assert abs(gap - expected) <= 2
    await owner.link.stop()


async def test_every_connection_gets_the_memory_of_the_first():
    clock, relay, owner = await online()
    memory = relay.memory
    assert isinstance(memory, list)
    for _ in range(2):
        attempts = relay.attempts
        relay.cut()
        await clock.run(2000)
        assert relay.attempts == attempts + 1 and relay.memory is memory
    await owner.link.stop()


async def test_jitter_spreads_the_attempts():
    for byte, gap in ((0, 375), (255, 625)):
        clock = FakeClock()
        relay = FakeRelay(clock)
        relay.unreachable = True
        link = Link(
            URL,
            device_hello(),
            clock=clock,
            connect=relay.connect,
            random=lambda count, byte=byte: bytes((byte,) * count),
        )
        link.start()
        await clock.run(700)
        assert abs(relay.attempted_ms[1] - relay.attempted_ms[0] - gap) <= 1
        await link.stop()


async def test_connection_that_lasted_makes_the_next_pause_short():
    clock, relay, owner = await online()
    for _ in range(4):  # short-lived: each pause doubles
        relay.cut()
        await settle()
        before = relay.attempts
        while relay.attempts == before:
            await clock.run(50)
        await settle()
    await clock.run(11000)
    relay.cut()
    before = relay.attempts
    await clock.run(550)
    assert relay.attempts == before + 1
    await owner.link.stop()


def refusals():
    return (
        # close code or hello error, status, told lost, attempts within 50 s
        (4400, codes.OFFLINE_NETWORK, True, True),
        (4401, codes.OFFLINE_AUTH, True, False),
        (4408, codes.OFFLINE_NETWORK, False, True),
        (4409, codes.OFFLINE_KICKED, True, False),
        (1001, codes.OFFLINE_NETWORK, False, True),
    )


async def test_each_close_code_has_its_outcome():
    for code, status, lost, soon in refusals():
        clock, relay, owner = await online()
        relay.close(code, "why")
        await settle()
        assert owner.told[1] == ("offline", status), code
        assert ("lost" in owner.told) == lost, code
        before = relay.attempts
        await clock.run(40000)
        assert (relay.attempts > before) == soon, code
        assert owner.link.refused == (not soon)
        await clock.run(70000)
        assert relay.attempts > before, code  # nobody is left for good
        await owner.link.stop()


async def test_refused_hello_is_told_to_who_waits():
    for code in (codes.UNAUTHENTICATED, codes.RPC_VERSION, codes.RPC_CAPABILITY):
        clock = FakeClock()
        relay = FakeRelay(clock)
        relay.refusal = (code, "no")
        owner = Owner(relay)
        owner.link.start()
        error = await outcome(owner.link.wait_online(5000))
        assert isinstance(error, RemoteError) and error.code == code
        await clock.run(40000)
        assert relay.attempts == 1  # it does not hammer
        relay.refusal = None
        await clock.run(60000)
        assert owner.link.online
        await owner.link.stop()


async def test_relay_out_of_order_does_not_keep_us_away():
    clock = FakeClock()
    relay = FakeRelay(clock)
    relay.refusal = (codes.SERVER, "the database is gone")
    owner = Owner(relay)
    owner.link.start()
    await clock.run(3000)
    assert relay.attempts >= 2 and not owner.link.refused
    await owner.link.stop()


async def test_wait_online_has_a_time_limit():
    clock = FakeClock()
    relay = FakeRelay(clock)
    relay.unreachable = True
    owner = Owner(relay)
    owner.link.start()
    waiting = asyncio.create_task(outcome(owner.link.wait_online(3000)))
    await clock.run(3100)
    error = await waiting
    assert isinstance(error, TimedOut) and "nobody listens" in error.message
    await owner.link.stop()


async def test_what_breaks_the_protocol_is_closed_with_4400():
    messages = (
        (1, b"not json"),
        (1, b"\xff\xfe"),
        (1, b'{"jsonrpc": "2.0", "id": 5, "method": "gap", "params": {}}'),
        (1, b'{"jsonrpc": "1.0", "id": 1, "method": "a", "params": {}}'),
        (1, b'{"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}'),
    )
    for opcode, data in messages:
        clock, relay, owner = await online()
        socket = relay.socket
        socket.deliver(opcode, data)
        await settle()
        assert socket.sent_close[0] == 4400, data
        assert "lost" in owner.told  # the same again would break the same rule
        await clock.run(700)
        assert owner.link.online
        await owner.link.stop()


async def test_malformed_hello_answers_are_refused():
    clock = FakeClock()
    good = {
        "protocol": 1,
        "time_ms": 1763640000000,
        "session": "s",
        "resume_token": "t",
        "resumed": False,
        "heartbeat_ms": 1000,
        "dead_ms": 3000,
        "grace_ms": 1000,
        "modules": 0,
        "call": None,
    }
    assert hello.check_answer(good) is good
    wrong = (
        ("protocol", 2),
        ("protocol", None),
        ("time_ms", "1763640000000"),
        ("time_ms", 1),
        ("heartbeat_ms", 0),
        ("heartbeat_ms", True),
        ("dead_ms", -1),
        ("grace_ms", 10**12),
        ("modules", None),
        ("resumed", 1),
        ("session", ""),
        ("resume_token", 7),
        ("call", "c1"),
    )
    for name, value in wrong:
        answer = dict(good)
        answer[name] = value
        error = raises(ProtocolError, hello.check_answer, answer)
        assert name in error.message or name == "protocol"
    raises(ProtocolError, hello.check_answer, [])
    assert clock.ticks_ms() == 1000


def test_malformed_challenges_are_refused():
    assert hello.read_challenge(
        '{"jsonrpc": "2.0", "method": "challenge", "params": {"challenge": "%s"}}' % CHALLENGE
    )
    for text in (
        "",
        "[]",
        "{}",
        '{"method": "challenge"}',
        '{"method": "challenge", "params": {"challenge": "00"}}',
        '{"method": "challenge", "params": {"challenge": 5}}',
        '{"method": "hello", "params": {"challenge": "%s"}}' % CHALLENGE,
    ):
        raises(ProtocolError, hello.read_challenge, text)


async def test_congested_socket_keeps_the_order():
    clock, relay, owner = await online()
    relay.socket.congested = True
    asked = [asyncio.create_task(owner.link.request("m%d" % n, {})) for n in range(5)]
    await settle()
    assert relay.requests == []
    relay.socket.congested = False
    asked.append(asyncio.create_task(owner.link.request("m5", {})))
    await clock.run(100)
    for task in asked:
        assert await task == {}
    assert relay.methods() == ["m0", "m1", "m2", "m3", "m4", "m5"]
    await owner.link.stop()


async def test_outbox_is_bounded():
    clock, relay, owner = await online()
    relay.socket.congested = True
    for n in range(OUTBOX_LIMIT + 1):
        owner.link.notify("n", {"n": n})
    await settle()
    assert owner.told[-1] == ("offline", codes.OFFLINE_NETWORK)
    await owner.link.stop()


async def test_too_many_and_too_long_requests_are_refused_here():
    clock, relay, owner = await online()
    relay.silent.add("ask")
    tasks = [asyncio.create_task(outcome(owner.link.request("ask", {}))) for _ in range(16)]
    await settle()
    error = await outcome(owner.link.request("ask", {}))
    assert isinstance(error, RemoteError) and error.code == codes.RPC_OVERLOADED
    await owner.link.stop()
    for task in tasks:
        assert isinstance(await task, NetworkError)
    clock, relay, owner = await online()
    error = await outcome(owner.link.request("ask", {"text": "x" * 17000}))
    assert isinstance(error, InvalidArgument)
    assert await owner.link.request("next", {}) == {}
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
