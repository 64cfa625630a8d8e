"""Rooms from a device's side, against a small room-keeping relay."""

from voip_bench import Bench, stream

from callboard import codes
from callboard.errors import InvalidArgument, ProtocolError, RemoteError
from support import outcome, settle

FEED = {"feed_id": "f9", "uid": "u2", "kind": "audio", "tag": "door"}


class RoomKeeper:
    """Keeps one room as PROTOCOL.md §6 says; tells what the device's requests did to it."""

    def __init__(self, relay):
        self.exists = False
        self.members = []
        self.feeds = {}  # stream_id -> kind
        self.subscriptions = {}
        self._streams = 0
        for name in [
            "create",
            "join",
            "leave",
            "publish",
            "unpublish",
            "subscribe",
            "unsubscribe",
        ]:
            relay.answers["room." + name] = getattr(self, "_" + name)

    def _need(self, params):
        if not self.exists or params["room_id"] != "r1":
            raise RemoteError("the room does not exist or has ended", codes.ROOM_INVALID)

    def _create(self, params):
        self.exists = True
        self.members = ["u1"]
        answer = {"room_id": "r1", "token": "secret", "session_id": "s1", "uid": "u1"}
        if params["record"]:
            answer["record_id"] = "rec1"
        return answer

    def _join(self, params):
        self._need(params)
        if params["token"] != "secret":
            raise RemoteError("wrong token", codes.UNAUTHENTICATED)
        self.members.append("u1")
        members = [{"uid": "u2", "feeds": [FEED], "subscriptions": []}]
        return {"room_id": "r1", "session_id": "s2", "uid": "u1", "members": members}

    def _leave(self, params):
        self._need(params)
        self.members.remove("u1")
        self.feeds.clear()
        self.exists = bool(self.members)
        return {}

    def _publish(self, params):
        self._need(params)
        streams = []
        for kind in ("audio", "video"):
            if params[kind]:
                streams.append(self._stream(kind, self.feeds))
        return {"streams": streams}

    def _stream(self, kind, where):
        self._streams += 1
        stream_id = "st%d" % self._streams
        where[stream_id] = kind
        described = stream(self._streams, "f%d" % self._streams)
        return {"stream_id": stream_id, "feed_id": "f1", "kind": kind, "media": described}

    def _unpublish(self, params):
        self._need(params)
        del self.feeds[params["stream_id"]]
        return {}

    def _subscribe(self, params):
        self._need(params)
        return self._stream("audio", self.subscriptions)

    def _unsubscribe(self, params):
        self._need(params)
        del self.subscriptions[params["stream_id"]]
        return {}


async def opened():
    """(bench, keeper, rooms, events)."""
    bench = Bench()
    keeper = RoomKeeper(bench.relay)
    events = []
    await bench.ready()
    rooms = bench.client.rooms(lambda *args: events.append(args))
    return bench, keeper, rooms, events


# covers: M-06
async def test_create():
    bench, keeper, rooms, events = await opened()
    answer = await rooms.create()
    assert answer["room_id"] == "r1" and answer["token"] == "secret" and answer["uid"] == "u1"
    assert "record_id" not in answer and keeper.members == ["u1"]
    assert (await rooms.create(record=True))["record_id"] == "rec1"
    assert bench.relay.requests[-1][1] == {
        "audio": True,
        "video": False,
        "auto_subscribe": True,
        "record": True,
    }
    await bench.close()


# covers: M-07
async def test_join():
    bench, keeper, rooms, events = await opened()
    error = await outcome(rooms.join("r1", "secret"))
    assert isinstance(error, RemoteError) and error.code == codes.ROOM_INVALID == -114
    keeper.exists = True
    error = await outcome(rooms.join("r1", "wrong"))
    assert isinstance(error, RemoteError) and error.code == codes.UNAUTHENTICATED
    answer = await rooms.join("r1", "secret", auto_subscribe=False)
    assert answer["members"] == [{"uid": "u2", "feeds": [FEED], "subscriptions": []}]
    assert bench.relay.requests[-1][1]["auto_subscribe"] is False
    await bench.close()


# covers: M-10
async def test_leave():
    bench, keeper, rooms, events = await opened()
    await rooms.create()
    await rooms.publish("r1")
    await rooms.leave("r1")
    assert keeper.members == [] and keeper.feeds == {}
    error = await outcome(rooms.join("r1", "secret"))
    assert error.code == codes.ROOM_INVALID
    await bench.close()


