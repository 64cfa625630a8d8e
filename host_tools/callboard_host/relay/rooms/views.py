"""Live views: users who watch a device, and playbacks of what it recorded (PROTOCOL.md §6).

A view is a subscription to a feed of the device. Everybody who watches the same stream live gets
the same feed, which the device sends once; a playback has a feed of its own. The device hears of
each view and of its end.
"""

from typing import Any

from callboard import codes

from ..refusal import Refused
from .effects import Push
from .media import VIDEO, VIDEO_CODEC, stream
from .membership import Rooms
from .model import Participant, Room, State, View, ViewWish

EOF = "eof"  # the device has no more
ABORTED = "aborted"  # an end was lost


class Views:
    """The view commands."""

    def __init__(self, state: State, rooms: Rooms):
        self._state = state
        self._rooms = rooms

    def start(self, viewer: Participant, device: Participant, wish: ViewWish) -> dict[str, Any]:
        """Prepare a view; the device is asked next. Result: `{"view_id", "stream"}`."""
        if not device.connected:
            raise Refused(codes.NETWORK, "the device is offline")
        if VIDEO_CODEC not in viewer.caps:
            raise Refused(codes.CODEC_UNAVAILABLE, f"you cannot take {VIDEO_CODEC}")
        of_device = [view for view in self._state.views.values() if view.device == device.key]
        if any(view.viewer == viewer.key and view.wish == wish for view in of_device):
            raise Refused(codes.AVT_BUSY, "you watch this already")
        if len(of_device) >= self._state.limits.views_of_device:
            limit = self._state.limits.views_of_device
            raise Refused(codes.QUOTA_SUBSCRIBE, f"{limit} watch this device already")
        room = self._live_room(of_device, wish) or self._open_room(device)
        view_id = self._state.ids.name("w_")
        self._state.views[view_id] = View(view_id, device.key, viewer.key, wish, room)
        (feed,) = room.feeds.values()
        return {"view_id": view_id, "stream": stream(feed)}

    def accepted(self, view_id: str) -> dict[str, Any]:
        """The device sends: let the viewer receive. Raises Refused when it has ended meanwhile."""
        view = self._state.views.get(view_id)
        if view is None:
            raise Refused(codes.ROOM_INVALID, "the view has ended")
        viewer = self._state.participants[view.viewer]
        (feed,) = view.room.feeds.values()
        member = self._rooms.admit(view.room, viewer, auto_subscribe=False)
        self._rooms.add_subscription(member, feed)
        return {"media": {"receive_video": stream(feed)}}

    def stop(self, view_id: str, viewer: str | None = None) -> dict[str, Any]:
        """End a view, of `viewer` if one is given, and tell the device; or nothing happens."""
        view = self._state.views.get(view_id)
        if view is not None and viewer in (None, view.viewer):
            self._remove(view)
            self._tell_device(view)
        return {}

    def finish(self, device: Participant, wish: ViewWish) -> dict[str, Any]:
        """The device has nothing more for a visitor (sendFinishStream)."""
        for view in list(self._state.views.values()):
            if view.device == device.key and view.wish == wish:
                self._remove(view)
                self._tell_viewer(view, EOF)
        return {}

    def lost(self, who: Participant) -> None:
        """A participant has gone, or begins anew: it watches nothing, and nobody watches it."""
        for view in list(self._state.views.values()):
            if who.key == view.viewer:
                self._remove(view)
                self._tell_device(view)
            elif who.key == view.device:
                self._remove(view)
                self._tell_viewer(view, ABORTED)

    # -- inside --------------------------------------------------------------------------------

    def _live_room(self, of_device: list[View], wish: ViewWish) -> Room | None:
        """Where the same stream is watched already; a playback is nobody else's."""
        for view in of_device:
            if view.wish.stream == wish.stream and wish.res_type != codes.RES_PLAYBACK:
                return view.room
        return None

    def _open_room(self, device: Participant) -> Room:
        self._rooms.check_room_free()
        room = self._rooms.open(frozenset((VIDEO,)), closed=True)
        member = self._rooms.admit(room, device, auto_subscribe=False)
        self._rooms.add_feed(room, member, VIDEO, VIDEO_CODEC, "")
        return room

    def _remove(self, view: View) -> None:
        del self._state.views[view.view_id]
        member = view.room.members.get(view.viewer)
        if member is not None:
            self._rooms.expel(view.room, member)
        if not any(other.room is view.room for other in self._state.views.values()):
            self._rooms.expel(view.room, view.room.members[view.device])

    def _tell_device(self, view: View) -> None:
        if self._state.participants[view.device].present:
            self._state.emit(Push(view.device, "view.stop", view.wish.describe()))

    def _tell_viewer(self, view: View, reason: str) -> None:
        if self._state.participants[view.viewer].present:
            params = {"view_id": view.view_id, "reason": reason}
            self._state.emit(Push(view.viewer, "view.ended", params))
