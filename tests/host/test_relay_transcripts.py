"""PROTOCOL.md §8 replayed against the real relay: we play the clients, word for word."""

import asyncio
import json

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed

from support import transcripts
from support.covers import covers
from support.relay_client import new_client_id
from support.transcripts import Bindings, Mismatch

from .conftest import APP, MODEL

TRANSCRIPTS = transcripts.read()
WAIT_S = 30.0
ROLES = {"device": "device", "phone": "user"}


class Replay:
    """Plays the clients of one transcript."""

    def __init__(self, world):
        self.world = world
        self.bindings = Bindings()
        self.clients = {}
        self.answers = {}  # client -> HTTP answers not yet looked at

    async def prepare(self, transcript):
        """Make what a transcript takes as known, and bring its clients online."""
        values = self.bindings.values
        phone, open_id = await self.world.invite("Ada")
        await self.world.admin.authorise(open_id, MODEL, "SN1")
        values |= {"model": MODEL, "sn": "SN1", "app": APP, "firmware": "1.0"}
        values |= {"open_id": open_id, "name": "Ada", "nonce": new_client_id()}
        values |= {"user_token": phone["token"], "client": phone["client"]}
        identity = {"key": b"\0" * 32}
        if any(step.kind == transcripts.HTTP_REQUEST for step in transcript.steps):
            values["ticket"] = (await self.world.admin.ticket(MODEL, "SN1"))["ticket"]
        else:
            identity = await self.world.register("SN1")
            values["device_key"] = identity["key"].hex()
        self.clients = {
            "device": self.world.client("device", identity),
            "phone": self.world.client("user", phone),
        }
        for name in transcript.online:
            await self._bring_online(name)

    async def _bring_online(self, name):
        """Hello with the transcript's values; then the client goes on without its own reader."""
        client = self.clients[name]
        await client.open()
        caps = {"caps": ["opus", "opus-8k", "pcmu", "media-ws"], "firmware": "1.0"}
        await client.send(
            {"id": "hello", "method": "hello", "params": client.hello_params(**caps)}
        )
        result = (await self._receive(name))["result"]
        if name == "device":
            for placeholder, member in (("session", "session"), ("resume", "resume_token")):
                self.bindings.values[placeholder] = result[member]
            ready = await self._receive(name)
            assert ready["method"] == "voip.peer_ready"
            await client.send({"id": ready["id"], "result": {}})

    async def _receive(self, name):
        socket = self.clients[name].socket
        return json.loads(await asyncio.wait_for(socket.recv(), WAIT_S))

    async def play(self, step):
        """Do a client's step, or check the relay's."""
        await {
            transcripts.MESSAGE: self._message,
            transcripts.HTTP_REQUEST: self._http_request,
            transcripts.HTTP_ANSWER: self._http_answer,
            transcripts.OPENS: self._opens,
            transcripts.CUTS: self._cuts,
            transcripts.CLOSES: self._closes,
        }[step.kind](step)

    async def _message(self, step):
        if step.source == transcripts.RELAY:
            where = f"line {step.line}"
            message = await self._receive(step.client)
            self.bindings.match(step.body, message, where)
            if message.get("method") == "challenge":
                self.clients[step.client].challenge = message["params"]["challenge"]
            return
        if step.lost:
            return
        client = self.clients[step.client]
        if step.body.get("method") == "hello":
            key = self.bindings.values.get("device_key")
            client.identity["key"] = bytes.fromhex(key) if key else b""
            mac = client.hello_params().get("mac", "")
            self.bindings.values |= {"mac": mac, "wrong mac": mac[::-1]}
        await client.socket.send(json.dumps(self.bindings.fill(step.body)))
        if isinstance(step.body.get("id"), int) and "method" in step.body:
            await self._handled(step.client, step.body["id"])

    async def _handled(self, name, request_id):
        """Wait until the relay is done with a request: what other clients say comes later."""
        sessions = self.world.relay.core.hub.sessions.values()
        (session,) = (s for s in sessions if s.client.identity.role == ROLES[name])
        async with asyncio.timeout(WAIT_S):
            while session.peer._last_received < request_id or session._working:
                await asyncio.sleep(0.001)

    async def _http_request(self, step):
        url = self.world.relay.url + step.path
        async with (
            aiohttp.ClientSession() as http,
            http.post(url, json=self.bindings.fill(step.body)) as response,
        ):
            self.answers[step.client] = (response.status, await response.json())

    async def _http_answer(self, step):
        status, body = self.answers.pop(step.client)
        assert status == step.number, body
        self.bindings.match(step.body, body, f"line {step.line}")

    async def _opens(self, step):
        await self.clients[step.client].dial()

    async def _cuts(self, step):
        await self.clients[step.client].cut()

    async def _closes(self, step):
        socket = self.clients[step.client].socket
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), WAIT_S)
        assert socket.close_code == step.number

    async def nothing_more(self):
        """The relay has said no more than the transcript says."""
        for name, client in self.clients.items():
            if client.socket is not None and client.socket.close_code is None:
                with pytest.raises(TimeoutError):
                    message = await asyncio.wait_for(client.socket.recv(), 0.05)
                    raise AssertionError(f"{name} got more: {message}")


@covers("V-55", "V-56", "V-60", "V-61", "V-63")
@covers("M-06", "M-07", "M-10", "M-14", "M-16", "M-38", "M-39")
@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript.name)
async def test_the_relay_keeps_to_the_transcript(world, transcript):
    replay = Replay(world)
    await replay.prepare(transcript)
    for step in transcript.steps:
        await replay.play(step)
    await replay.nothing_more()


def test_what_must_be_shown_is_shown():
    assert {transcript.name for transcript in TRANSCRIPTS} == {
        *("registration", "ticket refused", "hello refused", "capability refused"),
        *("call with opus", "call answered", "call rejected", "busy", "resume", "room"),
        *("phone calls", "phone calls and hangs up", "device rejects", "phone gives up"),
        *("crossing calls", "crossing calls, the device first"),
        *("notice", "commands", "authorisation"),
    }


def test_a_placeholder_binds_once_and_other_members_must_be_equal():
    bindings = Bindings()
    bindings.match({"a": "<x>", "b": ["<x>", 1]}, {"a": {"y": 2}, "b": [{"y": 2}, 1]})
    assert bindings.fill(["<x>"]) == [{"y": 2}]
    for pattern, actual in (
        ("<x>", 1),
        ({"a": 1}, {}),
        ({}, {"a": 1}),
        ([1], [1, 1]),
        (1, True),
        (1, 1.0),
        ("x", "y"),
        ({}, []),
    ):
        with pytest.raises(Mismatch):
            bindings.match(pattern, actual)
    with pytest.raises(Mismatch):
        bindings.fill("<unknown>")


@pytest.mark.parametrize("line", ["device says hello", "device → relay {broken}", "→ {}"])
def test_a_malformed_line_is_named(tmp_path, line):
    path = tmp_path / "P.md"
    path.write_text(f"# x\n\n```transcript one\n{line}\n```\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 4"):
        transcripts.read(path)
