"""Calls: an invitation, its answer, and every way it can end (PROTOCOL.md §4).

          call            rings            answer
    (nothing) ──► INVITING ──► RINGING ──► TALKING ──► ENDED
                     └────────────┴──────────────────────┘

A device calls a user, or a user a device. The caller's request is answered once: CallRinging when
the callee's end rings, else CallFailed. From then on each end that was told of the call gets
`call.ended` exactly once. Who is in a call or called is busy; so of calls that cross, the one that
came first is made.
"""

from collections.abc import Iterable
from typing import Any

from callboard import codes

from ..refusal import Refused
from .effects import CallFailed, CallRinging, Invite, Push
from .media import AUDIO, NARROW, VIDEO, VIDEO_CODEC, choose_audio, stream
from .membership import Rooms
from .model import (
    DEVICE,
    ENDED,
    INVITING,
    RINGING,
    TALKING,
    Call,
    CallDetails,
    Member,
    Participant,
    State,
)

DELIVERY = "delivery"  # kinds of timers
RING = "ring"

_SIDE = {  # members of a media description (PROTOCOL.md §4)
    ("send", AUDIO): "send",
    ("receive", AUDIO): "receive",
    ("send", VIDEO): "send_video",
    ("receive", VIDEO): "receive_video",
}

BY_CALLER = "caller"
BY_CALLEE = "callee"
BY_NETWORK = "network"


