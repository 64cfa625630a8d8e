"""A device that does what it is told over TCP: JSON lines in, one JSON line out for each.

Options: port (of the test), url, flash (path), model, sn, app, flavour; ca: path of the relay's;
sound: true for a microphone and a speaker that run by themselves; camera: true for an application
that gives pictures; file: hex, what it offers as log.txt.
In: {"do": name, ...arguments}; out: {"result": …} or {"code", "message", "kind"}.
"""

import asyncio
import gc
import json
import os
import sys
import time
from binascii import unhexlify

from callboard import codes, keystore
from callboard.errors import CallboardError, InvalidArgument
from callboard.flash.devices import FileFlash
from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.net.tls import client_context
from callboard.port import CLOCK, heap_used, ticks_diff, ticks_ms
from callboard.voip.client import Client

cpu_s = getattr(time, "process_time", None) or time.clock  # MicroPython's name
WAIT_MS = 10000
LOOK_MS = 10  # how often to look whether the loop runs


class Device:
    """A client, and what it was told: `told`, a list of [callback, …]."""

    def __init__(self, options):
        self.options = options
        self.told = []
        self.client = None
        self.stall_ms = self.stall_cpu_ms = self.sound_stall_us = 0

    async def watch(self):
        """Remember for how long the loop stood still at most, and worked meanwhile."""
        while True:
            started, worked = ticks_ms(), cpu_s()
            await CLOCK.sleep_ms(LOOK_MS)
            self.stall_ms = max(self.stall_ms, ticks_diff(ticks_ms(), started) - LOOK_MS)
            self.stall_cpu_ms = max(self.stall_cpu_ms, int(1000 * (cpu_s() - worked)))

    def on_online(self, time_ms):
        self.told.append(["online", time_ms])

    def on_offline(self, status):
        self.told.append(["offline", status])

    def on_module_status(self, mask):
        self.told.append(["modules", mask])

    def on_notify(self, event, visitor, channel, stream_type):
        if event == codes.EVENT_P2P_PEER_READY:
            self.told.append(["ready"])

    def on_recv_command(self, command, visitor, video_res_type, args):
        self.told.append(["command", command, visitor, dict(args)])
        if command == codes.COMMAND_USER_DEFINE:
            args["double"] = 2 * args.pop("number")

    def on_call_state(self, state, reason):
        self.told.append(["state", state, reason])

    def on_set(self, properties):
        if properties.get("volume", 0) > 10:
            raise InvalidArgument("volume must be 0 to 10")
        self.told.append(["set", properties])

    def on_start_real_play(self, visitor, channel, video_res_type, args):
        self.told.append(["play", visitor, channel, video_res_type, dict(args)])

    def on_get_av_enc_info(self, visitor, channel, video_res_type, info, args):
        self.told.append(["info", visitor, dict(args)])
        info["fps"] = 15

    def on_get_peer_outer_net(self, visitor, channel, address):
        self.told.append(["outer net", visitor, address])

    def on_download_file(self, status, visitor, channel, args):
        self.told.append(["file", status, visitor, args["offset"]])
        if status == codes.DOWNLOAD_REQUEST and args["name"] == "log.txt":
            args["size"] = len(self.options["file"]) // 2
        elif status == codes.DOWNLOAD_CHUNK:
            at, n = 2 * args["offset"], args["n"]
            args["buf"][:n] = unhexlify(self.options["file"][at : at + 2 * n])

    def on_stop_real_play(self, visitor, channel, video_res_type):
        self.told.append(["stop play", visitor])

    def on_start_recv_stream(self, visitor, channel, stream_type, info):
        self.told.append(["receive", visitor])

    def on_stop_recv_stream(self, visitor, channel, stream_type):
        self.told.append(["stop receive", visitor])

    # what the test may ask for

    async def do_start(self, **more):
        """init_system … init_voip, with these members of the options changed."""
        options = dict(self.options)
        options.update(more)
        self.client = client = Client()
        ca = options.get("ca")
        if ca:
            with open(ca, "rb") as file:
                ca = file.read()
        tls = client_context(ca=ca) if ca else None
        client.init_system({"relay_url": options["url"], "tls": tls}, self)
        client.init_data_model(self.on_set)
        if options.get("sound"):
            client.init_av(self, NullMicrophone(16000, CLOCK), NullSpeaker(16000, CLOCK))
        else:
            client.init_av(self, codecs=("pcmu",), camera=options.get("camera"))
        names = options["model"], options["sn"], options["app"]
        self.flash = FileFlash(options["flash"], volatile=False)
        await client.init_voip(options["flavour"], keystore.open(self.flash), *names)

    async def do_stop(self):
        client = self.client
        for level in ("voip", "av", "data_model", "system"):
            if client.level == level:
                leaving = getattr(client, "exit_" + level)()
                if level == "voip":
                    await leaving
        self.flash.close()

    async def do_register(self, ticket):
        await self.client.register(ticket)

    async def do_is_registered(self):
        return self.client.is_registered()

    async def do_is_busy(self):
        return self.client.is_busy()

    async def do_wipe(self):
        """Delete the key store's file (000 §3: re-binding)."""
        os.remove(self.options["flash"])

    async def do_call(self, **arguments):
        return (await self.client.call(**arguments))["call_id"]

    async def do_hang_up(self):
        await self.client.hang_up()

    async def do_answer(self):
        return await self.client.answer()

    async def do_reject(self):
        await self.client.reject()

    async def do_report(self, properties):
        await self.client.report(properties)

    async def do_time(self):
        return self.client.time_ms()

    async def do_send(self, visitor, count):
        """Send so many frames of PCMU; how many left."""
        frame = bytearray(160)
        return sum([self.client.send_audio(visitor, 0, frame, 0, 160) for _ in range(count)])

    async def do_show(self, visitor, pictures):
        """Send pictures, in hex, each when the one before has left; how many were begun."""
        begun = 0
        for number, text in enumerate(pictures):
            picture = unhexlify(text)
            while self.client.stream_buffer(visitor, 0):
                await asyncio.sleep(0.01)
            begun += self.client.send_video(visitor, 0, picture, 0, len(picture), 66 * number)
            await asyncio.sleep(0.1)
        return begun

    async def do_finish(self, visitor, res_type=0):
        self.client.finish_stream(visitor, 0, res_type)

    def on_call_stats(self, stats):
        self.sound_stall_us = max(self.sound_stall_us, stats.get("longest_stall_us", 0))

    async def do_measure(self):
        """What it holds now, and how long it stood still at most."""
        await asyncio.sleep(0.1)
        for _ in range(3):
            gc.collect()
        return {
            "heap_bytes": heap_used(),
            "sockets": len(os.listdir("/proc/self/fd")),
            "stall_ms": self.stall_ms,
            "stall_cpu_ms": self.stall_cpu_ms,
            "sound_stall_ms": self.sound_stall_us // 1000,
        }

    async def do_told(self):
        """What was told since the last look."""
        told, self.told = self.told, []
        return told

    async def do_notice(self, open_id, notice):
        return await self.client.send_notice(open_id, notice)

    async def do_command(self, open_id, args):
        return await self.client.send_command(open_id, args)

    async def do_wait(self, told, ms=WAIT_MS):
        """Wait until this was told; forget it and what came before."""
        for _ in range(ms // 10):
            for index, each in enumerate(self.told):
                if each[: len(told)] == told:
                    del self.told[: index + 1]
                    return each
            await asyncio.sleep(0.01)
        raise AssertionError("not told " + repr(told) + " but " + repr(self.told))


async def main(options):
    reader, writer = await asyncio.open_connection("127.0.0.1", options["port"])
    device = Device(options)
    watching = asyncio.create_task(device.watch())
    while True:
        line = await reader.readline()
        if not line:
            watching.cancel()
            return
        asked = json.loads(line)
        try:
            answer = {"result": await getattr(device, "do_" + asked.pop("do"))(**asked)}
        except CallboardError as error:
            answer = {"code": error.code, "message": error.message, "kind": type(error).__name__}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()


asyncio.run(main(json.loads(sys.stdin.readline())))
print("{}")
