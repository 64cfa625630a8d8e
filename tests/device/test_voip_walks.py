"""Random walks: a person, a relay and a bad line do anything at any time; what must always hold.

The relay here keeps no rules: it answers, refuses or is silent, rings a busy device, ends calls
that are over, sends nonsense. Whatever happens, each stream that starts stops once, the states
follow the table, and at the end nothing runs any more.
"""

import random

from voip_bench import VISITOR, Bench, begin, media, rtp_packet

from callboard import codes
from callboard.errors import Busy, CallboardError, RemoteError
from callboard.voip import call as calls
from support import settle

STEPS = 250
SEEDS = 6
NONSENSE = (None, 5, -1, "", "x" * 65, [], {}, True)
BY = ("caller", "callee", "network")


class Watch:
    """Listens to everything the client tells, and checks it on the spot."""

    def __init__(self, client):
        self.client = client
        self.state = calls.IDLE
        self.playing = self.receiving = False
        self.calls = self.ends = self.plays = 0
        self.commands = []
        self.problems = []  # an assert in a callback would be reported and forgotten

    def check(self, holds, *what):
        if not holds:
            self.problems.append(what)

    def on_call_state(self, state, reason):
        steps = [after for (before, _), after in calls._TABLE.items() if before == self.state]
        self.check(state in steps, "step", self.state, state)
        self.check((reason is None) or state == calls.IDLE, "reason", state, reason)
        self.check(reason is None or reason in codes.END_REASONS, "reason", reason)
        if self.state == calls.IDLE:
            self.calls += 1
        if state == calls.IDLE:
            self.ends += 1
            self.check(not self.playing and not self.receiving, "idle before the streams stop")
        self.state = state

    def on_start_real_play(self, visitor, channel, res_type, args):
        self.check(not self.playing and self.state == calls.TALKING, "start", self.state)
        self.playing = True
        self.plays += 1

    def on_stop_real_play(self, visitor, channel, res_type):
        self.check(self.playing and not self.receiving, "stop play")
        self.playing = False

    def on_start_recv_stream(self, visitor, channel, stream_type, info):
        self.check(self.playing and not self.receiving, "start receive")
        self.receiving = True

    def on_stop_recv_stream(self, visitor, channel, stream_type):
        self.check(self.receiving, "stop receive")
        self.receiving = False

    def on_recv_stream(self, visitor, channel, stream_type, buf, off, n, frame_index):
        self.check(self.playing and self.receiving, "a frame after the end")

    def on_recv_command(self, command, visitor, res_type, args):
        self.check(self.client.is_busy() == 1, "a command without a call", command)
        if command == codes.COMMAND_CALL_HANG_UP and self.state == calls.TALKING:
            self.check(self.playing, "the streams stopped before HANG_UP")
        self.commands.append(command)


