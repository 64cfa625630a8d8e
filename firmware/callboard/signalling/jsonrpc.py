"""One end of a reliable JSON-RPC 2.0 conversation: no socket, clock or task (PROTOCOL.md §3).

Both ends number their own requests 1, 2, 3 … A request is kept until its response arrives. After a
resumed connection `resend()` gives every unanswered request again; the receiver drops what it has
seen by its id and repeats the response it kept. So requests are delivered in order and handled
once, whatever the line does.

Why the last MAX_IN_FLIGHT responses are enough to keep: responses travel in the order they were
given, so those that the peer has not received are the newest ones, and it never waits for more
than MAX_IN_FLIGHT.
"""

import json

from .. import codes
from ..errors import InvalidArgument, ProtocolError, RemoteError
from ..port import json_text
from .kept import Kept

MAX_IN_FLIGHT = 16  # our unanswered requests; also the responses kept for a peer that asks again
MAX_TEXT = 16384  # bytes of one message


class Peer:
    """The state of one end.

    Arguments: `send(text)` queues one message on the current connection and may drop it silently
    when there is none (resend() repairs that); `on_request(peer, id, method, params)` is called
    once per new request and answers now or later through `respond` / `respond_error`;
    `on_notification(method, params)` gets messages without an id.
    """

    def __init__(self, send, on_request, on_notification=None):
        self._send = send
        self._on_request = on_request
        self._on_notification = on_notification
        self.reset()

    def reset(self):
        """Start anew, after a session that was not resumed. Returns the lost requests' callbacks.

        An answer to a request of the old session must not be given any more: its id may mean
        another one now. An owner that answers later than in `on_request` makes a new Peer for a
        new session instead.
        """
        waiting = getattr(self, "_waiting", {})
        lost = [waiting[request_id][1] for request_id in sorted(waiting)]
        self._next_id = 1
        self._waiting = {}  # id -> (text, callback(result, error))
        self._last_received = 0
        self._kept = Kept(MAX_IN_FLIGHT)
        self.duplicates = 0
        return lost

    @property
    def unanswered(self):
        """How many of our requests have no response yet."""
        return len(self._waiting)

    def request(self, method, params, callback):
        """Send a request; `callback(result, error)` runs once: error is None or a RemoteError.

        Returns the id. Raises RemoteError(RPC_OVERLOADED) when MAX_IN_FLIGHT requests wait for
        responses, InvalidArgument when the message would be longer than MAX_TEXT bytes; then
        nothing was sent or counted.
        """
        if len(self._waiting) >= MAX_IN_FLIGHT:
            raise RemoteError("too many requests wait for the peer", codes.RPC_OVERLOADED)
        request_id = self._next_id
        text = json_text({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        if is_too_long(text):
            raise InvalidArgument("params of %s are longer than %d bytes" % (method, MAX_TEXT))
        self._next_id += 1
        self._waiting[request_id] = (text, callback)
        self._send(text)
        return request_id

    def forget(self, request_id):
        """Give up waiting: a late response is ignored.

        The request itself stays until it is answered, and is sent again after an outage: the peer
        counts ids and would take a gap for a broken line.
        """
        if request_id in self._waiting:
            self._waiting[request_id] = (self._waiting[request_id][0], _ignore)

    def notify(self, method, params):
        """Send a notification: at most once, not repeated after an outage."""
        self._send(json_text({"jsonrpc": "2.0", "method": method, "params": params}))

    def respond(self, request_id, result):
        """Answer a request handed to on_request."""
        self._finish(request_id, {"jsonrpc": "2.0", "id": request_id, "result": result})

    def respond_error(self, request_id, code, message):
        """Refuse a request handed to on_request."""
        error = {"code": code, "message": message}
        self._finish(request_id, {"jsonrpc": "2.0", "id": request_id, "error": error})

    def _finish(self, request_id, message):
        if not self._kept.at_work(request_id):
            return  # answered already, or from before a reset
        text = json_text(message)
        if is_too_long(text):
            text = _refusal(request_id, codes.RPC_INTERNAL, "the answer is too long for a message")
        self._kept.answered(request_id, None if message.get("result") == {} else text)
        self._send(text)

    def resend(self):
        """Send every unanswered request again, in order: call it after a resumed connection."""
        for request_id in sorted(self._waiting):
            self._send(self._waiting[request_id][0])

    def receive(self, text):
        """Handle one text message. Raises ProtocolError with the JSON-RPC code."""
        try:
            message = json.loads(text)
        except (ValueError, RuntimeError):  # RuntimeError: nested deeper than a small stack allows
            raise ProtocolError("message is not JSON", codes.RPC_PARSE)
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            raise ProtocolError("message is not a JSON-RPC 2.0 object")
        if "method" in message:
            self._receive_call(message)
        else:
            self._receive_response(message)

    def _receive_call(self, message):
        method = message["method"]
        params = message.get("params", {})
        if not isinstance(method, str) or not isinstance(params, dict):
            raise ProtocolError("method must be a string and params an object")
        if "id" not in message:
            if self._on_notification:
                self._on_notification(method, params)
            return
        request_id = message["id"]
        if not is_id(request_id):
            raise ProtocolError("request id must be a positive integer")
        if request_id <= self._last_received:
            self._repeat(request_id)
        elif request_id != self._last_received + 1:
            raise ProtocolError("request id %d after %d" % (request_id, self._last_received))
        else:
            self._accept(request_id, method, params)

    def _repeat(self, request_id):
        """One of three: at work (silence), answered (repeat it), answered long ago (refuse)."""
        self.duplicates += 1
        if self._kept.at_work(request_id):
            return
        if self._kept.has(request_id):
            text = self._kept.text(request_id) or _empty(request_id)
        else:
            text = _refusal(request_id, codes.RPC_INVALID_REQUEST, "this was answered long ago")
        self._send(text)

    def _accept(self, request_id, method, params):
        self._last_received = request_id
        if self._kept.begin(request_id):
            self._on_request(self, request_id, method, params)
        else:  # its refusal is not kept: a repeated one is refused again
            text = _refusal(request_id, codes.RPC_OVERLOADED, "too many requests in progress")
            self._send(text)

    def _receive_response(self, message):
        request_id = message.get("id")
        if not is_id(request_id) or ("result" in message) == ("error" in message):
            raise ProtocolError("response needs an id and either result or error")
        error = None
        if "error" in message:
            error = remote_error(message["error"])
        entry = self._waiting.pop(request_id, None)
        if entry is None:
            self.duplicates += 1  # a repeated response, or one we stopped waiting for
            return
        entry[1](message.get("result"), error)


def _empty(request_id):
    return json_text({"jsonrpc": "2.0", "id": request_id, "result": {}})


def _refusal(request_id, code, message):
    error = {"code": code, "message": message}
    return json_text({"jsonrpc": "2.0", "id": request_id, "error": error})


def _ignore(result, error):
    pass


def is_too_long(text):
    """True when `text` has more than MAX_TEXT bytes in UTF-8."""
    return len(text) > MAX_TEXT // 4 and len(text.encode()) > MAX_TEXT


def is_id(value):
    """True for an integer a request may be numbered with (bool is an int in Python: refused)."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 0x40000000


def remote_error(error):
    """Make a RemoteError of a JSON-RPC error object. Raises ProtocolError when it is malformed."""
    if not isinstance(error, dict):
        raise ProtocolError("error must be an object")
    code, text = error.get("code"), error.get("message")
    if not isinstance(code, int) or isinstance(code, bool) or not isinstance(text, str):
        raise ProtocolError("error needs an integer code and a message")
    return RemoteError(text, code)
