"""The device package on any Python, driven step by step by a test (programs/device_on_a_wire.py).

async with wired_device(python, url=…, flash=…, model=…, sn=…, app=…) as device:
    await device.do("start")
    code = await device.refused("call", open_id="nobody")
"""

import asyncio
import contextlib
import json

from support.pythons import run_program

WAIT_S = 30.0


class DeviceRefused(Exception):
    """The device raised a CallboardError."""

    def __init__(self, answer):
        super().__init__(f"{answer['kind']}: {answer['message']} ({answer['code']})")
        self.code = answer["code"]
        self.kind = answer["kind"]


class WiredDevice:
    """The test's end of the wire."""

    def __init__(self, reader, writer, program):
        self._reader = reader
        self._writer = writer
        self._program = program
        self.is_on = True

    async def do(self, name, **arguments):
        """Let the device do something; returns what it returned. Raises DeviceRefused."""
        text = json.dumps({"do": name} | arguments, ensure_ascii=False)
        self._writer.write(text.encode() + b"\n")
        limit_s = WAIT_S + arguments.get("ms", 0) / 1000
        line = await asyncio.wait_for(self._reader.readline(), limit_s)
        if not line:
            await asyncio.wait_for(self._program, limit_s)  # what was wrong with it
            raise AssertionError("the device ended by itself")
        answer = json.loads(line)
        if "code" in answer:
            raise DeviceRefused(answer)
        return answer["result"]

    async def refused(self, name, **arguments):
        """Let it do something that it refuses; returns the code."""
        try:
            result = await self.do(name, **arguments)
        except DeviceRefused as error:
            return error.code
        raise AssertionError(f"{name} was not refused but gave {result}")

    async def lose_power(self):
        """End it at once, as it is; nothing more can be done with it."""
        self.is_on = False
        self._program.cancel()
        await asyncio.wait([self._program])

    async def told(self, *what, within_s=30):
        """Wait until a callback told this; returns all that it told."""
        return await self.do("wait", told=list(what), ms=1000 * within_s)


@contextlib.asynccontextmanager
async def wired_device(python, flavour=0, timeout_s=120, **options):
    """A device on `python`, for `timeout_s`; the options of the program but for `port`."""
    connected = asyncio.get_running_loop().create_future()

    def on_connection(reader, writer):
        connected.set_result((reader, writer))

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    options |= {"port": server.sockets[0].getsockname()[1], "flavour": flavour}
    program = asyncio.create_task(
        run_program(python, "device_on_a_wire.py", options, timeout_s=timeout_s)
    )
    try:
        await asyncio.wait({connected, program}, return_when=asyncio.FIRST_COMPLETED)
        if not connected.done():
            await program  # it failed: this says why
        device = WiredDevice(*connected.result(), program)
        yield device
        if device.is_on:
            await device.do("stop")
            device._writer.close()
            await program
    finally:
        program.cancel()
        server.close()
        await asyncio.gather(program, return_exceptions=True)
