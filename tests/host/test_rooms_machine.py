"""The engine under every order of events that hypothesis finds: what must always hold."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from callboard_host.relay.refusal import Refused
from callboard_host.relay.rooms import model
from support.engine_world import EngineWorld, details, device, user

DEVICES = [device(name) for name in "ab"]
USERS = [user(name) for name in "xyz"]
EVERYBODY = DEVICES + USERS
WHO = st.sampled_from(EVERYBODY)
OFFERS = [("pcmu",), ("opus-8k", "pcmu"), ("opus", "opus-8k", "pcmu", "h264"), ("opus", "h264")]
CODECS = st.sampled_from(OFFERS)


def pick(source, items):
    """One of the items: hypothesis draws it, or a random.Random."""
    if isinstance(source, random.Random):
        return source.choice(items)
    return source.draw(st.sampled_from(items))


class Machine(RuleBasedStateMachine):
    """Clients act at random; EngineWorld checks each effect, the invariants check the state."""

    def __init__(self):
        super().__init__()
        self.world = EngineWorld(rooms=5, feeds_per_room=4, members_per_room=3)
        self.state = self.world.engine._state
        self.started = {}  # call_id -> (caller, callee)
        self.told = {}  # (call_id, key) -> number of call.ended
        for who in EVERYBODY:
            self.world.connect(who)

    def act(self, method, *arguments):
        """A command that may be refused; then it must have changed nothing."""
        before = self.snapshot()
        try:
            result = self.world.run(getattr(self.world.engine, method)(*arguments))
        except Refused:
            assert self.snapshot() == before
            assert not self.state.effects
            return None
        return result

    def snapshot(self):
        rooms = {
            room.room_id: {
                member.key: (sorted(member.feeds), sorted(member.subscriptions))
                for member in room.members.values()
            }
            for room in self.state.rooms.values()
        }
        calls = {call.call_id: call.state for call in self.state.calls.values()}
        return rooms, calls, sorted(self.state.participants), sorted(self.state.ssrcs)

    @rule(who=WHO, resumed=st.booleans(), caps=CODECS)
    def connect(self, who, resumed, caps):
        self.world.connect(who, resumed, caps)

    @rule(who=WHO, at_once=st.booleans())
    def lose(self, who, at_once):
        if at_once:
            self.world.expire(who)
        else:
            self.world.disconnect(who)

    @rule(ms=st.sampled_from([1, 5_000, 10_000, 15_000, 60_000]))
    def advance(self, ms):
        self.world.advance(ms)

    @rule(caller=WHO, callee=WHO, video=st.booleans())
    def call(self, caller, callee, video=False):
        """In every direction; refused only for a reason that can be seen."""
        free = self.may_call(caller, callee)
        cameras = {"caller_camera": 1, "callee_camera": 1} if video else {}
        wanted = details(1 if video else 2, caller, **cameras)
        result = self.act("call", caller.key, callee, wanted, self.world.now_ms)
        assert (result is not None) == free
        if result:
            self.started[result["call_id"]] = (caller.key, callee.key)

    @rule(one=WHO, other=WHO)
    def cross(self, one, other):
        """Both call each other at the same moment: the first is made, the second is refused."""
        self.call(one, other)
        self.call(other, one)
        between = [
            call
            for call in self.state.calls.values()
            if {call.caller, call.callee} == {one.key, other.key}
        ]
        assert len(between) <= 1

    def may_call(self, caller, callee):
        """Whether the rules of PROTOCOL.md §4 let this call begin."""
        in_calls = {key for c in self.state.calls.values() for key in (c.caller, c.callee)}
        busy = in_calls & {caller.key, callee.key}
        full = len(self.state.rooms) >= self.world.engine.limits.rooms
        return caller.key in self.world.present and caller is not callee and not busy and not full

    @rule(data=st.data(), code=st.sampled_from([0, 0, 0, -30003]))
    def acknowledge(self, data, code):
        if self.world.invites:
            _, call_id = pick(data, self.world.invites[-3:])
            if code == 0:
                self.act("invitation_delivered", call_id, self.world.now_ms)
            else:
                self.act("invitation_refused", call_id, code, "busy")

    @rule(
        data=st.data(),
        step=st.sampled_from(["answer", "answer", "answer", "reject", "hang_up", "lost"]),
        codecs=CODECS,
        camera=st.booleans(),
    )
    def in_call(self, data, step, codecs, camera):
        if self.started:
            call_id = pick(data, sorted(self.started))
            caller, callee = self.started[call_id]
            key = pick(data, [callee, callee, caller, USERS[0].key])
            arguments = [key, call_id, self.world.now_ms]
            if step == "answer":
                arguments[2:2] = [codecs, camera]
            if step == "lost":
                step = "hang_up"
                arguments.append(True)
            self.act(step, *arguments)

    @rule(who=WHO, auto=st.booleans())
    def create(self, who, auto):
        self.act("create_room", who.key, True, True, auto, False)

    @rule(who=WHO, data=st.data(), auto=st.booleans())
    def join(self, who, data, auto):
        if room := self.a_room(data):
            self.act("join_room", who.key, room.room_id, room.token, auto)

    @rule(data=st.data())
    def leave(self, data):
        if room := self.a_room(data):
            self.act("leave_room", self.a_member(data, room), room.room_id)

    @rule(data=st.data(), video=st.booleans(), codecs=st.none() | CODECS)
    def publish(self, data, video, codecs):
        if room := self.a_room(data):
            self.act("publish", self.a_member(data, room), room.room_id, True, video, "", codecs)

    @rule(data=st.data(), step=st.sampled_from(["unpublish", "unsubscribe"]))
    def withdraw(self, data, step):
        if room := self.a_room(data):
            key = self.a_member(data, room)
            members = [room.members[key]] if key in room.members else room.members.values()
            streams = [s for m in members for s in (*m.feeds, *m.subscriptions)]
            if streams:
                stream = pick(data, sorted(streams))
                self.act(step, key, room.room_id, stream)

    @rule(data=st.data())
    def subscribe(self, data):
        room = self.a_room(data)
        if room and room.feeds:
            feed_id = pick(data, sorted(room.feeds))
            self.act("subscribe", self.a_member(data, room), room.room_id, feed_id)

    def a_member(self, data, room):
        """Mostly a member of the room, sometimes anybody."""
        members = [key for key in room.members for _ in range(3)]
        return pick(data, sorted(members) + [who.key for who in EVERYBODY])

    def a_room(self, data):
        rooms = sorted(self.state.rooms)
        return self.state.rooms[pick(data, rooms)] if rooms else None

    def check(self):
        """All invariants, for who does not run under hypothesis."""
        self.routes_are_exactly_the_subscriptions()
        self.members_are_present_and_rooms_are_not_empty()
        self.one_call_for_each_participant()
        self.every_started_call_ends_exactly_once_for_each_end()
        self.nobody_is_remembered_for_nothing()

    @invariant()
    def routes_are_exactly_the_subscriptions(self):
        wanted = {
            (feed.owner, feed.ssrc, to)
            for room in self.state.rooms.values()
            for feed in room.feeds.values()
            for to in feed.subscriptions
        }
        assert self.world.routes == wanted
        published = {
            (feed.owner, feed.ssrc)
            for room in self.state.rooms.values()
            for feed in room.feeds.values()
        }
        assert set(self.world.feeds) == published
        assert self.state.ssrcs == {ssrc for _, ssrc in published}

    @invariant()
    def members_are_present_and_rooms_are_not_empty(self):
        for room in self.state.rooms.values():
            assert room.members
            assert set(room.members) <= self.world.present
            for feed in room.feeds.values():
                assert feed.owner in room.members
                assert set(feed.subscriptions) <= set(room.members)

    @invariant()
    def one_call_for_each_participant(self):
        ends = [key for call in self.state.calls.values() for key in (call.caller, call.callee)]
        assert len(ends) == len(set(ends))
        in_calls = {who.key for who in self.state.participants.values() if who.call_id}
        assert in_calls == set(ends)
        for call in self.state.calls.values():
            assert call.state in (model.INVITING, model.RINGING, model.TALKING)
            kinds = {kind for kind, name in self.state.timers._deadlines if name == call.call_id}
            expected = {"inviting": {"delivery"}, "ringing": {"ring"}, "talking": set()}
            assert kinds == expected[call.state]

    @invariant()
    def every_started_call_ends_exactly_once_for_each_end(self):
        for key, pushes in self.world.pushes.items():
            for method, params in pushes:
                if method == "call.ended":
                    name = (params["call_id"], key)
                    self.told[name] = self.told.get(name, 0) + 1
                    assert self.told[name] == 1
                    assert params["call_id"] not in self.state.calls
            pushes.clear()
        for call_id in [c for c in self.started if c not in self.state.calls]:
            ends = self.started.pop(call_id)
            if self.world.results.get(call_id) == "ringing":
                for key in set(ends) & self.world.present:
                    assert self.told.get((call_id, key)) == 1
            elif ends[0] in self.world.present:
                assert call_id in self.world.results

    @invariant()
    def nobody_is_remembered_for_nothing(self):
        for who in self.state.participants.values():
            assert who.present or who.call_id
        assert len(self.state.uids) == len(self.state.participants)

    def teardown(self):
        """However it went: when everybody has gone, nothing is left."""
        for who in EVERYBODY:
            self.world.expire(who)
        self.world.advance(100_000)
        state = self.state
        assert not state.calls and not state.rooms and not state.participants
        assert not self.world.feeds and not self.world.routes
        assert state.timers.next_deadline_ms() is None


TestMachine = Machine.TestCase
TestMachine.pytestmark = [pytest.mark.timeout(300)]  # a failure takes its time to shrink
TestMachine.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)


@pytest.mark.parametrize("seed", range(8))
def test_long_random_walks(seed):
    """Even odds for every step, so that deep states are reached; invariants hold after each."""
    source = random.Random(seed)
    machine = Machine()
    who = lambda: source.choice(EVERYBODY)  # noqa: E731
    flag = lambda: source.random() < 0.5  # noqa: E731
    codecs = lambda: source.choice(OFFERS)  # noqa: E731
    answers = ["answer"] * 4 + ["reject", "hang_up", "lost"]
    steps = {
        lambda: machine.connect(who(), flag(), codecs()): 4,
        lambda: machine.lose(who(), source.random() < 0.2): 1,
        lambda: machine.advance(source.choice([1, 100, 5_000, 20_000])): 1,
        lambda: machine.call(who(), who(), flag()): 4,
        lambda: machine.cross(who(), who()): 1,
        lambda: machine.acknowledge(source, source.choice([0, 0, 0, -30003])): 4,
        lambda: machine.in_call(source, source.choice(answers), codecs(), flag()): 8,
        lambda: machine.create(who(), flag()): 2,
        lambda: machine.join(who(), source, flag()): 4,
        lambda: machine.leave(source): 1,
        lambda: machine.publish(source, flag(), codecs()): 4,
        lambda: machine.subscribe(source): 6,
        lambda: machine.withdraw(source, source.choice(["unpublish", "unsubscribe"])): 3,
    }
    deepest = {"talking": 0, "subscriptions": 0}
    for _ in range(4000):
        source.choices(list(steps), list(steps.values()))[0]()
        machine.check()
        talking = sum(1 for call in machine.state.calls.values() if call.state == model.TALKING)
        deepest["talking"] = max(deepest["talking"], talking)
        deepest["subscriptions"] = max(deepest["subscriptions"], len(machine.world.routes))
    machine.teardown()
    assert deepest["talking"] >= 1 and deepest["subscriptions"] >= 3, deepest
