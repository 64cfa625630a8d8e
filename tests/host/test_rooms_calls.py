"""The engine's calls: every way they begin and end (PROTOCOL.md §4). No sockets, no clock."""

import pytest

from callboard import codes
from callboard_host.relay.refusal import Refused
from support.covers import covers
from support.engine_world import EngineWorld, details, device, user

BELL, ADA, BOB, GATE = device("bell"), user("ada"), user("bob"), device("gate")


@pytest.fixture
def world():
    """Two devices and two users, all online."""
    world = EngineWorld()
    for who in (BELL, ADA, BOB, GATE):
        world.connect(who)
    return world


def ringing(world):
    call_id = world.call(BELL, ADA)
    world.rings(call_id)
    world.take(ADA)
    return call_id


def talking(world):
    call_id = ringing(world)
    world.answer(ADA, call_id)
    world.take(BELL)
    return call_id


# who calls whom: every ending is the same in both directions
BOTH = pytest.mark.parametrize(("caller", "callee"), [(BELL, ADA), (ADA, BELL)])


def is_over(world, call_id):
    """Nothing of the call is left and both can be called again."""
    assert not world.feeds and not world.routes
    assert world.engine.next_deadline_ms() is None
    assert world.hang_up(BELL, call_id) == {}
    again = world.call(GATE, ADA)
    world.hang_up(GATE, again)
    return True


def test_the_caller_hears_when_it_rings(world):
    call_id = world.call(BELL, ADA)
    assert call_id not in world.results
    ((method, params),) = world.take(ADA)
    assert method == "call.incoming"
    assert (params["ring_ms"], params["state"], params["flavour"]) == (60_000, "ringing", 0)
    world.rings(call_id)
    assert world.results[call_id] == "ringing"


def test_the_answer_connects_both_ways(world):
    call_id = ringing(world)
    media = world.answer(ADA, call_id)
    ((method, params),) = world.take(BELL)
    assert method == "call.answered"
    assert 0 < params["visitor"] < 2**31
    assert params["media"] == {"send": media["receive"], "receive": media["send"]}
    assert media["send"]["ssrc"] != media["receive"]["ssrc"]
    assert media["send"]["mid"] != media["receive"]["mid"]
    assert world.routes == {
        (ADA.key, media["send"]["ssrc"], BELL.key),
        (BELL.key, media["receive"]["ssrc"], ADA.key),
    }


@pytest.mark.parametrize(
    ("who", "reason"), [(BELL, "hung_up_by_caller"), (ADA, "hung_up_by_callee")]
)
def test_hang_up_tells_both(world, who, reason):
    call_id = talking(world)
    world.hang_up(who, call_id)
    by = "caller" if who is BELL else "callee"
    assert world.ended(BELL) == world.ended(ADA) == [(reason, by)]
    assert is_over(world, call_id)


def test_cancel_before_the_answer(world):
    call_id = ringing(world)
    world.hang_up(BELL, call_id)
    assert world.ended(BELL) == world.ended(ADA) == [("cancelled", "caller")]
    assert is_over(world, call_id)


def test_cancel_before_it_rings(world):
    call_id = world.call(BELL, ADA)
    world.hang_up(BELL, None)  # the caller does not know the call_id yet
    assert world.results[call_id] == codes.AVT_FAILED
    assert world.ended(BELL) == []
    assert world.ended(ADA) == [("cancelled", "caller")]
    world.rings(call_id)  # the late acknowledgement changes nothing
    assert is_over(world, call_id)


def test_reject(world):
    call_id = ringing(world)
    world.run(world.engine.reject(ADA.key, call_id, world.now_ms))
    assert world.ended(BELL) == world.ended(ADA) == [("rejected", "callee")]
    assert is_over(world, call_id)


def test_hanging_up_a_ringing_phone_rejects(world):
    call_id = ringing(world)
    world.hang_up(ADA, call_id)
    assert world.ended(BELL) == [("rejected", "callee")]


@pytest.mark.parametrize("step", ["answer", "reject", "hang_up"])
def test_a_phone_may_act_before_it_has_acknowledged(world, step):
    call_id = world.call(BELL, ADA)
    if step == "answer":
        world.answer(ADA, call_id)
    else:
        arguments = (ADA.key, call_id, world.now_ms)
        world.run(getattr(world.engine, step)(*arguments))
    assert world.results[call_id] == "ringing"


def test_nobody_answers(world):
    call_id = ringing(world)
    world.advance(59_999)
    assert world.ended(BELL) == []
    world.advance(1)
    assert world.ended(BELL) == world.ended(ADA) == [("timeout", "network")]
    assert is_over(world, call_id)


def test_the_phone_cannot_be_reached(world):
    call_id = world.call(BELL, user("offline"))
    world.advance(10_000)
    assert world.results[call_id] == codes.TIMEOUT
    assert world.ended(BELL) == []
    assert "user:offline" not in world.engine._state.participants


