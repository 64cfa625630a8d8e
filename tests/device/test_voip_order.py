"""Every function in every state a device can be in: what is allowed, and what is refused."""

from voip_bench import IDENTITY, VISITOR, Bench, begin, media

from callboard import codes
from callboard.errors import Busy, NotRegistered, RemoteError, WrongOrder
from callboard.voip.lifecycle import NEEDS, STEPS
from support import settle

OK, ORDER, BUSY, KEY = "ok", "wrong order", "busy", "not registered"
KINDS = {WrongOrder: ORDER, Busy: BUSY, NotRegistered: KEY}

# The states, and what each function does there. What is not named: WrongOrder.
BELOW = {
    "off": {"init_system": OK},
    "system": {"init_data_model": OK, "exit_system": OK},
    "data_model": {"init_av": OK, "exit_data_model": OK},
    "av": {"init_voip": OK, "exit_av": OK},
}
ALWAYS = {"exit_voip": OK, "is_registered": OK, "is_busy": OK, "hang_up": OK, "register": OK}
UNREGISTERED = dict(ALWAYS)
for _name in ("call", "answer", "reject", "wait_call", "report", "rooms"):
    UNREGISTERED[_name] = KEY
UNREGISTERED["send_notice"] = UNREGISTERED["send_command"] = KEY
REGISTERED = dict(ALWAYS)  # before EVENT_P2P_PEER_READY
for _name in ("wait_call", "report", "rooms", "send_notice", "send_command"):
    REGISTERED[_name] = OK
READY = dict(REGISTERED, call=OK)
IN_CALL = dict(REGISTERED, call=BUSY)
STATES = dict(
    BELOW,
    unregistered=UNREGISTERED,
    registered=REGISTERED,
    ready=READY,
    calling=IN_CALL,
    ringing=IN_CALL,
    incoming=dict(IN_CALL, answer=OK, reject=OK),
    answering=IN_CALL,
    talking=dict(IN_CALL, send_audio=OK),
    ending=IN_CALL,
)
# Pictures need a camera or a stream: their own tests show them.
LEFT_OUT = ("send_video", "finish_stream", "stream_buffer", "stream_status")
FUNCTIONS = [name for name in list(STEPS) + list(NEEDS) if name not in LEFT_OUT]


async def bring(bench, state):
    """A client in `state`."""
    client = bench.client
    steps = (
        ("off", lambda: client.init_system({"relay_url": "https://relay.test:8443"}, bench.seen)),
        ("system", client.init_data_model),
        ("data_model", lambda: client.init_av(bench.seen)),
        ("av", None),
    )
    for level, step in steps:
        if state == level:
            return
        if step is not None:
            step()
    await client.init_voip(0, bench.store, *IDENTITY)
    if state in ("unregistered", "registered"):
        return
    bench.push("voip.peer_ready")
    await settle()
    await into_call(bench, state)


async def into_call(bench, state):
    relay, client = bench.relay, bench.client
    if state == "calling":
        relay.silent.add("voip.call")
        begin(client.call("user1"))
    elif state in ("ringing", "talking", "ending"):
        await client.call("user1")
        if state != "ringing":
            bench.push("call.answered", {"call_id": "c0001", "visitor": VISITOR, "media": media()})
            await settle()
        if state == "ending":
            relay.silent.add("call.hang_up")
            begin(client.hang_up())
    elif state in ("incoming", "answering"):
        bench.invite()
        await settle()
        relay.answers["call.answer"] = lambda params: {"media": media()}
        if state == "answering":
            relay.silent.add("call.answer")
            begin(client.answer())
    await settle()
    if state != "ready":
        assert client.call_state == state


async def attempt(client, store, function):
    """Call it with good arguments; the outcome."""
    arguments = {
        "init_system": ({"relay_url": "https://relay.test:8443"},),
        "init_voip": (0, store) + IDENTITY,
        "register": ("ticket",),
        "call": ("user2",),
        "wait_call": ("idle", "calling", "ringing", "incoming", "answering", "talking", "ending"),
        "report": ({"a": 1},),
        "send_audio": (VISITOR, 0, bytearray(160), 0, 160),
        "send_notice": ("user1", "hello"),
        "send_command": ("user1", {}),
    }
    result = getattr(client, function)(*arguments.get(function, ()))
    return await result if hasattr(result, "send") else result


REFUSED = RemoteError("it was asked", codes.TICKET_REFUSED)


async def refuse_ticket(url, **options):
    raise REFUSED


async def finished(bench, task):
    """Its outcome, after what time it takes: a relay that is silent makes some wait."""
    await settle()
    for _ in range(60):
        if task.done():
            break
        await bench.clock.run(500)
    assert task.done()
    return await task


async def in_state(state):
    """A bench whose client is in `state`."""
    bench = Bench(registered=state != "unregistered", post=refuse_ticket)
    bench.relay.answers["command.send"] = lambda params: {"args": {}}
    await bring(bench, state)
    return bench


async def close(bench):
    bench.relay.silent.clear()
    await finished(bench, begin(bench.close()))


# covers: V-02, V-04, V-07, V-28, V-29, V-33
async def test_what_is_refused_is_refused_with_its_code_and_changes_nothing():
    codes_of = {ORDER: codes.AVT_WRONG_ORDER, BUSY: codes.AVT_BUSY, KEY: codes.NOT_REGISTERED}
    refused = 0
    for state in STATES:
        bench = await in_state(state)
        client, relay = bench.client, bench.relay
        before = client.level, client.call_state, len(relay.requests), len(bench.seen.told)
        for function in FUNCTIONS:
            expected = STATES[state].get(function, ORDER)
            if expected == OK:
                continue
            error = await finished(bench, begin(attempt(client, bench.store, function)))
            assert KINDS.get(type(error)) == expected, (state, function, error)
            assert error.code == codes_of[expected]
            after = client.level, client.call_state, len(relay.requests), len(bench.seen.told)
            assert after == before, (state, function)
            refused += 1
        await close(bench)
    assert refused > 150, refused


# covers: V-07
async def test_what_has_its_place_is_done():
    done = 0
    for state in STATES:
        for function in FUNCTIONS:
            if STATES[state].get(function) != OK:
                continue
            bench = await in_state(state)
            error = await finished(bench, begin(attempt(bench.client, bench.store, function)))
            if state == "unregistered" and function == "register":
                assert error is REFUSED  # it asked the relay
            else:
                assert not isinstance(error, Exception), (state, function, error)
            done += 1
            await close(bench)
    assert done > 60, done


# covers: V-18
async def test_registering_a_registered_device_asks_nobody():
    asked = []

    async def post(url, **options):
        asked.append(url)

    bench = Bench(post=post)
    await bench.ready()
    await bench.client.register("any ticket")
    assert asked == []
    await bench.close()


# covers: V-41
async def test_hanging_up_when_there_is_nothing_does_nothing():
    for state in ("unregistered", "registered", "ready"):
        bench = Bench(registered=state != "unregistered")
        await bring(bench, state)
        assert await bench.client.hang_up() is None
        assert bench.relay.requests == [] and bench.seen.of("on_call_state") == []
        await bench.close()
