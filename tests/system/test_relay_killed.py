"""The relay killed with -9 under load: what it acknowledged is there, what it took back is not."""

import asyncio
import json
import os
import random
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from websockets.exceptions import WebSocketException

from callboard.errors import NetworkError, TimedOut
from callboard_host.relay.admin_client import AdminClient
from callboard_host.relay.store import Store
from callboard_host.relay.tokens import token_hash
from callboard_host.relay.vault import open_vault
from support.covers import covers
from support.relay_client import SignallingClient, new_client_id
from support.soak import times

APP, MODEL = "wx1234567890abcdef", "doorbell"
WORKERS = 8
START_S = 60.0


@dataclass
class Ledger:
    """What the relay acknowledged, and what was under way when it died."""

    keys: dict[str, str] = field(default_factory=dict)  # sn -> device key, hex
    users: dict[str, tuple[str, str]] = field(default_factory=dict)  # open_id -> token, client
    bound: dict[tuple[str, str], bool] = field(default_factory=dict)
    authorised: dict[tuple[str, str], bool] = field(default_factory=dict)
    unsure: list[dict] = field(default_factory=list)  # registrations without an answer

    def __len__(self):
        return sum(map(len, (self.keys, self.users, self.bound, self.authorised)))


class RelayProcess:
    """`callboard relay` on one data directory, started again after each kill."""

    def __init__(self, folder: Path):
        self.data = folder / "data"
        self.killed = False
        self._ready = folder / "ready.json"

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "callboard_host", "relay", "--no-tls"),
            *("--data", self.data, "--ready-file", self._ready),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            stdout=asyncio.subprocess.PIPE,
        )
        line = await asyncio.wait_for(self._process.stdout.readline(), START_S)
        assert line.startswith(b"relay: listening")
        self.url = json.loads(self._ready.read_text())["url"]
        self.token = (self.data / "admin.token").read_text().strip()
        self.killed = False

    async def kill(self):
        self.killed = True
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        await self._process.communicate()


