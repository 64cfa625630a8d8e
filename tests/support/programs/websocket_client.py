"""Our WebSocket client, driven by a list of steps: prints what each step gave, as a JSON list.

Options: url, ca (path or null), connect (more arguments of connect()), steps: lists of a verb and
its arguments: ["text", str, fragment], ["binary", hex], ["recv"], ["ping"], ["close", code,
reason], ["sleep", ms]. A step that raises gives {"error", "message", "close_code", "received"} and
ends the list.
"""

import asyncio
import json
import sys
from binascii import hexlify, unhexlify

from callboard import port
from callboard.errors import CallboardError
from callboard.net import tls, websocket


async def step(ws, verb, arguments):
    if verb == "text":
        await ws.send_text(arguments[0], fragment=arguments[1])
    elif verb == "binary":
        payload = unhexlify(arguments[0])
        return ws.send_binary_nowait(bytearray(websocket.HEADROOM) + payload, 14, len(payload))
    elif verb == "recv":
        opcode, payload = await port.wait_for_ms(ws.recv(), 15000)
        if opcode == 1:
            return ["text", str(payload, "utf-8")]
        return ["binary", hexlify(payload).decode()]
    elif verb == "ping":
        return ws.ping_nowait()
    elif verb == "close":
        await ws.close(*arguments)
        return ws.close_code
    else:
        await port.sleep_ms(arguments[0])
    return None


async def main(options):
    ca = tls.context_from_file(options["ca"]) if options.get("ca") else None
    results = []
    ws = None
    try:
        ws = await websocket.connect(options["url"], tls=ca, **options.get("connect", {}))
        for verb, *arguments in options["steps"]:
            results.append(await step(ws, verb, arguments))
    except CallboardError as error:
        results.append(
            {
                "error": type(error).__name__,
                "message": error.message,
                "close_code": ws and ws.close_code,
                "received": getattr(error, "code_received", None),
                "reason": getattr(error, "reason", None),
            }
        )
    await port.sleep_ms(20)
    return results


print(json.dumps(asyncio.run(main(json.loads(sys.stdin.readline())))))
