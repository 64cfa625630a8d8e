"""Calls of a device, how they end: hung up by either side, refused, or the line is lost."""

from voip_bench import VISITOR, Bench, begin, media, rtp_packet

from callboard import codes
from callboard.errors import NetworkError
from support import settle

ENDS = ("on_recv_command", "on_stop_recv_stream", "on_stop_real_play", "on_call_state")


# covers: V-41
async def test_local_hang_up():
    bench = Bench()
    await bench.ready()
    call_id = await bench.talk()
    bench.relay.media(rtp_packet(1, 160))
    await settle()
    del bench.seen.told[:]
    await bench.client.hang_up()
    assert bench.relay.requests[-1] == ("call.hang_up", {"call_id": call_id})
    assert bench.client.is_busy() == 0
    assert bench.seen.names(*ENDS) == [
        "on_call_state",
        "on_stop_recv_stream",
        "on_stop_real_play",
        "on_call_state",
    ]
    assert bench.seen.of("on_call_state")[-1] == ("idle", codes.END_HUNG_UP_BY_CALLER)
    answer = bench.end(call_id, codes.END_HUNG_UP_BY_CALLER, "caller")  # the relay confirms
    await settle()
    assert answer == [{}] and len(bench.seen.names(*ENDS)) == 4
    await bench.client.hang_up()  # again: nothing happens
    await bench.client.hang_up()
    assert bench.relay.methods().count("call.hang_up") == 1
    await bench.close()


# covers: V-41
async def test_hang_up_while_ringing_cancels():
    bench = Bench()
    await bench.ready()
    call_id = await bench.ring()
    await bench.client.hang_up()
    assert bench.relay.requests[-1] == ("call.hang_up", {"call_id": call_id})
    assert bench.seen.of("on_call_state")[-1] == ("idle", codes.END_CANCELLED)
    assert bench.seen.names("on_recv_command", "on_stop_real_play") == []
    await bench.close()


# covers: V-41
async def test_hang_up_before_the_relay_says_which_call_it_is():
    bench = Bench()
    await bench.ready()
    calling = await bench.dial()
    hanging = begin(bench.client.hang_up())
    await settle()
    assert not hanging.done() and bench.client.is_busy() == 1
    bench.relay.peer.respond(1, {"call_id": "c0001"})
    await hanging
    await calling
    assert bench.relay.requests[-1] == ("call.hang_up", {"call_id": "c0001"})
    assert bench.client.is_busy() == 0
    assert bench.seen.of("on_call_state")[-1] == ("idle", codes.END_CANCELLED)
    await bench.close()


async def test_hang_up_crosses_the_answer():
    bench = Bench()
    await bench.ready()
    call_id = await bench.ring()
    bench.relay.silent.add("call.hang_up")
    hanging = begin(bench.client.hang_up())
    await settle()
    answer = bench.push("call.answered", {"call_id": call_id, "visitor": 1, "media": media()})
    await settle()
    assert answer == [{}] and bench.seen.names("on_start_real_play") == []
    bench.end(call_id, codes.END_CANCELLED, "caller")
    await settle()
    assert bench.client.is_busy() == 0
    await bench.clock.run(6000)
    assert await hanging is None
    assert bench.seen.of("on_call_state")[-1] == ("idle", codes.END_CANCELLED)
    assert bench.seen.of("on_call_state").count(("idle", codes.END_CANCELLED)) == 1
    await bench.close()


# covers: V-41
async def test_hang_up_without_a_relay_is_bounded_and_frees_the_device():
    bench = Bench()
    await bench.ready()
    await bench.talk()
    bench.relay.silent.add("call.hang_up")
    hanging = begin(bench.client.hang_up())
    await bench.clock.run(5100)
    assert await hanging is None and bench.client.is_busy() == 0
    assert bench.seen.names("on_stop_real_play") == ["on_stop_real_play"]
    await bench.close()


def endings():
    return (
        # reason, by, command
        (codes.END_HUNG_UP_BY_CALLEE, "callee", codes.COMMAND_CALL_HANG_UP),
        (codes.END_REJECTED, "callee", codes.COMMAND_CALL_REJECT),
        (codes.END_BUSY, "callee", codes.COMMAND_CALL_BUSY),
        (codes.END_TIMEOUT, "callee", codes.COMMAND_CALL_TIMEOUT),
        (codes.END_TIMEOUT, "network", codes.COMMAND_CALL_TIMEOUT),
        (codes.END_ABORTED, "network", None),
        (codes.END_HUNG_UP_BY_CALLER, "caller", None),
        (codes.END_CANCELLED, "caller", None),
    )


# covers: V-42, V-44
async def test_every_ending_has_its_reason_and_its_command():
    for reason, by, command in endings():
        bench = Bench()
        await bench.ready()
        call_id = await bench.talk()
        bench.relay.media(rtp_packet(1, 160))
        await settle()
        del bench.seen.told[:]
        assert bench.end(call_id, reason, by) is not None
        await settle()
        stops = ["on_stop_recv_stream", "on_stop_real_play", "on_call_state"]
        if command is None:  # our own end, or the network's: no command
            assert bench.seen.names(*ENDS) == stops, reason
        else:  # first what the far end did, then the stop; each once
            assert bench.seen.names(*ENDS) == ["on_recv_command"] + stops, reason
            told = bench.seen.of("on_recv_command")
            assert told == [(command, VISITOR, 0, {"reason": reason})]
        assert bench.seen.of("on_call_state") == [("idle", reason)]
        assert bench.client.is_busy() == 0
        bench.end(call_id, reason, by)  # again: ignored
        await settle()
        assert bench.seen.names("on_stop_real_play") == ["on_stop_real_play"]
        await bench.close()


