"""The room engine with the smallest shell: it carries out effects and checks each of them."""

import random

from callboard_host.relay.rooms import (
    PHONE_TO_DEVICE,
    CallDetails,
    CallFailed,
    CallRinging,
    Engine,
    FeedClosed,
    FeedOpened,
    Identity,
    IdSource,
    Invite,
    Limits,
    Push,
    RouteAdded,
    RouteRemoved,
    SessionExpired,
)


def device(name):
    """A device's identity."""
    return Identity(f"device:{name}", f"dev_{name}", "device")


def user(name):
    """A user's identity."""
    return Identity(f"user:{name}", f"user_{name}", "user")


def details(call_type=2, caller=None, **extra):
    """A call as the voip face makes it; `caller`: who calls, a device unless a user is given."""
    a_device, a_user = {"sn": "SN1"}, {"open_id": "o1"}
    if caller is not None and caller.role == "user":
        return CallDetails(call_type, a_user, a_device, 7, PHONE_TO_DEVICE, extra)
    return CallDetails(call_type, a_device, a_user, 7, extra={"flavour": 0} | extra)


def check_visitor(to, params):
    """The visitor's number is for devices, and only for them (PROTOCOL.md §4)."""
    assert ("visitor" in params) == to.startswith("device:"), params


class EngineWorld:
    """Engine, time, and what the outside has seen: pushes, feeds, routes, call results."""

    def __init__(self, seed=1, **limits):
        source = random.Random(seed)
        self.engine = Engine(IdSource(source.randbytes), Limits(**limits))
        self.now_ms = 1_000
        self.pushes = {}  # key -> [(method, params)], only while there is a session
        self.feeds = {}  # (owner, ssrc) -> feed_id
        self.routes = set()  # (owner, ssrc, to)
        self.invites = []  # (to, call_id) not yet answered
        self.results = {}  # call_id -> "ringing" or the code it failed with
        self.present = set()

    def run(self, outcome):
        """Carry out the effects; returns the result."""
        for effect in outcome.effects:
            self._apply(effect)
        return outcome.result

    def _apply(self, effect):
        match effect:
            case Push(to, method, params):
                assert to in self.present, effect
                self.pushes[to].append((method, params))
                if method == "call.answered":
                    check_visitor(to, params)
            case Invite(to, call_id, params):
                assert to in self.present, effect
                self.invites.append((to, call_id))
                check_visitor(to, params)
                self.pushes[to].append(("call.incoming", params))
            case CallRinging(_, call_id, _result):
                assert call_id not in self.results, "voip.call is answered once"
                self.results[call_id] = "ringing"
            case CallFailed(_, call_id, code, _message):
                assert call_id not in self.results, "voip.call is answered once"
                self.results[call_id] = code
            case FeedOpened(feed_id, ssrc, owner, _kind):
                assert 0 < ssrc < 2**32
                assert ssrc not in {s for _, s in self.feeds}, "an SSRC is unique"
                self.feeds[owner, ssrc] = feed_id
            case FeedClosed(_feed_id, ssrc, owner):
                del self.feeds[owner, ssrc]
                assert not [r for r in self.routes if r[:2] == (owner, ssrc)], "dangling routes"
            case RouteAdded(_feed_id, ssrc, owner, to):
                assert (owner, ssrc) in self.feeds
                assert to != owner
                assert (owner, ssrc, to) not in self.routes
                self.routes.add((owner, ssrc, to))
            case RouteRemoved(_feed_id, ssrc, owner, to):
                self.routes.remove((owner, ssrc, to))
            case SessionExpired(participant):
                self.present.remove(participant)
            case _:
                raise AssertionError(f"unknown effect {effect}")

    def connect(self, identity, resumed=False, caps=("pcmu",)):
        """A client connects; returns the call it is told of."""
        self.present.add(identity.key)
        self.pushes.setdefault(identity.key, [])
        return self.run(self.engine.connect(identity, caps, resumed, self.now_ms))["call"]

    def disconnect(self, identity):
        """A connection is lost."""
        self.run(self.engine.disconnect(identity.key, self.now_ms))

    def expire(self, identity):
        """A session ends at once; nothing more is sent to it."""
        outcome = self.engine.expire(identity.key)
        for effect in outcome.effects:
            assert not (isinstance(effect, Push | Invite) and effect.to == identity.key), effect
        self.run(outcome)

    def advance(self, ms):
        """Let time pass, with a tick at each deadline."""
        end = self.now_ms + ms
        while (deadline := self.engine.next_deadline_ms()) is not None and deadline <= end:
            self.now_ms = max(self.now_ms, deadline)
            self.run(self.engine.tick(self.now_ms))
        self.now_ms = end

    def call(self, caller, callee, call_type=2, **extra):
        """voip.call; returns the call id."""
        wanted = details(call_type, caller, **extra)
        outcome = self.engine.call(caller.key, callee, wanted, self.now_ms)
        return self.run(outcome)["call_id"]

    def rings(self, call_id):
        """The callee's end acknowledges the invitation."""
        self.run(self.engine.invitation_delivered(call_id, self.now_ms))

    def answer(self, callee, call_id, codecs=("pcmu",), camera=False):
        """The callee answers; returns its media description."""
        outcome = self.engine.answer(callee.key, call_id, codecs, camera, self.now_ms)
        return self.run(outcome)["media"]

    def hang_up(self, who, call_id):
        """Either end hangs up."""
        return self.run(self.engine.hang_up(who.key, call_id, self.now_ms))

    def take(self, identity):
        """The pushes since the last look."""
        pushes, self.pushes[identity.key] = self.pushes[identity.key], []
        return pushes

    def ended(self, identity):
        """(reason, by) of the call.ended pushes since the last look."""
        return [(p["reason"], p["by"]) for m, p in self.take(identity) if m == "call.ended"]

    def events(self, identity):
        """The room events since the last look: (event, uid)."""
        return [(p["event"], p["uid"]) for m, p in self.take(identity) if m == "room.event"]
