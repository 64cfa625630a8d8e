"""Sends 100 media frames with the heap locked, over TLS: prints {"sent", "inline_refills"}.

Options: url, ca (path).
"""

import asyncio
import json
import sys

import micropython

from callboard import port
from callboard.net import tls, websocket

FRAME = 186


async def main(options):
    context = tls.context_from_file(options["ca"])
    ws = await websocket.connect(options["url"], tls=context)
    await ws.send_text("begin")
    buf = bytearray(websocket.HEADROOM + FRAME)
    sent = 0
    for i in range(100):
        buf[websocket.HEADROOM] = i
        micropython.heap_lock()
        sent += ws.send_binary_nowait(buf, websocket.HEADROOM, FRAME)
        micropython.heap_unlock()
        await port.sleep_ms(1)
    await ws.close()
    return {"sent": sent, "inline_refills": ws.inline_refills}


print(json.dumps(asyncio.run(main(json.loads(sys.stdin.readline())))))
