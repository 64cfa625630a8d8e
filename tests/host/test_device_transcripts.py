"""PROTOCOL.md §8 replayed against the real device code: we play the relay, word for word."""

import asyncio
import hmac
import json
import re
import secrets
import time

import pytest
from aiohttp import web

from support import transcripts
from support.covers import covers
from support.pythons import PYTHONS, run_program
from support.transcripts import Bindings

WAIT_S = 25.0
# What a device's program ends with; nothing: 0.
CODES = {"ticket refused": -10008, "hello refused": 6, "busy": -30003, "room": -114}
SHOWN = [
    transcript
    for transcript in transcripts.read()
    if any(step.client == "device" for step in transcript.steps)
]


def invented(name):
    """A value for a placeholder that the relay chooses, of the kind its name tells."""
    kind = re.sub(r" \d+$", "", name)
    numbers = {"heartbeat": 10000, "dead": 30000, "grace": 5000, "visitor": 7}
    if kind in numbers:
        return numbers[kind]
    if kind == "time":
        return int(time.time() * 1000)
    if kind == "ssrc":
        return 1 + secrets.randbelow(2**32 - 1)
    if kind == "mid":
        return secrets.token_hex(4)
    if kind == "relay caps":
        return ["opus", "opus-8k", "pcmu", "media-ws"]
    return secrets.token_hex(16)


class Inventing(dict):
    """Bindings' values: the relay makes up what it is the first to say."""

    def __missing__(self, name):
        self[name] = invented(name)
        return self[name]

    def __contains__(self, name):
        return True


class ScriptedRelay:
    """The relay of one transcript; `done` when every step of the device has been played."""

    def __init__(self, transcript):
        self.transcript = transcript
        self.steps = [step for step in transcript.steps if step.client == "device"]
        self.bindings = Bindings()
        self.at = 0
        self.problem = None
        self.online = "device" not in transcript.online

    @property
    def done(self):
        return self.at == len(self.steps)

    def app(self):
        app = web.Application()
        for path in ("/v1/check", "/v1/register"):
            app.router.add_post(path, self.guarded(self.posted))
        app.router.add_get("/v1/device", self.guarded(self.device))
        return app

    def guarded(self, handler):
        async def handle(request):
            try:
                return await asyncio.wait_for(handler(request), WAIT_S)
            except (AssertionError, TimeoutError) as problem:
                self.problem = self.problem or problem
                raise

        return handle

    def take(self, kind):
        """The next step, which must be of this kind."""
        assert not self.done, f"{kind} after the end of the transcript"
        step = self.steps[self.at]
        assert step.kind == kind, f"{kind} where line {step.line} has: {step.kind}"
        self.at += 1
        return step

    def fill(self, body):
        filling = Bindings()
        filling.values = Inventing(self.bindings.values)
        filled = filling.fill(body)
        self.bindings.values.update(filling.values)
        return filled

    async def posted(self, request):
        step = self.take(transcripts.HTTP_REQUEST)
        assert step.path == request.path, f"{request.path} where line {step.line} is played"
        self.bindings.match(step.body, await request.json(), f"line {step.line}")
        answer = self.take(transcripts.HTTP_ANSWER)
        body = self.fill(answer.body)
        if answer.lost:
            request.transport.abort()
        return web.json_response(body, status=answer.number)

    async def device(self, request):
        socket = web.WebSocketResponse(protocols=["callboard.v1"])
        await socket.prepare(request)
        if not self.online:
            self.online = True
            await self.bring_online(socket, request)
        else:
            self.take(transcripts.OPENS)
        while not self.done:
            if self.steps[self.at].kind == transcripts.CUTS:
                self.at += 1
                request.transport.abort()
                return socket
            if self.steps[self.at].kind == transcripts.CLOSES:
                await socket.close(code=self.take(transcripts.CLOSES).number)
                return socket
            await self.message(socket, request, self.take(transcripts.MESSAGE))
        async for message in socket:  # until the device leaves
            answer = json.loads(message.data)
            assert answer.get("method") == "call.hang_up", f"more than was told: {answer}"
            await socket.send_json({"jsonrpc": "2.0", "id": answer["id"], "result": {}})
        return socket

    async def bring_online(self, socket, request):
        """What the transcript says has happened before it begins."""
        hello = next(t for t in SHOWN if t.name == "registration")
        start = next(i for i, s in enumerate(hello.steps) if s.kind == transcripts.OPENS)
        for step in hello.steps[start + 1 :]:
            await self.message(socket, request, step)
        for name in ("challenge", "mac", "time 3"):  # another connection has others
            self.bindings.values.pop(name, None)

    async def message(self, socket, request, step):
        where = f"line {step.line}"
        if step.source == transcripts.RELAY:
            body = self.fill(step.body)
            if body.get("method") == "challenge":
                self.challenge = body["params"]["challenge"]
            if not step.lost:
                await socket.send_json(body)
            return
        received = await socket.receive_json(timeout=WAIT_S)
        if received.get("method") == "hello":
            self.expect_mac(request, received["params"]["mac"])
        self.bindings.match(step.body, received, where)

    def expect_mac(self, request, received):
        lines = ("callboard.v1", "GET", request.headers["Host"], request.path, self.challenge)
        key = bytes.fromhex(self.bindings.values["device_key"])
        right = hmac.new(key, "\n".join(lines).encode(), "sha256").hexdigest()
        self.bindings.values["mac"] = right
        if received != right:
            self.bindings.values["wrong mac"] = received


async def serve(relay):
    runner = web.AppRunner(relay.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@covers("V-05", "V-15", "V-30", "V-60", "V-63", "M-06", "M-14", "M-38", "M-39")
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("transcript", SHOWN, ids=lambda transcript: transcript.name)
async def test_the_device_keeps_to_the_transcript(transcript, python, tmp_path):
    relay = ScriptedRelay(transcript)
    values = {"model": "doorbell", "sn": "SN1", "app": "wx1", "ticket": "T1", "open_id": "u1"}
    registers = any(step.kind == transcripts.HTTP_REQUEST for step in relay.steps)
    key = secrets.token_hex(32)
    relay.bindings.values.update(values, device_key=key)
    runner, url = await serve(relay)
    options = dict(values, scenario=transcript.name, url=url, flash=str(tmp_path / "flash"))
    options["device_key"] = None if registers else key
    if transcript.name == "hello refused":
        options["device_key"] = secrets.token_hex(32)
    try:
        result = await run_program(python, "transcript_device.py", options)
    finally:
        await runner.cleanup()
    assert relay.problem is None, relay.problem
    assert relay.done, f"not reached: line {relay.steps[relay.at].line}; the device: {result}"
    assert result["code"] == CODES.get(transcript.name, 0), result
