"""Notices and commands of a device, every documented refusal of a call, slow callbacks."""

import asyncio

from voip_bench import Bench, begin

from callboard import codes
from callboard.errors import (
    Busy,
    CallboardError,
    InvalidArgument,
    NotRegistered,
    ProtocolError,
    RemoteError,
    WrongOrder,
)
from callboard.voip.listeners import AvCallbacks
from support import outcome, settle

CALL_CODES = (-1, -2, -3, -4, -5, -7, -8, -9, -12, -13, -14, -15, -17, -19, -20)
VISITOR = 0x7FFFFFFF


def refuse(code):
    def answer(params):
        raise RemoteError("the relay says why", code)

    return answer


# covers: V-34
async def test_every_documented_refusal_of_a_call_reaches_the_caller():
    bench = Bench()
    await bench.ready()
    for code in CALL_CODES:
        bench.relay.answers["voip.call"] = refuse(code)
        error = await outcome(bench.client.call("user1"))
        assert isinstance(error, RemoteError) and error.code == code, code
        assert error.message == "the relay says why"
        assert bench.client.is_busy() == 0
    bench.relay.answers["voip.call"] = refuse(codes.AVT_BUSY)
    assert isinstance(await outcome(bench.client.call("user1")), Busy)
    await bench.close()


# covers: V-38, V-39
async def test_a_call_with_what_the_backend_gave():
    bench = Bench()
    await bench.ready()
    await bench.client.call("user1", voip_token="Vabc", prepared=("g_1", "v_1"))
    _, params = bench.relay.requests[-1]
    assert params["voip_token"] == "Vabc"
    assert (params["group_id"], params["voip_id"]) == ("g_1", "v_1")
    await bench.client.hang_up()
    await bench.client.call("user1", device_id="SN1")
    _, params = bench.relay.requests[-1]
    assert params["device_id"] == "SN1" and "voip_token" not in params
    await bench.client.hang_up()
    for wrong in (5, b"V", "x" * 129):
        error = await outcome(bench.client.call("user1", voip_token=wrong))
        assert isinstance(error, InvalidArgument), wrong
    await bench.close()


# covers: V-55
async def test_a_notice_is_text_or_a_dict():
    bench = Bench()
    bench.relay.answers["notice.send"] = lambda params: {"notice_id": "n_1"}
    await bench.ready()
    assert await bench.client.send_notice("user1", "Tür 😀") == "n_1"
    assert await bench.client.send_notice("user1", {"text": "x", "level": 3}) == "n_1"
    assert bench.relay.requests[-2:] == [
        ("notice.send", {"open_id": "user1", "notice": {"text": "Tür 😀"}}),
        ("notice.send", {"open_id": "user1", "notice": {"text": "x", "level": 3}}),
    ]
    sent = len(bench.relay.requests)
    deep = {}
    for _ in range(8):
        deep = {"a": deep}
    for bad in (None, 1, b"x", {"a": 1.5}, {1: 2}, {"a": b"x"}, deep, "x" * 2048):
        error = await outcome(bench.client.send_notice("user1", bad))
        assert isinstance(error, InvalidArgument), bad
    assert len(bench.relay.requests) == sent
    bench.relay.answers["notice.send"] = refuse(codes.CALL_NOT_AUTHORISED)
    error = await outcome(bench.client.send_notice("user1", "x"))
    assert error.code == codes.CALL_NOT_AUTHORISED
    await bench.close()


async def test_messages_need_the_level_voip_and_a_key():
    bench = Bench()
    bench.init_av()
    for send in (bench.client.send_notice, bench.client.send_command):
        assert isinstance(await outcome(send("user1", {})), WrongOrder)
    await bench.close()
    bench = Bench(registered=False)
    await bench.init()
    for send in (bench.client.send_notice, bench.client.send_command):
        assert isinstance(await outcome(send("user1", {})), NotRegistered)
    await bench.close()


def answering(bench, react):
    """Let `react(args)` be what the application does with a command."""

    def on_recv_command(command, visitor, video_res_type, args):
        bench.seen.told.append(("on_recv_command", command, visitor, dict(args)))
        react(args)

    bench.seen.on_recv_command = on_recv_command


