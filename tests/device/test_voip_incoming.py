"""A phone calls the device: ring, answer, reject, give up, busy, and calls that cross."""

from voip_bench import PAYLOAD, VISITOR, Bench, begin, media, rtp_packet

from callboard import codes
from callboard.errors import (
    Busy,
    CallboardError,
    InvalidArgument,
    NetworkError,
    ProtocolError,
    RemoteError,
    TimedOut,
    WrongOrder,
)
from support import outcome, settle

ENDS = ("on_recv_command", "on_stop_recv_stream", "on_stop_real_play", "on_call_state")
STREAMS = ("on_get_av_enc_info", "on_start_real_play", "on_stop_real_play", "on_stop_recv_stream")
INVITATION = {
    "open_id": "user1",
    "name": "Ada",
    "call_type": codes.CALL_TYPE_AUDIO,
    "caller_camera": 0,
    "callee_camera": 1,
    "video_info": {},
}


# covers: V-29, V-60
async def test_it_rings_and_the_application_is_told_who_calls():
    bench = Bench()
    await bench.ready()
    assert bench.client.invitation is None
    await bench.be_rung()
    told = bench.seen.of("on_recv_command")
    assert told == [(codes.COMMAND_CALL_INCOMING, VISITOR, 0, INVITATION)]
    assert bench.seen.of("on_call_state") == [("incoming", None)]
    assert bench.client.is_busy() == 1 and bench.client.invitation == INVITATION
    assert bench.seen.names(*STREAMS) == []  # nothing runs before the answer
    await bench.close()


# covers: V-60
async def test_answered_it_has_the_same_stream_callbacks():
    bench = Bench()
    await bench.ready()
    call_id = await bench.take()
    method, params = bench.relay.requests[-1]
    assert method == "call.answer" and params == {"call_id": call_id, "codecs": ["pcmu"]}
    states = [state for state, reason in bench.seen.of("on_call_state")]
    assert states == ["incoming", "answering", "talking"]
    wanted = ["on_get_av_enc_info", "on_start_real_play"]
    assert bench.seen.names(*STREAMS) == wanted
    assert bench.seen.of("on_start_real_play") == [(VISITOR, 0, 0, {"call_type": 2})]
    bench.relay.media(rtp_packet(1, 160))
    await settle()
    assert bench.seen.of("on_start_recv_stream")[0][:3] == (VISITOR, 0, codes.STREAM_AUDIO)
    assert len(bench.seen.of("on_recv_stream")) == 1
    assert bench.client.send_audio(VISITOR, 0, bytearray(PAYLOAD), 0, 160)
    assert len(bench.relay.socket.media) == 1
    assert [c[0] for c in bench.seen.of("on_recv_command")] == [codes.COMMAND_CALL_INCOMING]
    await bench.close()


# covers: V-60
async def test_it_may_be_answered_from_the_callback():
    bench = Bench()
    bench.relay.answers["call.answer"] = lambda params: {"media": media()}
    tasks = []

    def told(command, visitor, video_res_type, args):
        tasks.append(begin(bench.client.answer()))

    bench.seen.on_recv_command = told
    await bench.ready()
    bench.invite()
    await settle()
    assert await tasks[0] is True and bench.client.call_state == "talking"
    await bench.close()


# covers: V-60
async def test_rejected():
    bench = Bench()
    await bench.ready()
    call_id = await bench.be_rung()
    await bench.client.reject()
    assert bench.relay.requests[-1] == ("call.reject", {"call_id": call_id})
    assert bench.seen.of("on_call_state")[-1] == ("idle", codes.END_REJECTED)
    assert bench.client.is_busy() == 0 and bench.client.invitation is None
    bench.end(call_id, codes.END_REJECTED, "callee")  # the relay confirms: nothing more happens
    await settle()
    assert len(bench.seen.of("on_call_state")) == 3  # incoming, ending, idle
    assert len(bench.seen.of("on_recv_command")) == 1  # that it came in
    await bench.close()


# covers: V-41, V-60
async def test_hanging_up_what_rings_here_rejects_it():
    bench = Bench()
    await bench.ready()
    call_id = await bench.be_rung()
    await bench.client.hang_up()
    assert bench.relay.requests[-1] == ("call.hang_up", {"call_id": call_id})
    assert bench.seen.of("on_call_state")[-1] == ("idle", codes.END_REJECTED)
    await bench.client.hang_up()  # again: nothing
    assert bench.relay.methods().count("call.hang_up") == 1
    await bench.close()