# covers: V-44
async def test_rejected_before_any_stream_stops_none():
    bench = Bench()
    await bench.ready()
    call_id = await bench.ring()
    bench.end(call_id, codes.END_REJECTED, "callee")
    await settle()
    assert bench.seen.names(*ENDS)[-2:] == ["on_recv_command", "on_call_state"]
    assert bench.seen.names("on_stop_real_play", "on_stop_recv_stream") == []
    await bench.close()


async def test_malformed_or_foreign_endings_change_nothing():
    bench = Bench()
    await bench.ready()
    call_id = await bench.talk()
    for params in (
        {},
        {"call_id": call_id},
        {"call_id": call_id, "reason": "because", "by": "callee"},
        {"call_id": call_id, "reason": codes.END_BUSY, "by": "nobody"},
        {"call_id": 5, "reason": codes.END_BUSY, "by": "callee"},
    ):
        answer = bench.push("call.ended", params)
        await settle()
        assert answer[0].code == codes.INVALID_ARGUMENT, params
    answer = bench.end("other", codes.END_BUSY, "callee")
    await settle()
    assert answer == [{}] and bench.client.call_state == "talking"
    await bench.close()


# covers: V-43
async def test_lost_line_stops_the_stream_and_says_no_hang_up():
    bench = Bench()
    await bench.ready()
    await bench.talk()
    del bench.seen.told[:]
    bench.relay.unreachable = True
    bench.relay.cut()
    await bench.clock.run(4900)
    assert bench.client.is_busy() == 1  # it may come back
    await bench.clock.run(200)
    assert bench.seen.names(*ENDS) == ["on_stop_real_play", "on_call_state"]
    assert bench.seen.of("on_call_state") == [("idle", codes.END_ABORTED)]
    assert bench.client.is_busy() == 0
    await bench.close()
    assert bench.seen.names("on_stop_real_play") == ["on_stop_real_play"]


async def test_call_goes_on_over_a_short_outage():
    bench = Bench()
    await bench.ready()
    call_id = await bench.talk()
    bench.relay.cut()
    frame = bytearray(160)
    await settle()
    assert not bench.client.send_audio(VISITOR, 0, frame, 0, 160)
    await bench.clock.run(600)
    assert bench.client.call_state == "talking"
    assert bench.client.send_audio(VISITOR, 0, frame, 0, 160)
    bench.relay.media(rtp_packet(1, 160))
    await settle()
    assert len(bench.seen.of("on_recv_stream")) == 1
    bench.end(call_id, codes.END_HUNG_UP_BY_CALLEE, "callee")
    await settle()
    assert bench.client.is_busy() == 0
    await bench.close()


async def test_end_of_a_call_during_an_outage_is_told_afterwards():
    bench = Bench()
    await bench.ready()
    call_id = await bench.talk()
    bench.relay.cut()
    bench.end(call_id, codes.END_HUNG_UP_BY_CALLEE, "callee")
    await bench.clock.run(600)
    assert bench.seen.of("on_call_state")[-1] == ("idle", codes.END_HUNG_UP_BY_CALLEE)
    assert bench.seen.of("on_recv_command")[-1][0] == codes.COMMAND_CALL_HANG_UP
    await bench.close()


# covers: V-68
async def test_restarted_relay_ends_the_call_and_the_next_one_works():
    bench = Bench()
    await bench.ready()
    await bench.talk()
    del bench.seen.told[:]
    bench.relay.restart()
    await bench.clock.run(600)
    assert bench.seen.names("on_offline", "on_stop_real_play", "on_online") == [
        "on_offline",
        "on_stop_real_play",
        "on_online",
    ]
    assert bench.seen.of("on_recv_command") == [] and bench.client.is_busy() == 0
    bench.push("voip.peer_ready")
    await settle()
    await bench.talk()
    assert bench.client.call_state == "talking"
    await bench.close()


# covers: V-43
async def test_call_that_the_device_has_forgotten_is_ended():
    """After a restart as lost: the far end must not believe that somebody here refused it."""
    bench = Bench()
    bench.relay.call = {"call_id": "old", "state": "talking"}
    await bench.ready()
    assert bench.relay.requests == [("call.hang_up", {"call_id": "old", "lost": True})]
    assert bench.client.is_busy() == 0
    answer = bench.push("call.answered", {"call_id": "x", "visitor": 1, "media": media()})
    await settle()
    assert answer == [{}] and bench.relay.requests[-1] == ("call.hang_up", {"call_id": "x"})
    assert bench.seen.names("on_start_real_play") == []
    await bench.close()


async def test_line_lost_while_calling():
    bench = Bench()
    await bench.ready()
    bench.relay.unreachable = True
    calling = await bench.dial()
    bench.relay.cut()
    await bench.clock.run(5100)
    assert isinstance(await calling, NetworkError) and bench.client.is_busy() == 0
    assert bench.seen.of("on_call_state")[-1] == ("idle", codes.END_ABORTED)
    await bench.close()
