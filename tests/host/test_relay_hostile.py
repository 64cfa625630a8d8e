"""Hostile messages from somebody who is let in: errors and closes; nobody else is touched.

10 000 in `make test`, 100 000 in `make soak` (support/soak.py); what is sent: support/hostile.py.
"""

import asyncio
import copy
import gc
import json
import logging
import sys

import pytest
from sqlalchemy import event

from callboard import codes
from callboard.errors import ProtocolError
from callboard_host.relay.auth import Client, Hello, device_identity, user_identity
from callboard_host.relay.clock import FakeClock
from callboard_host.relay.config import RelayConfig
from callboard_host.relay.core import Core
from callboard_host.relay.rooms import Engine
from callboard_host.relay.server import register_faces
from callboard_host.relay.store import Store
from callboard_host.relay.tokens import token_hash
from callboard_host.relay.transaction import Device, User, VoipToken
from callboard_host.relay.vault import open_vault
from support import hostile
from support.hostile import Hostile
from support.soak import times

APP, MODEL = "wx1", "m1"
IDLE_S = 30.0
GROWTH = 3_000  # objects that may be there more after all messages than after a fifth of them


class Line:
    """A connection that keeps what it is given."""

    is_open = True

    def __init__(self):
        self.texts = []
        self.media = 0

    def send_text(self, text):
        self.texts.append(text)

    def send_media(self, _data, _is_video=False):
        self.media += 1
        return True

    def close(self, _code, _reason):
        self.is_open = False
        return asyncio.ensure_future(asyncio.sleep(0))


async def do_not_sync(store):
    """Faster: what survives a power cut is shown elsewhere."""
    engine = store._engine
    event.listen(
        engine.sync_engine, "connect", lambda c, _record: c.execute("PRAGMA synchronous=OFF")
    )
    await engine.dispose()


async def open_core(folder):
    """A relay without sockets: three devices and three users; EVIL has a friend of its own."""
    store = await Store.open(folder, open_vault(folder))
    await do_not_sync(store)
    core = Core(RelayConfig(folder), FakeClock(), store, Engine())
    register_faces(core.methods)
    async with store.write() as tx:
        for app in (APP, "wx2"):
            await tx.put_app(app, "", 1)
        await tx.put_model(MODEL, "", 1)
        for sn in ("VICTIM", "EVIL", "THIRD", "FRIEND"):
            await tx.put_device(MODEL, sn, APP, b"k" * 32, "t", 1)
        for open_id, app in (("oA", APP), ("oEVIL", APP), ("oFRIEND", APP), ("oZ", "wx2")):
            await tx.add_user(User(open_id, app, open_id), 1)
        pairs = [("oA", "VICTIM"), ("oA", "THIRD"), ("oFRIEND", "EVIL"), ("oEVIL", "FRIEND")]
        for open_id, sn in pairs:
            await tx.bind(open_id, MODEL, sn, 1)
            await tx.authorise(open_id, MODEL, sn, 1)
        for token, kind in (("Vvictim", "device_to_phone"), ("Vphone", "phone_to_device")):
            row = VoipToken(APP, kind, MODEL, "VICTIM", "oA", None, 2**50)
            await tx.add_voip_token(token_hash(token), row)
    return core


def connect(core, name, role, resume=None):
    """Give a client a session over a Line."""
    if role == "device":
        device = Device(MODEL, name, APP, "", None, 0, None, None)
        client = Client(device_identity(MODEL, name), device=device)
    else:
        client = Client(user_identity(name), user=User(name, APP, name))
    line = Line()
    session, _, _ = core.hub.open_session(client, Hello(("pcmu",), "1", resume, {}), line)
    core.hub.started(session)
    return session, line


async def idle(session):
    """Wait until the session has handled everything it received, and what went on beside it."""
    async with asyncio.timeout(IDLE_S):
        while session._requests or session._working:
            assert not session.ended and not session._worker.done(), session.key
            await asyncio.sleep(0)


async def ask(session, line, number, method, **params):
    """A good request of a victim; returns its result."""
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    session.peer.receive(json.dumps(message))
    await idle(session)
    for text in line.texts:
        answered = json.loads(text)
        if answered.get("id") == number and "method" not in answered:
            return answered["result"]
    return None


