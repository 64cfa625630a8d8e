"""The engine's room API: members, feeds, subscriptions, events, limits (PROTOCOL.md §6)."""

import json

import pytest

from callboard import codes
from callboard_host.relay.config import MAX_TEXT
from callboard_host.relay.refusal import Refused
from callboard_host.relay.rooms import Identity
from support.covers import covers
from support.engine_world import EngineWorld, device, user

ADA, BOB, EVE, BELL = user("ada"), user("bob"), user("eve"), device("bell")


class RoomWorld(EngineWorld):
    """Shorthand for the room commands."""

    def __init__(self, **limits):
        super().__init__(**limits)
        for who in (ADA, BOB, EVE, BELL):
            self.connect(who)

    def create(self, who, audio=True, video=True, auto=False, record=False):
        return self.run(self.engine.create_room(who.key, audio, video, auto, record))

    def join(self, who, room, auto=False):
        return self.run(self.engine.join_room(who.key, room["room_id"], room["token"], auto))

    def leave(self, who, room):
        return self.run(self.engine.leave_room(who.key, room["room_id"]))

    def publish(self, who, room, audio=True, video=False, tag=""):
        outcome = self.engine.publish(who.key, room["room_id"], audio, video, tag)
        return self.run(outcome)["streams"]

    def subscribe(self, who, room, feed_id):
        return self.run(self.engine.subscribe(who.key, room["room_id"], feed_id))


@pytest.fixture
def world():
    return RoomWorld()


@pytest.fixture
def full(world):
    """Ada's room with Bob and Eve in it, nothing published; `room` is its description."""
    world.room = world.create(ADA)
    world.join(BOB, world.room)
    world.join(EVE, world.room)
    for who in (ADA, BOB, EVE):
        world.take(who)
    return world


def code_of(act, *arguments, **more):
    with pytest.raises(Refused) as refused:
        act(*arguments, **more)
    return refused.value.code


@covers("M-06")
def test_create_gives_id_and_token_and_a_record_id_only_when_asked(world):
    room = world.create(ADA)
    assert set(room) == {"room_id", "token", "session_id", "uid"}
    assert room["uid"] == ADA.uid
    assert "record_id" in world.create(ADA, record=True)


@covers("M-07")
def test_join_needs_the_token_and_lists_the_members(world):
    room = world.create(ADA)
    stream = world.publish(ADA, room, tag="door")[0]
    wrong = room | {"token": "wrong"}
    assert code_of(world.join, BOB, wrong) == codes.UNAUTHENTICATED
    joined = world.join(BOB, room)
    assert joined["session_id"] == room["session_id"]
    feed = {"feed_id": stream["feed_id"], "uid": ADA.uid, "kind": "audio", "tag": "door"}
    assert joined["members"] == [{"uid": ADA.uid, "feeds": [feed], "subscriptions": []}]
    assert code_of(world.join, BOB, room) == codes.INVALID_ARGUMENT  # is in it already
    for who in (ADA, BOB):
        world.leave(who, room)
    assert code_of(world.join, ADA, room) == codes.ROOM_INVALID


def test_a_member_may_come_back_while_somebody_is_there(full):
    full.leave(BOB, full.room)
    full.join(BOB, full.room)
    assert full.events(ADA) == [("left", BOB.uid), ("joined", BOB.uid)]


@covers("M-10", "M-38")
def test_enter_and_leave_reach_every_other_member_once(full):
    full.connect(BELL)
    full.join(BELL, full.room)
    for who in (ADA, BOB, EVE):
        assert full.events(who) == [("joined", BELL.uid)]
    full.leave(BELL, full.room)
    full.disconnect(EVE)
    full.advance(15_000)
    for who in (ADA, BOB):
        pushes = [params for _, params in full.take(who)]
        assert [(p["event"], p["uid"], p["type"]) for p in pushes] == [
            ("left", BELL.uid, 1),
            ("left", EVE.uid, 2),
        ]
    assert full.take(BELL) == []