def test_a_phone_that_comes_online_in_time_rings(world):
    late = user("late")
    call_id = world.call(BELL, late)
    world.advance(9_000)
    assert world.connect(late) is None
    assert [method for method, _ in world.take(late)] == ["call.incoming"]
    world.rings(call_id)
    assert world.results[call_id] == "ringing"


def test_a_new_session_is_invited_again(world):
    call_id = world.call(BELL, ADA)
    world.take(ADA)
    world.disconnect(ADA)
    assert world.connect(ADA) is None
    assert [method for method, _ in world.take(ADA)] == ["call.incoming"]
    world.rings(call_id)
    assert world.connect(ADA)["state"] == "ringing"  # acknowledged: part of the snapshot instead
    assert world.take(ADA) == []


@pytest.mark.parametrize("code", [codes.AVT_BUSY, codes.STORAGE])
def test_the_phone_refuses_to_ring(world, code):
    call_id = world.call(BELL, ADA)
    world.run(world.engine.invitation_refused(call_id, code, "no"))
    expected = codes.AVT_BUSY if code == codes.AVT_BUSY else codes.TIMEOUT
    assert world.results[call_id] == expected
    assert world.ended(ADA) == world.ended(BELL) == []
    assert is_over(world, call_id)


@pytest.mark.parametrize("answered", [False, True])
def test_busy(world, answered):
    if answered:
        talking(world)
    else:
        ringing(world)
    for caller, callee in ((GATE, ADA), (BELL, BOB)):
        with pytest.raises(Refused) as refused:
            world.call(caller, callee)
        assert refused.value.code == codes.AVT_BUSY
    assert len(world.engine._state.calls) == len(world.engine._state.rooms) == 1
    world.call(GATE, BOB)  # two others may


def test_a_user_who_is_being_called_is_busy(world):
    world.call(BELL, ADA)
    with pytest.raises(Refused) as refused:
        world.call(GATE, ADA)
    assert refused.value.code == codes.AVT_BUSY


@pytest.mark.parametrize("lost", [BELL, ADA])
@pytest.mark.parametrize("answered", [False, True])
def test_a_lost_end_aborts_after_the_grace_time(world, lost, answered):
    call_id = talking(world) if answered else ringing(world)
    other = ADA if lost is BELL else BELL
    world.disconnect(lost)
    world.advance(14_999)
    assert world.ended(other) == []
    world.advance(1)
    assert world.ended(other) == [("aborted", "network")]
    assert lost.key not in world.present
    assert not world.feeds and not world.engine._state.calls and call_id


@pytest.mark.parametrize("resumed", [True, False])
def test_an_end_that_comes_back_keeps_its_call(world, resumed):
    call_id = talking(world)
    world.disconnect(BELL)
    world.advance(14_999)
    call = world.connect(BELL, resumed)
    assert (call["call_id"], call["state"]) == (call_id, "talking")
    assert call["media"]["send"]["ssrc"] and call["visitor"]
    world.advance(100_000)
    assert world.ended(ADA) == []
    assert len(world.routes) == 2


def test_a_caller_lost_before_it_rings_cancels_the_invitation(world):
    call_id = world.call(BELL, ADA)
    world.take(ADA)
    world.run(world.engine.expire(BELL.key))
    assert world.ended(ADA) == [("aborted", "network")]
    assert call_id not in world.results  # nobody is left to hear it


def test_a_callee_lost_while_inviting_may_come_back(world):
    call_id = world.call(BELL, ADA)
    world.run(world.engine.expire(ADA.key))
    world.connect(ADA)
    world.rings(call_id)
    assert world.results[call_id] == "ringing"


def test_only_the_callee_answers_and_only_once(world):
    call_id = ringing(world)
    for who in (BOB, BELL):
        with pytest.raises(Refused) as refused:
            world.answer(who, call_id)
        assert refused.value.code == codes.ROOM_INVALID
    world.answer(ADA, call_id)
    for act in (world.answer, lambda who, c: world.engine.reject(who.key, c, world.now_ms)):
        with pytest.raises(Refused) as refused:
            act(ADA, call_id)
        assert refused.value.code == codes.AVT_WRONG_ORDER
    world.hang_up(BELL, call_id)
    with pytest.raises(Refused) as refused:
        world.answer(ADA, call_id)
    assert refused.value.code == codes.ROOM_INVALID


def test_a_stranger_cannot_hang_up(world):
    call_id = talking(world)
    assert world.hang_up(BOB, call_id) == {}
    assert len(world.engine._state.calls) == 1


def test_the_room_of_a_call_is_closed_to_the_room_api(world):
    talking(world)
    (room,) = world.engine._state.rooms.values()
    with pytest.raises(Refused) as refused:
        world.engine.join_room(BOB.key, room.room_id, room.token, True)
    assert refused.value.code == codes.ROOM_INVALID
    with pytest.raises(Refused):
        world.engine.leave_room(ADA.key, room.room_id)


