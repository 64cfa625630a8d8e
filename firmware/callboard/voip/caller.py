"""Makes and takes calls: moves the call's state, asks the relay, gives the callbacks in order.

What the far end did comes first (on_recv_command), then the streams stop, then the state changes
(000 §4): CALL_HANG_UP strictly before on_stop_real_play; a network end has only the latter.
"""

import asyncio
import gc

from .. import codes
from ..errors import (
    Busy,
    CallboardError,
    InvalidArgument,
    NetworkError,
    ProtocolError,
    RemoteError,
    TimedOut,
    WrongOrder,
)
from . import call as calls
from .av import RES_TYPE

RING_MS = 20000  # the relay answers voip.call within 10 s
ANSWER_MS = 10000
HANG_UP_MS = 5000
RING_LIMIT_MS = 300000  # the relay ends the ringing long before; this is for one that does not


class Caller:
    """The one call of a device. Arguments: the `link`, the `av` module, a `clock`,
    `report(what, error)`.
    """

    def __init__(self, link, av, clock, report):
        self._link = link
        self._av = av
        self._clock = clock
        self._report = report
        self._call_type = codes.CALL_TYPE_AUDIO
        self._known = None  # Event: the relay's answer to voip.call is here
        self._ringing = None  # the task that ends a ringing without end
        self._changed = asyncio.Event()  # whoever waits for a state looks again
        self.reason = None  # why the last call ended
        self.call = calls.Call(self._state_changed)

    def _state_changed(self, state, reason):
        if self._ringing is not None:
            self._ringing.cancel()
            self._ringing = None
        if state in (calls.RINGING, calls.INCOMING):
            self._ringing = asyncio.create_task(self._ring_out())
        if state == calls.IDLE:
            self.reason = reason
        self._changed.set()
        self._av.emit("on_call_state", state, reason)

    async def _ring_out(self):
        await self._clock.sleep_ms(RING_LIMIT_MS)
        self._ringing = None  # or hang_up() would cancel itself
        self._report("call", "it rang for %d s" % (RING_LIMIT_MS // 1000))
        await self.hang_up()

    async def wait(self, states, timeout_ms):
        """(state, reason) once the call is in one of `states`; TimedOut after `timeout_ms`."""
        timer = asyncio.create_task(self._wake_after(timeout_ms))
        try:
            while self.call.state not in states:
                if timer.done():
                    text = "the call is %s after %d ms" % (self.call.state, timeout_ms)
                    raise TimedOut(text)
                self._changed.clear()
                await self._changed.wait()
        finally:
            timer.cancel()
        return self.call.state, self.reason if self.call.state == calls.IDLE else None

    async def _wake_after(self, ms):
        await self._clock.sleep_ms(ms)
        self._changed.set()

    # --- this end calls ---

    async def begin(self, params):
        """Ask the relay for a call with checked `params`. Returns the call object when it rings.

        Raises Busy, RemoteError with the documented code, NetworkError, TimedOut.
        """
        await self._av.wait_stopped()  # the last call's devices
        self.call.start(params["open_id"])
        self._call_type = params["call_type"]
        number = self.call.number
        known = self._known = asyncio.Event()
        try:
            answer = await self._link.request("voip.call", params, RING_MS)
            call_id = _call_id(answer)
            if self.call.number != number:  # another call has taken its place
                self.end_foreign(call_id)
                raise Busy("another call came in first")
            self.call.ringing(call_id)
            return answer
        except CallboardError as error:
            if isinstance(error, RemoteError) and error.code == codes.AVT_BUSY:
                self._failed(number, codes.END_BUSY, codes.COMMAND_CALL_BUSY)
                raise Busy(error.message)
            self._failed(number, codes.END_ABORTED if isinstance(error, NetworkError) else None)
            raise
        except asyncio.CancelledError:
            self._failed(number, codes.END_CANCELLED)
            raise
        finally:
            known.set()

    def _failed(self, number, reason, command=None):
        """The call did not come to ring. Of the documents' callbacks only that the far end is
        busy is told (000 §4).
        """
        if self.call.number != number:
            return
        if self.call.state == calls.ENDING:  # hung up here meanwhile: that is why
            reason, command = codes.END_CANCELLED, None
        self._end(reason, command)

    # --- a phone calls ---

    def incoming(self, params):
        """`call.incoming`: a phone calls. Raises Busy, which is the answer "busy"."""
        call_id, visitor = _call_id(params), _visitor(params)
        invitation = _invitation(params)
        self.call.invited(call_id, invitation["open_id"], visitor, invitation)
        self._call_type = invitation["call_type"]
        command = codes.COMMAND_CALL_INCOMING
        self._av.emit("on_recv_command", command, visitor, RES_TYPE, invitation)

    async def answer(self):
        """Take the call that rings here. True when both are connected, False when it was over.

        Raises WrongOrder when none rings, RemoteError, NetworkError; the call is over then.
        """
        call = self.call
        if not call.accept():
            raise WrongOrder("no call rings here; the call is %s" % call.state)
        number = call.number
        try:
            await self._av.wait_stopped()  # the last call's devices
            session = await self._take(call)
        except BaseException as error:  # also when cancelled: it must not stay half answered
            if isinstance(error, RemoteError) and error.code == codes.ROOM_INVALID:
                if call.number == number and call.busy:
                    self._end(codes.END_ABORTED)
                return False  # the caller gave up first
            if call.number == number and call.busy:
                asyncio.create_task(self.hang_up())
            raise
        if call.number != number or not call.connected():
            return False
        self._av.start(session, call.visitor, self._call_type)
        return True

    async def _take(self, call):
        """Ask the relay to connect the call; the prepared session."""
        params = {"call_id": call.call_id, "codecs": list(self._av.takes)}
        if self._av.has_camera:
            params["camera"] = True
        answer = await self._link.request("call.answer", params, ANSWER_MS)
        if not call.can("connected"):
            return None  # hung up meanwhile: no memory for that
        return self._prepare(answer if isinstance(answer, dict) else {})

    def _prepare(self, params):
        for again in (True, False):
            try:
                return self._av.prepare(params.get("media"), self._link.transport)
            except MemoryError as error:
                failure = error
            if again:
                gc.collect()  # what the first try left behind lies in the way
        self._report("no memory for the sound of a call", failure)
        asyncio.create_task(self.hang_up())
        raise CallboardError("this device has no memory for the sound of the call")

    async def reject(self):
        """Refuse the call that rings here. Raises WrongOrder when none does."""
        if self.call.state != calls.INCOMING:
            raise WrongOrder("no call rings here; the call is %s" % self.call.state)
        await self.hang_up("call.reject")

    # --- either ---

    async def hang_up(self, method="call.hang_up"):
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
            await self._tell_hang_up(call.call_id, method)
        if call.number == number and call.state == calls.ENDING:
            self._end(reason)

    async def _tell_hang_up(self, call_id, method="call.hang_up", lost=False):
        params = {"call_id": call_id}
        if lost:
            params["lost"] = True
        try:
            await self._link.request(method, params, HANG_UP_MS)
        except CallboardError as error:
            self._report("hang_up", error)

    # --- the relay tells ---

    def answered(self, params):
        """`call.answered`: the phone took the call, media may flow."""
        call_id, visitor = _call_id(params), _visitor(params)
        if not self.call.is_mine(call_id):
            self.end_foreign(call_id)
            return
        if not self.call.can("answered"):
            return  # hung up here: call.hang_up is under way
        try:
            session = self._prepare(params)
        except ProtocolError as error:
            raise InvalidArgument(error.message)
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

    def end_foreign(self, call_id, lost=False):
        """End a call that the relay holds and this device knows nothing of (any more); `lost`: it
        did, until it was restarted.
        """
        asyncio.create_task(self._tell_hang_up(call_id, lost=lost))

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


def _visitor(params):
    visitor = params.get("visitor")
    if not isinstance(visitor, int) or not 0 <= visitor <= 0x7FFFFFFF:
        raise InvalidArgument("visitor must be an unsigned 31-bit number")
    return visitor


def _invitation(params):
    """What a device may know of a call that comes in: the `args` of COMMAND_CALL_INCOMING."""
    peer = params.get("peer")
    open_id = peer.get("open_id") if isinstance(peer, dict) else None
    if not isinstance(open_id, str) or not 1 <= len(open_id) <= 128:
        raise InvalidArgument("peer.open_id must be a text of 1 to 128 characters")
    call_type = params.get("call_type")
    if call_type not in (codes.CALL_TYPE_VIDEO, codes.CALL_TYPE_AUDIO):
        raise InvalidArgument("call_type must be 1 video or 2 audio")
    invitation = {"open_id": open_id, "name": str(peer.get("name") or ""), "call_type": call_type}
    for name in ("caller_camera", "callee_camera"):
        if params.get(name) not in (0, 1):
            raise InvalidArgument("%s must be 0 or 1" % name)
        invitation[name] = int(params[name])
    info = params.get("video_info")
    invitation["video_info"] = info if isinstance(info, dict) else {}
    return invitation