class Walk:
    """A bench and what may happen on it."""

    def __init__(self, seed):
        random.seed(seed)
        self.bench = Bench()
        self.watch = self.bench.seen = Watch(self.bench.client)
        self.bench.relay.answers["voip.call"] = self._answer_call
        self.bench.relay.answers["call.answer"] = self._answer_answer
        self.next_id = 0
        self.ids = ["none"]
        self.tasks = []

    def new_id(self):
        self.next_id += 1
        self.ids.append("c%d" % self.next_id)
        del self.ids[:-4]  # the last ones: the present call and some that are over
        return self.ids[-1]

    def _answer_call(self, params):
        if random.random() < 0.3:
            raise Busy("in another call") if random.random() < 0.5 else RemoteError("no", -8)
        return {"call_id": self.new_id()} if random.random() < 0.9 else {}

    def _answer_answer(self, params):
        if random.random() < 0.2:
            raise RemoteError("the call is over", codes.ROOM_INVALID)
        return {"media": media()} if random.random() < 0.8 else {"media": {}}

    def some_id(self):
        """Mostly the present call's."""
        present = self.bench.client._line.caller.call.call_id
        return present if present and random.random() < 0.7 else random.choice(self.ids)

    def do(self, coro):
        """Beside the walk; what it raises must be ours."""
        self.tasks.append(begin(coro))

    def step(self):
        client, relay = self.bench.client, self.bench.relay
        chance = random.random()
        if chance < 0.15:
            self.do(client.call("user1"))
        elif chance < 0.25:
            self.do(client.answer())
        elif chance < 0.28:
            self.do(client.reject())
        elif chance < 0.36:
            self.do(client.hang_up())
        elif chance < 0.40:
            hush = relay.silent.discard if random.random() < 0.7 else relay.silent.add
            hush(random.choice(("voip.call", "call.answer", "call.hang_up")))
        elif chance < 0.42:
            relay.cut()
        elif chance < 0.43:
            relay.restart()
        elif chance < 0.55:
            relay.media(rtp_packet(random.randint(0, 65535), random.randint(0, 1 << 20)))
        else:
            self.push()

    def push(self):
        """The relay says something; in one of five it is damaged."""
        kind = random.choice(("call.incoming", "call.answered", "call.answered", "call.ended"))
        call_id = self.new_id() if kind == "call.incoming" else self.some_id()
        params = {"call_id": call_id, "visitor": VISITOR, "media": media()}
        if kind == "call.incoming":
            params.update(call_type=2, caller_camera=0, callee_camera=0, video_info={})
            params["peer"] = {"open_id": "user2", "name": "Ada"}
        if kind == "call.ended":
            params.update(reason=random.choice(codes.END_REASONS), by=random.choice(BY))
        if random.random() < 0.2:
            params[random.choice(sorted(params))] = random.choice(NONSENSE)
        peer = self.bench.relay.peer
        if peer is not None and len(peer._waiting) < 12:
            self.bench.push(kind, params)

    async def come_back(self):
        """Wait until the line is up again."""
        for _ in range(60):
            if self.bench.client.online:
                break
            await self.bench.clock.run(1000)
        self.bench.push("voip.peer_ready")

    async def walk(self, steps):
        bench, watch = self.bench, self.watch
        await bench.ready()
        for _ in range(steps):
            if not bench.client.online and random.random() < 0.5:
                await self.come_back()
            self.step()
            await (settle() if random.random() < 0.8 else bench.clock.run(random.randint(1, 900)))
            self.holds()
        bench.relay.silent.clear()
        for task in self.tasks:
            error = await self.finished(task)
            assert not isinstance(error, Exception) or isinstance(error, CallboardError), error
        await self.finished(begin(bench.close()))
        await settle()
        self.holds()
        assert watch.state == calls.IDLE and watch.calls == watch.ends
        assert not watch.playing and not watch.receiving
        assert bench.clock.earliest() is None  # nobody sleeps any more
        return watch

    async def finished(self, task):
        """The outcome of a task, after the time it takes."""
        for _ in range(100):
            if task.done():
                break
            await self.bench.clock.run(500)
        assert task.done()
        return await task

    def holds(self):
        """What must hold whenever everything has come to rest."""
        client, watch = self.bench.client, self.watch
        assert watch.problems == [], watch.problems
        assert not [what for what, _ in self.bench.reports if what in ("defect", "callback")]
        if client.level == "voip":
            assert client.call_state == watch.state
            assert client.is_busy() == (watch.state != calls.IDLE)
        assert watch.playing == (watch.state == calls.TALKING)


# covers: V-29, V-41, V-42, V-43, V-44, V-60
async def test_random_walks():
    plays = talked = 0
    commands = set()
    for seed in range(SEEDS):
        watch = await Walk(seed).walk(STEPS)
        plays += watch.plays
        talked += watch.calls
        commands.update(watch.commands)
    assert plays >= 20 and talked >= 60, (plays, talked)
    assert len(commands) >= 6, commands
