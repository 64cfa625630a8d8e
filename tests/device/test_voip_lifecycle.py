"""The order in which a device comes up and goes down, and what it says about its connection."""

import asyncio
import gc

from fake_relay import Answer, mac_is_right
from voip_bench import CONFIG, IDENTITY, Bench, begin

from callboard import codes, port
from callboard.errors import (
    InvalidArgument,
    NetworkError,
    NotRegistered,
    RemoteError,
    TimedOut,
    WrongOrder,
)
from callboard.flash.devices import RamFlash
from callboard.voip.lifecycle import LEVELS, NEEDS, STEPS, Lifecycle
from support import SkipTest, outcome, raises, settle

INITS = ("init_system", "init_data_model", "init_av", "init_voip")


# covers: V-07
def test_every_wrong_order_is_refused_by_the_table():
    wrong = 0
    for level in LEVELS:
        for function in list(STEPS) + list(NEEDS):
            lifecycle = Lifecycle()
            lifecycle.level = level
            needed = STEPS[function][0] if function in STEPS else NEEDS[function]
            if level == needed:
                lifecycle.check(function)
                continue
            error = raises(WrongOrder, lifecycle.check, function)
            assert error.code == codes.AVT_WRONG_ORDER == -30002
            assert lifecycle.level == level
            wrong += 1
    assert wrong == len(LEVELS) * len(list(STEPS) + list(NEEDS)) - len(list(STEPS) + list(NEEDS))


async def attempt(client, function):
    """Call a function of the API with good arguments, whatever the level."""
    arguments = {
        "init_system": (CONFIG,),
        "init_voip": (0, None) + IDENTITY,
        "register": ("ticket",),
        "call": ("user1",),
        "report": ({"a": 1},),
        "send_notice": ("user1", "x"),
        "send_command": ("user1", {"a": 1}),
        "send_audio": (1, 0, bytearray(160), 0, 160),
        "send_video": (1, 0, bytearray(160), 0, 160, 0),
        "finish_stream": (1, 0, 0),
        "stream_buffer": (1, 0),
        "stream_status": (1, 0, codes.STREAM_VIDEO),
    }
    result = getattr(client, function)(*arguments.get(function, ()))
    return await result if hasattr(result, "send") else result


# covers: V-02, V-03, V-04, V-06, V-07
async def test_every_wrong_order_is_refused_by_the_client():
    for height in range(len(LEVELS)):
        bench = Bench()
        client = bench.client
        for function in INITS[:height]:
            if function == "init_voip":
                await client.init_voip(0, bench.store, *IDENTITY)
            else:
                await attempt(client, function)
        assert client.level == LEVELS[height]
        for function in list(STEPS) + list(NEEDS):
            needed = STEPS[function][0] if function in STEPS else NEEDS[function]
            if needed != client.level:
                error = await outcome(attempt(client, function))
                assert isinstance(error, WrongOrder), (client.level, function, error)
                assert error.code == codes.AVT_WRONG_ORDER
                assert client.level == LEVELS[height]
        await bench.close()
        assert client.level == "off"


# covers: V-02, V-03, V-04, V-05, V-06, V-07
async def test_up_and_down_and_up_again():
    bench = Bench()
    for _ in range(3):
        await bench.init()
        assert bench.client.level == "voip" and bench.client.online
        socket = bench.relay.socket
        await bench.client.exit_voip()
        assert socket.sent_close == (1000, "") and not bench.client.online
        bench.client.exit_av()
        bench.client.exit_data_model()
        bench.client.exit_system()
        assert bench.client.level == "off"
    assert len(bench.relay.hellos) == 3


# covers: V-06
async def test_exit_leaves_no_task_and_no_connection():
    bench = Bench()
    await bench.ready()
    call_id = await bench.talk()
    await bench.client.exit_voip()
    assert ("call.hang_up", {"call_id": call_id}) in bench.relay.requests
    assert bench.seen.names("on_stop_real_play") == ["on_stop_real_play"]
    attempts = bench.relay.attempts
    await bench.clock.run(120000)
    assert bench.relay.attempts == attempts and bench.relay.socket.closed
    assert bench.clock.earliest() is None  # nobody sleeps any more
    await bench.close()


