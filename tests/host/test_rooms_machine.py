"""The engine under every order of events that hypothesis finds: what must always hold."""

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


class Machine(RuleBasedStateMachine):
    """Clients act at random; EngineWorld checks each effect, the invariants check the state."""

    def __init__(self):
        super().__init__()
        self.world = EngineWorld(rooms=5, feeds_per_room=4, members_per_room=3)
        self.state = self.world.engine._state
        self.started = {}  # call_id -> (caller, callee)
        self.told = {}  # (call_id, key) -> number of call.ended

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

    @rule(who=WHO, resumed=st.booleans())
    def connect(self, who, resumed):
        self.world.connect(who, resumed)

    @rule(who=WHO)
    def disconnect(self, who):
        self.world.disconnect(who)

    @rule(who=WHO)
    def expire(self, who):
        self.world.run(self.world.engine.expire(who.key))

    @rule(ms=st.sampled_from([1, 5_000, 10_000, 15_000, 60_000]))
    def advance(self, ms):
        self.world.advance(ms)

    @rule(caller=WHO, callee=WHO)
    def call(self, caller, callee):
        result = self.act("call", caller.key, callee, details(), self.world.now_ms)
        if result:
            self.started[result["call_id"]] = (caller.key, callee.key)

    @rule(data=st.data(), accept=st.booleans())
    def acknowledge(self, data, accept):
        if self.world.invites:
            _, call_id = data.draw(st.sampled_from(self.world.invites))
            if accept:
                self.act("invitation_delivered", call_id, self.world.now_ms)
            else:
                self.act("invitation_refused", call_id, -30003, "busy")

    @rule(who=WHO, data=st.data(), step=st.sampled_from(["answer", "reject", "hang_up"]))
    def in_call(self, who, data, step):
        if self.started:
            call_id = data.draw(st.sampled_from(sorted(self.started)))
            arguments = [who.key, call_id, self.world.now_ms]
            if step == "answer":
                arguments.insert(2, ("pcmu",))
            self.act(step, *arguments)

    @rule(who=WHO, auto=st.booleans())
    def create(self, who, auto):
        self.act("create_room", who.key, True, True, auto, False)

    @rule(who=WHO, data=st.data(), auto=st.booleans())
    def join(self, who, data, auto):
        if room := self.a_room(data):
            self.act("join_room", who.key, room.room_id, room.token, auto)

    @rule(who=WHO, data=st.data())
    def leave(self, who, data):
        if room := self.a_room(data):
            self.act("leave_room", who.key, room.room_id)

    @rule(who=WHO, data=st.data(), video=st.booleans())
    def publish(self, who, data, video):
        if room := self.a_room(data):
            self.act("publish", who.key, room.room_id, True, video, "")

    @rule(who=WHO, data=st.data(), step=st.sampled_from(["unpublish", "unsubscribe"]))
    def withdraw(self, who, data, step):
        if room := self.a_room(data):
            members = room.members.values()
            streams = [s for m in members for s in (*m.feeds, *m.subscriptions)]
            if streams:
                stream = data.draw(st.sampled_from(sorted(streams)))
                self.act(step, who.key, room.room_id, stream)

    @rule(who=WHO, data=st.data())
    def subscribe(self, who, data):
        room = self.a_room(data)
        if room and room.feeds:
            feed_id = data.draw(st.sampled_from(sorted(room.feeds)))
            self.act("subscribe", who.key, room.room_id, feed_id)

    def a_room(self, data):
        rooms = sorted(self.state.rooms)
        return self.state.rooms[data.draw(st.sampled_from(rooms))] if rooms else None

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
            self.world.run(self.world.engine.expire(who.key))
        self.world.advance(100_000)
        state = self.state
        assert not state.calls and not state.rooms and not state.participants
        assert not self.world.feeds and not self.world.routes
        assert state.timers.next_deadline_ms() is None


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
