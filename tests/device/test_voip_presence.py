"""What a device is told of the relay, its time and its services; and what it must have itself."""

from voip_bench import CONFIG, IDENTITY, Bench

from callboard import codes, port
from callboard.errors import MissingEquipment, WrongOrder
from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.voip.network_time import NetworkTime
from support import outcome, raises, settle

HOUR_MS = 3600000


class Ahead:
    """A clock that is `ms` ahead of another one."""

    def __init__(self, clock, ms):
        self._clock = clock
        self._ms = ms
        self.ticks_ms = clock.ticks_ms
        self.sleep_ms = clock.sleep_ms

    def epoch_ms(self):
        return self._clock.epoch_ms() + self._ms


# covers: V-23, V-26
async def test_the_relays_time_is_there_from_the_first_hello_on():
    bench = Bench()
    client = bench.client
    error = raises(WrongOrder, client.time_ms)
    assert error.code == codes.AVT_WRONG_ORDER
    bench.init_av()
    own = client.time_ms()  # the board's own, before anybody has told it better
    assert own == bench.clock.epoch_ms()
    real = bench.relay.clock = Ahead(bench.clock, 30 * 365 * 24 * HOUR_MS)
    await client.init_voip(codes.FLAVOUR_FORMAL, bench.store, *IDENTITY)
    ((told,),) = bench.seen.of("on_online")
    assert told == real.epoch_ms() and client.time_ms() == told
    last = told
    for _ in range(60):  # a minute, on the board's own clock
        await bench.clock.run(1000)
        now = client.time_ms()
        assert now - last == 1000
        last = now
    await bench.close()
    raises(WrongOrder, client.time_ms)


# covers: V-26
def test_time_never_runs_backwards_unless_the_relay_says_so():
    class Jumpy:
        now = 5000

        def epoch_ms(self):
            return self.now

    clock = Jumpy()
    time = NetworkTime(clock)
    assert not time.known and time.now_ms() == 5000
    time.learn(1763640000000)
    assert time.known and time.now_ms() == 1763640000000
    clock.now = 6000
    assert time.now_ms() == 1763640001000
    clock.now = 5500  # somebody set the board's clock
    assert time.now_ms() == 1763640001000
    clock.now = 8000
    assert time.now_ms() == 1763640003000
    time.learn(1763630000000)
    assert time.now_ms() == 1763630000000


# covers: V-26
def test_a_minute_of_reconnecting_is_a_minute_that_never_runs_backwards():
    """The relay's word takes from 5 ms to 1.5 s: time waits, but is never far off."""

    class Clock:
        now = 1000

        def epoch_ms(self):
            return self.now

    start_ms = 1763640000000
    clock = Clock()
    time = NetworkTime(clock)
    last_ms = 0
    for tick in range(600):  # every 100 ms
        clock.now = 1000 + 100 * tick
        if tick % 7 == 0:
            late_ms = (5, 1500, 300, 900, 40)[tick % 5]
            if tick % 35 == 0:
                clock.now += 3600000  # and somebody sets the board's clock
                time.learn(start_ms + 100 * tick - late_ms)
                clock.now -= 3600000
            time.learn(start_ms + 100 * tick - late_ms)
        now_ms = time.now_ms()
        assert now_ms >= last_ms, tick
        assert abs(now_ms - start_ms - 100 * tick) <= 2000, tick
        last_ms = now_ms
    assert last_ms > start_ms + 57000


# covers: V-23, V-24, V-25, V-26, V-27
async def test_without_presence_there_is_no_online_and_no_offline():
    """FEATURE_DM_CONFIG_USE_MQTT off: these two callbacks are inactive, all else goes on."""
    for presence in (True, False):
        bench = Bench()
        bench.relay.modules = codes.MODULE_AI
        client = bench.client
        client.init_system(dict(CONFIG, presence=presence), bench.seen)
        client.init_data_model()
        client.init_av(bench.seen)
        await client.init_voip(0, bench.store, *IDENTITY)
        bench.push("voip.peer_ready")
        await settle()
        bench.relay.cut()
        await bench.clock.run(600)
        told = [each[0] for each in bench.seen.told if each[0] in ("on_online", "on_offline")]
        assert told == (["on_online", "on_offline", "on_online"] if presence else [])
        assert bench.seen.of("on_module_status") == [(codes.MODULE_AI,)]
        assert client.ready and client.time_ms() == bench.relay.clock.epoch_ms()
        await client.call("user1")
        await bench.close()


# covers: V-64
async def test_a_device_must_have_https():
    had = port.has_tls
    port.has_tls = lambda: False
    try:
        bench = Bench(post=None)
        bench.client._tools["connect"] = None  # its own sockets
        bench.init_av()
        error = await outcome(bench.client.init_voip(0, bench.store, *IDENTITY))
        assert isinstance(error, MissingEquipment) and "HTTPS" in error.message
        assert error.code == codes.NOT_INITIALISED and bench.client.level == "av"
        bench = Bench()  # another one carries its connections: the bridge
        await bench.init()
        await bench.close()
    finally:
        port.has_tls = had


# covers: V-64
async def test_a_device_must_have_storage():
    class Full:
        def get(self, name):
            return None

        def stats(self):
            return {"size": 4000, "used": 3900}

    bench = Bench()
    bench.init_av()
    error = await outcome(bench.client.init_voip(0, Full(), *IDENTITY))
    assert isinstance(error, MissingEquipment) and "storage" in error.message
    assert bench.client.level == "av"
    await bench.close()


# covers: V-64
async def test_a_device_must_have_audio_and_hears_of_everything_at_once():
    class Full:
        def get(self, name):
            return None

        def stats(self):
            return {"size": 4000, "used": 3900}

    for name, rate in (("microphone", 44100), ("speaker", 11025)):
        bench = Bench()
        client, clock = bench.client, bench.clock
        devices = {
            "microphone": NullMicrophone(16000, clock),
            "speaker": NullSpeaker(16000, clock),
        }
        devices[name].rate = rate
        client.init_system(CONFIG, bench.seen)
        client.init_data_model()
        client.init_av(bench.seen, **devices)
        error = await outcome(client.init_voip(0, Full(), *IDENTITY))
        assert isinstance(error, MissingEquipment)
        assert "audio" in error.message and name in error.message and "storage" in error.message
        devices[name].rate = 16000
        await client.init_voip(0, bench.store, *IDENTITY)
        await bench.close()