# covers: V-06
async def test_exit_gives_the_memory_back():
    bench = Bench()
    heap = [None] * 12
    for n in range(12):
        await bench.ready()
        await bench.talk()
        await bench.close()
        del bench.seen.told[:], bench.relay.requests[:], bench.relay.hellos[:]
        del bench.relay.attempted_ms[:]
        bench.relay.peer = None
        await bench.clock.run(1000)
        gc.collect()
        heap[n] = port.heap_used()
    if heap[0] is None:
        raise SkipTest("this Python does not tell its heap")
    assert min(heap[-3:]) <= max(heap[3:6]), heap


# covers: V-02
def test_init_system_checks_its_config():
    bench = Bench()
    for config in ({"relay_url": "relay"}, {"relay_url": "ftp://relay"}, {"relay_url": None}):
        raises(InvalidArgument, bench.client.init_system, config)
    assert bench.client.level == "off"
    bench.client.init_system(CONFIG)
    bench.client.exit_system()


# covers: V-05
async def test_init_voip_authenticates():
    bench = Bench()
    await bench.init()
    assert mac_is_right(bench.relay.hellos[0])
    assert bench.client.is_registered() == 1 and bench.client.online
    await bench.close()


# covers: V-05
async def test_init_voip_with_the_wrong_key_says_so():
    bench = Bench()
    bench.relay.refusal = (codes.UNAUTHENTICATED, "wrong key")
    bench.init_av()
    error = await outcome(bench.client.init_voip(0, bench.store, *IDENTITY))
    assert isinstance(error, RemoteError) and error.code == codes.UNAUTHENTICATED
    assert bench.client.level == "av"
    await bench.clock.run(120000)
    assert bench.relay.attempts == 1  # nothing goes on behind the caller's back
    bench.relay.refusal = None
    await bench.client.init_voip(0, bench.store, *IDENTITY)
    await bench.close()


# covers: V-05
async def test_init_voip_is_bounded_in_time():
    bench = Bench()
    bench.relay.unreachable = True
    bench.init_av()
    task = begin(bench.client.init_voip(0, bench.store, *IDENTITY, timeout_ms=5000))
    await bench.clock.run(4900)
    assert not task.done()
    await bench.clock.run(200)
    assert isinstance(await task, TimedOut) and bench.client.level == "av"
    await bench.close()


async def test_init_voip_cancelled_leaves_nothing():
    bench = Bench()
    bench.relay.unreachable = True
    bench.init_av()
    task = asyncio.create_task(bench.client.init_voip(0, bench.store, *IDENTITY))
    await bench.clock.run(1000)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    attempts = bench.relay.attempts
    await bench.clock.run(60000)
    assert bench.relay.attempts == attempts and bench.client.level == "av"
    await bench.close()


async def test_init_voip_checks_the_identity_first():
    for flavour, model_id, sn, wxa_appid, code in (
        (9,) + IDENTITY + (codes.INVALID_ARGUMENT,),
        (0, "m", "s" * 129, "w", codes.SN_TOO_LONG),
        (0, "m", "s s", "w", codes.SN_BAD_CHARACTER),
        (0, "m/", "s", "w", codes.MODEL_REFUSED),
    ):
        bench = Bench()
        bench.init_av()
        identity = model_id, sn, wxa_appid
        error = await outcome(bench.client.init_voip(flavour, bench.store, *identity))
        assert isinstance(error, InvalidArgument) and error.code == code, identity
        assert bench.client.level == "av" and bench.relay.attempts == 0
        await bench.close()


