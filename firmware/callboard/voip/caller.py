"""Makes calls: moves the call's state, asks the relay, and gives the callbacks in their order.

What the far end did comes first (on_recv_command), then the streams stop, then the state changes
(000 §4): CALL_HANG_UP strictly before on_stop_real_play; a network end has only the latter.
"""

import asyncio

from .. import codes
from ..errors import (
    Busy,
    CallboardError,
    InvalidArgument,
    NetworkError,
    ProtocolError,
    RemoteError,
)
from . import call as calls
from .av import RES_TYPE

RING_MS = 20000  # the relay answers voip.call within 10 s
HANG_UP_MS = 5000


class Caller:
    """The one call of a device. Arguments: the `link`, the `av` module, `report(what, error)`."""

    def __init__(self, link, av, report):
        self._link = link
        self._av = av
        self._report = report
        self._call_type = codes.CALL_TYPE_AUDIO
        self._known = None  # Event: the relay's answer to voip.call is here
        self.call = calls.Call(self._state_changed)

    def _state_changed(self, state, reason):
        self._av.emit("on_call_state", state, reason)

    # --- this end acts ---

    async def begin(self, params):
        """Ask the relay for a call with checked `params`. Returns the call object when it rings.

        Raises Busy, RemoteError with the documented code, NetworkError, TimedOut.
        """
        await self._av.wait_stopped()  # the last call's devices
        self.call.start(params["open_id"])
        self._call_type = params["call_type"]
        known = self._known = asyncio.Event()
        try:
            answer = await self._link.request("voip.call", params, RING_MS)
            self.call.ringing(_call_id(answer))
            return answer
        except CallboardError as error:
            self._failed(codes.END_ABORTED if isinstance(error, NetworkError) else None)
            if isinstance(error, RemoteError) and error.code == codes.AVT_BUSY:
                raise Busy(error.message)
            raise
        except asyncio.CancelledError:
            self._failed(codes.END_CANCELLED)
            raise
        finally:
            known.set()

    def _failed(self, reason):
        """The call did not come to ring: no callbacks of the documents, the state only."""
        self._end(codes.END_CANCELLED if self.call.state == calls.ENDING else reason)

    async def hang_up(self):
        """End the call from this side; nothing happens when there is none. Never fails.

        The streams stop at once; returns when the relay knows, or could not be told in 5 s (then
        it finds out when the connection is lost, or from the next hello).
        """
        call = self.call
        reason, number = call.own_reason(), call.number
        if not call.hang_up():
            return
        self._av.stop()
        if call.call_id is None:  # the relay has not said yet which call this is
            await self._known.wait()
        if call.number == number and call.call_id is not None:
            await self._tell_hang_up(call.call_id)
        if call.number == number and call.state == calls.ENDING:
            self._end(reason)

    async def _tell_hang_up(self, call_id):
        try:
            await self._link.request("call.hang_up", {"call_id": call_id}, HANG_UP_MS)
        except CallboardError as error:
            self._report("hang_up", error)

    # --- the relay tells ---

    def answered(self, params):
        """`call.answered`: the phone took the call, media may flow."""
        call_id = _call_id(params)
        visitor = params.get("visitor")
        if not isinstance(visitor, int) or not 0 <= visitor <= 0x7FFFFFFF:
            raise InvalidArgument("visitor must be an unsigned 31-bit number")
        if not self.call.is_mine(call_id):
            self.end_foreign(call_id)
            return
        if not self.call.can("answered"):
            return  # hung up here: call.hang_up is under way
        try:
            session = self._av.prepare(params.get("media"), self._link.transport)
        except ProtocolError as error:
            raise InvalidArgument(error.message)
        except MemoryError as error:
            self._report("no memory for the sound of a call", error)
            asyncio.create_task(self.hang_up())
            raise CallboardError("this device has no memory for the sound of the call")
        self.call.answer(call_id, visitor)
        self._av.emit("on_recv_command", codes.COMMAND_CALL_ANSWER, visitor, RES_TYPE, {})
        self._av.start(session, visitor, self._call_type)

    def ended(self, params):
        """`call.ended`: the call is over, whoever ended it."""
        call_id, reason, by = _call_id(params), params.get("reason"), params.get("by")
        if reason not in codes.END_REASONS or by not in ("caller", "callee", "network"):
            raise InvalidArgument("reason or by is not one of those of PROTOCOL.md")
        if self.call.is_mine(call_id):
            self._end(reason, self.call.command(reason, by))

    def lost(self):
        """The session is over and with it the call: only on_stop_real_play (000 §4)."""
        if self.call.busy:
            self._end(codes.END_ABORTED)

    def end_foreign(self, call_id):
        """End a call that the relay holds and this device knows nothing of (any more)."""
        asyncio.create_task(self._tell_hang_up(call_id))

    def _end(self, reason, command=None):
        visitor = self.call.visitor
        if command is not None:
            self._av.emit("on_recv_command", command, visitor, RES_TYPE, {"reason": reason})
        self._av.stop()
        self.call.over(reason)


def _call_id(message):
    call_id = message.get("call_id") if isinstance(message, dict) else None
    if not isinstance(call_id, str) or not 1 <= len(call_id) <= 64:
        raise InvalidArgument("call_id must be a text of 1 to 64 characters")
    return call_id
