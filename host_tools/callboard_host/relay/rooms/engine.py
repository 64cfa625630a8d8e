"""The engine's face: participants come and go, commands, time."""

from collections.abc import Callable, Iterable
from typing import Any

from callboard import codes

from ..refusal import Refused
from .calls import DELIVERY, RING, Calls
from .effects import Outcome, SessionExpired
from .ids import IdSource
from .limits import Limits
from .membership import LEFT_ABNORMAL, Rooms
from .model import INVITING, UID, CallDetails, Identity, Participant, State, ViewWish
from .views import Views

GRACE = "grace"  # a kind of timer


class Engine:
    """All rooms and calls of one node. Times are ms of any clock that never runs backwards."""

    def __init__(self, ids: IdSource | None = None, limits: Limits | None = None):
        self.limits = limits or Limits()
        self._state = State(ids or IdSource(), self.limits)
        self._rooms = Rooms(self._state)
        self._calls = Calls(self._state, self._rooms)
        self._views = Views(self._state, self._rooms)

    def refuse_rooms(self, refuse: bool) -> None:
        """A fault switch: while on, no room can be made (-5), as if the relay were full."""
        self._state.refuse_rooms = refuse

    # -- participants --------------------------------------------------------------------------

    def connect(
        self, identity: Identity, caps: Iterable[str], resumed: bool, now_ms: int
    ) -> Outcome:
        """A client connected: with its old session (`resumed`) or a new one, which knows nothing.

        A new session leaves the rooms of the room API, ends the views and keeps the call. Result:
        `{"call": call or None}`.
        Raises Refused when the uid is malformed or another participant's.
        """
        who = self._enter(identity)
        self._state.timers.cancel((GRACE, who.key))
        who.caps = frozenset(caps)
        who.connected = True
        fresh = not (resumed and who.present)
        who.present = True
        if fresh:
            self._leave_rooms(who)
            self._views.lost(who)
            self._calls.callee_arrived(who)
        return self._outcome({"call": self._call_of(who)})

    def disconnect(self, key: str, now_ms: int) -> Outcome:
        """The connection is gone; the session waits for the grace time."""
        who = self._state.participants.get(key)
        if who is not None and who.connected:
            who.connected = False
            self._state.timers.set((GRACE, key), now_ms + self.limits.grace_ms)
        return self._outcome({})

    def expire(self, key: str) -> Outcome:
        """End a session at once, as when the device was registered anew."""
        if key in self._state.participants:
            self._expire(self._state.participants[key])
        return self._outcome({})

    # -- calls ---------------------------------------------------------------------------------

    def call(self, caller: str, callee: Identity, details: CallDetails, now_ms: int) -> Outcome:
        """Start a call. Result: `{"call_id"}`; CallRinging or CallFailed follows for it."""
        who = self._participant(caller)
        invited = self._enter(callee)
        try:
            return self._do(self._calls.call, who, invited, details, now_ms)
        finally:
            self._state.forget_idle(invited)

    def invitation_delivered(self, call_id: str, now_ms: int) -> Outcome:
        """`call.incoming` was acknowledged."""
        self._calls.delivered(call_id, now_ms)
        return self._outcome({})

    def invitation_refused(self, call_id: str, code: int, message: str) -> Outcome:
        """`call.incoming` was answered with an error."""
        self._calls.refused(call_id, code, message)
        return self._outcome({})

    def answer(
        self, key: str, call_id: str, offered: Iterable[str], camera: bool, now_ms: int
    ) -> Outcome:
        """The callee answers with the codecs it can take, and whether it has a picture to send.

        Result: `{"media"}`.
        """
        who = self._participant(key)
        return self._do(self._calls.answer, who, call_id, offered, camera, now_ms)

    def reject(self, key: str, call_id: str, now_ms: int) -> Outcome:
        """The callee rejects."""
        return self._do(self._calls.reject, self._participant(key), call_id, now_ms)

    def hang_up(self, key: str, call_id: str | None, now_ms: int, lost: bool = False) -> Outcome:
        """Either end ends the call (None: the one it is in), or nothing happens.

        `lost`: it knows nothing of the call any more, because it was restarted.
        """
        return self._do(self._calls.hang_up, self._participant(key), call_id, now_ms, lost)

    # -- rooms ---------------------------------------------------------------------------------

    def create_room(
        self, key: str, audio: bool, video: bool, auto_subscribe: bool, record: bool
    ) -> Outcome:
        """Open a room and enter it."""
        who = self._participant(key)
        return self._do(self._rooms.create, who, audio, video, auto_subscribe, record)

    def join_room(self, key: str, room_id: str, token: str, auto_subscribe: bool) -> Outcome:
        """Enter a room."""
        return self._do(self._rooms.join, self._participant(key), room_id, token, auto_subscribe)

    def leave_room(self, key: str, room_id: str) -> Outcome:
        """Leave a room."""
        return self._do(self._rooms.leave, self._participant(key), room_id)

    def publish(
        self,
        key: str,
        room_id: str,
        audio: bool,
        video: bool,
        tag: str,
        codecs: Iterable[str] | None = None,
    ) -> Outcome:
        """Offer feeds; `codecs` it will send audio in, None: all it can do."""
        who = self._participant(key)
        return self._do(self._rooms.publish, who, room_id, audio, video, tag, codecs)

    def unpublish(self, key: str, room_id: str, stream_id: str) -> Outcome:
        """Withdraw a feed."""
        return self._do(self._rooms.unpublish, self._participant(key), room_id, stream_id)

    def subscribe(self, key: str, room_id: str, feed_id: str) -> Outcome:
        """Receive a feed."""
        return self._do(self._rooms.subscribe, self._participant(key), room_id, feed_id)

    def unsubscribe(self, key: str, room_id: str, stream_id: str) -> Outcome:
        """Stop receiving a feed."""
        return self._do(self._rooms.unsubscribe, self._participant(key), room_id, stream_id)

    # -- views ---------------------------------------------------------------------------------

    def start_view(self, viewer: str, device: str, wish: ViewWish) -> Outcome:
        """Prepare a view of a device. Result: `{"view_id", "stream"}`: what the device sends."""
        who = self._participant(viewer)
        watched = self._state.participants.get(device)
        if watched is None:
            raise Refused(codes.NETWORK, "the device is offline")
        return self._do(self._views.start, who, watched, wish)

    def view_accepted(self, view_id: str) -> Outcome:
        """The device agreed. Result: `{"media"}` for the viewer."""
        return self._do(self._views.accepted, view_id)

    def stop_view(self, view_id: str, viewer: str | None = None) -> Outcome:
        """End a view, of `viewer` if one is given, or nothing happens; the device is told."""
        return self._do(self._views.stop, view_id, viewer)

    def finish_view(self, device: str, wish: ViewWish) -> Outcome:
        """The device ends a view."""
        return self._do(self._views.finish, self._participant(device), wish)

    # -- time ----------------------------------------------------------------------------------

    def next_deadline_ms(self) -> int | None:
        """When tick() is wanted next, or None."""
        return self._state.timers.next_deadline_ms()

    def tick(self, now_ms: int) -> Outcome:
        """Let everything happen that is due."""
        while (due := self._state.timers.pop_due(now_ms)) is not None:
            kind, name = due
            if kind == GRACE:
                self._expire(self._state.participants[name])
            elif kind == DELIVERY:
                self._calls.delivery_timeout(name)
            elif kind == RING:
                self._calls.ring_timeout(name)
        return self._outcome({})

    # -- inside --------------------------------------------------------------------------------

    def _do(self, command: Callable[..., dict[str, Any]], *args: Any) -> Outcome:
        return self._outcome(command(*args))

    def _outcome(self, result: dict[str, Any]) -> Outcome:
        return Outcome(result, self._state.take_effects())

    def _participant(self, key: str) -> Participant:
        who = self._state.participants.get(key)
        if who is None or not who.present:
            raise Refused(codes.NOT_INITIALISED, "connect first")
        return who

    def _enter(self, identity: Identity) -> Participant:
        who = self._state.participants.get(identity.key)
        if who is not None:
            return who
        if not UID.fullmatch(identity.uid):
            raise Refused(codes.INVALID_ARGUMENT, "uid must be 1-128 letters, digits, underscores")
        if identity.uid in self._state.uids:
            raise Refused(codes.INVALID_ARGUMENT, "uid belongs to another participant")
        who = Participant(identity)
        self._state.participants[identity.key] = who
        self._state.uids[identity.uid] = identity.key
        return who

    def _expire(self, who: Participant) -> None:
        self._state.timers.cancel((GRACE, who.key))
        was_present = who.present
        who.present = who.connected = False
        self._calls.lost(who)
        self._leave_rooms(who)
        self._views.lost(who)
        if was_present:
            self._state.emit(SessionExpired(who.key))
        self._state.forget_idle(who)

    def _leave_rooms(self, who: Participant) -> None:
        for room_id in sorted(who.rooms):
            self._rooms.leave(who, room_id, LEFT_ABNORMAL)

    def _call_of(self, who: Participant) -> dict[str, Any] | None:
        """The call a client is in, unless it is the callee and was not told yet."""
        call = self._state.calls.get(who.call_id or "")
        if call is None or (call.state == INVITING and call.callee == who.key):
            return None
        return self._calls.describe(call, who.key)
