"""Sessions over bad lines: resume, replacement, silence, stop, restart (PROTOCOL.md §2, §3)."""

import asyncio

import pytest

from callboard import codes
from callboard_host.relay import Relay
from callboard_host.relay.clock import FakeClock
from callboard_host.relay.permission import find_user
from callboard_host.relay.transaction import Transaction
from support.relay_client import Refusal

from .test_relay_calls import answer, start_call

NO_CLOSE_FRAME = 1006  # RFC 6455 §7.1.5: the line was cut


async def test_a_resumed_session_gets_what_it_missed_once(world):
    device, phone = await world.device(), await world.phone()
    call, _ = await start_call(device, phone)
    await answer(device, phone, call)
    await device.cut()
    await phone.request("call.hang_up", call_id=call["call_id"])
    hello = await device.connect(again=True)
    assert hello["resumed"] is True
    ended = await device.pushed("call.ended", call_id=call["call_id"])
    assert ended["reason"] == "hung_up_by_callee"
    await device.request("dm.report", properties={})  # counting goes on without a gap
    assert not [m for m in device.inbox if m.get("method") == "call.ended"]


async def test_an_unanswered_push_is_repeated_with_its_id_until_it_is_answered(world):
    device, phone = await world.device(), await world.phone()
    phone.automatic = False
    request_id = await device.start("voip.call", open_id=phone.open_id, call_type=2)
    first = await phone.wait_for(lambda m: m.get("method") == "call.incoming")
    for _ in range(2):
        await phone.cut()
        await phone.connect(again=True)
        again = await phone.wait_for(lambda m: m.get("method") == "call.incoming")
        assert again == first
    await phone.send({"id": first["id"], "result": {}})
    assert (await device.answer_of(request_id))["state"] == "ringing"
    await phone.cut()
    await phone.connect(again=True)
    await phone.settle()
    assert phone.inbox == []  # it was answered


async def test_a_repeated_request_is_handled_once_and_answered_again(world):
    device, phone = await world.device(), await world.phone()
    request = {"open_id": phone.open_id, "call_type": 2}
    request_id = await device.start("voip.call", **request)
    call = await device.answer_of(request_id)
    await device.cut()
    await device.connect(again=True)
    await device.send({"id": request_id, "method": "voip.call", "params": request})
    assert await device.answer_of(request_id) == call
    assert len(world.relay.core.hub.engine._state.calls) == 1


async def test_a_request_in_progress_is_answered_once_after_the_resume(world):
    """The device is cut while voip.call waits for the phone; it asks again and gets one answer."""
    device, phone = await world.device(), await world.phone()
    phone.automatic = False
    request = {"open_id": phone.open_id, "call_type": 2}
    request_id = await device.start("voip.call", **request)
    incoming = await phone.wait_for(lambda m: m.get("method") == "call.incoming")
    await device.cut()
    await device.connect(again=True)
    await device.send({"id": request_id, "method": "voip.call", "params": request})
    await device.settle()
    assert not [m for m in device.inbox if m.get("id") == request_id and "method" not in m]
    await phone.send({"id": incoming["id"], "result": {}})
    assert (await device.answer_of(request_id))["call_id"] == incoming["params"]["call_id"]


async def test_a_resume_token_works_once(world):
    device = await world.device()
    old = device.hello["resume_token"]
    await device.cut()
    await device.connect(again=True)
    await device.cut()
    device.hello["resume_token"] = old
    assert (await device.connect(again=True))["resumed"] is False


async def test_a_new_session_gets_the_snapshot(world):
    device, phone = await world.device(), await world.phone()
    call, _ = await start_call(device, phone)
    media, _ = await answer(device, phone, call)
    await device.cut()
    hello = await device.connect()
    assert hello["resumed"] is False
    assert hello["call"]["call_id"] == call["call_id"]
    assert hello["call"]["media"] == media
    await device.pushed("voip.peer_ready")
    await device.request("call.hang_up", call_id=call["call_id"])
    assert (await phone.pushed("call.ended"))["reason"] == "hung_up_by_caller"


async def test_an_end_that_stays_away_aborts_the_call(world):
    world.set_times(grace_ms=500)
    device, phone = await world.device(), await world.phone()
    call, _ = await start_call(device, phone)
    await answer(device, phone, call)
    await device.cut()
    ended = await phone.pushed("call.ended")
    assert (ended["reason"], ended["by"]) == ("aborted", "network")
    assert (await device.connect(again=True))["resumed"] is False
    assert device.hello["call"] is None


async def test_a_killed_relay_knows_no_calls(world):
    device, phone = await world.device(), await world.phone()
    await start_call(device, phone)
    config, port = world.relay.config, world.relay.port
    await world.relay.stop()
    assert await device.closed() == await phone.closed() == 1001
    world.relay = Relay(type(config)(**{**_members(config), "port": port}))
    await world.relay.start()
    hello = await device.connect(again=True)
    assert (hello["resumed"], hello["call"]) == (False, None)