def acknowledge(session, line):
    """Answer every push."""
    for text in line.texts:
        message = json.loads(text)
        if "method" in message:
            session.peer.receive(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {}}))
    line.texts.clear()


def state_of(core, keys):
    """What the engine, the hub and the router know of these participants."""
    state = core.hub.engine._state
    return copy.deepcopy(
        (
            {
                call.call_id: (call.state, call.caller, call.callee)
                for call in state.calls.values()
                if call.caller in keys or call.callee in keys
            },
            {
                room.room_id: (sorted(room.members), sorted(room.feeds))
                for room in state.rooms.values()
                if set(room.members) & keys
            },
            {key: sorted(core.hub.router._routes.get(key, {})) for key in keys},
            {key: core.hub.sessions[key].session_id for key in keys},
        )
    )


async def stored_of(core):
    """What the database holds of everybody but EVIL."""
    async with core.store.read() as tx:
        relations = await tx.relations()
        return (
            [r for r in relations if "EVIL" not in r.sn + r.open_id],
            [await tx.properties(MODEL, sn) for sn in ("VICTIM", "THIRD", "FRIEND")],
            await tx.notices("oA"),
            await tx.devices(),
            await tx.users(),
        )


class Scene:
    """VICTIM talks to oA, THIRD publishes in a room; both must not notice anything."""

    async def begin(self, core):
        self.victim, victim_line = connect(core, "VICTIM", "device")
        phone, phone_line = connect(core, "oA", "user")
        third, third_line = connect(core, "THIRD", "device")
        self.lines = (victim_line, phone_line, third_line)
        await ask(self.victim, victim_line, 1, "voip.call", open_id="oA", call_type=2)
        acknowledge(phone, phone_line)
        (call,) = core.hub.engine._state.calls.values()
        answer = {"call_id": call.call_id, "codecs": ["pcmu"]}
        await ask(phone, phone_line, 1, "call.answer", **answer)
        acknowledge(self.victim, victim_line)
        room = await ask(third, third_line, 1, "room.create")
        publish = {"room_id": room["room_id"], "audio": True, "video": False}
        streams = await ask(third, third_line, 2, "room.publish", **publish)
        stream = streams["streams"][0]
        prepared = core.reservations.add(MODEL, "VICTIM", "oA", core.clock.epoch_ms())
        self.ssrcs = [ssrc for routes in core.hub.router._routes.values() for ssrc in routes]
        for line in self.lines:
            line.texts.clear()
        self.keys = {self.victim.key, phone.key, third.key}
        self.others = {
            hostile.OPEN_ID: ["oA", "oZ", "oEVIL", "nobody"],
            hostile.CALL: [call.call_id, "c_none"],
            hostile.ROOM: [call.room.room_id, room["room_id"]],
            hostile.TOKEN: [call.room.token, room["token"][::-1]],
            hostile.STREAM: [stream["stream_id"]],
            hostile.FEED: [stream["feed_id"], *call.room.feeds],
            hostile.GROUP: [prepared.group_id, "g_none"],
            hostile.VOIP: [prepared.voip_id],
            hostile.VOIP_TOKEN: ["Vvictim", "Vphone", "Vstale"],
            hostile.SN: ["VICTIM", "THIRD", "NONE"],
            hostile.MODEL: [MODEL, "none"],
            hostile.APP: [APP, "wx2"],
        }


