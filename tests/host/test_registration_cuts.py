"""Registration cut short: at every byte of the line, at every operation of the flash.

The real relay, the device package on each Python. Afterwards the device is registered, or can
register with the same ticket; nothing else in its key store has changed.
"""

import asyncio
import contextlib

import pytest

from support.covers import covers
from support.pythons import PYTHONS, run_program
from support.soak import times

from .conftest import APP, MODEL

SN = "SN0001"
# At every byte on one Python; the soak does that on all of them.
STEP = dict.fromkeys(PYTHONS, times(3, 1)) | {"cpython": 1}


class CuttingProxy:
    """In front of a relay: cuts each connection after `step` bytes more than the one before.

    `transferred`: bytes of the last connection, in both directions together.
    """

    def __init__(self, port, first=0, step=1):
        self._port = port
        self._budget = first
        self._step = step
        self.transferred = 0
        self.url = ""

    @contextlib.asynccontextmanager
    async def running(self):
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _connected(self, reader, writer):
        self.transferred = 0
        budget = self._budget
        self._budget += self._step
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)

        async def pump(source, target):
            while self.transferred < budget:
                data = await source.read(65536)
                if not data:
                    return
                data = data[: budget - self.transferred]
                self.transferred += len(data)
                target.write(data)
                await target.drain()

        pumps = [
            asyncio.create_task(pump(reader, far_writer)),
            asyncio.create_task(pump(far_reader, writer)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for each in pumps:
            each.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        far_writer.close()
        writer.close()


async def tickets(world, count):
    return [(await world.admin.ticket(MODEL, SN))["ticket"] for _ in range(count)]


async def length_of_an_exchange(world, python, options):
    """Bytes of a registration in both directions."""
    proxy = CuttingProxy(world.relay.port, first=100_000)
    async with proxy.running():
        mine = options | {"cut_url": proxy.url, "tickets": await tickets(world, 1)}
        assert (await run_program(python, "registration_cuts.py", mine))["cut"] == 0
    return proxy.transferred


async def is_the_devices_key(world, key):
    """The relay lets a device with this key in, which uses up the ticket."""
    identity = {"model_id": MODEL, "sn": SN, "wxa_appid": APP, "flavour": 0}
    client = world.client("device", identity | {"key": bytes.fromhex(key)})
    await client.connect()
    await client.close()


@pytest.fixture
def options(world):
    return {"url": world.relay.url, "model": MODEL, "sn": SN, "app": APP, "full": False}


@covers("V-22")
@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(240)
@pytest.mark.parametrize("python", PYTHONS)
async def test_line_cut_at_every_byte(world, python, options):
    options |= {"what": "line"}
    length = await length_of_an_exchange(world, python, options)
    assert length > 500
    step = STEP[python]
    places = range(0, length, step)
    proxy = CuttingProxy(world.relay.port, step=step)
    async with proxy.running():
        more = {"cut_url": proxy.url, "tickets": await tickets(world, len(places))}
        done = await run_program(python, "registration_cuts.py", options | more, timeout_s=200)
    assert done["cut"] == done["keys"] == len(places)  # each ticket made one key, and only one
    await is_the_devices_key(world, done["last"])


@covers("V-22")
@pytest.mark.slow
@pytest.mark.parametrize("full", [False, True], ids=["roomy", "full"])
@pytest.mark.parametrize("python", PYTHONS)
async def test_power_cut_at_every_operation_of_the_flash(world, python, full, options):
    more = {"what": "flash", "full": full, "cut_url": "", "tickets": await tickets(world, 40)}
    done = await run_program(python, "registration_cuts.py", options | more, timeout_s=60)
    assert 3 <= done["cut"] == done["keys"] - 1 < 39
    await is_the_devices_key(world, done["last"])
