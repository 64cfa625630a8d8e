"""A WebSocket echo server made of our parser and framing: prints {"port"}; ends after one client.

Options: fragment (bytes per frame of what it sends back, 0: whole).
"""

import asyncio
import json
import sys

from support.servers import Server, WebSocketPeer


async def echo(peer, fragment):
    while True:
        opcode, payload = await peer.recv()
        if opcode == 9:
            await peer.send(10, payload)
        elif opcode == 8:
            await peer.send(8, payload)
            return
        elif not fragment:
            await peer.send(opcode, payload)
        else:
            for at in range(0, len(payload), fragment):
                fin = at + fragment >= len(payload)
                await peer.send(0 if at else opcode, payload[at : at + fragment], fin)


async def main(options):
    done = asyncio.Event()

    async def handle(reader, writer):
        peer = WebSocketPeer(reader, writer)
        try:
            await peer.accept()
            await echo(peer, options["fragment"])
        finally:
            done.set()

    async with Server(handle) as server:
        print(json.dumps({"port": server.port}))
        await asyncio.wait_for(done.wait(), 20)


asyncio.run(main(json.loads(sys.stdin.readline())))
