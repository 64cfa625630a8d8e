"""Makes messages a hostile client would send: right ones, and right ones with something wrong.

    sender = Hostile(seed, role, others)        # others: ids of other people, by kind
    text = sender.message()                     # for Peer.receive
    sender.learn(answer)                        # the ids it got for itself: it goes on from there

What may be wrong: a member's type, size or absence; an id of somebody else; a stale or forged
token; the order; the request's own id; a replay; the envelope; JSON itself.
"""

import json
import random

OPEN_ID, CALL, ROOM, TOKEN, STREAM, FEED = (
    "open_id",
    "call_id",
    "room_id",
    "token",
    "stream",
    "feed",
)
GROUP, VOIP, VOIP_TOKEN, SN, MODEL, APP = "group_id", "voip_id", "voip_token", "sn", "model", "app"
BIT, TYPE, FLAG, TEXT, NAMES, OBJECT = "bit", "type", "flag", "text", "names", "object"

CALL_MEMBERS = {
    "call_type": TYPE,
    "caller_camera": BIT,
    "callee_camera": BIT,
    "video_info": OBJECT,
    "voip_token?": VOIP_TOKEN,
}
DEVICE_CALL = {
    **CALL_MEMBERS,
    "open_id": OPEN_ID,
    "group_id?": GROUP,
    "voip_id?": VOIP,
    "device_id?": SN,
    "wxa_appid?": APP,
}
BOTH = {
    "call.answer": {"call_id": CALL, "codecs": NAMES, "camera?": FLAG},
    "call.reject": {"call_id": CALL},
    "call.hang_up": {"call_id?": CALL, "lost?": FLAG},
    "room.create": {"audio?": FLAG, "video?": FLAG, "auto_subscribe?": FLAG, "record?": FLAG},
    "room.join": {"room_id": ROOM, "token": TOKEN, "auto_subscribe?": FLAG},
    "room.leave": {"room_id": ROOM},
    "room.publish": {
        "room_id": ROOM,
        "audio": FLAG,
        "video": FLAG,
        "tag?": TEXT,
        "codecs?": NAMES,
    },
    "room.unpublish": {"room_id": ROOM, "stream_id": STREAM},
    "room.subscribe": {"room_id": ROOM, "feed_id": FEED},
    "room.unsubscribe": {"room_id": ROOM, "stream_id": STREAM},
}
SHAPES = {
    "device": {
        **BOTH,
        "voip.call": DEVICE_CALL,
        "dm.report": {"properties": OBJECT},
        "notice.send": {"open_id": OPEN_ID, "notice": OBJECT},
        "command.send": {"open_id": OPEN_ID, "args": OBJECT},
        "device.authorise": {"model_id": MODEL, "sn": SN},
    },
    "user": {
        **BOTH,
        "voip.call": {**CALL_MEMBERS, "model_id": MODEL, "sn": SN},
        "command.send": {"model_id": MODEL, "sn": SN, "args": OBJECT},
        "device.list": {},
        "device.authorise": {"model_id": MODEL, "sn": SN},
        "device.revoke": {"model_id": MODEL, "sn": SN},
    },
}
FOREIGN_METHODS = (
    "hello",
    "challenge",
    "call.incoming",
    "call.ended",
    "room.event",
    "dm.set",
    "x",
)
LEARNED = {
    "call_id": CALL,
    "room_id": ROOM,
    "token": TOKEN,
    "stream_id": STREAM,
    "feed_id": FEED,
}