# covers: V-44, V-60
async def test_the_caller_gives_up_and_nobody_answers():
    for reason, by, command in (
        (codes.END_CANCELLED, "caller", codes.COMMAND_CALL_CANCEL),
        (codes.END_TIMEOUT, "network", codes.COMMAND_CALL_TIMEOUT),
        (codes.END_ABORTED, "network", None),
    ):
        bench = Bench()
        await bench.ready()
        call_id = await bench.be_rung()
        del bench.seen.told[:]
        assert bench.end(call_id, reason, by) is not None
        await settle()
        wanted = [] if command is None else [(command, VISITOR, 0, {"reason": reason})]
        assert bench.seen.of("on_recv_command") == wanted
        assert bench.seen.of("on_call_state") == [("idle", reason)]
        assert bench.seen.names(*STREAMS) == []
        error = await outcome(bench.client.answer())
        assert isinstance(error, WrongOrder) and error.code == codes.AVT_WRONG_ORDER
        await bench.close()


# covers: V-41, V-42, V-43
async def test_every_ending_of_a_taken_call():
    for reason, by, command in (
        (codes.END_HUNG_UP_BY_CALLER, "caller", codes.COMMAND_CALL_HANG_UP),
        (codes.END_ABORTED, "network", None),
        (codes.END_HUNG_UP_BY_CALLEE, "callee", None),
    ):
        bench = Bench()
        await bench.ready()
        call_id = await bench.take()
        bench.relay.media(rtp_packet(1, 160))
        await settle()
        del bench.seen.told[:]
        bench.end(call_id, reason, by)
        await settle()
        stops = ["on_stop_recv_stream", "on_stop_real_play", "on_call_state"]
        if command is not None:  # HANG_UP strictly before on_stop_real_play
            stops.insert(0, "on_recv_command")
            assert bench.seen.of("on_recv_command")[0][0] == command
        assert bench.seen.names(*ENDS) == stops
        assert bench.seen.of("on_call_state") == [("idle", reason)]
        assert bench.client.is_busy() == 0
        bench.end(call_id, reason, by)  # again: nothing
        await settle()
        assert bench.seen.names(*ENDS) == stops
        await bench.close()


# covers: V-41
async def test_hanging_up_a_taken_call():
    bench = Bench()
    await bench.ready()
    call_id = await bench.take()
    del bench.seen.told[:]
    await bench.client.hang_up()
    assert bench.relay.requests[-1] == ("call.hang_up", {"call_id": call_id})
    assert bench.seen.names("on_recv_command", "on_stop_real_play") == ["on_stop_real_play"]
    assert bench.seen.of("on_call_state")[-1] == ("idle", codes.END_HUNG_UP_BY_CALLEE)
    await bench.close()


# covers: V-33, V-60
async def test_a_busy_device_says_so_by_itself():
    """Whatever it is busy with; nothing else changes, and the application is not even told."""

    async def rings(bench):
        await bench.ring()

    async def talks(bench):
        await bench.talk()

    async def is_rung(bench):
        await bench.be_rung("i0009")

    async def took(bench):
        await bench.take("i0009")

    for state in (rings, talks, is_rung, took):
        bench = Bench()
        await bench.ready()
        await state(bench)
        before = bench.client.call_state
        del bench.seen.told[:]
        answer = bench.invite("i0001")
        await settle()
        assert answer[0].code == codes.AVT_BUSY == -30003
        assert bench.client.call_state == before and bench.seen.told == []
        await bench.close()


# covers: V-29, V-33
async def test_a_ringing_device_cannot_call():
    bench = Bench()
    await bench.ready()
    await bench.be_rung()
    asked = len(bench.relay.requests)
    error = await outcome(bench.client.call("user2"))
    assert isinstance(error, Busy) and error.code == codes.AVT_BUSY
    assert len(bench.relay.requests) == asked and bench.client.call_state == "incoming"
    await bench.close()


# covers: V-33, V-60
async def test_crossing_calls_the_phones_was_first():
    """Our request is on its way when the phone's call rings here: ours is refused, it rings."""
    bench = Bench()
    await bench.ready()
    calling = await bench.dial()
    answer = bench.invite()
    await settle()
    assert answer == [{}] and bench.client.call_state == "incoming"
    bench.relay.peer.respond_error(1, codes.AVT_BUSY, "the one you call is calling you")
    error = await calling
    assert isinstance(error, Busy) and bench.client.call_state == "incoming"
    states = bench.seen.of("on_call_state")
    assert states == [("calling", None), ("idle", codes.END_BUSY), ("incoming", None)]
    bench.relay.answers["call.answer"] = lambda params: {"media": media()}
    assert await bench.client.answer() is True and bench.client.call_state == "talking"
    await bench.close()


