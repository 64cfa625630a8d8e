"""What each end of a connection means to the link, and what it refuses itself."""

import asyncio

from fake_relay import CHALLENGE, FakeRelay
from link_rig import Owner, online

from callboard import codes
from callboard.errors import InvalidArgument, NetworkError, ProtocolError, RemoteError, TimedOut
from callboard.signalling import hello
from callboard.signalling.connection import OUTBOX_LIMIT
from support import FakeClock, outcome, raises, settle


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