OWN = {
    "device": {hostile.OPEN_ID: ["oFRIEND"], hostile.SN: ["EVIL"], hostile.APP: [APP]},
    "user": {hostile.SN: ["FRIEND"], hostile.MODEL: [MODEL]},
}
NAMES = {"device": "EVIL", "user": "oEVIL"}
FRIENDS = {"device": ("oFRIEND", "user"), "user": ("FRIEND", "device")}


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.timeout(times(120, 3600))
@pytest.mark.parametrize(
    ("role", "messages"), [("device", times(10_000, 100_000)), ("user", times(2_000, 20_000))]
)
async def test_hostile_messages_touch_nobody_and_fill_no_memory(tmp_path, caplog, role, messages):
    caplog.set_level(logging.WARNING)
    core, scene = await open_core(tmp_path), Scene()
    await scene.begin(core)
    before, stored = state_of(core, scene.keys), await stored_of(core)
    evil, line = connect(core, NAMES[role], role)
    sender = Hostile(1, role, scene.others, OWN[role])
    friend = Friend(core, role, sender)
    stale = [scene.victim.resume_token, evil.resume_token, "0" * 32]
    seen = dict.fromkeys(("errors", "closes", "results"), 0)
    held = 0
    for number in range(messages):
        core.clock.advance(20)
        try:
            evil.peer.receive(sender.message())
        except ProtocolError:
            seen["closes"] += 1
            await idle(evil)
            look_at(line, seen, sender)
            core.hub.connection_lost(evil, line)
            stale = [*stale[:1], *stale[-4:], evil.resume_token]
            resume = sender.random.choice((None, *stale))
            evil, line = connect(core, NAMES[role], role, resume)
            assert evil.session_id != scene.victim.session_id
            sender.reset(evil.peer._last_received + 1)
        await idle(evil)
        core.hub.router.forward(evil, sender.packet(scene.ssrcs + sender.ssrcs))
        look_at(line, seen, sender)
        if number % 3 == 0:
            await friend.take_part()
        if number % 100 == 0:
            core.hub.tick()
        if number == messages // 5:
            held = objects()
    more = objects() - held
    calls = {"rang": friend.rang, "talked": friend.talked, "called": friend.called}
    print(f"{messages} messages of a {role}: {seen | calls}, {more} objects more")
    assert seen["errors"] > messages // 10 and seen["closes"] > messages // 20, seen
    assert seen["results"] > messages // 20 and all(calls.values()), (seen, calls)
    assert state_of(core, scene.keys) == before and await stored_of(core) == stored
    assert not any(each.texts for each in scene.lines)
    assert not any(each.media for each in scene.lines)
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(core.hub.sessions) == 5
    assert len(core.hub.engine._state.participants) <= 6
    assert more < GROWTH
    await core.stop()
    await core.store.close()


def objects():
    """How many blocks of memory Python holds."""
    gc.collect()
    return sys.getallocatedblocks()


def look_at(line, seen, sender):
    """What the relay answered: our own failures must not be among it. The sender learns."""
    for text in line.texts:
        message = json.loads(text)
        sender.learn(message)
        if "error" in message:
            seen["errors"] += 1
            assert message["error"]["code"] != codes.RPC_INTERNAL, text
            assert message["error"]["message"]
        elif "result" in message:
            seen["results"] += 1
    line.texts.clear()


class Friend:
    """Somebody honest whom EVIL may reach: rings, answers, calls back, hangs up now and then."""

    def __init__(self, core, role, sender):
        self._session, self._line = connect(core, *FRIENDS[role])
        self._sender = sender
        self._call = {"open_id": "oEVIL"} if role == "user" else {"model_id": MODEL, "sn": "EVIL"}
        self._next_id = 1
        self.rang = self.talked = self.called = 0

    async def take_part(self):
        """Take what came, answer it; sometimes do something of its own."""
        texts, self._line.texts = self._line.texts, []
        for message in map(json.loads, texts):
            self._sender.learn(message)
            if "method" not in message:
                self.called += "result" in message and "state" in (message["result"] or {})
                continue
            result = {"args": {}} if message["method"] == "command" else {}
            self._send({"id": message["id"], "result": result})
            if message["method"] == "call.incoming":
                self.rang += 1
                if self._sender.random.random() < 0.7:
                    call_id = message["params"]["call_id"]
                    await self._request("call.answer", call_id=call_id, codecs=["pcmu"])
                    self.talked += 1
        luck = self._sender.random.random()
        if luck < 0.03:
            await self._request("voip.call", **self._call, call_type=2)
        elif luck < 0.05:
            await self._request("call.hang_up")

    async def _request(self, method, **params):
        self._send({"id": self._next_id, "method": method, "params": params})
        self._next_id += 1
        await idle(self._session)

    def _send(self, message):
        self._session.peer.receive(json.dumps({"jsonrpc": "2.0"} | message))
