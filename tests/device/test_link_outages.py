"""The link over outages: resume, sessions that are lost, back-off."""

import asyncio

from fake_relay import URL, FakeRelay, device_hello
from link_rig import Owner, online

from callboard import codes
from callboard.errors import NetworkError, TimedOut
from callboard.signalling.link import Link
from support import FakeClock, outcome, settle


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
