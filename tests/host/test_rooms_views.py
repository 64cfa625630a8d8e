"""The engine's views: who gets which feed, who is told of what, and that nothing is left over."""

import pytest

from callboard import codes
from callboard_host.relay.refusal import Refused
from callboard_host.relay.rooms import ViewWish
from support.covers import covers
from support.engine_world import EngineWorld, device, user

BELL, ADA, BOB, EVE = device("bell"), user("ada"), user("bob"), user("eve")
VISITORS = {ADA.key: 1, BOB.key: 2, EVE.key: 3}
SCREEN = ("pcmu", "h264")


@pytest.fixture
def world():
    world = EngineWorld(views_of_device=3)
    world.connect(BELL)
    for who in (ADA, BOB, EVE):
        world.connect(who, caps=SCREEN)
    return world


def watch(world, who, channel=0, res_type=codes.RES_HIGH, accept=True):
    """Start a view; returns (view id, stream that the device is asked for)."""
    wish = ViewWish(VISITORS[who.key], channel, res_type)
    opened = world.run(world.engine.start_view(who.key, BELL.key, wish))
    if accept:
        media = world.run(world.engine.view_accepted(opened["view_id"]))["media"]
        assert media == {"receive_video": opened["stream"]}
    return opened["view_id"], opened["stream"]


def code_of(act, *arguments):
    with pytest.raises(Refused) as refusal:
        act(*arguments)
    return refusal.value.code


@covers("V-46", "V-47", "V-67")
def test_all_who_watch_the_same_get_one_feed(world):
    views, streams = zip(*(watch(world, who) for who in (ADA, BOB, EVE)), strict=True)
    assert len({stream["ssrc"] for stream in streams}) == 1 and len(world.feeds) == 1
    assert {to for _, _, to in world.routes} == {ADA.key, BOB.key, EVE.key}
    world.run(world.engine.stop_view(views[1], BOB.key))
    assert {to for _, _, to in world.routes} == {ADA.key, EVE.key}
    assert world.take(BELL) == [("view.stop", {"visitor": 2, "channel": 0, "res_type": 0})]
    for view in (views[0], views[2]):
        world.run(world.engine.stop_view(view))
    assert not world.feeds and not world.routes and len(world.take(BELL)) == 2


@covers("V-66")
def test_other_streams_and_playbacks_have_feeds_of_their_own(world):
    wishes = [(ADA, 0, codes.RES_HIGH), (BOB, 1, codes.RES_HIGH), (EVE, 0, codes.RES_LOW)]
    for wish in wishes:
        watch(world, *wish)
    assert len(world.feeds) == 3
    other = EngineWorld()
    other.connect(BELL)
    for who in (ADA, BOB):
        other.connect(who, caps=SCREEN)
        watch(other, who, res_type=codes.RES_PLAYBACK)
    assert len(other.feeds) == 2


def test_nothing_is_routed_before_the_device_agrees(world):
    view, _ = watch(world, ADA, accept=False)
    assert len(world.feeds) == 1 and not world.routes
    world.run(world.engine.stop_view(view))
    assert not world.feeds
    assert world.take(BELL) == [("view.stop", {"visitor": 1, "channel": 0, "res_type": 0})]
    assert code_of(world.engine.view_accepted, view) == codes.ROOM_INVALID


def test_who_is_refused(world):
    watch(world, ADA)
    assert code_of(watch, world, ADA) == codes.AVT_BUSY
    watch(world, ADA, channel=1)
    watch(world, BOB)
    assert code_of(watch, world, EVE) == codes.QUOTA_SUBSCRIBE
    before = len(world.feeds)
    blind = user("blind")
    VISITORS[blind.key] = 9
    world.connect(blind)
    assert code_of(watch, world, blind) == codes.CODEC_UNAVAILABLE
    world.disconnect(BELL)
    assert code_of(watch, world, EVE) == codes.NETWORK
    assert code_of(world.engine.start_view, ADA.key, "device:none", None) == codes.NETWORK
    assert len(world.feeds) == before


def test_nobody_else_ends_a_view(world):
    view, _ = watch(world, ADA)
    world.run(world.engine.stop_view(view, BOB.key))
    world.run(world.engine.stop_view("w_none", ADA.key))
    assert len(world.routes) == 1 and world.take(BELL) == []


@covers("V-52")
def test_the_device_has_no_more(world):
    view, _ = watch(world, ADA)
    watch(world, BOB)
    world.run(world.engine.finish_view(BELL.key, ViewWish(1, 0, 0)))
    assert world.take(ADA) == [("view.ended", {"view_id": view, "reason": "eof"})]
    assert world.take(BELL) == [] and world.take(BOB) == [] and len(world.routes) == 1
    world.run(world.engine.finish_view(BELL.key, ViewWish(1, 0, 0)))  # again: nothing
    assert world.take(ADA) == []


def test_an_end_that_is_lost(world):
    first, _ = watch(world, ADA)
    watch(world, BOB)
    world.disconnect(BOB)
    world.advance(5_000)
    assert len(world.routes) == 2, "within the grace time it goes on"
    world.advance(60_000)
    assert world.take(BELL) == [("view.stop", {"visitor": 2, "channel": 0, "res_type": 0})]
    world.connect(BELL)  # a new session, which knows of no view
    assert world.take(ADA) == [("view.ended", {"view_id": first, "reason": "aborted"})]
    assert not world.feeds and not world.routes
    watch(world, ADA)
    world.connect(ADA, caps=SCREEN)
    assert world.take(BELL)[-1][0] == "view.stop" and not world.feeds


def test_the_room_of_a_view_is_closed(world):
    watch(world, ADA)
    (room,) = world.engine._state.rooms.values()
    assert code_of(world.engine.join_room, EVE.key, room.room_id, room.token, True) == (
        codes.ROOM_INVALID
    )
    assert code_of(world.engine.leave_room, ADA.key, room.room_id) == codes.ROOM_INVALID
