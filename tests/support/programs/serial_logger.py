"""A board that logs as fast as its line takes it: `serial_logger.py LINES`, 100 bytes each."""

import asyncio
import sys

from callboard import port, port_console
from callboard.log import Log
from callboard.serial.outlet import Outlet


async def main(lines):
    stdout = port_console.Stdout()
    outlet = Outlet(stdout.write, stdout.ready, port.CLOCK)
    log = Log(outlet.line, port.CLOCK).module("count")
    writer = asyncio.create_task(outlet.run())
    for number in range(lines):
        while outlet._waiting > 2000:
            await port.sleep_ms(0)
        log.info("%d %s end", number, "x" * (70 - len(str(number))))
    while outlet._waiting or outlet._at < len(outlet._current):
        await port.sleep_ms(1)
    await port.sleep_ms(300)
    writer.cancel()


asyncio.run(main(int(sys.argv[-1])))
