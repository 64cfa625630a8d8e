"""A phone that runs in a test, with a link and a sound that are fakes."""

import asyncio
from contextlib import asynccontextmanager

from callboard_host import phone as phones
from callboard_host import phone_state
from callboard_host.phone_state import Identity
from support import until

ME = Identity("o1", "wx1", "c" * 32, "secret-token")


def stream(**more):
    """A stream of PCMU (PROTOCOL.md §4)."""
    ids = {"feed_id": "f1", "mid": "0", "ssrc": 7, "payload_type": 0, "carriers": ["ws"]}
    return ids | {"codec": "pcmu", "clock_rate": 8000, "channels": 1, "frame_ms": 20} | more


MEDIA = {"send": stream(), "receive": stream()}


class FakeLink:
    """Stands for signalling.link.Link; `answers` says what each request gets."""

    def __init__(self, url, hello, **callbacks):
        self.url, self.hello = url, hello
        self.callbacks = callbacks
        self.transport = object()
        self.requests: list[tuple[str, dict]] = []
        self.answers: dict = {
            "call.answer": {"media": MEDIA},
            "voip.call": {"call_id": "o1", "peer": {"sn": "SN1"}},
        }
        self.stopped = False

    def start(self):
        asyncio.get_running_loop().call_soon(self.come_online, False, None)

    def come_online(self, resumed, call):
        self.callbacks["on_online"]({"resumed": resumed, "call": call})

    async def wait_online(self, timeout_ms):
        await asyncio.sleep(0)

    async def request(self, method, params, timeout_ms):
        self.requests.append((method, params))
        answer = self.answers.get(method, {})
        if isinstance(answer, asyncio.Future):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        await asyncio.sleep(0)
        return answer

    async def stop(self):
        self.stopped = True

    def push(self, method, **params):
        """A request of the relay; returns our answer."""
        return self.callbacks["on_request"](method, params)


class FakeSound:
    """Stands for PhoneSound."""

    made: list = []

    def __init__(self, config, codecs, media, transport, tell):
        self.media, self.tell, self.running = media, tell, True
        self.packets: list = []
        FakeSound.made.append(self)

    def receive(self, buf, off, n, arrival_ms):
        self.packets.append(bytes(buf[off : off + n]))

    async def stop(self):
        await asyncio.sleep(0)
        self.running = False


class Rig:
    """A phone that runs, its link, and what it told."""

    def __init__(self, phone):
        self.phone = phone
        self.told: list[tuple[str, dict]] = []
        phone._emit = lambda name, **fields: self.told.append((name, fields))

    @property
    def link(self) -> FakeLink:
        return self.phone._link

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.told]

    def ring(self, call_id="c1"):
        return self.link.push("call.incoming", call_id=call_id, peer={"sn": "SN1"})

    async def until(self, *names: str):
        """Wait until all of these events were told."""
        await until(lambda: set(names) <= set(self.names))


@asynccontextmanager
async def started_phones(tmp_path, monkeypatch):
    """Makes running phones from PhoneConfig changes; stops them at the end."""
    monkeypatch.setattr(phones, "Link", FakeLink)
    monkeypatch.setattr(phones, "PhoneSound", FakeSound)
    FakeSound.made = []
    state = tmp_path / "phone.json"
    phone_state.save(state, ME)
    tasks = []

    async def start(**changes) -> Rig:
        config = phones.PhoneConfig("http://127.0.0.1:9", state, **changes)
        rig = Rig(phones.Phone(config))
        tasks.append(asyncio.create_task(rig.phone.run()))
        await rig.until("online")
        return rig

    try:
        yield start
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