def test_no_room_left():
    world = EngineWorld(rooms=1)
    for who in (BELL, ADA, BOB, GATE):
        world.connect(who)
    world.call(BELL, ADA)
    with pytest.raises(Refused) as refused:
        world.call(GATE, BOB)
    assert refused.value.code == codes.CALL_NO_ROOM
    assert len(world.engine._state.calls) == 1


def test_a_client_that_is_not_connected_cannot_call(world):
    with pytest.raises(Refused) as refused:
        world.engine.call("device:ghost", ADA, details(), 0)
    assert refused.value.code == codes.NOT_INITIALISED


@covers("V-60")
@BOTH
@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("who", ["caller", "callee"])
def test_an_end_that_was_restarted_has_lost_the_call(world, caller, callee, who, answered):
    """It ends with "aborted", whichever end and whether it rang or ran: nobody refused it."""
    call_id = world.call(caller, callee)
    world.rings(call_id)
    if answered:
        world.answer(callee, call_id)
    world.take(caller), world.take(callee)
    restarted, other = (caller, callee) if who == "caller" else (callee, caller)
    world.disconnect(restarted)
    assert world.connect(restarted)["call_id"] == call_id
    world.run(world.engine.hang_up(restarted.key, call_id, world.now_ms, lost=True))
    assert world.ended(other) == [("aborted", "network")]
    assert is_over(world, call_id)


@covers("V-60")
@BOTH
@pytest.mark.parametrize("end", ["caller", "callee", "reject", "cancel", "timeout", "lost"])
def test_every_ending_in_both_directions(world, caller, callee, end):
    call_id = world.call(caller, callee)
    world.rings(call_id)
    assert world.results[call_id] == "ringing"
    if end in ("caller", "callee", "lost"):
        world.answer(callee, call_id)
        assert len(world.routes) == 2
    world.take(caller), world.take(callee)
    if end == "reject":
        world.run(world.engine.reject(callee.key, call_id, world.now_ms))
    elif end == "timeout":
        world.advance(60_000)
    elif end == "lost":
        world.disconnect(callee)
        world.advance(15_000)
    else:
        world.hang_up(callee if end == "callee" else caller, call_id)
    expected = {
        "caller": ("hung_up_by_caller", "caller"),
        "callee": ("hung_up_by_callee", "callee"),
        "reject": ("rejected", "callee"),
        "cancel": ("cancelled", "caller"),
        "timeout": ("timeout", "network"),
        "lost": ("aborted", "network"),
    }[end]
    assert world.ended(caller) == [expected]
    assert world.ended(callee) == ([] if end == "lost" else [expected])
    assert not world.feeds and not world.routes and not world.engine._state.calls


@covers("V-60")
def test_the_device_knows_its_visitor_from_the_beginning(world):
    call_id = world.call(ADA, BELL)
    ((method, params),) = world.take(BELL)
    assert method == "call.incoming"
    assert (params["direction"], params["peer"]) == ("phone_to_device", {"open_id": "o1"})
    visitor = params["visitor"]
    assert 0 <= visitor < 2**31
    world.rings(call_id)
    media = world.answer(BELL, call_id)
    ((method, params),) = world.take(ADA)
    assert method == "call.answered" and "visitor" not in params
    assert params["media"] == {"send": media["receive"], "receive": media["send"]}
    assert world.connect(BELL)["visitor"] == visitor  # a new session is told, too
    assert "visitor" not in world.connect(ADA)


@covers("V-33")
@pytest.mark.parametrize("step", ["invited", "ringing", "talking"])
def test_crossing_calls_leave_the_first_and_refuse_the_second(world, step):
    call_id = world.call(ADA, BELL)
    if step != "invited":
        world.rings(call_id)
    if step == "talking":
        world.answer(BELL, call_id)
    with pytest.raises(Refused) as refused:
        world.call(BELL, ADA)
    assert refused.value.code == codes.AVT_BUSY
    wanted = "hang up first" if step == "talking" else "is calling you: answer"
    assert wanted in refused.value.message
    if step != "talking":
        world.answer(BELL, call_id)  # the refused one answers, as the sentence says
    assert list(world.engine._state.calls) == [call_id]


@covers("V-33")
def test_two_devices_that_call_one_phone_at_once(world):
    first = world.call(BELL, ADA)
    with pytest.raises(Refused) as refused:
        world.call(GATE, ADA)
    assert refused.value.code == codes.AVT_BUSY
    world.hang_up(BELL, first)
    assert world.call(GATE, ADA)  # who waited may call now


@covers("V-60")
def test_a_device_that_cannot_be_reached_or_does_not_ring(world):
    call_id = world.call(BOB, device("offline"))
    world.advance(10_000)
    assert world.results[call_id] == codes.TIMEOUT
    for code, expected in ((codes.AVT_BUSY, codes.AVT_BUSY), (-32601, codes.TIMEOUT)):
        call_id = world.call(BOB, GATE)
        world.run(world.engine.invitation_refused(call_id, code, "no"))
        assert world.results[call_id] == expected