# covers: V-09
async def test_init_voip_of_a_model_that_the_relay_does_not_know():
    """With a key and without: 9800003 at init, as 000 §3 has it, and nothing is begun."""
    bench = Bench()
    bench.relay.refusal = (codes.MODEL_REFUSED, "not a model of this relay")
    bench.init_av()
    error = await outcome(bench.client.init_voip(0, bench.store, *IDENTITY))
    assert isinstance(error, RemoteError) and error.code == codes.MODEL_REFUSED
    await bench.clock.run(120000)
    assert bench.relay.attempts == 1 and bench.client.level == "av"
    await bench.close()

    bench = Bench(registered=False)
    body = {"error": {"code": codes.MODEL_REFUSED, "message": "not a model of this relay"}}
    good, bench.relay.check_answer = bench.relay.check_answer, Answer(400, body)
    bench.init_av()
    error = await outcome(bench.client.init_voip(0, bench.store, *IDENTITY))
    assert isinstance(error, RemoteError) and error.code == codes.MODEL_REFUSED
    names = {"model_id": IDENTITY[0], "sn": IDENTITY[1], "wxa_appid": IDENTITY[2]}
    assert bench.client.level == "av" and bench.relay.checked == [names]
    bench.relay.check_answer = NetworkError("nobody listens")
    assert isinstance(
        await outcome(bench.client.init_voip(0, bench.store, *IDENTITY)), NetworkError
    )
    assert bench.client.level == "av"
    bench.relay.check_answer = good
    await bench.client.init_voip(0, bench.store, *IDENTITY)
    assert bench.client.is_registered() == 0 and bench.relay.attempts == 0
    await bench.close()


# covers: V-14, V-15, V-18
async def test_unregistered_device_registers_and_connects():
    posted = []

    class Answer:
        status_code = 200

        def json(self):
            return {"device_key": "%s" % "".join("%02x" % n for n in range(32))}

    async def post(url, **options):
        posted.append(options["json"]["ticket"])
        return Answer()

    flash = RamFlash()
    bench = Bench(registered=False, post=post, flash=flash)
    bench.init_av()
    client = bench.client
    assert isinstance(await outcome(attempt(client, "is_registered")), WrongOrder)
    await client.init_voip(0, bench.store, *IDENTITY)
    assert client.is_registered() == 0 and bench.relay.attempts == 0
    for refused in (client.call("user1"), client.report({"a": 1})):
        assert isinstance(await outcome(refused), NotRegistered)
    await client.hang_up()
    assert client.is_busy() == 0
    await client.register("ticket-1")
    await settle()
    assert client.is_registered() == 1 and client.online and mac_is_right(bench.relay.hellos[0])
    await client.register("ticket-2")
    assert posted == ["ticket-1"] and bench.relay.attempts == 1
    await bench.close()
    await switched_on_with(flash)


async def switched_on_with(flash):
    """A device that is switched on again with the same flash connects without a ticket."""
    bench = Bench(registered=False, flash=flash)
    await bench.init()
    assert bench.client.is_registered() == 1 and mac_is_right(bench.relay.hellos[0])
    await bench.close()


# covers: V-23
async def test_online_brings_the_relays_time():
    bench = Bench()
    await bench.init()
    assert bench.seen.of("on_online") == [(bench.clock.epoch_ms(),)]
    await bench.close()


# covers: V-24
async def test_offline_tells_why():
    for code, status in (
        (1006, codes.OFFLINE_NETWORK),
        (4401, codes.OFFLINE_AUTH),
        (4409, codes.OFFLINE_KICKED),
    ):
        bench = Bench()
        await bench.init()
        bench.relay.close(code)
        await settle()
        assert bench.seen.of("on_offline") == [(status,)]
        await bench.close()
        assert len(bench.seen.of("on_offline")) == 1
    bench = Bench()
    await bench.init()
    await bench.close()
    assert bench.seen.of("on_offline") == [(codes.OFFLINE_NORMAL,)]