class Hostile:
    """One sender. It counts its requests as it should, until it chooses not to."""

    def __init__(self, seed: int, role: str, others: dict[str, list], own: dict[str, list]):
        self.random = random.Random(seed)
        self._shapes = SHAPES[role]
        self._others = others
        self._own = own
        self._learned: dict[str, list] = {}
        self.ssrcs: list[int] = []  # of streams it was told of, its own among them
        self.reset()

    def reset(self, next_id=1):
        """A new session, or one that goes on with this id; what it learned may have gone stale."""
        self.next_id = next_id
        self._sent = []

    def learn(self, value):
        """Keep the ids in an answer or a push, at most 20 of a kind."""
        if isinstance(value, dict):
            for name, content in value.items():
                if name in LEARNED and isinstance(content, str):
                    kept = self._learned.setdefault(LEARNED[name], [])
                    kept.append(content)
                    del kept[:-20]
                elif name == "ssrc" and isinstance(content, int):
                    self.ssrcs = [*self.ssrcs[-7:], content]
                self.learn(content)
        elif isinstance(value, list):
            for content in value:
                self.learn(content)

    def message(self) -> str:
        """The next text."""
        luck = self.random.random()
        if luck < 0.30:
            text = self._request(wrong=0)
        elif luck < 0.75:
            text = self._request(wrong=self.random.choice((1, 1, 1, 2, 5)))
        elif luck < 0.83 and self._sent:
            return self.random.choice(self._sent[-40:])  # a replay
        elif luck < 0.90:
            text = json.dumps(self._response())
        elif luck < 0.96:
            text = self._broken_envelope()
        else:
            text = self._broken_json(self._request(wrong=0, count=False))
        self._sent.append(text)
        del self._sent[:-200]
        return text

    def packet(self, ssrcs: list[int]) -> bytes:
        """A media packet, perhaps with somebody's SSRC."""
        head = bytes(self.random.choices((0x80, 0x90, 0, 255, self.random.randrange(256)), k=2))
        ssrc = self.random.choice([*ssrcs, self.random.getrandbits(32)])
        body = self.random.randbytes(self.random.randrange(40))
        packet = head + self.random.randbytes(6) + ssrc.to_bytes(4, "big") + body
        return packet[: self.random.choice((len(packet), self.random.randrange(16)))]

    # -- requests ------------------------------------------------------------------------------

    def _request(self, wrong: int, count: bool = True) -> str:
        method = self.random.choice(list(self._shapes))
        params = self._params(method)
        for _ in range(wrong):
            self._spoil(params)
        if wrong and self.random.random() < 0.05:
            method = self.random.choice(FOREIGN_METHODS)
        message = {"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params}
        if count:
            self.next_id += 1
        return json.dumps(message)

    def _params(self, method: str) -> dict:
        params = {}
        for name, kind in self._shapes[method].items():
            if not name.endswith("?") or self.random.random() < 0.3:
                params[name.rstrip("?")] = self._right(kind)
        return params

    def _right(self, kind: str):
        """A value of the right kind: what it learned, what is its own, or somebody else's."""
        plain = {
            BIT: lambda: self.random.randrange(2),
            TYPE: lambda: self.random.choice((1, 2)),
            FLAG: lambda: self.random.random() < 0.5,
            TEXT: lambda: self.random.choice(("", "door", "ü" * 20)),
            NAMES: lambda: self.random.choice((["pcmu"], ["opus", "pcmu"])),
            OBJECT: lambda: {f"p{self.random.randrange(40)}": self.random.choice((1, "x", None))},
        }
        if kind in plain:
            return plain[kind]()
        pools = [self._learned.get(kind), self._own.get(kind), self._others.get(kind)]
        filled = [pool for pool in pools if pool]
        if not filled:
            return "none"
        return self.random.choice(self.random.choice(filled))

    def _spoil(self, params: dict) -> None:
        """Make one thing of the params wrong."""
        name = self.random.choice([*params, "extra"])
        how = self.random.randrange(5)
        if how == 0:
            params.pop(name, None)
        elif how == 1:
            kind = self.random.choice(list(self._others))
            params[name] = self.random.choice(self._others[kind])
        elif how == 2 and isinstance(params.get(name), str) and params[name]:
            at = self.random.randrange(len(params[name]))
            params[name] = (
                params[name][:at] + self.random.choice("0zZ-_ü\0\"' ") + params[name][at:]
            )
        else:
            params[name] = self._garbage()

    def _garbage(self, depth: int = 0):
        choices = [
            lambda: self.random.choice((True, False, None, 0, 1, 2, 3, -1, 1.5, 2**40, 10**30)),
            lambda: self.random.choice(("", "pcmu", "x" * 200, "\ud800", "\0", "ä" * 70, "😀")),
            lambda: "x" * self.random.choice((64, 65, 128, 129, 1024, 1025, 5000)),
        ]
        if depth < 4:
            choices.append(lambda: [self._garbage(depth + 1) for _ in range(3)])
            choices.append(lambda: {f"k{depth}": self._garbage(depth + 1)})
            choices.append(lambda: {str(n): n for n in range(self.random.choice((16, 17, 33)))})
        return self.random.choice(choices)()

    # -- everything around a request -----------------------------------------------------------

    def _response(self) -> dict:
        """An answer to a push there was, or was not."""
        message = {"jsonrpc": "2.0", "id": self.random.randrange(1, 20)}
        for name in self.random.choice((["result"], ["error"], ["result", "error"], [])):
            message[name] = self._garbage()
        if self.random.random() < 0.3:
            message["error"] = {"code": self.random.choice((-30003, 1, "x")), "message": "no"}
        return message

    def _broken_envelope(self) -> str:
        message = json.loads(self._request(wrong=0, count=False))
        wrong_ids = (0, -1, 1.5, True, None, "1", [], 2**30, 2**70)
        spoil = self.random.choice(
            [
                lambda: message.update(id=self.random.choice(wrong_ids)),
                lambda: message.update(id=self.next_id + self.random.randrange(1, 5)),
                lambda: message.update(jsonrpc=self._garbage()),
                lambda: message.update(method=self._garbage()),
                lambda: message.update(params=self.random.choice(([], None, 1, "x"))),
                lambda: message.pop(self.random.choice(list(message))),
                lambda: message.update(pad="x" * 16_000),
            ]
        )
        spoil()
        return json.dumps(message)

    def _broken_json(self, text: str) -> str:
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(text) + 1)
            insert = self.random.choice(
                ('"', "{", "}", "[", ",", "9", "e", "\\", "\0", "null", "NaN")
            )
            text = text[:at] + insert + text[at + self.random.randrange(3) :]
        return self.random.choice((text, "[" * 3000, text[: len(text) // 2]))
