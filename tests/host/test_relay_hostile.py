"""10 000 hostile messages from an authenticated device: errors and closes; nobody is touched."""

import asyncio
import copy
import json
import logging
import random

from callboard import codes
from callboard.errors import ProtocolError
from callboard_host.relay.auth import Client, Hello, device_identity, user_identity
from callboard_host.relay.clock import FakeClock
from callboard_host.relay.config import RelayConfig
from callboard_host.relay.core import Core
from callboard_host.relay.rooms import Engine
from callboard_host.relay.server import register_faces
from callboard_host.relay.store import Store
from callboard_host.relay.transaction import Device, User
from callboard_host.relay.vault import open_vault

MESSAGES = 10_000
METHODS = (
    *("voip.call", "call.answer", "call.reject", "call.hang_up", "dm.report", "hello"),
    *("room.create", "room.join", "room.leave", "room.publish", "room.unpublish"),
    *("room.subscribe", "room.unsubscribe", "no.such", "call.incoming", "room.event"),
)
MEMBERS = (
    *("open_id", "call_type", "call_id", "codecs", "video_info", "caller_camera", "properties"),
    *("room_id", "token", "auto_subscribe", "audio", "video", "tag", "stream_id", "feed_id"),
)


class Line:
    """A connection that keeps what it is given."""

    is_open = True

    def __init__(self):
        self.texts = []

    def send_text(self, text):
        self.texts.append(text)

    def send_media(self, _data):
        return True

    def close(self, _code, _reason):
        self.is_open = False
        return asyncio.ensure_future(asyncio.sleep(0))


class Fuzzer:
    """Makes messages: half of them well-formed with other people's ids in them, half mutated."""

    def __init__(self, seed, ids):
        self.random = random.Random(seed)
        self.ids = ids
        self.next_id = 1
        self.sent = []

    def message(self):
        kind = self.random.random()
        if kind < 0.6:
            text = self.request()
        elif kind < 0.7 and self.sent:
            return self.random.choice(self.sent)  # a replay
        elif kind < 0.8:
            text = json.dumps(self.response())
        elif kind < 0.95:
            return self.mutated(self.request(count=False))
        else:
            return bytes(self.random.choices(range(32, 127), k=40)).decode()
        self.sent.append(text)
        return text

    def request(self, count=True):
        message = {"jsonrpc": "2.0", "method": self.random.choice(METHODS)}
        message["id"] = self.next_id
        if not count:
            message["id"] = self.value()
        else:
            self.next_id += 1
        names = self.random.sample(MEMBERS, self.random.randrange(6))
        message["params"] = {name: self.value() for name in names}
        return json.dumps(message)

    def response(self):
        message = {"jsonrpc": "2.0", "id": self.random.randrange(1, 20)}
        message[self.random.choice(("result", "error"))] = self.value()
        return message

    def value(self, depth=0):
        choices = [
            lambda: self.random.choice(self.ids),
            lambda: self.random.choice((True, False, None, 0, 1, 2, -1, 1.5, 2**40, 10**30)),
            lambda: self.random.choice(("", "pcmu", "x" * 200, "\ud800", "\0", "ä" * 70)),
        ]
        if depth < 3:
            choices.append(lambda: [self.value(depth + 1) for _ in range(3)])
            choices.append(lambda: {self.random.choice(MEMBERS): self.value(depth + 1)})
            choices.append(lambda: ["pcmu"])
        return self.random.choice(choices)()

    def mutated(self, text):
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(text) + 1)
            insert = self.random.choice(('"', "{", "}", "[", ",", "9", "e", "\\", "\0", "null"))
            text = text[:at] + insert + text[at + self.random.randrange(3) :]
        return text


async def open_core(folder):
    """A relay without sockets: an app, a model, three devices, two users, authorisations."""
    store = await Store.open(folder, open_vault(folder))
    core = Core(RelayConfig(folder), FakeClock(), store, Engine())
    register_faces(core.methods)
    async with store.write() as tx:
        await tx.put_app("wx1", "", 1)
        await tx.put_model("m1", "", 1)
        for sn in ("VICTIM", "EVIL", "THIRD"):
            await tx.put_device("m1", sn, "wx1", b"k" * 32, "t", 1)
        for open_id in ("oA", "oB"):
            await tx.add_user(User(open_id, "wx1", open_id), 1)
            for sn in ("VICTIM", "EVIL"):
                await tx.authorise(open_id, "m1", sn, 1)
                await tx.bind(open_id, "m1", sn, 1)
    return core