def _members(config):
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


async def test_a_silent_client_is_cut(make_world):
    clock = FakeClock()
    world = await make_world(clock=clock)
    device, phone = await world.device(), await world.phone()
    for _ in range(2):
        clock.advance(world.relay.config.dead_ms * 2 // 3)
        await (await phone.socket.ping())
    assert await device.closed() == NO_CLOSE_FRAME  # within a second: the relay looks each second
    await phone.request("call.hang_up")  # pings kept it alive


async def test_sixteen_requests_may_wait(world):
    device, phone = await world.device(), await world.phone()
    phone.automatic = False
    ids = [await device.start("voip.call", open_id=phone.open_id, call_type=2)]
    ids += [await device.start("dm.report", properties={"n": n}) for n in range(40)]
    for request_id in ids[1:]:
        try:
            assert await device.answer_of(request_id) == {}
        except Refusal as refusal:
            assert refusal.code == codes.RPC_OVERLOADED
    await device.request("call.hang_up")
    with pytest.raises(Refusal) as refusal:
        await device.answer_of(ids[0])
    assert refusal.value.code == codes.AVT_FAILED


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "[]",
        "{}",
        '{"jsonrpc": "2.0", "id": 7, "method": "dm.report", "params": {}}',
        '{"jsonrpc": "2.0", "id": "1", "method": "dm.report", "params": {}}',
        '{"jsonrpc": "2.0", "id": 1, "method": "dm.report", "params": []}',
        '{"jsonrpc": "2.0", "id": 1, "method": 5, "params": {}}',
        '{"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}',
        '{"jsonrpc": "2.0", "id": 1.5, "result": {}}',
        '{"jsonrpc": "2.0", "id": 1, "error": {"code": "x"}}',
        '{"a":' * 2500 + "1" + "}" * 2500,
        '{"jsonrpc": "2.0", "id": ' + "9" * 15_000 + "}",
    ],
)
async def test_a_broken_message_closes_with_4400(world, message):
    device = await world.device()
    await device.socket.send(message)
    assert await device.closed() == 4400
    assert device.socket.close_reason
    await device.connect()


async def test_unknown_methods_and_notifications(world):
    device = await world.device()
    await device.send({"method": "media.keyframe", "params": {"feed_id": "f"}})
    for method in ("no.such", "call.incoming", "hello", "__class__"):
        with pytest.raises(Refusal) as refusal:
            await device.request(method)
        assert refusal.value.code == codes.RPC_METHOD_NOT_FOUND


async def test_a_client_that_answers_nothing_is_given_up(world):
    """Pushes beyond those in flight wait, within a bound; who exceeds it is dropped."""
    device = await world.device()
    device.automatic = False
    session = world.relay.core.hub.sessions["device:doorbell-1/SN0001"]
    failed = []
    for number in range(400):
        session.push("voip.module_status", {"modules": number}, lambda r, e: failed.append(e))
    assert await device.closed() == 4413
    assert failed and {error.code for error in failed} == {codes.RPC_OVERLOADED}
    assert (await device.connect(again=True))["resumed"] is False


async def test_a_relay_that_stops_lets_a_transaction_finish(world, monkeypatch):
    """Nothing interrupts the database: aiosqlite would not come back from that."""
    device = await world.device()
    begun = asyncio.Event()
    put_properties = Transaction.put_properties

    async def slow(tx, *what):
        begun.set()
        await asyncio.sleep(0.2)
        await put_properties(tx, *what)

    monkeypatch.setattr(Transaction, "put_properties", slow)
    await device.start("dm.report", properties={"volume": 7})
    await asyncio.wait_for(begun.wait(), 20)
    async with asyncio.timeout(10):
        await world.relay.stop()
    await world.relay.start()
    async with world.relay.core.store.read() as tx:
        assert await tx.properties("doorbell-1", "SN0001") == {"volume": 7}


async def test_a_call_of_a_client_that_has_gone_meanwhile_rings_nowhere(world, monkeypatch):
    """Its session ends while the relay looks up whom it may call."""
    device, phone = await world.device(), await world.phone()
    hub = world.relay.core.hub
    session = hub.sessions["device:doorbell-1/SN0001"]
    looking, go_on = asyncio.Event(), asyncio.Event()

    async def slow(tx, *asked):
        looking.set()
        await go_on.wait()
        return await find_user(tx, *asked)

    monkeypatch.setattr("callboard_host.relay.faces.voip.find_user", slow)
    await device.start("voip.call", open_id=phone.open_id, call_type=2)
    await asyncio.wait_for(looking.wait(), 20)
    again = world.client("device", device.identity)
    await again.connect()
    assert hub.sessions[session.key] is not session and session.ended
    go_on.set()
    await asyncio.wait_for(session._worker, 20)
    await phone.settle()
    assert not [m for m in phone.inbox if m.get("method") == "call.incoming"]
    assert not hub.engine._state.calls
