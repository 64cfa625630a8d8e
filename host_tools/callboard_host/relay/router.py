"""Media: packets go from publisher to subscribers, unread but for their first bytes."""

from dataclasses import dataclass, field

from .connection import media_frame
from .rooms.media import VIDEO
from .rtcp import Reported, picture_losses
from .session import Session

_RTP_HEADER = 12
_RTCP_HEADER = 8
_NOTHING: dict[int, "Route"] = {}
_RTCP_FIRST, _RTCP_LAST = 192, 223  # RFC 5761 §4


@dataclass(slots=True)
class Route:
    """A feed on its way: who gets it, and what was counted."""

    feed_id: str
    ssrc: int
    source: Session
    reported: Reported | None = None  # of a video feed: what its sender was told
    receivers: dict[str, Session] = field(default_factory=dict)
    packets: int = 0
    octets: int = 0
    dropped: int = 0  # for a congested receiver, counted for each


@dataclass(slots=True)
class Totals:
    """What the router has seen since the start."""

    packets: int = 0
    octets: int = 0
    dropped: int = 0
    refused: int = 0  # not RTP, or an SSRC that is no feed of the sender


class Router:
    """Routes by (sender, SSRC)."""

    def __init__(self) -> None:
        self._routes: dict[str, dict[int, Route]] = {}
        self.totals = Totals()

    def open(self, owner: Session, feed_id: str, ssrc: int, kind: str) -> None:
        """`owner` may send this SSRC."""
        reported = Reported(ssrc) if kind == VIDEO else None
        self._routes.setdefault(owner.key, {})[ssrc] = Route(feed_id, ssrc, owner, reported)

    def close(self, owner: str, ssrc: int) -> Route | None:
        """`owner` may no longer send it; returns the counters."""
        routes = self._routes.get(owner, {})
        route = routes.pop(ssrc, None)
        if not routes:
            self._routes.pop(owner, None)
        return route

    def add(self, owner: str, ssrc: int, receiver: Session) -> None:
        """Pass the feed on to `receiver`."""
        self._routes[owner][ssrc].receivers[receiver.key] = receiver

    def remove(self, owner: str, ssrc: int, receiver: str) -> None:
        """Stop passing it on."""
        route = self._routes.get(owner, {}).get(ssrc)
        if route is not None:
            route.receivers.pop(receiver, None)

    def replace(self, session: Session) -> None:
        """A client has a new session object: its routes begin and end there now."""
        for owner, routes in self._routes.items():
            for route in routes.values():
                if owner == session.key:
                    route.source = session
                if session.key in route.receivers:
                    route.receivers[session.key] = session

    def routes(self, owner: str) -> list[Route]:
        """The feeds of a sender."""
        return list(self._routes.get(owner, {}).values())

    def forward(self, sender: Session, packet: bytes) -> None:
        """Pass one RTP or RTCP packet on, or count why not."""
        routes = self._routes.get(sender.key, _NOTHING)
        if len(packet) < _RTCP_HEADER or packet[0] >> 6 != 2:
            self.totals.refused += 1
        elif _RTCP_FIRST <= packet[1] <= _RTCP_LAST:
            self._forward_rtcp(sender, routes, packet)
        else:
            route = routes.get(int.from_bytes(packet[8:12], "big"))
            if route is None or len(packet) < _RTP_HEADER:
                self.totals.refused += 1
            else:
                self._send(route, packet)
                if route.reported is not None:
                    report = route.reported.packet(packet)
                    if report is not None and sender.connection is not None:
                        sender.connection.send_media(media_frame(report))

    def _send(self, route: Route, packet: bytes) -> None:
        route.packets += 1
        route.octets += len(packet)
        self.totals.packets += 1
        self.totals.octets += len(packet)
        data = media_frame(packet)
        is_video = route.reported is not None
        for session in route.receivers.values():
            if not session.send_media(data, is_video):
                route.dropped += 1
                self.totals.dropped += 1

    def _forward_rtcp(self, sender: Session, routes: dict[int, Route], packet: bytes) -> None:
        """RTCP goes once to everybody who receives one of the sender's feeds; what asks for key
        frames, to those who send them."""
        lost = set(picture_losses(packet))
        if not routes and not lost:
            self.totals.refused += 1
        if lost:
            to = self._sources(sender, lost)
        else:
            to = {key: got for route in routes.values() for key, got in route.receivers.items()}
        data = media_frame(packet)
        for session in to.values():
            if not session.send_media(data):
                self.totals.dropped += 1

    def _sources(self, receiver: Session, ssrcs: set[int]) -> dict[str, Session]:
        """Who sends those of the video feeds that `receiver` gets."""
        found = {}
        for owner, routes in self._routes.items():
            for ssrc in ssrcs & routes.keys():
                route = routes[ssrc]
                if route.reported is not None and receiver.key in route.receivers:
                    found[owner] = route.source
        if not found:
            self.totals.refused += 1
        return found
