"""The call's state machine alone: every event in every state."""

from callboard import codes
from callboard.errors import Busy
from callboard.voip.call import CALLING, ENDING, IDLE, RINGING, TALKING, Call
from support import raises

STATES = (IDLE, CALLING, RINGING, TALKING, ENDING)


def in_state(state):
    """A call in `state`, and the list of (state, reason) it tells from then on."""
    told = []
    call = Call(lambda new, reason: told.append((new, reason)))
    if state != IDLE:
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


# covers: V-29
def test_only_idle_is_not_busy():
    assert [in_state(state)[0].busy for state in STATES] == [False, True, True, True, True]
    for state in STATES[1:]:
        call, told = in_state(state)
        error = raises(Busy, call.start, "user2")
        assert error.code == codes.AVT_BUSY and call.state == state
        assert call.open_id == "user1" and told == []


def test_hang_up_in_every_state():
    for state in STATES:
        call, told = in_state(state)
        happened = state in (CALLING, RINGING, TALKING)
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
        assert call.answer("c2", 10) is False


def test_ringing_in_every_state():
    for state in STATES:
        call, told = in_state(state)
        call.ringing("c1")
        assert told == ([(RINGING, None)] if state == CALLING else [])


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
