"""The call's state machine alone: every event in every state."""

from callboard import codes
from callboard.errors import Busy
from callboard.voip.call import (
    ANSWERING,
    CALLING,
    ENDING,
    EVENTS,
    IDLE,
    INCOMING,
    RINGING,
    STATES,
    TALKING,
    Call,
)
from support import raises

# The diagram of call.py, written down a second time: every event that has a place in a state.
PLACES = {
    IDLE: ("call", "invited"),
    CALLING: ("ringing", "answered", "hang_up", "over"),
    RINGING: ("answered", "hang_up", "over"),
    INCOMING: ("answer", "hang_up", "over"),
    ANSWERING: ("connected", "hang_up", "over"),
    TALKING: ("hang_up", "over"),
    ENDING: ("over",),
}


def in_state(state):
    """A call in `state`, and the list of (state, reason) it tells from then on."""
    told = []
    call = Call(lambda new, reason: told.append((new, reason)))
    if state in (INCOMING, ANSWERING):
        call.invited("c1", "user1", 7, {})
        assert state == INCOMING or call.accept()
    elif state != IDLE:
        call.start("user1")
    if state in (RINGING, TALKING, ENDING):
        call.ringing("c1")
    if state in (TALKING, ENDING):
        assert call.answer("c1", 7)
    if state == ENDING:
        assert call.hang_up()
    assert call.state == state
    del told[:]
    return call, told


# covers: V-07
def test_the_table_has_every_place_and_no_other():
    for state in STATES:
        for event in EVENTS:
            call, told = in_state(state)
            assert call.can(event) == (event in PLACES[state]), (state, event)
            assert call._step(event) == (event in PLACES[state])
            assert len(told) == (1 if event in PLACES[state] else 0)
            assert call.state == state or told == [(call.state, None)]


# covers: V-29
def test_only_idle_is_not_busy():
    assert [state for state in STATES if not in_state(state)[0].busy] == [IDLE]
    for state in STATES[1:]:
        call, told = in_state(state)
        error = raises(Busy, call.start, "user2")
        assert error.code == codes.AVT_BUSY and call.state == state
        assert call.open_id == "user1" and told == []


def test_hang_up_in_every_state():
    for state in STATES:
        call, told = in_state(state)
        happened = state not in (IDLE, ENDING)
        assert call.hang_up() == happened
        assert told == ([(ENDING, None)] if happened else [])


def test_over_in_every_state():
    for state in STATES:
        call, told = in_state(state)
        assert call.over(codes.END_ABORTED) == (state != IDLE)
        assert told == ([] if state == IDLE else [(IDLE, codes.END_ABORTED)])
        assert not call.busy and call.call_id is None and call.visitor == 0


def test_answer_in_every_state():
    for state in STATES:
        call, told = in_state(state)
        assert call.answer("c1", 9) == (state in (CALLING, RINGING))
        assert (call.visitor == 9) == (state in (CALLING, RINGING))
        assert call.accept() == (state == INCOMING)
        assert call.connected() == (state in (INCOMING, ANSWERING))
        assert call.answer("c2", 10) is False


def test_ringing_in_every_state():
    for state in STATES:
        call, told = in_state(state)
        call.ringing("c1")
        assert told == ([(RINGING, None)] if state == CALLING else [])


def test_invited_in_every_state():
    """Only an own call that the relay does not know yet gives way."""
    for state in STATES:
        call, told = in_state(state)
        if state in (IDLE, CALLING):
            call.invited("c2", "user2", 5, {"name": "Ada"})
            assert (call.state, call.call_id, call.visitor, call.caller) == (
                INCOMING,
                "c2",
                5,
                False,
            )
            ended = [] if state == IDLE else [(IDLE, codes.END_BUSY)]
            assert told == ended + [(INCOMING, None)]
            continue
        error = raises(Busy, call.invited, "c2", "user2", 5, {})
        assert error.code == codes.AVT_BUSY and call.state == state and told == []
        assert call.call_id != "c2"
    call, told = in_state(CALLING)
    call.hang_up()  # before the relay has said which call it is
    call.invited("c2", "user2", 5, {})
    assert told == [(ENDING, None), (IDLE, codes.END_CANCELLED), (INCOMING, None)]


def test_ended_call_is_not_mine_any_more():
    call, told = in_state(TALKING)
    call.over(codes.END_HUNG_UP_BY_CALLEE)
    assert not call.is_mine("c1")
    call.start("user1")
    assert not call.is_mine("c1") and call.is_mine("c2")
    assert call.answer("c1", 1) is False and call.state == CALLING
    call.ringing("c2")
    assert call.is_mine("c2") and not call.is_mine("c3")


def test_own_reason():
    for state, caller, reason in (
        (CALLING, True, codes.END_CANCELLED),
        (RINGING, True, codes.END_CANCELLED),
        (INCOMING, False, codes.END_REJECTED),
        (ANSWERING, False, codes.END_REJECTED),
        (TALKING, True, codes.END_HUNG_UP_BY_CALLER),
        (TALKING, False, codes.END_HUNG_UP_BY_CALLEE),
    ):
        call, told = in_state(state)
        call.caller = caller
        assert call.own_reason() == reason


def test_commands_name_what_the_far_end_did():
    call, told = in_state(TALKING)
    for reason, by, command in (
        (codes.END_HUNG_UP_BY_CALLEE, "callee", codes.COMMAND_CALL_HANG_UP),
        (codes.END_HUNG_UP_BY_CALLER, "caller", None),
        (codes.END_CANCELLED, "caller", None),
        (codes.END_REJECTED, "callee", codes.COMMAND_CALL_REJECT),
        (codes.END_BUSY, "callee", codes.COMMAND_CALL_BUSY),
        (codes.END_TIMEOUT, "callee", codes.COMMAND_CALL_TIMEOUT),
        (codes.END_TIMEOUT, "network", codes.COMMAND_CALL_TIMEOUT),
        (codes.END_ABORTED, "network", None),
        (codes.END_ABORTED, "callee", None),
        (codes.END_HUNG_UP_BY_CALLEE, "network", None),
    ):
        assert call.command(reason, by) == command, (reason, by)
    call.caller = False
    assert call.command(codes.END_CANCELLED, "caller") == codes.COMMAND_CALL_CANCEL
    assert call.command(codes.END_HUNG_UP_BY_CALLER, "caller") == codes.COMMAND_CALL_HANG_UP
    assert call.command(codes.END_HUNG_UP_BY_CALLEE, "callee") is None


def test_every_reason_is_known():
    assert len(codes.END_REASONS) == 7 and len(set(codes.END_REASONS)) == 7
