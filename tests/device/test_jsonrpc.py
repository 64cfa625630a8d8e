"""The JSON-RPC peer: order, once, resending, limits; and that no input breaks it."""

import json

from callboard import codes
from callboard.errors import InvalidArgument, ProtocolError, RemoteError
from callboard.signalling.jsonrpc import MAX_IN_FLIGHT, MAX_TEXT, Peer, is_id, remote_error
from support import raises

FUZZ_ROUNDS = 10000


class End:
    """A peer whose requests are answered with their own params, or kept for later."""

    def __init__(self, later=False):
        self.sent = []
        self.got = []
        self.answers = []
        self.notified = []
        self.later = later
        self.peer = Peer(
            self.sent.append, self._request, lambda *notified: self.notified.append(notified)
        )

    def _request(self, peer, request_id, method, params):
        self.got.append((request_id, method, params))
        if not self.later:
            peer.respond(request_id, params)

    def ask(self, method="m", params=None):
        return self.peer.request(
            method, params or {}, lambda result, error: self.answers.append((result, error))
        )

    def take(self):
        """What was sent since the last take()."""
        sent, self.sent[:] = list(self.sent), []
        return sent


def deliver(source, target):
    """Carry over everything that `source` sent."""
    for text in source.take():
        target.peer.receive(text)


def test_ask_and_answer():
    a, b = End(), End()
    a.ask("add", {"x": 1})
    a.ask("add", {"x": 2})
    deliver(a, b)
    assert b.got == [(1, "add", {"x": 1}), (2, "add", {"x": 2})]
    deliver(b, a)
    assert a.answers == [({"x": 1}, None), ({"x": 2}, None)]
    assert a.peer.unanswered == 0


def test_refusal_carries_code_and_sentence():
    a, b = End(), End(later=True)
    a.ask()
    deliver(a, b)
    b.peer.respond_error(1, -8, "not authorised")
    deliver(b, a)
    result, error = a.answers[0]
    assert result is None and isinstance(error, RemoteError)
    assert error.code == -8 and error.message == "not authorised"


def test_answers_may_come_in_any_order():
    a, b = End(), End(later=True)
    for n in range(3):
        a.ask("m", {"n": n})
    deliver(a, b)
    for request_id in (2, 3, 1):
        b.peer.respond(request_id, {"id": request_id})
    deliver(b, a)
    assert [result["id"] for result, error in a.answers] == [2, 3, 1]


def test_resend_repeats_what_was_not_answered_in_order():
    a, b = End(), End()
    for n in range(4):
        a.ask("m", {"n": n})
    texts = a.take()
    b.peer.receive(texts[0])
    deliver(b, a)
    a.peer.resend()
    assert a.take() == texts[1:]


def test_request_is_handled_once_and_its_answer_repeated():
    a, b = End(), End()
    a.ask("m", {"n": 1})
    text = a.take()[0]
    b.peer.receive(text)
    first = b.take()
    b.peer.receive(text)
    assert b.take() == first and len(b.got) == 1 and b.peer.duplicates == 1
    a.peer.receive(first[0])
    a.peer.receive(first[0])
    assert len(a.answers) == 1 and a.peer.duplicates == 1


def test_repeated_request_at_work_is_met_with_silence():
    a, b = End(), End(later=True)
    a.ask()
    text = a.take()[0]
    b.peer.receive(text)
    b.peer.receive(text)
    assert b.take() == [] and len(b.got) == 1
    b.peer.respond(1, {"done": True})
    assert len(b.take()) == 1
    b.peer.respond(1, {"done": "twice"})
    assert b.take() == []


def test_slow_answer_is_kept_although_its_request_is_old():
    """The answers that a peer may miss are the newest ones, not those to the newest requests."""
    a, b = End(), End(later=True)
    a.ask("slow")
    slow = a.take()[0]
    b.peer.receive(slow)
    for n in range(3 * MAX_IN_FLIGHT):
        a.ask("quick", {"n": n})
        deliver(a, b)
        b.peer.respond(n + 2, {})
        deliver(b, a)
    b.peer.respond(1, {"slow": True})
    lost = b.take()
    a.ask("next")
    deliver(a, b)
    b.peer.respond(3 * MAX_IN_FLIGHT + 2, {})
    b.take()  # lost as well
    a.peer.resend()
    deliver(a, b)
    assert b.take()[0] == lost[0]


def test_answer_of_long_ago_is_refused_not_left_open():
    a, b = End(), End()
    a.ask("m", {"n": 0})
    first = a.take()[0]
    b.peer.receive(first)
    for n in range(2 * MAX_IN_FLIGHT):
        b.peer.receive(json.dumps({"jsonrpc": "2.0", "id": n + 2, "method": "m", "params": {}}))
    b.take()
    b.peer.receive(first)
    answer = json.loads(b.take()[0])
    assert answer["id"] == 1 and answer["error"]["code"] == codes.RPC_INVALID_REQUEST
    assert len(b.got) == 2 * MAX_IN_FLIGHT + 1


def test_forgotten_request_is_still_resent():
    a, b = End(), End()
    a.peer.forget(a.ask("first"))
    a.take()  # lost
    a.ask("second")
    a.take()
    a.peer.resend()
    deliver(a, b)
    assert [method for _, method, _ in b.got] == ["first", "second"]
    deliver(b, a)
    assert len(a.answers) == 1 and a.peer.unanswered == 0
    a.peer.forget(77)  # unknown: nothing happens


