"""Calls of a device: begin, answer, talk, and the order of what is told."""

from voip_bench import VISITOR, Bench, media, rtp_packet

from callboard import codes
from callboard.errors import (
    Busy,
    InvalidArgument,
    RemoteError,
    TimedOut,
    WrongOrder,
)
from callboard.media.devices import NullMicrophone, NullSpeaker
from support import outcome, settle

INFO = {"codec": "pcmu", "rate": 8000, "clock_rate": 8000, "channels": 1, "frame_ms": 20}


# covers: V-30
async def test_call_returns_when_the_phone_rings():
    bench = Bench()
    await bench.ready()
    answer = await bench.client.call("user1", caller_camera=0, callee_camera=1)
    assert answer["call_id"] == "c0001"
    method, params = bench.relay.requests[-1]
    assert method == "voip.call"
    assert params == {
        "open_id": "user1",
        "call_type": codes.CALL_TYPE_AUDIO,
        "caller_camera": 0,
        "callee_camera": 1,
        "video_info": {},
    }
    assert bench.seen.of("on_call_state") == [("calling", None), ("ringing", None)]
    await bench.close()


# covers: V-29
async def test_busy_from_the_first_moment_to_the_last():
    bench = Bench()
    await bench.ready()
    client = bench.client
    assert client.is_busy() == 0
    task = await bench.dial()
    assert client.is_busy() == 1 and client.call_state == "calling"
    asked = len(bench.relay.requests)
    error = await outcome(client.call("user2"))
    assert isinstance(error, Busy) and error.code == codes.AVT_BUSY
    assert len(bench.relay.requests) == asked and client.call_state == "calling"
    bench.relay.peer.respond(1, {"call_id": "c0001"})
    await task
    assert client.is_busy() == 1 and client.call_state == "ringing"
    bench.push("call.answered", {"call_id": "c0001", "visitor": 1, "media": media()})
    await settle()
    assert client.is_busy() == 1 and client.call_state == "talking"
    bench.end("c0001", codes.END_HUNG_UP_BY_CALLEE, "callee")
    await settle()
    assert client.is_busy() == 0 and client.call_state == "idle"
    await bench.close()


# covers: V-30
async def test_call_errors_carry_the_documented_code_and_leave_the_device_free():
    for code in (-1, -5, -7, -8, -9, -12, -13, -15, -17, -19, -20, codes.TIMEOUT):
        bench = Bench()
        await bench.ready()

        def refuse(params, code=code):
            raise RemoteError("because", code)

        bench.relay.answers["voip.call"] = refuse
        error = await outcome(bench.client.call("user1"))
        assert isinstance(error, RemoteError) and error.code == code
        assert bench.client.is_busy() == 0
        assert bench.seen.of("on_call_state") == [("calling", None), ("idle", None)]
        assert bench.seen.names("on_recv_command", "on_stop_real_play") == []
        await bench.close()


# covers: V-30, V-33, V-44
async def test_busy_user_is_told_apart():
    bench = Bench()
    await bench.ready()

    def refuse(params):
        raise Busy("the user is in another call")

    bench.relay.answers["voip.call"] = refuse
    error = await outcome(bench.client.call("user1"))
    assert isinstance(error, Busy) and bench.client.is_busy() == 0
    told = bench.seen.of("on_recv_command")  # 000 §4: the far end is busy
    assert told == [(codes.COMMAND_CALL_BUSY, 0, 0, {"reason": codes.END_BUSY})]
    assert bench.seen.of("on_call_state") == [("calling", None), ("idle", codes.END_BUSY)]
    assert bench.seen.names("on_start_real_play", "on_stop_real_play") == []
    await bench.close()


async def test_call_arguments_are_checked_before_anything_happens():
    bench = Bench()
    await bench.ready()
    client = bench.client
    for call, code in (
        (client.call(""), codes.CALL_OPEN_ID_INVALID),
        (client.call("a b"), codes.CALL_OPEN_ID_INVALID),
        (client.call("x" * 65), codes.CALL_OPEN_ID_INVALID),
        (client.call(None), codes.CALL_OPEN_ID_INVALID),
        (client.call("u", call_type=3), codes.INVALID_ARGUMENT),
        (client.call("u", caller_camera=2), codes.INVALID_ARGUMENT),
        (client.call("u", callee_camera=None), codes.INVALID_ARGUMENT),
        (client.call("u", video_info=[]), codes.INVALID_ARGUMENT),
    ):
        error = await outcome(call)
        assert isinstance(error, InvalidArgument) and error.code == code
    assert bench.relay.methods() == [] and bench.seen.of("on_call_state") == []
    await bench.close()


