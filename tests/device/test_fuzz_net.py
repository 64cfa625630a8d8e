"""10 000 random and damaged inputs to each parser that reads from the network.

Each may refuse with its documented exception and nothing else; what it accepts is within limits.
"""

import json

from callboard.errors import NetworkError, ProtocolError
from callboard.native import wire
from callboard.net.http_parser import ResponseParser
from callboard.net.ws_parser import (
    BINARY,
    CLOSE,
    NEED_DATA,
    TEXT,
    Parser,
    WebSocketError,
    valid_utf8,
)
from callboard.signalling.jsonrpc import Peer
from support.mutation import Random, mutate, pieces

TIMEOUT_S = 200
ROUNDS = 10000
MAX_TEXT = 300
MAX_BINARY = 200


# -- WebSocket -------------------------------------------------------------------


def random_frame(random, masked):
    opcode = random.choice((0, 1, 1, 2, 2, 8, 9, 10, random.below(16)))
    size = random.choice((0, 1, 2, 60, 125, 126, 200, 299))
    payload = bytearray(b"\xc3\xa4b" * 100)[:size] if opcode < 2 else bytearray(random.bytes(size))
    if opcode == 8:
        payload = bytearray(b"\x03\xe8bye") if size else bytearray()
    fin = opcode >= 8 or random.below(3) > 0
    if opcode not in (0, 1, 2, 8, 9, 10) or (opcode >= 8 and len(payload) > 125):
        return bytes((fin << 7 | opcode, len(payload) & 127)) + payload
    buf = bytearray(14) + payload
    key = random.bytes(4) if masked else None
    return bytes(buf[wire.ws_frame(buf, 14, len(payload), opcode, fin, key, 0) :])


def websocket_case(random, masked):
    """What a connection may bring: frames, damaged frames, or noise."""
    if random.below(20) == 0:
        return random.bytes(random.below(400))
    data = b"".join([random_frame(random, masked) for _ in range(1 + random.below(5))])
    return mutate(random, data)


def run_websocket(parser, data, random):
    """Feed `data`; the number of messages. Raises only WebSocketError."""
    messages = 0
    for piece in pieces(random, data):
        while piece:
            space = parser.space()
            assert len(space) > 0
            n = min(len(space), len(piece))
            space[:n] = piece[:n]
            piece = piece[n:]
            parser.received(n)
            while True:
                event = parser.next()
                if event == NEED_DATA:
                    break
                payload = bytes(parser.buffer[parser.off : parser.off + parser.length])
                assert len(payload) == parser.length
                check_message(event, payload)
                messages += event in (TEXT, BINARY)
    return messages


def check_message(event, payload):
    if event == TEXT:
        assert len(payload) <= MAX_TEXT and valid_utf8(payload)
    elif event == BINARY:
        assert len(payload) <= MAX_BINARY
    else:
        assert CLOSE <= event <= 10 and len(payload) <= 125


# slow
def test_websocket_parser():
    random = Random(0x57EB50C7)
    accepted = refused = 0
    for round_ in range(ROUNDS):
        masked = round_ % 2 == 0
        data = websocket_case(random, masked)
        try:
            accepted += run_websocket(Parser(MAX_TEXT, MAX_BINARY, masked), data, random) > 0
        except WebSocketError as error:
            assert error.close_code in (1002, 1007, 1009)
            refused += 1
    assert accepted > ROUNDS // 20 and refused > ROUNDS // 20, (accepted, refused)


# -- HTTP ------------------------------------------------------------------------

RESPONSES = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
    b'{"status":"ok"}',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1a;x=y\r\n"
    b"abcdefghijklmnopqrstuvwxyz\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nnothing here",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nA: b\r\nA: c\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00",
)


def run_http(data, random):
    """True when the response was complete. Raises only ProtocolError, NetworkError at its end."""
    parser = ResponseParser(max_body=100, has_body=random.below(8) > 0)
    for piece in pieces(random, data):
        parser.feed(piece)
        assert len(parser.body()) <= 100
        if parser.done:
            break
    if not parser.done:
        parser.eof()
    assert 100 <= parser.status <= 999
    return parser.done


# slow
def test_http_parser():
    random = Random(0x4774)
    accepted = refused = 0
    for _ in range(ROUNDS):
        if random.below(20) == 0:
            data = random.bytes(random.below(300))
        else:
            data = mutate(random, random.choice(RESPONSES))
        try:
            accepted += run_http(data, random)
        except (NetworkError, ProtocolError):
            refused += 1
    assert accepted > ROUNDS // 10 and refused > ROUNDS // 10, (accepted, refused)


# -- JSON-RPC --------------------------------------------------------------------

WORDS = ("jsonrpc", "2.0", "id", "method", "params", "result", "error", "code", "message", "x")


def random_value(random, depth):
    kind = random.below(9 if depth else 6)
    if kind == 0:
        return random.choice((0, 1, 2, 3, -1, 1 << 29, 1 << 40, -(1 << 60)))
    if kind == 1:
        return random.choice((True, False, None))
    if kind == 2:
        return random.choice((0.5, -1.25, 1e30))
    if kind < 6:
        return random.choice(WORDS)
    if kind == 6:
        return [random_value(random, depth - 1) for _ in range(random.below(4))]
    names = [random.choice(WORDS) for _ in range(random.below(5))]
    return {name: random_value(random, depth - 1) for name in names}


def jsonrpc_message(random, next_id):
    """A message that is right but for up to two members."""
    kind = random.below(4)
    message = {"jsonrpc": "2.0", "id": random.choice((1, 2, next_id, next_id, 1000))}
    if kind == 0:
        message["result"] = {"a": 1}
    elif kind == 1:
        message["error"] = {"code": -8, "message": "no"}
    else:
        message["method"] = "call.ended"
        message["params"] = {"call_id": "x"}
    if kind == 3:
        del message["id"]
    for _ in range(random.below(3)):
        message[random.choice(WORDS)] = random_value(random, 3)
    return message


def jsonrpc_text(random, next_id):
    choice = random.below(16)
    if choice == 0:
        text = json.dumps(random_value(random, 4))
    elif choice == 1:
        text = random.choice(("[", '{"a":')) * random.below(4000)
    else:
        text = json.dumps(jsonrpc_message(random, next_id))
    if random.below(2):
        data = mutate(random, text.encode())
        text = "".join([chr(byte) for byte in data])
    return text


def test_jsonrpc_peer():
    random = Random(0x0150)
    sent = []
    handled = []

    def on_request(peer, request_id, method, params):
        assert isinstance(method, str) and isinstance(params, dict)
        handled.append(request_id)
        if random.below(2):
            peer.respond(request_id, {"ok": True})

    def on_notification(method, params):
        assert isinstance(method, str) and isinstance(params, dict)

    def on_answer(result, error):
        assert error is None or result is None

    accepted = refused = 0
    peer = None
    for round_ in range(ROUNDS):
        if round_ % 20 == 0:  # a broken rule closes the connection: start anew now and then
            handled = []
            sent = []
            peer = Peer(sent.append, on_request, on_notification)
            for _ in range(3):
                peer.request("voip.call", {"n": 1}, on_answer)
        try:
            peer.receive(jsonrpc_text(random, len(handled) + 1))
            accepted += 1
        except ProtocolError as error:
            assert error.code < 0
            refused += 1
        assert handled == list(range(1, len(handled) + 1)), "handled twice or out of order"
    assert accepted > ROUNDS // 20 and refused > ROUNDS // 20, (accepted, refused)