class Calls:
    """The call commands."""

    def __init__(self, state: State, rooms: Rooms):
        self._state = state
        self._rooms = rooms

    # -- commands ------------------------------------------------------------------------------

    def call(
        self, caller: Participant, callee: Participant, details: CallDetails, now_ms: int
    ) -> dict[str, Any]:
        """Invite the callee. The answer to the caller follows as CallRinging or CallFailed."""
        if caller.call_id is not None:
            raise Refused(codes.AVT_BUSY, self._why_busy(caller, callee))
        if callee.call_id is not None or callee is caller:
            raise Refused(codes.AVT_BUSY, "the one you call is in another call; try again later")
        if callee.present and NARROW in caller.caps | callee.caps:
            choose_audio(caller.caps, callee.caps)  # better refused now than when it is answered
        self._rooms.check_room_free()
        call_id = self._state.ids.name("c_")
        kinds = frozenset(
            (AUDIO, VIDEO) if details.call_type == codes.CALL_TYPE_VIDEO else (AUDIO,)
        )
        room = self._rooms.open(kinds, closed=True)
        self._rooms.admit(room, caller, auto_subscribe=False)
        call = Call(call_id, room, caller.key, callee.key, details)
        self._state.calls[call_id] = call
        caller.call_id = callee.call_id = call_id
        self._state.timers.set((DELIVERY, call_id), now_ms + self._state.limits.delivery_ms)
        if callee.present:
            self.invite(call)
        return {"call_id": call_id}

    def delivered(self, call_id: str, now_ms: int) -> None:
        """The callee's client acknowledged `call.incoming`, or acted on it already: it rings."""
        call = self._state.calls.get(call_id)
        if call is None or call.state != INVITING or not call.invited:
            return
        call.state = RINGING
        self._state.timers.cancel((DELIVERY, call_id))
        self._state.timers.set((RING, call_id), now_ms + self._state.limits.ring_ms)
        self._state.emit(CallRinging(call.caller, call_id, self.describe(call, call.caller)))

    def refused(self, call_id: str, code: int, message: str) -> None:
        """The callee's client refused `call.incoming`: it is busy, or cannot ring."""
        call = self._state.calls.get(call_id)
        if call is None or call.state != INVITING or not call.invited:
            return
        call.invited = False  # it does not take part, so it is not told of the end
        end = self._kind(call.callee)
        if code == codes.AVT_BUSY:
            self._fail(call, codes.AVT_BUSY, f"the {end} is in another call", codes.END_BUSY)
        else:
            text = f"the {end} did not ring: {message}"
            self._fail(call, codes.TIMEOUT, text, codes.END_ABORTED)

    def answer(
        self, who: Participant, call_id: str, offered: Iterable[str], camera: bool, now_ms: int
    ) -> dict[str, Any]:
        """The callee takes the call: both get their streams.

        `offered`: codecs it can take; `camera`: whether it would send pictures.
        """
        call = self._of_callee(who, call_id)
        if call.state == TALKING:
            raise Refused(codes.AVT_WRONG_ORDER, "the call was answered already")
        room, rooms = call.room, self._rooms
        caller_member = room.members[call.caller]
        codec = choose_audio(caller_member.caps, offered)
        self.delivered(call_id, now_ms)
        self._state.timers.cancel((RING, call_id))
        call.state = TALKING
        callee_member = rooms.admit(room, who, auto_subscribe=False)
        self._connect(call, caller_member, callee_member, AUDIO, codec)
        self._connect(call, callee_member, caller_member, AUDIO, codec)
        wishes = call.details.extra
        if VIDEO in room.kinds:
            if wishes.get("caller_camera") and VIDEO_CODEC in offered:
                self._connect(call, caller_member, callee_member, VIDEO, VIDEO_CODEC)
            if wishes.get("callee_camera") and camera and VIDEO_CODEC in caller_member.caps:
                self._connect(call, callee_member, caller_member, VIDEO, VIDEO_CODEC)
        params: dict[str, Any] = {"call_id": call_id}
        params["media"] = self._media(call, call.caller)
        if self._is_device(call.caller):
            params["visitor"] = call.details.visitor
        self._state.emit(Push(call.caller, "call.answered", params))
        return {"media": self._media(call, call.callee)}

    def reject(self, who: Participant, call_id: str, now_ms: int) -> dict[str, Any]:
        """The callee does not want the call."""
        call = self._of_callee(who, call_id)
        if call.state == TALKING:
            raise Refused(codes.AVT_WRONG_ORDER, "the call was answered already: hang up")
        self.delivered(call_id, now_ms)
        self._end(call, codes.END_REJECTED, BY_CALLEE)
        return {}

    def hang_up(
        self, who: Participant, call_id: str | None, now_ms: int, lost: bool = False
    ) -> dict[str, Any]:
        """Either end ends the call, or nothing happens. call_id None: the call `who` is in."""
        call = self._state.calls.get(call_id or who.call_id or "")
        if call is None or who.key not in (call.caller, call.callee):
            return {}
        by_caller = who.key == call.caller
        if not by_caller:
            self.delivered(call.call_id, now_ms)
        if lost:
            self._end(call, codes.END_ABORTED, BY_NETWORK)
            return {}
        if call.state == TALKING:
            reason = codes.END_HUNG_UP_BY_CALLER if by_caller else codes.END_HUNG_UP_BY_CALLEE
        else:
            reason = codes.END_CANCELLED if by_caller else codes.END_REJECTED
        self._end(call, reason, BY_CALLER if by_caller else BY_CALLEE)
        return {}

    # -- what the engine tells -----------------------------------------------------------------

    def invite(self, call: Call) -> None:
        """Ring the callee's client."""
        call.invited = True
        params = self.describe(call, call.callee) | call.details.extra
        params["ring_ms"] = self._state.limits.ring_ms
        self._state.emit(Invite(call.callee, call.call_id, params))

    def callee_arrived(self, who: Participant) -> None:
        """A new session of `who` began: repeat an invitation it cannot have answered."""
        call = self._state.calls.get(who.call_id or "")
        if call is not None and call.callee == who.key and call.state == INVITING:
            self.invite(call)

    def lost(self, who: Participant) -> None:
        """An end did not come back within the grace time."""
        call = self._state.calls.get(who.call_id or "")
        if call is None:
            return
        if call.state == INVITING and call.callee == who.key:
            call.invited = False  # it may yet come back: the delivery timer decides
            return
        self._end(call, codes.END_ABORTED, BY_NETWORK, lost=who.key)

    def delivery_timeout(self, call_id: str) -> None:
        """The callee's client did not acknowledge the invitation in time."""
        call = self._state.calls[call_id]
        text = f"the {self._kind(call.callee)} could not be reached; is it switched on and online?"
        self._fail(call, codes.TIMEOUT, text, codes.END_TIMEOUT)

    def ring_timeout(self, call_id: str) -> None:
        """Nobody answered in time."""
        self._end(self._state.calls[call_id], codes.END_TIMEOUT, BY_NETWORK)

    def describe(self, call: Call, key: str) -> dict[str, Any]:
        """The call object of PROTOCOL.md §4, as the participant `key` sees it."""
        is_caller = key == call.caller
        result = {
            "call_id": call.call_id,
            "room_id": call.room.room_id,
            "session_id": call.room.session_id,
            "direction": call.details.direction,
            "state": TALKING if call.state == TALKING else RINGING,
            "call_type": call.details.call_type,
            "peer": call.details.callee_peer if is_caller else call.details.caller_peer,
        }
        if call.state == TALKING:
            result["media"] = self._media(call, key)
        if self._is_device(key) and (call.state == TALKING or not is_caller):
            result["visitor"] = call.details.visitor
        return result

    # -- inside --------------------------------------------------------------------------------

    def _is_device(self, key: str) -> bool:
        return self._state.participants[key].identity.role == DEVICE

    def _kind(self, key: str) -> str:
        """What sentences call an end."""
        return "device" if self._is_device(key) else "phone"

    def _why_busy(self, caller: Participant, callee: Participant) -> str:
        call = self._state.calls[caller.call_id or ""]
        if call.state != TALKING and (call.caller, call.callee) == (callee.key, caller.key):
            return "the one you call is calling you: answer that call"
        return "you are in a call already: hang up first"

    def _of_callee(self, who: Participant, call_id: str) -> Call:
        call = self._state.calls.get(call_id)
        if call is None or call.callee != who.key:
            raise Refused(codes.ROOM_INVALID, "the call does not exist or is over")
        return call

    def _media(self, call: Call, key: str) -> dict[str, Any]:
        member = call.room.members[key]
        media = {_SIDE["send", feed.kind]: stream(feed) for feed in member.feeds.values()}
        for subscription in member.subscriptions.values():
            media[_SIDE["receive", subscription.feed.kind]] = stream(subscription.feed)
        return media

    def _connect(
        self, call: Call, sender: Member, receiver: Member, kind: str, codec: str
    ) -> None:
        """A feed from one end to the other."""
        feed = self._rooms.add_feed(call.room, sender, kind, codec, "")
        self._rooms.add_subscription(receiver, feed)

    def _fail(self, call: Call, code: int, message: str, reason: str) -> None:
        """End a call that never rang: the caller's request fails."""
        self._close(call)
        self._state.emit(CallFailed(call.caller, call.call_id, code, message))
        if call.invited:
            self._push_ended(call, call.callee, reason, BY_NETWORK)

    def _end(self, call: Call, reason: str, by: str, lost: str | None = None) -> None:
        rang = call.state in (RINGING, TALKING)
        text = f"the call ended before the {self._kind(call.callee)} rang: {reason}"
        self._close(call)
        if not rang and lost != call.caller:
            self._state.emit(CallFailed(call.caller, call.call_id, codes.AVT_FAILED, text))
        if rang and lost != call.caller:
            self._push_ended(call, call.caller, reason, by)
        if call.invited and lost != call.callee:
            self._push_ended(call, call.callee, reason, by)

    def _push_ended(self, call: Call, to: str, reason: str, by: str) -> None:
        params = {"call_id": call.call_id, "reason": reason, "by": by}
        self._state.emit(Push(to, "call.ended", params))

    def _close(self, call: Call) -> None:
        call.state = ENDED
        state = self._state
        del state.calls[call.call_id]
        state.timers.cancel((DELIVERY, call.call_id))
        state.timers.cancel((RING, call.call_id))
        for key in (call.caller, call.callee):
            who = state.participants[key]
            who.call_id = None
            state.forget_idle(who)
        for member in list(call.room.members.values()):
            self._rooms.expel(call.room, member)
