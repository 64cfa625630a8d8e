"""Which codec a call or a feed gets, and what becomes of those who cannot take it."""

import pytest

from callboard import codes
from callboard_host.relay.refusal import Refused
from callboard_host.relay.rooms import media
from support.covers import covers
from support.engine_world import EngineWorld, device, user

BELL, ADA, BOB = device("bell"), user("ada"), user("bob")
ALL = ("opus", "opus-8k", "pcmu")
NARROW = ("opus-8k", "pcmu")
PCMU = ("pcmu",)
OPUS = {"codec": "opus", "payload_type": 111, "clock_rate": 48000, "channels": 1, "frame_ms": 20}
OPUS |= {"bitrate_bps": 24000, "fec": True, "dtx": True}


def connected(device_caps=PCMU, phone_caps=PCMU):
    """A world with Bell, Ada and Bob online."""
    world = EngineWorld()
    world.connect(BELL, caps=(*device_caps, "media-ws"))
    for who in (ADA, BOB):
        world.connect(who, caps=phone_caps)
    return world


def ringing(world):
    call_id = world.call(BELL, ADA)
    world.rings(call_id)
    return call_id


@covers("V-63")
@pytest.mark.parametrize(
    ("device_caps", "phone_codecs", "chosen"),
    [
        (ALL, ALL, ("opus", 16000)),
        (ALL, ("pcmu", "opus-8k", "opus"), ("opus", 16000)),
        (ALL, NARROW, ("opus", 8000)),
        (NARROW, ALL, ("opus", 8000)),
        (NARROW, ("opus", "pcmu"), ("opus", 8000)),  # who has opus has opus-8k
        (("opus", "pcmu"), NARROW, ("opus", 8000)),
        (PCMU, ALL, ("pcmu", None)),
        (ALL, PCMU, ("pcmu", None)),
        (PCMU, PCMU, ("pcmu", None)),
        (ALL, ("speex", "pcmu"), ("pcmu", None)),
    ],
)
def test_a_call_gets_the_best_codec_that_both_have(device_caps, phone_codecs, chosen):
    world = connected(device_caps)
    call_id = ringing(world)
    answer = world.answer(ADA, call_id, codecs=phone_codecs)
    ((_, answered),) = [push for push in world.take(BELL) if push[0] == "call.answered"]
    for stream in (*answer.values(), *answered["media"].values()):
        assert (stream["codec"], stream.get("rate")) == chosen


def test_a_stream_of_opus_says_how_it_is_coded():
    world = connected(ALL)
    media = world.answer(ADA, ringing(world), codecs=ALL)
    for stream in media.values():
        own = {"feed_id", "mid", "ssrc", "carriers"}
        told = {name: value for name, value in stream.items() if name not in own}
        assert told == OPUS | {"rate": 16000}


@pytest.mark.parametrize("codecs", [("opus",), ("speex",), ()])
def test_an_answer_without_a_common_codec_is_refused_and_changes_nothing(codecs):
    world = connected(PCMU)
    call_id = ringing(world)
    with pytest.raises(Refused) as refused:
        world.answer(ADA, call_id, codecs=codecs)
    assert refused.value.code == codes.INVALID_ARGUMENT
    assert "pcmu" in refused.value.message
    assert not world.feeds
    world.answer(ADA, call_id, codecs=PCMU)


def a_room(world, publisher=BELL):
    """A room that Bell made and Ada and Bob joined, without auto-subscription."""
    room = world.run(world.engine.create_room(publisher.key, True, True, False, False))
    for who in (ADA, BOB):
        if who is not publisher:
            outcome = world.engine.join_room(who.key, room["room_id"], room["token"], False)
            world.run(outcome)
    return room


def publish(world, who, room, codecs=None, audio=True, video=False):
    outcome = world.engine.publish(who.key, room["room_id"], audio, video, "", codecs)
    return world.run(outcome)["streams"][0]


@covers("M-10")
@pytest.mark.parametrize(
    ("caps", "codecs", "chosen"),
    [
        (ALL, None, ("opus", 16000)),
        (NARROW, None, ("opus", 8000)),
        (PCMU, None, ("pcmu", None)),
        (ALL, PCMU, ("pcmu", None)),
        (ALL, ("pcmu", "opus-8k"), ("opus", 8000)),
    ],
)
def test_a_feed_has_the_best_codec_of_its_publisher(caps, codecs, chosen):
    world = connected(caps)
    stream = publish(world, BELL, a_room(world), codecs)["media"]
    assert (stream["codec"], stream.get("rate")) == chosen


