"""Media through the relay: who gets which packet, what is counted, what a slow receiver costs."""

import asyncio

from support.covers import covers
from support.relay_client import rtp_packet

from .test_relay_calls import answer, start_call

RTCP = b"\x80\xc8\x00\x06" + b"\0" * 24


async def talk(world):
    """A call; returns device, phone and their media descriptions."""
    device, phone = await world.device(), await world.phone()
    call, _ = await start_call(device, phone)
    device_media, phone_media = await answer(device, phone, call)
    return device, phone, device_media, phone_media


async def settle(sender, receiver):
    """Wait until all that was sent has gone through the relay."""
    await sender.settle()
    await receiver.settle()


def heard(client):
    return [client.media.get_nowait() for _ in range(client.media.qsize())]


async def test_packets_pass_unchanged_and_in_order(world):
    device, phone, media, _ = await talk(world)
    packets = [rtp_packet(media["send"]["ssrc"], n, bytes([n]) * 160) for n in range(100)]
    packets.append(packets[0][:12])  # no payload
    packets.append(packets[0] + b"\0" * (1500 - len(packets[0])))  # the longest
    for index, packet in enumerate(packets):
        await device.socket.send(packet)
        if index % 25 == 24:  # more at once would count as congestion
            await settle(device, phone)
    await settle(device, phone)
    assert heard(phone) == packets
    assert heard(device) == []
    (route,) = world.relay.core.hub.router.routes("device:doorbell-1/SN0001")
    octets = sum(len(packet) for packet in packets)
    assert (route.packets, route.octets, route.dropped) == (102, octets, 0)


async def test_what_is_not_a_feed_of_the_sender_is_dropped_and_counted(world):
    device, phone, device_media, phone_media = await talk(world)
    own = device_media["send"]["ssrc"]
    bad = [
        b"",
        b"\x80",
        b"\x80\x00" * 5,
        rtp_packet(phone_media["send"]["ssrc"]),  # the other end's
        rtp_packet(own ^ 1),
        b"\x40" + rtp_packet(own)[1:],  # version 1
        bytes(1500),
    ]
    for packet in bad:
        await device.socket.send(packet)
    await settle(device, phone)
    assert heard(phone) == heard(device) == []
    assert world.relay.core.hub.router.totals.refused == len(bad)
    await device.socket.send(rtp_packet(own))
    await settle(device, phone)
    assert len(heard(phone)) == 1


async def test_rtcp_goes_to_those_who_receive_the_senders_feeds(world):
    device, phone, _, _ = await talk(world)
    await device.socket.send(RTCP)
    await device.socket.send(RTCP[:7])  # too short
    await settle(device, phone)
    assert heard(phone) == [RTCP]
    assert world.relay.core.hub.router.totals.refused == 1


async def test_without_a_call_nothing_is_passed_on(world):
    device, phone, media, _ = await talk(world)
    await phone.request("call.hang_up")
    await device.pushed("call.ended")
    await device.socket.send(rtp_packet(media["send"]["ssrc"]))
    await device.socket.send(RTCP)
    await settle(device, phone)
    assert heard(phone) == []
    assert world.relay.core.hub.router.totals.refused == 2


async def test_media_goes_on_after_the_receivers_resume_and_after_a_new_session(world):
    device, phone, media, _ = await talk(world)
    for resume in (True, False):
        await phone.cut()
        await device.socket.send(rtp_packet(media["send"]["ssrc"], 1))  # nobody is there
        await device.settle()
        await phone.connect(again=resume)
        await device.socket.send(rtp_packet(media["send"]["ssrc"], 2))
        await settle(device, phone)
        assert heard(phone) == [rtp_packet(media["send"]["ssrc"], 2)]
    assert world.relay.core.hub.router.totals.dropped == 2


@covers("M-16", "V-63")
async def test_a_room_of_three(world):
    phones = [await world.phone(name) for name in ("Ada", "Bob", "Eve")]
    ada, bob, eve = phones
    room = await ada.request("room.create", auto_subscribe=False)
    place = {"room_id": room["room_id"], "token": room["token"], "auto_subscribe": False}
    for phone in (bob, eve):
        await phone.request("room.join", **place)
    published = await ada.request("room.publish", room_id=room["room_id"], audio=True, video=False)
    (stream,) = published["streams"]
    packet = rtp_packet(stream["media"]["ssrc"])
    await ada.socket.send(packet)
    await settle(ada, bob)
    assert heard(bob) == []  # not subscribed yet
    got = await bob.request("room.subscribe", room_id=room["room_id"], feed_id=stream["feed_id"])
    assert got["media"] == stream["media"]
    await ada.socket.send(packet)
    await settle(ada, bob)
    await eve.settle()
    assert (heard(bob), heard(eve), heard(ada)) == ([packet], [], [])
    await bob.request("room.leave", room_id=room["room_id"])
    await ada.socket.send(packet)
    await settle(ada, bob)
    assert heard(bob) == []


async def test_a_slow_receiver_costs_bounded_memory_and_hurts_nobody(make_world):
    """One of two receivers stops reading: its packets are dropped, the other gets every one."""
    world = await make_world(media_backlog=16_384)
    ada, bob, eve = [await world.phone(name) for name in ("Ada", "Bob", "Eve")]
    room = await ada.request("room.create")
    place = {"room_id": room["room_id"], "token": room["token"]}
    await bob.request("room.join", **place)
    await eve.request("room.join", **place)
    streams = await ada.request("room.publish", room_id=room["room_id"], audio=True, video=False)
    ssrc = streams["streams"][0]["media"]["ssrc"]
    await bob.pushed("room.event", event="published")
    await eve.pushed("room.event", event="published")
    await eve.settle()
    eve.socket.transport.pause_reading()
    hub = world.relay.core.hub
    slow = hub.sessions[f"user:{eve.open_id}"].connection
    most = 0
    for number in range(4_000):
        await ada.socket.send(rtp_packet(ssrc, number, b"x" * 1400))
        if number % 8 == 7:
            await settle(ada, bob)
            most = max(most, slow._transport.get_write_buffer_size())
    await settle(ada, bob)
    assert len(heard(bob)) == 4_000
    assert most <= 16_384 + 1_500
    (route,) = hub.router.routes(f"user:{ada.open_id}")
    assert route.dropped == slow.media_dropped > 0
    eve.socket.transport.resume_reading()
    await eve.settle()
    assert len(heard(eve)) + route.dropped == 4_000


async def test_signalling_that_is_not_read_ends_the_connection(make_world):
    world = await make_world(signalling_backlog=4_096)
    device = await world.device()
    device.socket.transport.pause_reading()
    session = world.relay.core.hub.sessions["device:doorbell-1/SN0001"]
    connection = session.connection
    async with asyncio.timeout(20):
        while connection.is_open:
            connection.send_text("x" * 1000)
            await asyncio.sleep(0)
    async with asyncio.timeout(20):
        while session.connection is not None:
            await asyncio.sleep(0.01)
    await device.cut()