async def test_crossing_calls_the_refusal_comes_first():
    bench = Bench()
    await bench.ready()
    calling = await bench.dial()
    bench.relay.peer.respond_error(1, codes.AVT_BUSY, "the one you call is calling you")
    assert isinstance(await calling, Busy) and bench.client.is_busy() == 0
    await bench.be_rung()
    await bench.close()


async def test_crossing_calls_after_this_end_had_hung_up():
    bench = Bench()
    await bench.ready()
    calling = await bench.dial()
    hanging = begin(bench.client.hang_up())
    await settle()
    await bench.be_rung()
    bench.relay.peer.respond_error(1, codes.AVT_BUSY, "the one you call is calling you")
    assert isinstance(await calling, Busy) and await hanging is None
    assert bench.client.call_state == "incoming"
    assert ("idle", codes.END_CANCELLED) in bench.seen.of("on_call_state")
    assert "call.hang_up" not in bench.relay.methods()
    await bench.close()


async def test_a_relay_that_makes_both_of_two_crossing_calls_loses_ours():
    bench = Bench()
    await bench.ready()
    calling = await bench.dial()
    await bench.be_rung()
    bench.relay.peer.respond(1, {"call_id": "c0001"})
    assert isinstance(await calling, Busy)
    await settle()
    assert bench.relay.requests[-1] == ("call.hang_up", {"call_id": "c0001"})
    assert bench.client.call_state == "incoming"
    await bench.close()


async def test_malformed_invitations_are_refused_and_change_nothing():
    bench = Bench()
    await bench.ready()
    for change in (
        {"call_id": None},
        {"call_id": "x" * 65},
        {"visitor": -1},
        {"visitor": "1"},
        {"visitor": None},
        {"peer": None},
        {"peer": {}},
        {"peer": {"open_id": 5}},
        {"call_type": 3},
        {"caller_camera": 2},
        {"callee_camera": None},
    ):
        call_id = change.pop("call_id", "i0001")
        answer = bench.invite(call_id, **change)
        await settle()
        assert answer[0].code == codes.INVALID_ARGUMENT, change
        assert bench.client.call_state == "idle" and bench.seen.of("on_call_state") == []
    answer = bench.invite(video_info=[], peer={"open_id": "u"})  # these may be wrong
    await settle()
    assert answer == [{}]
    assert bench.client.invitation["video_info"] == {} and bench.client.invitation["name"] == ""
    await bench.close()


async def test_answer_and_reject_have_their_place():
    bench = Bench()
    await bench.ready()
    for act in (bench.client.answer, bench.client.reject):
        assert isinstance(await outcome(act()), WrongOrder)
        await bench.ring()
        assert isinstance(await outcome(act()), WrongOrder)
        await bench.client.hang_up()
        await bench.take()
        assert isinstance(await outcome(act()), WrongOrder)
        await bench.client.hang_up()
    await bench.close()


async def test_answering_twice_is_one_answer():
    bench = Bench()
    await bench.ready()
    await bench.be_rung()
    bench.relay.silent.add("call.answer")
    first = begin(bench.client.answer())
    await settle()
    assert bench.client.call_state == "answering"
    assert isinstance(await outcome(bench.client.answer()), WrongOrder)
    bench.relay.peer.respond(1, {"media": media()})
    assert await first is True
    assert bench.relay.methods().count("call.answer") == 1
    await bench.close()


async def test_hang_up_crosses_our_answer():
    bench = Bench()
    await bench.ready()
    call_id = await bench.be_rung()
    bench.relay.silent.add("call.answer")
    answering = begin(bench.client.answer())
    await settle()
    await bench.client.hang_up()
    assert bench.relay.requests[-1] == ("call.hang_up", {"call_id": call_id})
    bench.relay.peer.respond(1, {"media": media()})
    assert await answering is False
    assert bench.client.is_busy() == 0 and bench.seen.names(*STREAMS) == []
    assert bench.seen.of("on_call_state")[-1] == ("idle", codes.END_REJECTED)
    await bench.close()


async def test_the_caller_gave_up_while_we_answer():
    """The end may arrive before the refusal of our answer, or never: told once in any case."""
    for told in (True, False):
        bench = Bench()
        await bench.ready()
        call_id = await bench.be_rung()
        bench.relay.silent.add("call.answer")
        answering = begin(bench.client.answer())
        await settle()
        if told:
            bench.end(call_id, codes.END_CANCELLED, "caller")
        bench.relay.peer.respond_error(1, codes.ROOM_INVALID, "the call is over")
        assert await answering is False
        states = [state for state, reason in bench.seen.of("on_call_state")]
        assert states.count("idle") == 1 and bench.client.is_busy() == 0
        commands = [each[0] for each in bench.seen.of("on_recv_command")]
        assert commands.count(codes.COMMAND_CALL_CANCEL) == (1 if told else 0)
        await bench.close()