async def test_malformed_answer_to_a_call_is_refused():
    for answer in ({}, [], None, {"call_id": 5}, {"call_id": ""}):
        bench = Bench()
        await bench.ready()
        bench.relay.answers["voip.call"] = lambda params, answer=answer: answer
        assert isinstance(await outcome(bench.client.call("user1")), InvalidArgument)
        assert bench.client.is_busy() == 0
        await bench.close()


async def test_answer_starts_the_streams_in_order():
    bench = Bench()
    await bench.ready()
    await bench.talk()
    wanted = ("on_recv_command", "on_get_av_enc_info", "on_start_real_play")
    assert bench.seen.names(*wanted) == list(wanted)
    assert bench.seen.of("on_recv_command") == [(codes.COMMAND_CALL_ANSWER, VISITOR, 0, {})]
    visitor, channel, res_type, info, args = bench.seen.of("on_get_av_enc_info")[0]
    assert (visitor, channel, res_type) == (VISITOR, 0, 0)
    assert info == INFO
    assert bench.seen.of("on_start_real_play") == [(VISITOR, 0, 0, {"call_type": 2})]
    assert bench.seen.of("on_call_state")[-1] == ("talking", None)
    await bench.close()


async def test_malformed_answers_are_refused_and_change_nothing():
    bench = Bench()
    await bench.ready()
    call_id = await bench.ring()
    good = {"call_id": call_id, "visitor": 1, "media": media()}
    wrong = [dict(good, visitor=v) for v in (None, -1, "1", 0x80000000)]
    wrong += [dict(good, call_id=v) for v in (None, 5, "", "x" * 65)]
    wrong += [dict(good, media=v) for v in (None, {}, {"send": {}}, [])]
    for name, value in (("ssrc", 0), ("ssrc", "1"), ("codec", "nonsense"), ("mid", 5)):
        broken = media()
        broken["send"][name] = value
        wrong.append(dict(good, media=broken))
    for params in wrong:
        answer = bench.push("call.answered", params)
        await settle()
        assert answer[0].code == codes.INVALID_ARGUMENT, params
        assert bench.client.call_state == "ringing"
    assert bench.seen.names("on_start_real_play", "on_recv_command") == []
    bench.push("call.answered", good)
    await settle()
    assert bench.client.call_state == "talking"
    await bench.close()


async def test_answer_without_memory_for_the_sound_hangs_up():
    bench = Bench()
    await bench.ready()
    call_id = await bench.ring()

    def full(media, transport):
        raise MemoryError("allocating 5120 bytes")

    bench.client._av.prepare = full
    answer = bench.push("call.answered", {"call_id": call_id, "visitor": 1, "media": media()})
    await settle()
    assert answer[0].code == codes.AVT_FAILED and "memory" in answer[0].message
    assert bench.relay.requests[-1] == ("call.hang_up", {"call_id": call_id})
    assert bench.client.is_busy() == 0
    assert [what for what, error in bench.reports if "5120 bytes" in str(error)] == [
        "no memory for the sound of a call"
    ]
    await bench.close()


# covers: V-49
async def test_received_frames_reach_the_application_unchanged():
    bench = Bench()
    await bench.ready()
    await bench.talk()
    for n in range(5):
        payload = bytes((n * 7 + i) & 255 for i in range(160))
        bench.relay.media(rtp_packet(0xFFFE + n & 0xFFFF, 1000 + 160 * n, payload))
    await settle()
    assert (
        bench.seen.names("on_start_recv_stream", "on_recv_stream")
        == ["on_start_recv_stream"] + ["on_recv_stream"] * 5
    )
    info = INFO
    assert bench.seen.of("on_start_recv_stream") == [(VISITOR, 0, codes.STREAM_AUDIO, info)]
    frames = bench.seen.of("on_recv_stream")
    first = frames[0][4]
    for n, (visitor, channel, stream_type, payload, index) in enumerate(frames):
        assert (visitor, channel, stream_type) == (VISITOR, 0, codes.STREAM_AUDIO)
        assert payload == bytes((n * 7 + i) & 255 for i in range(160))
        assert index - first == n
    await bench.close()


async def test_what_is_no_frame_of_ours_is_not_handed_over():
    bench = Bench()
    await bench.ready()
    await bench.talk()
    for data in (b"", b"\x80", bytes(12), rtp_packet(0, 0, ssrc=5), rtp_packet(0, 0, b"short")):
        bench.relay.media(data)
    await settle()
    assert bench.seen.names("on_start_recv_stream", "on_recv_stream") == []
    bench.relay.media(rtp_packet(1, 160))
    await settle()
    assert len(bench.seen.of("on_recv_stream")) == 1
    await bench.close()
    bench.relay.media(rtp_packet(2, 320))
    await settle()
    assert len(bench.seen.of("on_recv_stream")) == 1