def test_leaving_releases_feeds_and_subscriptions(full):
    stream = full.publish(ADA, full.room, video=True)
    full.subscribe(BOB, full.room, stream[0]["feed_id"])
    mine = full.publish(BOB, full.room)[0]
    full.subscribe(ADA, full.room, mine["feed_id"])
    assert len(full.routes) == 2
    full.leave(ADA, full.room)
    assert not full.routes
    assert list(full.feeds.values()) == [mine["feed_id"]]


@covers("M-14")
def test_publish_gives_a_stream_for_each_kind_asked(full):
    (audio,) = full.publish(ADA, full.room, audio=True, video=False)
    assert (audio["kind"], audio["media"]["codec"]) == ("audio", "pcmu")
    assert [p["feed"]["kind"] for _, p in full.take(BOB)] == ["audio"]  # no video notice
    both = full.publish(BOB, full.room, audio=True, video=True)
    assert [s["kind"] for s in both] == ["audio", "video"]
    assert len({s["stream_id"] for s in both}) == 2
    assert both[1]["media"]["clock_rate"] == 90_000
    assert code_of(full.publish, ADA, full.room, False, False) == codes.INVALID_ARGUMENT


@covers("M-16")
def test_without_auto_subscribe_nothing_is_routed_until_asked(full):
    one, two = (full.publish(ADA, full.room, tag=tag)[0] for tag in ("one", "two"))
    assert not full.routes
    got = full.subscribe(BOB, full.room, two["feed_id"])
    assert got["media"] == two["media"]
    assert full.routes == {(ADA.key, two["media"]["ssrc"], BOB.key)}
    assert one["media"]["ssrc"] != two["media"]["ssrc"]


def test_auto_subscribe_receives_what_is_there_and_what_comes(world):
    room = world.create(ADA, auto=True)
    first = world.publish(ADA, room)[0]
    joined = world.join(BOB, room, auto=True)
    assert [s["feed_id"] for s in joined["streams"]] == [first["feed_id"]]
    assert world.events(ADA) == [("joined", BOB.uid), ("subscribed", BOB.uid)]
    second = world.publish(BOB, room)[0]
    ((_, params), *_) = world.take(ADA)
    assert params["event"] == "published"
    assert params["stream"]["media"] == second["media"]
    assert len(world.routes) == 2


def test_a_device_receives_one_audio_feed(full):
    full.join(BELL, full.room, auto=True)
    feeds = [full.publish(who, full.room, video=True) for who in (ADA, BOB)]
    audio = [r for r in full.routes if r[1] in {streams[0]["media"]["ssrc"] for streams in feeds}]
    video = [r for r in full.routes if r[1] in {streams[1]["media"]["ssrc"] for streams in feeds}]
    assert (len(audio), len(video)) == (1, 2)
    second = feeds[1][0]["feed_id"]
    assert code_of(full.subscribe, BELL, full.room, second) == codes.QUOTA_SUBSCRIBE


@covers("M-39")
def test_all_four_notices_reach_every_other_member_but_not_the_actor(full):
    stream = full.publish(ADA, full.room)[0]
    feed_id = stream["feed_id"]
    got = full.subscribe(BOB, full.room, feed_id)
    full.run(full.engine.unsubscribe(BOB.key, full.room["room_id"], got["stream_id"]))
    full.run(full.engine.unpublish(ADA.key, full.room["room_id"], stream["stream_id"]))
    noted = [
        (p["event"], p["uid"], p.get("feed_id") or p["feed"]["feed_id"]) for _, p in full.take(EVE)
    ]
    assert noted == [
        ("published", ADA.uid, feed_id),
        ("subscribed", BOB.uid, feed_id),
        ("unsubscribed", BOB.uid, feed_id),
        ("unpublished", ADA.uid, feed_id),
    ]
    assert full.events(ADA) == [("subscribed", BOB.uid), ("unsubscribed", BOB.uid)]
    assert full.events(BOB) == [("published", ADA.uid), ("unpublished", ADA.uid)]


def test_publish_again_after_unpublish(full):
    for _ in range(3):
        stream = full.publish(ADA, full.room)[0]
        assert stream["media"]["mid"] == "0"  # free again
        full.run(full.engine.unpublish(ADA.key, full.room["room_id"], stream["stream_id"]))
    assert not full.feeds