async def test_an_answer_that_fails_hangs_up():
    def without_memory(media, transport):
        raise MemoryError("allocating 5120 bytes")

    for answer, kind in (
        ({"media": {}}, ProtocolError),
        ({}, ProtocolError),
        ([], ProtocolError),
        (RemoteError("defect", codes.SERVER), RemoteError),
        (InvalidArgument("no codec fits"), RemoteError),
        (None, TimedOut),
        (MemoryError(), CallboardError),
    ):
        bench = Bench()
        await bench.ready()
        call_id = await bench.be_rung()

        def reply(params, answer=answer):
            if isinstance(answer, CallboardError):
                raise answer
            return {"media": media()} if isinstance(answer, MemoryError) else answer

        if answer is None:
            bench.relay.silent.add("call.answer")
        if isinstance(answer, MemoryError):
            bench.client._av.prepare = without_memory
        bench.relay.answers["call.answer"] = reply
        answering = begin(bench.client.answer())
        await bench.clock.run(10100)
        error = await answering
        assert isinstance(error, kind), (answer, error)
        assert bench.relay.requests[-1] == ("call.hang_up", {"call_id": call_id})
        assert bench.client.is_busy() == 0 and bench.seen.names(*STREAMS) == []
        await bench.close()


# covers: V-43, V-68
async def test_a_lost_line_ends_it_ringing_answering_or_talking():
    for state in ("incoming", "answering", "talking"):
        bench = Bench()
        await bench.ready()
        if state == "talking":
            await bench.take()
        else:
            await bench.be_rung()
        answering = None
        if state == "answering":
            bench.relay.silent.add("call.answer")
            answering = begin(bench.client.answer())
            await settle()
        del bench.seen.told[:]
        bench.relay.unreachable = True
        bench.relay.cut()
        await bench.clock.run(5100)
        assert bench.client.is_busy() == 0
        assert bench.seen.of("on_recv_command") == []
        stops = ["on_stop_real_play"] if state == "talking" else []
        assert bench.seen.names("on_offline", "on_stop_real_play") == ["on_offline"] + stops
        assert bench.seen.of("on_call_state") == [("idle", codes.END_ABORTED)]
        if answering is not None:
            assert isinstance(await answering, NetworkError)
        await bench.close()


async def test_an_invitation_repeated_in_a_new_session_rings_again():
    bench = Bench()
    await bench.ready()
    call_id = await bench.be_rung()
    bench.relay.restart()
    await bench.clock.run(600)
    assert bench.client.is_busy() == 0
    await bench.be_rung(call_id)
    bench.end(call_id, codes.END_CANCELLED, "caller")
    await settle()
    assert bench.client.is_busy() == 0
    await bench.close()


async def test_ringing_without_end_is_given_up():
    for incoming in (True, False):
        bench = Bench()
        await bench.ready()
        if incoming:
            await bench.be_rung()
        else:
            await bench.ring()
        await bench.clock.run(299000)
        assert bench.client.is_busy() == 1
        await bench.clock.run(2000)
        assert bench.client.is_busy() == 0 and bench.relay.requests[-1][0] == "call.hang_up"
        assert bench.reports[-1][0] == "call"
        await bench.close()
        assert bench.clock.earliest() is None  # nobody sleeps any more


# covers: V-60
async def test_calls_in_both_directions_one_after_the_other():
    bench = Bench()
    await bench.ready()
    for n in range(6):
        call_id = await (bench.talk() if n % 2 else bench.take("i%04d" % n))
        by_caller = n % 3 == 0
        who = "caller" if by_caller else "callee"
        reason = codes.END_HUNG_UP_BY_CALLER if by_caller else codes.END_HUNG_UP_BY_CALLEE
        bench.end(call_id, reason, who)
        await settle()
        assert bench.client.is_busy() == 0
    assert len(bench.seen.of("on_start_real_play")) == len(bench.seen.of("on_stop_real_play")) == 6
    await bench.close()


async def test_waiting_for_a_state_of_the_call():
    bench = Bench()
    await bench.ready()
    assert await bench.client.wait_call("idle") == ("idle", None)
    waiting = begin(bench.client.wait_call("incoming", timeout_ms=5000))
    await bench.clock.run(1000)
    assert not waiting.done()
    call_id = await bench.be_rung()
    assert await waiting == ("incoming", None)
    bench.end(call_id, codes.END_TIMEOUT, "network")
    assert await bench.client.wait_call("idle") == ("idle", codes.END_TIMEOUT)
    waiting = begin(bench.client.wait_call("talking", timeout_ms=5000))
    await bench.clock.run(5100)
    assert isinstance(await waiting, TimedOut)
    await bench.close()
    assert bench.clock.earliest() is None
