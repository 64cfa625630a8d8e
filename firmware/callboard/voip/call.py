"""One call from the first word to the last: a table, no I/O (000 §4; spec 05 for the reasons).

    idle -> calling  -> ringing   -> talking -> idle       this end calls
    idle -> incoming -> answering -> talking -> idle       the far end calls
    any but idle -> ending -> idle                         this end hangs up (or rejects)

The answer may overtake the response that says "it rings", after an outage: calling -> talking.
A call that comes in while this end is `calling` was first at the relay (PROTOCOL.md §4, calls that
cross): our own is refused there, and the one that came in takes its place: calling -> incoming.
"""

from .. import codes
from ..errors import Busy
from ..port import const

IDLE = const("idle")
CALLING = const("calling")  # asked the relay; the phone does not ring yet
RINGING = const("ringing")  # the phone rings
INCOMING = const("incoming")  # it rings here
ANSWERING = const("answering")  # answered here; the relay has not said yet how it is to be coded
TALKING = const("talking")
ENDING = const("ending")  # hung up here; the relay does not know yet
STATES = (IDLE, CALLING, RINGING, INCOMING, ANSWERING, TALKING, ENDING)

_TABLE = {
    (IDLE, "call"): CALLING,
    (IDLE, "invited"): INCOMING,
    (CALLING, "ringing"): RINGING,
    (CALLING, "answered"): TALKING,
    (CALLING, "hang_up"): ENDING,
    (CALLING, "over"): IDLE,
    (RINGING, "answered"): TALKING,
    (RINGING, "hang_up"): ENDING,
    (RINGING, "over"): IDLE,
    (INCOMING, "answer"): ANSWERING,
    (INCOMING, "hang_up"): ENDING,
    (INCOMING, "over"): IDLE,
    (ANSWERING, "connected"): TALKING,
    (ANSWERING, "hang_up"): ENDING,
    (ANSWERING, "over"): IDLE,
    (TALKING, "hang_up"): ENDING,
    (TALKING, "over"): IDLE,
    (ENDING, "over"): IDLE,
}
EVENTS = ("call", "invited", "ringing", "answered", "answer", "connected", "hang_up", "over")

# What the far end did -> the command that on_recv_command gets.
_COMMANDS = {
    codes.END_REJECTED: codes.COMMAND_CALL_REJECT,
    codes.END_BUSY: codes.COMMAND_CALL_BUSY,
    codes.END_CANCELLED: codes.COMMAND_CALL_CANCEL,
    codes.END_TIMEOUT: codes.COMMAND_CALL_TIMEOUT,
    codes.END_HUNG_UP_BY_CALLER: codes.COMMAND_CALL_HANG_UP,
    codes.END_HUNG_UP_BY_CALLEE: codes.COMMAND_CALL_HANG_UP,
}


class Call:
    """The state of the device's one call. `on_state(state, reason)` hears of every change."""

    def __init__(self, on_state):
        self._on_state = on_state
        self._clear()
        self.number = 0  # of calls since the start, this one included
        self.ended_id = None  # of the last call: what still arrives for it is ignored

    def _clear(self):
        self.state = IDLE
        self.call_id = None
        self.open_id = None
        self.visitor = 0
        self.answered = False
        self.caller = True  # this device began the call
        self.invitation = None  # the call object of one that came in

    @property
    def busy(self):
        """True unless idle."""
        return self.state != IDLE

    def can(self, event):
        """True when `event` has a place in the present state."""
        return (self.state, event) in _TABLE

    def _step(self, event, reason=None):
        """Follow the table; returns False, and does nothing, when it has no such step."""
        state = _TABLE.get((self.state, event))
        if state is None:
            return False
        self.state = state
        self._on_state(state, reason)
        return True

    # --- this device calls ---

    def start(self, open_id):
        """This device calls `open_id`. Raises Busy unless idle; nothing else changes then."""
        self.check_free()
        self.number += 1
        self.open_id = open_id
        self._step("call")

    def check_free(self):
        """Raises Busy unless idle."""
        if self.busy:
            raise Busy("a call is %s already" % self.state)

    def ringing(self, call_id):
        """The relay says that the phone rings."""
        if self.busy and self.call_id is None:
            self.call_id = call_id
        self._step("ringing")

    def answer(self, call_id, visitor):
        """The phone answered. Returns False when this is not for the present call."""
        if not self.is_mine(call_id) or not self.can("answered"):
            return False
        self.call_id = call_id
        self.visitor = visitor
        self.answered = True
        return self._step("answered")

    # --- a phone calls ---

    @property
    def yields(self):
        """True while a call that comes in takes the place of our own: the relay knows no id."""
        return self.caller and self.call_id is None and self.state in (CALLING, ENDING)

    def invited(self, call_id, open_id, visitor, invitation):
        """A phone calls. Raises Busy when this device is in another call; nothing changes then.

        An own call that the relay has not taken up ends first, with END_BUSY (or as cancelled).
        """
        if self.yields:
            hung_up = self.state == ENDING
            self.over(codes.END_CANCELLED if hung_up else codes.END_BUSY)
        self.check_free()
        if self.ended_id == call_id:  # lost with the session, and told again
            self.ended_id = None
        self.number += 1
        self.caller = False
        self.call_id = call_id
        self.open_id = open_id
        self.visitor = visitor
        self.invitation = invitation
        self._step("invited")

    def accept(self):
        """This end takes the call that rings here. Returns False when none does."""
        return self._step("answer")

    def connected(self):
        """The relay has connected the call that was taken. Returns False when it is over."""
        if not self.can("connected"):
            return False
        self.answered = True
        return self._step("connected")

    # --- either ---

    def hang_up(self):
        """This end hangs up. Returns False when there is nothing to hang up (any more)."""
        return self._step("hang_up")

    def over(self, reason):
        """The call has ended, for whichever reason. Returns False when none was there."""
        if not self.busy:
            return False
        if self.call_id is not None:
            self.ended_id = self.call_id
        self._clear()
        self._on_state(IDLE, reason)
        return True

    def is_mine(self, call_id):
        """True when `call_id` is, or may be, the present call: while calling nobody knows yet."""
        if not self.busy or call_id == self.ended_id:
            return False
        return self.call_id is None or self.call_id == call_id

    def own_reason(self):
        """Why the call ends when this end hangs up now."""
        if not self.answered:
            return codes.END_CANCELLED if self.caller else codes.END_REJECTED
        return codes.END_HUNG_UP_BY_CALLER if self.caller else codes.END_HUNG_UP_BY_CALLEE

    def command(self, reason, by):
        """The codes.COMMAND_* for what the far end did; None for the network's end or our own."""
        if by == "network" and reason != codes.END_TIMEOUT:
            return None
        if by == ("caller" if self.caller else "callee"):
            return None
        return _COMMANDS.get(reason)