def test_wrong_ids_are_refused_and_change_nothing(full):
    stream = full.publish(ADA, full.room)[0]
    full.subscribe(BOB, full.room, stream["feed_id"])
    before = (dict(full.feeds), set(full.routes))
    engine, room_id = full.engine, full.room["room_id"]
    invalid, gone = codes.INVALID_ARGUMENT, codes.ROOM_INVALID
    assert code_of(engine.unpublish, BOB.key, room_id, stream["stream_id"]) == invalid
    assert code_of(engine.unsubscribe, EVE.key, room_id, stream["stream_id"]) == invalid
    assert code_of(engine.subscribe, ADA.key, room_id, stream["feed_id"]) == invalid
    assert code_of(engine.subscribe, BOB.key, room_id, stream["feed_id"]) == invalid
    assert code_of(engine.subscribe, BOB.key, room_id, "f_none") == invalid
    assert code_of(engine.publish, BELL.key, room_id, True, False, "") == gone
    assert code_of(engine.leave_room, BELL.key, "r_none") == gone
    assert (dict(full.feeds), set(full.routes)) == before


def test_a_new_session_has_left_its_rooms(full):
    full.publish(BOB, full.room)
    full.take(ADA)
    assert full.connect(BOB, resumed=True) is None
    assert full.events(ADA) == []
    full.connect(BOB, resumed=False)
    assert full.events(ADA) == [("left", BOB.uid)]
    assert not full.feeds


def test_limits():
    world = RoomWorld(
        rooms_per_participant=2,
        members_per_room=2,
        feeds_per_member=2,
        feeds_per_room=3,
        tag_length=4,
        rooms=3,
    )
    room = world.create(ADA)
    world.create(ADA)
    assert code_of(world.create, ADA) == codes.CALL_NO_ROOM
    world.join(BOB, room)
    assert code_of(world.join, EVE, room) == codes.CALL_NO_ROOM
    assert code_of(world.publish, ADA, room, tag="12345") == codes.INVALID_ARGUMENT
    world.publish(ADA, room, video=True, tag="1234")
    assert code_of(world.publish, ADA, room) == codes.QUOTA_PUBLISH
    assert code_of(world.publish, BOB, room, video=True) == codes.QUOTA_PUBLISH
    world.create(BOB)
    assert code_of(world.create, EVE) == codes.CALL_NO_ROOM
    assert len(world.feeds) == 2


def test_a_room_carries_only_the_kinds_it_was_made_for(world):
    room = world.create(ADA, audio=True, video=False)
    assert code_of(world.publish, ADA, room, True, True) == codes.INVALID_ARGUMENT
    assert not world.feeds
    assert code_of(world.create, BOB, False, False) == codes.INVALID_ARGUMENT


@covers("M-12")
@pytest.mark.parametrize("uid", ["", "a-b", "a" * 129, "ä", ADA.uid])
def test_a_uid_is_unique_and_made_of_128_plain_characters(world, uid):
    stranger = Identity("user:stranger", uid, "user")
    assert code_of(world.engine.connect, stranger, (), False, 0) == codes.INVALID_ARGUMENT


def test_the_fullest_room_fits_into_one_message():
    world = EngineWorld()
    limits = world.engine.limits
    users = [user(f"o{i:032d}") for i in range(limits.members_per_room)]
    for who in users:
        world.connect(who)
    engine = world.engine
    room = world.run(engine.create_room(users[0].key, True, True, True, False))
    for who in users[1:-1]:
        world.run(engine.join_room(who.key, room["room_id"], room["token"], True))
    for who in users[: limits.feeds_per_room]:
        if who is not users[-1]:
            world.run(engine.publish(who.key, room["room_id"], True, False, "x" * 64))
    last = world.run(engine.join_room(users[-1].key, room["room_id"], room["token"], True))
    assert len(last["streams"]) == limits.feeds_per_room - 1
    assert len(json.dumps({"jsonrpc": "2.0", "id": 2**30, "result": last})) <= MAX_TEXT - 1000