def test_limits_of_requests_in_flight():
    a, b = End(), End(later=True)
    for _ in range(MAX_IN_FLIGHT):
        a.ask()
    error = raises(RemoteError, a.ask)
    assert error.code == codes.RPC_OVERLOADED
    deliver(a, b)
    text = {"jsonrpc": "2.0", "id": MAX_IN_FLIGHT + 1, "method": "m", "params": {}}
    b.peer.receive(json.dumps(text))
    answer = json.loads(b.take()[0])
    assert answer["id"] == MAX_IN_FLIGHT + 1 and answer["error"]["code"] == codes.RPC_OVERLOADED
    assert len(b.got) == MAX_IN_FLIGHT
    b.peer.respond(1, {})
    deliver(b, a)
    assert a.ask() == MAX_IN_FLIGHT + 1


def test_messages_have_a_size():
    a, b = End(), End(later=True)
    raises(InvalidArgument, a.ask, "m", {"text": "x" * MAX_TEXT})
    raises(InvalidArgument, a.ask, "m", {"text": "é" * (MAX_TEXT // 2)})
    assert a.take() == [] and a.ask() == 1  # nothing was counted
    deliver(a, b)
    b.peer.respond(1, {"text": "x" * MAX_TEXT})
    deliver(b, a)
    assert a.answers[0][1].code == codes.RPC_INTERNAL


def test_reset_counts_anew_and_names_what_is_lost():
    a, b = End(), End()
    a.ask("one")
    a.ask("two")
    a.take()
    lost = a.peer.reset()
    assert len(lost) == 2
    b.peer.reset()
    a.ask("three")
    deliver(a, b)
    assert b.got == [(1, "three", {})]


def test_notifications_have_no_id():
    a, b = End(), End()
    a.peer.notify("hint", {"x": 1})
    assert "id" not in json.loads(a.sent[0])
    deliver(a, b)
    assert b.notified == [("hint", {"x": 1})] and b.take() == []
    Peer(print, None).receive('{"jsonrpc": "2.0", "method": "unheard"}')


def test_what_is_refused():
    wrong = (
        ("", codes.RPC_PARSE),
        ("nonsense", codes.RPC_PARSE),
        ("[" * 5000, None),
        ("[]", codes.RPC_INVALID_REQUEST),
        ("3", codes.RPC_INVALID_REQUEST),
        ("{}", codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "1.0", "method": "m"}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "method": 7}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "method": "m", "params": [1]}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "method": "m", "id": 0}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "method": "m", "id": true}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "method": "m", "id": "1"}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "method": "m", "id": 2}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "method": "m", "id": 1e99}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": null, "result": 1}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1, "error": 1}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1, "error": {"code": "x"}}', codes.RPC_INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1, "result": 1, "error": {}}', codes.RPC_INVALID_REQUEST),
    )
    for text, code in wrong:
        end = End()
        error = raises(ProtocolError, end.peer.receive, text)
        assert code is None or error.code == code, text
        assert end.got == [] and end.sent == []


def test_ids_and_errors():
    assert is_id(1) and is_id(0x3FFFFFFF)
    for value in (0, -1, 0x40000000, True, None, "1", 1.0):
        assert not is_id(value), value
    assert remote_error({"code": -8, "message": "no"}).code == -8
    for value in (None, {}, {"code": 1}, {"code": True, "message": ""}, {"code": 1, "message": 2}):
        raises(ProtocolError, remote_error, value)


class Noise:
    """Repeatable noise (xorshift), the same on every Python and word size."""

    def __init__(self, seed):
        self._state = seed

    def below(self, limit):
        x = self._state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._state = x
        return x % limit


SEEDS = (
    '{"jsonrpc": "2.0", "id": 1, "method": "call.ended", "params": {"call_id": "c", "n": [1]}}',
    '{"jsonrpc": "2.0", "id": 1, "result": {"a": null, "b": true}}',
    '{"jsonrpc": "2.0", "id": 1, "error": {"code": -8, "message": "no"}}',
    '{"jsonrpc": "2.0", "method": "challenge", "params": {"challenge": "00"}}',
)
PIECES = ('"', "{", "}", "[", "]", ":", ",", "-1", "1e9", "null", "true", '"id"', "\\u0000", "é")


def mutated(noise):
    """A seed message with a few characters changed, cut, doubled or replaced by JSON's own."""
    text = SEEDS[noise.below(len(SEEDS))]
    for _ in range(1 + noise.below(4)):
        at = noise.below(len(text) + 1)
        kind = noise.below(4)
        if kind == 0:
            text = text[:at]
        elif kind == 1:
            text = text[:at] + PIECES[noise.below(len(PIECES))] + text[at + noise.below(3) :]
        elif kind == 2:
            text = text[:at] + chr(1 + noise.below(126)) + text[at + 1 :]
        else:
            text = text[:at] + text[at // 2 :]
    return text


def test_random_and_mutated_messages_raise_only_what_is_documented():
    noise = Noise(20261120)
    refused = 0
    end = End()
    for _ in range(FUZZ_ROUNDS):
        if end.peer.unanswered == 0:
            end.peer.reset()
            end.ask()
        if noise.below(4):
            text = mutated(noise)
        else:
            text = "".join(chr(noise.below(128)) for _ in range(noise.below(40)))
        try:
            end.peer.receive(text)
        except ProtocolError:
            refused += 1
        del end.sent[:], end.got[:], end.answers[:], end.notified[:]
    assert FUZZ_ROUNDS // 2 < refused < FUZZ_ROUNDS