# covers: V-56
async def test_a_commands_args_go_in_and_what_the_callback_makes_of_them_out():
    bench = Bench()

    def react(args):
        args["angle"] = args.pop("move") * 2
        args["log"] = ["moved", {"ok": True}]

    answering(bench, react)
    await bench.ready()
    answer = bench.push("command", {"visitor": VISITOR, "args": {"move": 21}, "peer": {}})
    await settle()
    assert bench.seen.of("on_recv_command") == [(codes.COMMAND_USER_DEFINE, VISITOR, {"move": 21})]
    assert answer == [{"args": {"angle": 42, "log": ["moved", {"ok": True}]}}]
    await bench.close()


# covers: V-56
async def test_a_command_that_the_application_refuses_or_fails_at():
    for raised, code in (
        (InvalidArgument("move must be 0 to 90"), codes.INVALID_ARGUMENT),
        (CallboardError("the motor is stuck", -30001), -30001),
        (ValueError("a defect"), codes.AVT_FAILED),
    ):
        bench = Bench()

        def react(args, raised=raised):
            raise raised

        answering(bench, react)
        await bench.ready()
        answer = bench.push("command", {"visitor": 1, "args": {}})
        await settle()
        assert answer[0].code == code
        refused = isinstance(raised, CallboardError)
        assert not refused or answer[0].message == raised.message
        assert len(bench.reports) == (0 if refused else 1)  # a refusal is no defect
        await bench.close()


async def test_an_application_without_commands_says_so():
    bench = Bench()
    bench.seen.on_recv_command = AvCallbacks().on_recv_command
    await bench.ready()
    answer = bench.push("command", {"visitor": 1, "args": {"open": True}})
    await settle()
    assert answer[0].code == codes.INVALID_ARGUMENT and "no commands" in answer[0].message
    await bench.close()
    bench = Bench()
    bench.seen.on_recv_command = None
    del bench.seen.on_recv_command
    await bench.ready()
    answer = bench.push("command", {"visitor": 1, "args": {}})
    await settle()
    assert answer[0].code == codes.RPC_METHOD_NOT_FOUND
    await bench.close()


async def test_answers_that_json_cannot_carry_and_malformed_commands_are_refused():
    bench = Bench()
    results = [{"a": 1.5}, {"a": b"x"}, {"a": "x" * 4096}]
    answering(bench, lambda args: args.update(results.pop()))
    await bench.ready()
    for _ in range(3):
        answer = bench.push("command", {"visitor": 1, "args": {}})
        await settle()
        assert answer[0].code == codes.INVALID_ARGUMENT
    told = len(bench.seen.told)
    for bad in ({}, {"args": []}, {"args": {}}, {"args": {}, "visitor": -1}):
        answer = bench.push("command", bad)
        await settle()
        assert answer[0].code == codes.INVALID_ARGUMENT
    assert len(bench.seen.told) == told
    await bench.close()


async def test_a_device_asks_a_phone():
    bench = Bench()
    bench.relay.answers["command.send"] = lambda params: {"args": {"door": "open"}}
    await bench.ready()
    assert await bench.client.send_command("user1", {"ask": "open?"}) == {"door": "open"}
    for wrong in ({}, {"args": 1}, []):
        bench.relay.answers["command.send"] = lambda params, wrong=wrong: wrong
        error = await outcome(bench.client.send_command("user1", {}))
        assert isinstance(error, ProtocolError)
    bench.relay.answers["command.send"] = refuse(codes.NETWORK)
    assert (await outcome(bench.client.send_command("user1", {}))).code == codes.NETWORK
    await bench.close()


# covers: V-59
async def test_callbacks_that_take_their_time_are_reported_by_name():
    bench = Bench()
    answering(bench, lambda args: bench.clock.advance(args["ms"]))
    bench.seen.on_online = lambda time_ms: bench.clock.advance(20)
    await bench.ready()
    assert [what for what, _ in bench.reports] == ["callback"]
    assert bench.reports[0][1] == "on_online took 20 ms"
    for ms in (19, 35):
        bench.push("command", {"visitor": 1, "args": {"ms": ms}})
        await settle()
    assert [error for _, error in bench.reports][1:] == ["on_recv_command took 35 ms"]
    await bench.close()


async def test_a_command_does_not_wait_for_a_call_that_is_being_made():
    bench = Bench()
    answering(bench, lambda args: args.update(done=True))
    bench.relay.silent.add("voip.call")
    await bench.ready()
    calling = begin(bench.client.call("user1"))
    await settle()
    answer = bench.push("command", {"visitor": 1, "args": {}})
    await settle()
    assert answer == [{"args": {"done": True}}] and not calling.done()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    await bench.close()