# covers: V-51
async def test_sent_frames_leave_in_order_and_unchanged():
    bench = Bench()
    await bench.ready()
    await bench.talk()
    frame = bytearray(200)
    for n in range(5):
        for i in range(160):
            frame[10 + i] = n * 11 + i & 255
        kept = bytes(frame)
        assert bench.client.send_audio(VISITOR, 0, frame, 10, 160)
        assert bytes(frame) == kept  # the application's buffer is its own
    packets = bench.relay.socket.media
    assert len(packets) == 5
    first = packets[0][2] << 8 | packets[0][3]
    for n, packet in enumerate(packets):
        assert packet[0] & 0xC0 == 0x80 and packet[1] & 0x7F == 0
        assert (packet[2] << 8 | packet[3]) == first + n & 0xFFFF
        assert packet[8:12] == b"\xff\xff\xff\xf0"
        assert packet[-160:] == bytes(n * 11 + i & 255 for i in range(160))
    bench.relay.socket.congested = True
    assert not bench.client.send_audio(VISITOR, 0, frame, 10, 160)
    bench.relay.socket.congested = False
    await bench.close()


async def test_send_audio_is_refused_where_it_has_no_place():
    bench = Bench()
    await bench.ready()
    frame = bytearray(160)

    def send(visitor=VISITOR, channel=0, off=0, n=160):
        try:
            return bench.client.send_audio(visitor, channel, frame, off, n)
        except Exception as error:
            return error

    assert isinstance(send(), WrongOrder)
    await bench.ring()
    assert isinstance(send(), WrongOrder)
    await bench.client.hang_up()
    call_id = await bench.talk()
    assert send() is True
    for wrong in (send(visitor=1), send(channel=1), send(n=10), send(off=1), send(n=0)):
        assert isinstance(wrong, InvalidArgument)
    bench.end(call_id, codes.END_HUNG_UP_BY_CALLEE, "callee")
    await settle()
    assert isinstance(send(), WrongOrder)
    await bench.close()


async def test_relay_that_never_answers_a_call():
    bench = Bench()
    await bench.ready()
    calling = await bench.dial()
    await bench.clock.run(20100)
    assert isinstance(await calling, TimedOut) and bench.client.is_busy() == 0
    await bench.close()


async def test_answer_that_overtakes_the_ringing():
    """After an outage the relay's push may arrive before its answer is repeated."""
    bench = Bench()
    await bench.ready()
    calling = await bench.dial()
    bench.push("call.answered", {"call_id": "c0001", "visitor": 1, "media": media()})
    await settle()
    assert bench.client.call_state == "talking"
    bench.relay.peer.respond(1, {"call_id": "c0001"})
    assert (await calling)["call_id"] == "c0001"
    assert bench.client.call_state == "talking"
    await bench.close()


async def test_calls_back_to_back_do_not_mix():
    bench = Bench()
    await bench.ready()
    first = await bench.talk()
    await bench.client.hang_up()
    second = await bench.ring()
    bench.end(first, codes.END_HUNG_UP_BY_CALLER, "caller")  # late
    bench.push("call.answered", {"call_id": first, "visitor": 9, "media": media()})
    await settle()
    assert bench.client.call_state == "ringing" and first != second
    await bench.close()


# covers: V-30, V-41
async def test_with_microphone_and_speaker_the_audio_runs_by_itself():
    bench = Bench()
    client, clock = bench.client, bench.clock
    client.init_system({"relay_url": "https://relay.test:8443"}, bench.seen)
    client.init_data_model()
    client.init_av(bench.seen, NullMicrophone(16000, clock), NullSpeaker(16000, clock))
    await client.init_voip(0, bench.store, "doorbell", "SN1", "wxdemo")
    bench.push("voip.peer_ready")
    await settle()
    await bench.talk()
    for n in range(50):
        bench.relay.media(rtp_packet(n, n * 160))
        await clock.run(20)
    assert 45 <= len(bench.relay.socket.media) <= 51
    assert len(bench.seen.of("on_start_recv_stream")) == 1
    assert bench.seen.of("on_recv_stream") == []  # the speaker has it
    error = await outcome(as_coroutine(client.send_audio, VISITOR, 0, bytearray(160), 0, 160))
    assert isinstance(error, WrongOrder)
    await client.hang_up()
    await settle()
    assert len(bench.seen.of("on_call_stats")) == 1
    stats = bench.seen.of("on_call_stats")[0][0]
    assert stats["frames_received"] == 50 and stats["frames_sent"] >= 45
    sent = len(bench.relay.socket.media)
    await clock.run(200)
    assert len(bench.relay.socket.media) == sent
    await bench.close()


async def as_coroutine(function, *args):
    return function(*args)
