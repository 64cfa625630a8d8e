"""Hostile messages over a real WebSocket while two others talk: their call does not notice."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from support import hostile
from support.hostile import Hostile
from support.relay_client import Refusal, rtp_packet
from support.soak import times

from .conftest import APP, MODEL
from .test_relay_calls import answer, start_call

FRAME_S = 0.02
AT_ONCE = 4  # messages before the sender waits until they were read


class Talk:
    """A device and a phone in a call, which send a packet each 20 ms."""

    def __init__(self, device, phone, device_media, phone_media):
        self.ends = ((device, device_media), (phone, phone_media))
        self.sent = 0

    async def run(self):
        """Until cancelled."""
        while True:
            for end, media in self.ends:
                await end.socket.send(rtp_packet(media["send"]["ssrc"], self.sent))
            self.sent += 1
            await asyncio.sleep(FRAME_S)

    async def check(self):
        """Everything arrived, in order, at both ends."""
        for end, media in self.ends:
            for number in range(self.sent):
                packet = await asyncio.wait_for(end.media.get(), 20)
                assert packet == rtp_packet(media["receive"]["ssrc"], number)
            assert end.media.empty()


async def come_back(evil, again):
    """Connect once more: with the resume token it had, or without."""
    await evil.close()
    evil.inbox.clear()
    try:
        await evil.connect(again=again)
    except Refusal as error:  # nothing it does makes its own key wrong
        raise AssertionError("it was not let in again") from error


@pytest.mark.soak
@pytest.mark.timeout(times(120, 3600))
async def test_a_call_goes_on_beside_a_hostile_device(world):
    device, phone = await world.device(), await world.phone()
    call, _ = await start_call(device, phone)
    talk = Talk(device, phone, *await answer(device, phone, call))
    evil = await world.device("EVIL")
    room = world.relay.core.hub.engine._state.calls[call["call_id"]].room
    others = {
        hostile.OPEN_ID: [phone.open_id, "nobody"],
        hostile.CALL: [call["call_id"]],
        hostile.ROOM: [room.room_id],
        hostile.TOKEN: [room.token],
        hostile.FEED: list(room.feeds),
        hostile.STREAM: ["st_none"],
        hostile.GROUP: ["g_none"],
        hostile.VOIP: ["v_none"],
        hostile.VOIP_TOKEN: ["V0"],
        hostile.SN: ["SN0001"],
        hostile.MODEL: [MODEL],
        hostile.APP: [APP],
    }
    sender = Hostile(2, "device", others, {})
    ssrcs = [media["send"]["ssrc"] for _, media in talk.ends]
    talking = asyncio.create_task(talk.run())
    closes = 0
    for number in range(times(2_000, 20_000)):
        try:
            await evil.socket.send(sender.message())
            await evil.socket.send(sender.packet(ssrcs))
            if number % AT_ONCE == 0:
                await (await evil.socket.ping())
                for message in evil.inbox:
                    sender.learn(message)
                evil.inbox.clear()
        except ConnectionClosed:
            closes += 1
            sender.reset()
            await come_back(evil, again=sender.random.random() < 0.3)
            sender.next_id = evil.next_id
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    assert closes > 100 and talk.sent > 50, (closes, talk.sent)
    await talk.check()
    for end in (device, phone):
        await end.settle()
        assert not [m for m in end.inbox if m.get("method") not in (None, "voip.peer_ready")]
    await device.request("call.hang_up", call_id=call["call_id"])
    assert (await phone.pushed("call.ended"))["reason"] == "hung_up_by_caller"