def connect(core, name, role):
    """Give a client a session over a Line."""
    if role == "device":
        device = Device("m1", name, "wx1", "", None, 0, None, None)
        client = Client(device_identity("m1", name), device=device)
    else:
        client = Client(user_identity(name), user=User(name, "wx1", name))
    line = Line()
    session, _, _ = core.hub.open_session(client, Hello(("pcmu",), "1", None, {}), line)
    core.hub.started(session)
    return session, line


async def idle(session):
    """Wait until the session has handled everything it received."""
    while session._requests or session._working:
        await asyncio.sleep(0)


async def ask(session, line, number, method, **params):
    """A good request of the victim; returns its result."""
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
    """What the engine and the router know of these participants."""
    state = core.hub.engine._state
    return copy.deepcopy(
        (
            {
                call.call_id: (call.state, call.caller, call.callee)
                for call in state.calls.values()
                if call.caller in keys
            },
            {
                room.room_id: (sorted(room.members), sorted(room.feeds))
                for room in state.rooms.values()
                if set(room.members) & keys
            },
            {key: sorted(core.hub.router._routes.get(key, {})) for key in keys},
        )
    )


async def test_hostile_messages_give_errors_and_closes_and_touch_nobody(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    core = await open_core(tmp_path)
    victim, victim_line = connect(core, "VICTIM", "device")
    phone, phone_line = connect(core, "oA", "user")
    third, third_line = connect(core, "THIRD", "device")
    await ask(victim, victim_line, 1, "voip.call", open_id="oA", call_type=2)
    acknowledge(phone, phone_line)
    (call,) = core.hub.engine._state.calls.values()
    await ask(phone, phone_line, 1, "call.answer", call_id=call.call_id, codecs=["pcmu"])
    acknowledge(victim, victim_line)
    room = await ask(third, third_line, 1, "room.create")
    place = room["room_id"]
    streams = await ask(
        third, third_line, 2, "room.publish", room_id=place, audio=True, video=False
    )
    stream = streams["streams"][0]
    phone_line.texts.clear()
    third_line.texts.clear()
    keys = {victim.key, phone.key, third.key}
    before = state_of(core, keys)
    ids = [call.call_id, call.room.room_id, call.room.token, place, stream["feed_id"]]
    ids += [stream["stream_id"], "oA", "oB", "m1", "VICTIM", third.key, victim.session_id]

    fuzzer = Fuzzer(1, ids)
    seen = {"errors": 0, "closes": 0, "results": 0}
    evil, line = connect(core, "EVIL", "device")
    for _ in range(MESSAGES):
        try:
            evil.peer.receive(fuzzer.message())
            await idle(evil)
        except ProtocolError:
            seen["closes"] += 1
            await idle(evil)
            core.hub.connection_lost(evil, line)
            count(line, seen)
            evil, line = connect(core, "EVIL", "device")
            fuzzer.next_id, fuzzer.sent = 1, []
    count(line, seen)
    assert seen["errors"] > 1000 and seen["closes"] > 1000 and seen["results"] > 100, seen
    assert state_of(core, keys) == before
    assert victim_line.texts == phone_line.texts == third_line.texts == []
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(core.hub.sessions) == 4
    assert len(core.hub.engine._state.participants) <= 5
    async with core.store.read() as tx:
        for sn in ("VICTIM", "THIRD"):
            assert await tx.properties("m1", sn) == {}
    await core.hub.stop()
    await core.store.close()


def count(line, seen):
    """Look at what the relay answered; our own failures must not be among it."""
    for text in line.texts:
        message = json.loads(text)
        if "error" in message:
            seen["errors"] += 1
            assert message["error"]["code"] != codes.RPC_INTERNAL, text
            assert message["error"]["message"]
        elif "result" in message:
            seen["results"] += 1
    line.texts.clear()
