"""A client on a fake relay, with everything it tells recorded: what the voip tests stand on."""

import asyncio

from fake_relay import KEY, FakeRelay, fixed_random

from callboard import codes, keystore
from callboard.flash.devices import RamFlash
from callboard.voip.client import Client
from callboard.voip.registration import KEY_NAME
from support import FakeClock, outcome, settle

CONFIG = {"relay_url": "https://relay.test:8443", "tls": None}
IDENTITY = ("doorbell", "SN1", "wxdemo")
VISITOR = 12345
PAYLOAD = bytes(range(160))
CALLBACKS = (
    "on_online",
    "on_offline",
    "on_module_status",
    "on_get_av_enc_info",
    "on_start_real_play",
    "on_stop_real_play",
    "on_start_recv_stream",
    "on_recv_stream",
    "on_stop_recv_stream",
    "on_notify",
    "on_recv_command",
    "on_call_state",
    "on_call_stats",
    "on_download_file",
    "on_get_peer_outer_net",
    "on_key_frame_wanted",
    "on_pictures_over",
)


class Recorder:
    """Device and AV callbacks that write down their name and arguments."""

    def __init__(self):
        self.told = []
        for name in CALLBACKS:
            setattr(self, name, self._recorder(name))

    def _recorder(self, name):
        def record(*args):
            if name == "on_recv_stream":  # the buffer is valid only now
                visitor, channel, stream_type, buf, off, n, frame_index = args
                args = (visitor, channel, stream_type, bytes(buf[off : off + n]), frame_index)
            self.told.append((name,) + args)

        return record

    def names(self, *wanted):
        """The names told so far, in order; only those of `wanted` if given."""
        return [each[0] for each in self.told if not wanted or each[0] in wanted]

    def of(self, name):
        """The arguments of each time `name` was told."""
        return [each[1:] for each in self.told if each[0] == name]


def stream(ssrc, feed):
    return {
        "feed_id": feed,
        "mid": feed,
        "ssrc": ssrc,
        "codec": "pcmu",
        "payload_type": 0,
        "clock_rate": 8000,
        "channels": 1,
        "frame_ms": 20,
        "carriers": ["ws"],
    }


def media():
    """A media description as seen by the device."""
    return {"send": stream(0xFFFFFFF0, "d"), "receive": stream(0x7FFFFFF0, "p")}


def rtp_packet(sequence, timestamp, payload=PAYLOAD, ssrc=0x7FFFFFF0):
    """A PCMU packet as the phone sends it (RFC 3550 §5.1)."""
    head = bytes((0x80, 0, sequence >> 8 & 255, sequence & 255))
    head += bytes(timestamp >> shift & 255 for shift in (24, 16, 8, 0))
    return head + bytes(ssrc >> shift & 255 for shift in (24, 16, 8, 0)) + payload


class Bench:
    """A client, its relay, its clock and what it told."""

    def __init__(self, registered=True, post=None, flash=None):
        self.clock = FakeClock()
        self.relay = FakeRelay(self.clock)
        self.store = keystore.open(flash or RamFlash(), identity=False)
        if registered:
            self.store.put(KEY_NAME, KEY)
        self.seen = Recorder()
        self.reports = []
        self.properties = []
        self.properties_set = self.properties.append
        self.calls = 0
        self.client = Client(
            clock=self.clock,
            connect=self.relay.connect,
            post=self.relay.posting(post),
            random=fixed_random,
            set_time=lambda ms: None,
            report=lambda what, error: self.reports.append((what, error)),
        )
        self.relay.answers["voip.call"] = self._called

    def _called(self, params):
        self.calls += 1
        return {"call_id": "c%04d" % self.calls, "state": "ringing"}

    def init_av(self):
        """As far as the level av."""
        self.client.init_system(CONFIG, self.seen)
        self.client.init_data_model(self.properties_set)
        self.client.init_av(self.seen)

    async def init(self):
        """As far as the level voip."""
        self.init_av()
        await self.client.init_voip(codes.FLAVOUR_FORMAL, self.store, *IDENTITY)

    def push(self, method, params=None):
        return self.relay.push(method, params or {})

    async def ready(self):
        """As far as it goes without a call."""
        await self.init()
        self.push("voip.peer_ready")
        await settle()

    async def dial(self):
        """Call; the relay does not say yet which call it is. Returns the task."""
        self.relay.silent.add("voip.call")
        calling = begin(self.client.call("user1"))
        await settle()
        return calling

    async def ring(self):
        """Call; the phone rings. Returns the call's id."""
        await self.client.call("user1")
        return "c%04d" % self.calls

    async def talk(self):
        """Call; the phone answers."""
        call_id = await self.ring()
        self.push("call.answered", {"call_id": call_id, "visitor": VISITOR, "media": media()})
        await settle()
        return call_id

    def invite(self, call_id="i0001", **more):
        """A phone calls; returns the list that gets the device's answer."""
        params = {
            "call_id": call_id,
            "direction": "phone_to_device",
            "state": "ringing",
            "call_type": codes.CALL_TYPE_AUDIO,
            "peer": {"open_id": "user1", "name": "Ada"},
            "visitor": VISITOR,
            "caller_camera": 0,
            "callee_camera": 1,
            "video_info": {},
            "ring_ms": 60000,
        }
        params.update(more)
        return self.push("call.incoming", params)

    async def be_rung(self, call_id="i0001"):
        """A phone calls and it rings here."""
        answer = self.invite(call_id)
        await settle()
        assert answer == [{}] and self.client.call_state == "incoming"
        return call_id

    async def take(self, call_id="i0001"):
        """A phone calls and this device answers."""
        await self.be_rung(call_id)
        self.relay.answers["call.answer"] = lambda params: {"media": media()}
        assert await self.client.answer() is True
        return call_id

    def end(self, call_id, reason, by):
        return self.push("call.ended", {"call_id": call_id, "reason": reason, "by": by})

    def forget(self):
        """Empty what bench and relay keep of a call."""
        del self.seen.told[:], self.relay.requests[:], self.relay.socket.media[:]

    async def close(self):
        """Take everything down."""
        if self.client.level == "voip":
            await self.client.exit_voip()
        for level in ("av", "data_model", "system"):
            if self.client.level == level:
                getattr(self.client, "exit_" + level)()


def begin(coro):
    """Run a coroutine beside the test; its outcome is the task's result."""
    return asyncio.create_task(outcome(coro))
