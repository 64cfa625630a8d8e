"""Plays the device of one golden transcript (PROTOCOL.md §8) through callboard.voip.

Options: scenario (the transcript's name), url, ca (PEM path or None), flash (path), device_key
(hex, or None for a device that must register), ticket, open_id, model, sn, app.
"""

import asyncio
import json
import sys
from binascii import unhexlify

from callboard import codes, keystore
from callboard.errors import CallboardError, NetworkError, RemoteError
from callboard.flash.devices import FileFlash
from callboard.voip.client import Client

WAIT_MS = 10000


class Device:
    """A device up to init_voip, and what it has seen: `events`, in order."""

    def __init__(self, options):
        self.options = options
        self.events = []
        self.client = Client()

    # callbacks

    def on_online(self, time_ms):
        self.events.append("online")

    def on_notify(self, event, visitor, channel, stream_type):
        if event == codes.EVENT_P2P_PEER_READY:
            self.events.append("ready")

    def on_recv_command(self, command, visitor, video_res_type, args):
        self.events.append(command)
        if command == codes.COMMAND_USER_DEFINE:
            args["sum"] = sum(args.pop("add"))
            self.events.append("command")

    def on_call_state(self, state, reason):
        self.events.append(state)

    def on_room_event(self, room_id, event, uid, details):
        self.events.append(event)

    # steps

    async def start(self):
        """init_system … init_voip: online afterwards if there is a key."""
        options, client = self.options, self.client
        store = keystore.open(FileFlash(options["flash"], volatile=False))
        if options["device_key"]:
            store.put("device_key", unhexlify(options["device_key"]))
        client.init_system({"relay_url": options["url"]}, self)
        client.init_data_model()
        client.init_av(self, codecs=("opus", "opus-8k", "pcmu"))
        identity = options["model"], options["sn"], options["app"]
        await client.init_voip(codes.FLAVOUR_FORMAL, store, *identity)

    async def seen(self, event, times=1):
        """Wait until `event` was seen so many times."""
        for _ in range(WAIT_MS // 10):
            if self.events.count(event) >= times:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("no " + event + " among " + repr(self.events))

    async def call(self):
        await self.seen("ready")
        await self.client.call(self.options["open_id"])

    async def stop(self):
        if self.client.level == "voip":
            await self.client.exit_voip()


async def registration(device):
    await device.start()
    try:
        await device.client.register(device.options["ticket"])
    except NetworkError:  # the answer was lost: the ticket is not
        await device.client.register(device.options["ticket"])
    await device.seen("ready")


async def ticket_refused(device):
    await device.start()
    await device.client.register("Tused")


async def hello_refused(device):
    await device.start()


async def one_call(device):
    await device.start()
    await device.call()
    await device.seen("idle")


async def resume(device):
    await one_call(device)
    await device.seen("online", 2)
    await asyncio.sleep(0.5)  # the push comes again, and nobody but the relay sees its answer
    await device.client.report({"volume": 7})
    await device.seen("online", 3)


async def take(device):
    """A phone calls; this device answers. True unless the phone has hung up by then."""
    await device.start()
    await device.seen("incoming")
    return await device.client.answer()


async def phone_calls(device):
    assert await take(device)
    await device.client.hang_up()


async def phone_hangs_up(device):
    await take(device)
    await device.seen("idle")
    assert device.events[-1] == "idle" and "answering" in device.events


async def device_rejects(device):
    await device.start()
    await device.seen("incoming")
    await device.client.reject()


async def phone_gives_up(device):
    await device.start()
    await device.seen("idle")
    expected = ["incoming", codes.COMMAND_CALL_INCOMING, codes.COMMAND_CALL_CANCEL, "idle"]
    assert device.events[-4:] == expected


async def crossing_calls(device):
    """Both call at the same moment: ours is refused, theirs rings and is answered."""
    await device.start()
    try:
        await device.call()
        raise AssertionError("our call was made")
    except CallboardError as error:
        assert error.code == codes.AVT_BUSY
    await device.seen("incoming")
    await device.client.answer()
    await device.seen("idle", 2)


async def room(device):
    await device.start()
    await device.seen("ready")
    rooms = device.client.rooms(device.on_room_event)
    made = await rooms.create(auto_subscribe=False)
    await device.seen("joined")
    await rooms.publish(made["room_id"], tag="door")
    await device.seen("subscribed")
    await device.seen("left")
    await rooms.leave(made["room_id"])
    await rooms.leave(made["room_id"])  # it has ended: -114


async def notice(device):
    await device.start()
    await device.seen("ready")
    notice = {"text": "the door is open", "level": 2}
    assert await device.client.send_notice(device.options["open_id"], notice)


async def commands(device):
    await device.start()
    await device.seen("command")
    await asyncio.sleep(0.05)  # its answer leaves after the callback
    open_id = device.options["open_id"]
    answer = await device.client.send_command(open_id, {"ask": "who is there?"})
    assert answer == {"answer": "Ada"}


async def authorisation(device):
    await device.start()
    try:
        await device.call()
    except RemoteError as error:
        assert error.code == codes.CALL_NOT_AUTHORISED
    await device.call()
    await device.seen("idle", 2)


SCENARIOS = {
    "notice": notice,
    "commands": commands,
    "authorisation": authorisation,
    "registration": registration,
    "ticket refused": ticket_refused,
    "hello refused": hello_refused,
    "call with opus": one_call,
    "call answered": one_call,
    "call rejected": one_call,
    "busy": one_call,
    "resume": resume,
    "room": room,
    "phone calls": phone_calls,
    "phone calls and hangs up": phone_hangs_up,
    "device rejects": device_rejects,
    "phone gives up": phone_gives_up,
    "crossing calls": crossing_calls,
    "crossing calls, the device first": one_call,
}


async def main(options):
    device = Device(options)
    code = 0
    try:
        await SCENARIOS[options["scenario"]](device)
    except CallboardError as error:
        code = error.code
    await asyncio.sleep(0.05)  # the answer to a push leaves after its callback
    await device.stop()
    return {"code": code, "events": device.events}


print(json.dumps(asyncio.run(main(json.loads(sys.stdin.readline())))))
