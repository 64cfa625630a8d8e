"""A WebSocket server of a few lines, and what the tests of the client ask of both ends."""

from callboard import port
from callboard.net import websocket
from callboard.net.websocket import HEADROOM
from support.servers import Server, WebSocketPeer

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def serve(script):
    """A Server that accepts one WebSocket and hands its end to `async script(peer)`."""

    async def handle(reader, writer):
        peer = WebSocketPeer(reader, writer)
        await peer.accept()
        await script(peer)

    return Server(handle)


async def open_to(server, **options):
    return await websocket.connect("ws://127.0.0.1:%d/v1/device" % server.port, **options)


async def echo(peer):
    while True:
        opcode, payload = await peer.recv()
        await peer.send(PONG if opcode == PING else opcode, payload)
        if opcode == CLOSE:
            return


def packet(payload):
    buf = bytearray(HEADROOM) + payload
    return buf, HEADROOM, len(payload)


async def received(ws):
    opcode, payload = await port.wait_for_ms(ws.recv(), 15000)
    return opcode, bytes(payload)