class Worker:
    """Registers devices, invites users, binds and authorises, and takes some of it back."""

    def __init__(self, number: int, relay: RelayProcess, ledger: Ledger, seed: int):
        self._name = f"W{number}"
        self._relay = relay
        self._ledger = ledger
        self._random = random.Random(seed)

    async def run(self, serial: str):
        """Go on until the relay is killed. It may be slow, but not fail, before it is."""
        count = 0
        async with (
            AdminClient(self._relay.url, self._relay.token) as admin,
            aiohttp.ClientSession(self._relay.url) as http,
        ):
            while True:
                count += 1
                try:
                    await self._one(admin, http, f"{self._name}-{serial}-{count}")
                except (TimeoutError, TimedOut):
                    if self._relay.killed:
                        return
                except (aiohttp.ClientError, WebSocketException, OSError, NetworkError):
                    if self._relay.killed:
                        return
                    raise

    async def _one(self, admin, http, sn):
        ledger = self._ledger
        await self.register(admin, http, sn)
        invited = await admin.invite(APP, sn)
        client = new_client_id()
        body = {"invitation": invited["invitation"], "client": client}
        async with http.post("/v1/users/redeem", json=body) as response:
            token = (await response.json())["user_token"]
        open_id = invited["open_id"]
        ledger.users[open_id] = (token, client)
        for way in range(4):
            other = self._random.choice(list(ledger.keys))
            pair = (open_id, other)
            if way == 0:
                phone = self._authorise_on_the_phone(token, client, other)
                await self._set(ledger.authorised, pair, True, phone)
            elif self._random.random() < 0.5:
                await self._set(ledger.bound, pair, True, admin.bind(open_id, MODEL, other))
            else:
                ledger.bound.pop(pair, None)  # this binds, too
                authorise = admin.authorise(open_id, MODEL, other)
                await self._set(ledger.authorised, pair, True, authorise)
                ledger.bound[pair] = True
        mine = [pair for pair, on in ledger.authorised.items() if on and pair[0] == open_id]
        if mine and self._random.random() < 0.5:
            revoke = admin.revoke(open_id, MODEL, mine[0][1])
            await self._set(ledger.authorised, mine[0], False, revoke)
        if mine and ledger.bound.get(mine[0]):
            unbind = admin.unbind(open_id, MODEL, mine[0][1])
            await self._set(ledger.bound, mine[0], False, unbind)

    async def _authorise_on_the_phone(self, token, client, sn):
        """As the user does. Raises ConnectionError when the relay dies meanwhile."""
        phone = SignallingClient(self._relay.url, "user", {"token": token, "client": client})
        await phone.connect()
        asking = asyncio.ensure_future(phone.request("device.authorise", model_id=MODEL, sn=sn))
        await asyncio.wait({asking, phone._reader}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            asking.cancel()
            raise ConnectionError("the relay is gone")
        asking.result()
        await phone.close()

    async def register(self, admin, http, sn):
        ticket = (await admin.ticket(MODEL, sn))["ticket"]
        body = {"model_id": MODEL, "sn": sn, "wxa_appid": APP}
        body |= {"ticket": ticket, "nonce": new_client_id()}
        self._ledger.unsure.append(body)
        async with http.post("/v1/register", json=body) as response:
            answer = await response.json()
        self._ledger.keys[sn] = answer["device_key"]
        self._ledger.unsure.remove(body)

    @staticmethod
    async def _set(what, pair, value, request):
        """While the answer is not here, either state may be found."""
        what.pop(pair, None)
        await request
        what[pair] = value


async def check_files(relay: RelayProcess, ledger: Ledger) -> None:
    """Look into the dead relay's database, as a new relay would."""
    store = await Store.open(relay.data, open_vault(relay.data))
    async with store.read() as tx:
        for sn, key in ledger.keys.items():
            stored = await tx.device_key(MODEL, sn)
            assert stored is not None and stored.hex() == key, sn
        for open_id, (token, client) in ledger.users.items():
            assert await tx.token(token_hash(token)) == (open_id, token_hash(client))
        found = {(r.open_id, r.sn): (r.bound, r.authorised) for r in await tx.relations()}
    for index, expected in ((0, ledger.bound), (1, ledger.authorised)):
        for pair, value in expected.items():
            assert found.get(pair, (False, False))[index] == value, pair
    await store.close()


async def check_clients(relay: RelayProcess, ledger: Ledger, chosen: random.Random) -> None:
    """The new relay lets them in; registrations without an answer can be finished."""
    async with aiohttp.ClientSession(relay.url) as http:
        for body in ledger.unsure:
            async with http.post("/v1/register", json=body) as response:
                answer = await response.json()
                assert response.status == 200, answer
            ledger.keys[body["sn"]] = answer["device_key"]
    ledger.unsure.clear()
    for sn in chosen.sample(list(ledger.keys), 3):
        identity = {"model_id": MODEL, "sn": sn, "wxa_appid": APP, "flavour": 0}
        identity["key"] = bytes.fromhex(ledger.keys[sn])
        device = SignallingClient(relay.url, "device", identity)
        await device.connect()
        await device.close()
    for open_id in chosen.sample(list(ledger.users), 3):
        token, client = ledger.users[open_id]
        phone = SignallingClient(relay.url, "user", {"token": token, "client": client})
        assert (await phone.connect())["user"]["open_id"] == open_id
        await phone.close()


@covers("V-15", "V-61")
@pytest.mark.system
@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_the_relay_killed_under_load_has_lost_nothing(tmp_path):
    relay, ledger, chosen = RelayProcess(tmp_path), Ledger(), random.Random(8)
    await relay.start()
    async with AdminClient(relay.url, relay.token) as admin:
        await admin.add_app(APP)
        await admin.add_model(MODEL)
        async with aiohttp.ClientSession(relay.url) as http:
            await Worker(0, relay, ledger, 0).register(admin, http, "first")
    rounds = times(10, 100)
    for number in range(rounds):
        before = len(ledger)
        workers = [Worker(n, relay, ledger, number * WORKERS + n) for n in range(WORKERS)]
        load = [asyncio.create_task(worker.run(str(number))) for worker in workers]
        while len(ledger) < before + 30:  # under load for sure, then at any moment
            await asyncio.sleep(0.005)
            assert not any(task.done() and task.exception() for task in load)
        await asyncio.sleep(chosen.random() * 0.2)
        await relay.kill()
        await asyncio.gather(*load)
        await check_files(relay, ledger)
        await relay.start()
        await check_clients(relay, ledger, chosen)
    await relay.kill()
    print(f"{rounds} kills; {len(ledger)} acknowledged states, all there")