# covers: M-14
async def test_publish_gives_one_stream_for_each_kind():
    bench, keeper, rooms, events = await opened()
    await rooms.create()
    streams = await rooms.publish("r1")
    assert [each["kind"] for each in streams] == ["audio"]
    assert streams[0]["media"]["codec"] == "pcmu"
    streams = await rooms.publish("r1", audio=True, video=True, tag="door")
    assert [each["kind"] for each in streams] == ["audio", "video"]
    assert streams[0]["stream_id"] != streams[1]["stream_id"]
    assert bench.relay.requests[-1][1]["tag"] == "door"
    await rooms.unpublish("r1", streams[0]["stream_id"])
    assert list(keeper.feeds.values()).count("audio") == 1
    assert isinstance(await outcome(rooms.publish("r1", False, False)), InvalidArgument)
    await bench.close()


# covers: M-16
async def test_subscribe_and_unsubscribe():
    bench, keeper, rooms, events = await opened()
    await rooms.create(auto_subscribe=False)
    assert keeper.subscriptions == {}
    answer = await rooms.subscribe("r1", "f9")
    assert answer["kind"] == "audio" and answer["stream_id"] in keeper.subscriptions
    assert bench.relay.requests[-1] == ("room.subscribe", {"room_id": "r1", "feed_id": "f9"})
    await rooms.unsubscribe("r1", answer["stream_id"])
    assert keeper.subscriptions == {}
    await bench.close()


# covers: M-38
async def test_members_come_and_go():
    bench, keeper, rooms, events = await opened()
    await rooms.create()
    for event, more in (
        ("joined", {}),
        ("left", {"type": 1}),
        ("left", {"type": 2}),
        ("left", {"type": 3}),
    ):
        params = {"room_id": "r1", "event": event, "uid": "u2"}
        params.update(more)
        answer = bench.push("room.event", params)
        await settle()
        assert answer == [{}]
        assert events[-1] == ("r1", event, "u2", params)
    assert len(events) == 4
    await bench.close()


# covers: M-39
async def test_feeds_and_subscriptions_of_others_are_told():
    bench, keeper, rooms, events = await opened()
    await rooms.create()
    for event, more in (
        ("published", {"feed": FEED}),
        ("unpublished", {"feed": FEED}),
        ("subscribed", {"feed_id": "f1"}),
        ("unsubscribed", {"feed_id": "f1"}),
    ):
        params = {"room_id": "r1", "event": event, "uid": "u2"}
        params.update(more)
        bench.push("room.event", params)
        await settle()
        room_id, name, uid, details = events[-1]
        assert (room_id, name, uid) == ("r1", event, "u2")
        assert details.get("feed", FEED) == FEED and details.get("feed_id", "f1") == "f1"
    assert [event[1] for event in events] == [
        "published",
        "unpublished",
        "subscribed",
        "unsubscribed",
    ]
    await bench.close()


async def test_malformed_events_are_refused():
    bench, keeper, rooms, events = await opened()
    for params in (
        {},
        {"room_id": "r1", "event": "danced", "uid": "u2"},
        {"room_id": "r1", "event": "joined"},
        {"room_id": 5, "event": "joined", "uid": "u2"},
        {"room_id": "r1", "event": "left", "uid": "u2"},
        {"room_id": "r1", "event": "left", "uid": "u2", "type": 4},
        {"room_id": "r1", "event": "published", "uid": "u2"},
        {"room_id": "r1", "event": "subscribed", "uid": "u2"},
        {"room_id": "r1", "event": None, "uid": "u2"},
    ):
        answer = bench.push("room.event", params)
        await settle()
        assert answer[0].code == codes.INVALID_ARGUMENT, params
    assert events == []
    await bench.close()


async def test_arguments_and_answers_are_checked():
    bench, keeper, rooms, events = await opened()
    for wrong in (
        rooms.join("", "t"),
        rooms.join("r1", None),
        rooms.leave(5),
        rooms.publish("r1", tag=""),
        rooms.subscribe("r1", "x" * 129),
        rooms.unsubscribe("r1", ""),
        rooms.unpublish(None, "s"),
    ):
        assert isinstance(await outcome(wrong), InvalidArgument)
    assert bench.relay.methods() == []
    for method, answer in (
        ("room.create", {"room_id": "r1"}),
        ("room.join", {"room_id": "r", "session_id": "s", "uid": "u", "members": 5}),
        ("room.publish", {"streams": []}),
        ("room.subscribe", []),
    ):
        bench.relay.answers[method] = lambda params, answer=answer: answer
    for wrong in (
        rooms.create(),
        rooms.join("r1", "t"),
        rooms.publish("r1"),
        rooms.subscribe("r1", "f"),
    ):
        assert isinstance(await outcome(wrong), ProtocolError)
    await bench.close()