# covers: V-27
async def test_module_status_at_hello_and_when_it_changes():
    bench = Bench()
    bench.relay.modules = codes.MODULE_CLOUD_STORAGE
    await bench.init()
    assert bench.seen.of("on_module_status") == [(1,)]
    answer = bench.push("voip.module_status", {"modules": 3})
    await settle()
    bench.push("voip.module_status", {"modules": 3})
    await settle()
    assert answer == [{}] and bench.seen.of("on_module_status") == [(1,), (3,)]
    for wrong in (None, "3", True, -1):
        answer = bench.push("voip.module_status", {"modules": wrong})
        await settle()
        assert answer[0].code == codes.INVALID_ARGUMENT
    assert len(bench.seen.of("on_module_status")) == 2
    await bench.close()


# covers: V-28
async def test_peer_ready_is_told_and_opens_the_gate():
    bench = Bench()
    await bench.init()
    error = await outcome(bench.client.call("user1"))
    assert isinstance(error, WrongOrder) and error.code == codes.AVT_WRONG_ORDER
    assert "voip.call" not in bench.relay.methods()
    assert not bench.client.ready
    bench.push("voip.peer_ready")
    await settle()
    assert bench.seen.of("on_notify") == [
        (codes.EVENT_P2P_PEER_READY, 0, 0, codes.STREAM_AV),
    ]
    await bench.client.call("user1")
    await bench.close()


# covers: V-28
async def test_gate_closes_when_the_session_is_lost():
    bench = Bench()
    await bench.ready()
    bench.relay.cut()
    await bench.clock.run(600)  # resumed: still open
    await bench.client.call("user1")
    await bench.client.hang_up()
    bench.relay.restart()
    await bench.clock.run(1200)
    assert bench.seen.of("on_notify")[-1][0] == codes.EVENT_P2P_PEER_LOST
    assert isinstance(await outcome(bench.client.call("user1")), WrongOrder)
    bench.push("voip.peer_ready")
    await settle()
    await bench.client.call("user1")
    await bench.close()


# covers: V-03
async def test_properties_both_ways():
    bench = Bench()
    await bench.init()
    properties = {"volume": 7, "name": "Tür", "lit": True, "old": None}
    await bench.client.report(properties)
    assert bench.relay.requests[-1] == ("dm.report", {"properties": properties})
    answer = bench.push("dm.set", {"properties": {"volume": 3}})
    await settle()
    assert answer == [{}] and bench.properties == [{"volume": 3}]
    await bench.close()


# covers: V-03
async def test_wrong_properties_are_refused_and_named():
    bench = Bench()
    await bench.init()
    many = {"p%d" % n: n for n in range(33)}
    names = ({"": 1}, {"x" * 65: 1})
    for wrong in names + (None, [], {}, many, {"a": 1.5}, {"a": []}, {"a": "x" * 600}):
        assert isinstance(await outcome(bench.client.report(wrong)), InvalidArgument), wrong
        answer = bench.push("dm.set", {"properties": wrong})
        await settle()
        assert answer[0].code == codes.INVALID_ARGUMENT
    assert bench.properties == [] and "dm.report" not in bench.relay.methods()
    await bench.close()

    def refuse(properties):
        raise InvalidArgument("volume must be 0 to 10")

    bench = Bench()
    bench.properties_set = refuse
    await bench.init()
    answer = bench.push("dm.set", {"properties": {"volume": 99}})
    await settle()
    assert answer[0].message == "volume must be 0 to 10"
    await bench.close()


async def test_unknown_push_is_refused():
    bench = Bench()
    await bench.init()
    for method in ("call.unheard_of", "nonsense", "room.event"):
        answer = bench.push(method)
        await settle()
        assert answer[0].code == codes.RPC_METHOD_NOT_FOUND, method
    assert bench.client.online
    await bench.close()


async def test_failing_callback_does_not_stop_the_device():
    bench = Bench()

    def broken(time_ms):
        raise ValueError("a defect of the application")

    bench.seen.on_online = broken
    await bench.ready()
    await bench.talk()
    assert bench.client.is_busy() == 1 and bench.reports[0][0] == "callback"
    await bench.close()