def test_a_publisher_of_no_known_codec_is_refused():
    world = connected(ALL)
    with pytest.raises(Refused) as refused:
        publish(world, BELL, a_room(world), ("speex",))
    assert refused.value.code == codes.INVALID_ARGUMENT
    assert not world.feeds


@covers("M-14")
def test_who_cannot_take_a_feed_is_told_so():
    world = connected(ALL, phone_caps=PCMU)
    room = a_room(world)
    feed = publish(world, BELL, room)
    with pytest.raises(Refused) as refused:
        world.engine.subscribe(ADA.key, room["room_id"], feed["feed_id"])
    assert refused.value.code == codes.CODEC_UNAVAILABLE
    assert "opus" in refused.value.message
    assert not world.routes
    again = publish(world, BELL, room, PCMU)
    world.run(world.engine.subscribe(ADA.key, room["room_id"], again["feed_id"]))
    assert len(world.routes) == 1


def test_any_opus_takes_every_opus():
    world = connected(ALL, phone_caps=NARROW)
    room = a_room(world)
    feed = publish(world, BELL, room)
    assert feed["media"]["rate"] == 16000
    got = world.run(world.engine.subscribe(ADA.key, room["room_id"], feed["feed_id"]))
    assert got["media"] == feed["media"]


def test_auto_subscription_leaves_out_what_cannot_be_taken():
    world = connected(ALL, phone_caps=PCMU)
    room = world.run(world.engine.create_room(BELL.key, True, True, False, False))
    there = publish(world, BELL, room)
    joined = world.engine.join_room(ADA.key, room["room_id"], room["token"], True)
    assert world.run(joined)["streams"] == []
    publish(world, BELL, room, audio=False, video=True)
    late = publish(world, BELL, room, PCMU)
    told = [params for _, params in world.take(ADA) if params.get("event") == "published"]
    assert [("stream" in params) for params in told] == [True, True]
    assert told[1]["stream"]["feed_id"] == late["feed_id"]
    assert there["media"]["ssrc"] not in {ssrc for _, ssrc, _ in world.routes}


def test_every_codec_that_may_be_chosen_is_described():
    assert set(media.AUDIO_PREFERENCE) < set(media.CODECS)
    assert media.AUDIO_PREFERENCE[-1] == "pcmu"


@covers("V-31", "V-32")
@pytest.mark.parametrize("caller", [BELL, ADA], ids=["device calls", "phone calls"])
@pytest.mark.parametrize("call_type", [1, 2])
@pytest.mark.parametrize("cameras", [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("screens", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("camera", [False, True])
def test_pictures_go_where_they_were_asked_for_and_can_be_shown(
    caller, call_type, cameras, screens, camera
):
    """`screens`: of caller and callee."""
    shown = [("pcmu", "h264") if screen else PCMU for screen in screens]
    callee = ADA if caller is BELL else BELL
    world = EngineWorld()
    world.connect(caller, caps=(*shown[0], "media-ws"))
    world.connect(callee, caps=(*shown[1], "media-ws"))
    wishes = {"caller_camera": cameras[0], "callee_camera": cameras[1]}
    call_id = world.call(caller, callee, call_type, **wishes)
    world.rings(call_id)
    media = world.answer(callee, call_id, shown[1], camera)
    ((_, answered),) = [push for push in world.take(caller) if push[0] == "call.answered"]
    video = call_type == 1
    from_caller = video and cameras[0] == 1 and screens[1]
    from_callee = video and cameras[1] == 1 and screens[0] and camera
    assert ("send_video" in answered["media"]) == ("receive_video" in media) == from_caller
    assert ("receive_video" in answered["media"]) == ("send_video" in media) == from_callee
    assert answered["media"]["send"] == media["receive"]
    assert len(world.feeds) == len(world.routes) == 2 + from_caller + from_callee
    for name in ("send_video", "receive_video"):
        if name in media:
            told = {key: media[name].get(key) for key in ("codec", "payload_type", "clock_rate")}
            assert told == {"codec": "h264", "payload_type": 96, "clock_rate": 90000}
    world.hang_up(caller, call_id)
    assert not world.feeds and not world.routes
