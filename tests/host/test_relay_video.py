"""Pictures through the relay: what their sender is told, who may ask for a key frame."""

from callboard.media.window import Window
from callboard_host.relay.rtcp import Reported, picture_losses, receiver_report
from support.covers import covers
from support.relay_client import rtp_packet

from .test_relay_media import heard, settle

RECEIVER_REPORT = b"\x80\xc9\x00\x01" + b"\0\0\0\1"


def picture_packet(ssrc, sequence, marker=False):
    packet = rtp_packet(ssrc, sequence & 0xFFFF, b"\x41" + b"p" * 1099)
    return packet[:1] + bytes((0x80 * marker | 96,)) + packet[2:]


def picture_loss(ssrc, sender=7):
    """RFC 4585 §6.3.1."""
    return b"\x81\xce\x00\x02" + sender.to_bytes(4, "big") + ssrc.to_bytes(4, "big")


async def watched(world):
    """Ada publishes audio and video, Bob watches, Eve is in the room only; and the streams."""
    ada, bob, eve = [await world.phone(name) for name in ("Ada", "Bob", "Eve")]
    room = await ada.request("room.create")
    place = {"room_id": room["room_id"], "token": room["token"]}
    await eve.request("room.join", auto_subscribe=False, **place)
    await bob.request("room.join", **place)
    published = await ada.request("room.publish", room_id=room["room_id"], audio=True, video=True)
    await bob.pushed("room.event", event="published")
    streams = {stream["kind"]: stream["media"] for stream in published["streams"]}
    await settle(ada, bob)
    return ada, bob, eve, streams


@covers("V-54")
async def test_the_sender_of_pictures_is_told_what_has_arrived(world):
    ada, bob, _, streams = await watched(world)
    ssrc = streams["video"]["ssrc"]
    window = Window(ssrc, 65_533)
    sent = [picture_packet(ssrc, 65_533 + n, marker=n in (4, 5)) for n in range(7)]
    for packet in sent:
        await ada.socket.send(packet)
        window.sent(0)
    await settle(ada, bob)
    assert heard(bob) == sent
    reports = heard(ada)
    highest = [int.from_bytes(report[16:20], "big") for report in reports]
    assert highest == [65_534, 0x10000, 0x10001, 0x10002]  # every other one, and each last one
    for report in reports:
        assert window.report(report, 0, len(report), 0)
    assert window.on_the_way == 1


async def test_sound_is_not_reported(world):
    ada, bob, _, streams = await watched(world)
    for number in range(10):
        await ada.socket.send(rtp_packet(streams["audio"]["ssrc"], number))
    await settle(ada, bob)
    assert len(heard(bob)) == 10 and heard(ada) == []


async def test_who_watches_may_ask_for_a_key_frame(world):
    ada, bob, eve, streams = await watched(world)
    asked = picture_loss(streams["video"]["ssrc"])
    compound = RECEIVER_REPORT + asked
    for packet in (asked, compound):
        await bob.socket.send(packet)
    await settle(bob, ada)
    assert heard(ada) == [asked, compound] and heard(bob) == heard(eve) == []
    refused = world.relay.core.hub.router.totals.refused
    for who, packet in (
        (eve, asked),  # does not watch
        (bob, picture_loss(streams["audio"]["ssrc"])),
        (bob, picture_loss(12345)),
        (ada, asked),  # her own
    ):
        await who.socket.send(packet)
        await settle(who, ada)
    assert heard(ada) == heard(bob) == heard(eve) == []
    assert world.relay.core.hub.router.totals.refused == refused + 4


async def test_a_key_frame_can_be_asked_for_after_the_sender_has_come_back(world):
    ada, bob, _, streams = await watched(world)
    await ada.cut()
    await ada.connect(again=True)
    await bob.socket.send(picture_loss(streams["video"]["ssrc"]))
    await settle(bob, ada)
    assert len(heard(ada)) == 1


async def test_pictures_for_a_slow_receiver_are_dropped_before_sound(make_world):
    world = await make_world(media_backlog=16_384)
    ada, bob, _, streams = await watched(world)
    bob.socket.transport.pause_reading()
    route_of = {r.ssrc: r for r in world.relay.core.hub.router.routes(f"user:{ada.open_id}")}
    video, audio = [route_of[streams[kind]["ssrc"]] for kind in ("video", "audio")]
    for number in range(9_000):  # until the line is full of pictures
        await ada.socket.send(picture_packet(video.ssrc, number))
        await ada.settle()
        if video.dropped == 10:
            break
    for number in range(20):
        await ada.socket.send(rtp_packet(audio.ssrc, number))
        await ada.socket.send(picture_packet(video.ssrc, number))
    await ada.settle()
    assert video.dropped == 30 and audio.dropped == 0, "there is still room for words"
    bob.socket.transport.resume_reading()
    await bob.settle()


def test_requests_are_found_in_any_compound_packet():
    assert list(picture_losses(picture_loss(5))) == [5]
    assert list(picture_losses(RECEIVER_REPORT + picture_loss(5) + picture_loss(6))) == [5, 6]
    for packet in (
        b"",
        b"\x81\xce\x00\x02" + bytes(7),  # cut short
        b"\x81\xce\x00\x01" + bytes(8),  # no media source
        b"\x82" + picture_loss(5)[1:],  # another format
        b"\x81\xcd" + picture_loss(5)[2:],  # another type
        b"\x01" + picture_loss(5)[1:],  # version 0
        RECEIVER_REPORT[:3] + b"\x09" + bytes(4) + picture_loss(5),  # a length that lies
    ):
        assert list(picture_losses(packet)) == [], packet


def test_reports_follow_the_newest_packet_only():
    reported, arriving = Reported(9), (65_535, 65_534, 0, 65_535)
    told = [reported.packet(picture_packet(9, number, marker=True)) for number in arriving]
    assert told == [receiver_report(9, n) for n in (65_535, 65_535, 0x10000, 0x10000)]
