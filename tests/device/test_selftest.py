"""The board tries its own parts, and tells which one does not work."""

import asyncio
from array import array

from patient_clock import PatientClock

from callboard import keystore, selftest
from callboard.config import Config
from callboard.flash.devices import RamFlash
from callboard.flash.log_ring import LogRing
from callboard.journal import Journal
from callboard.log import Log
from callboard.media import codec
from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.native import pcm
from callboard.selftest import SelfTest

TIMEOUT_S = 120  # of a busy machine
CLOCK = PatientClock()


class Hardware:
    networks = [(b"Home", -50, True)]

    async def scan(self):
        return self.networks


class Client:
    online = False


class Room(NullMicrophone):
    """Hears a murmur, and the speaker when that plays."""

    def __init__(self, speaker):
        super().__init__(16000, CLOCK)
        self.speaker = speaker
        self.noise = array("h", [40 if i % 2 else -40 for i in range(self.frame)])
        self.tone = array("h", [9000 if i % 16 < 8 else -9000 for i in range(self.frame)])

    def _fill(self, frame):
        heard = self.tone if self.speaker.queued() else self.noise
        pcm.copy(frame, 0, heard, 0, self.frame)


class Stuck(NullMicrophone):
    """Its clock stands still."""

    def left_us(self):
        return 20000


def parts(microphone=None, store=None, deaf=False, speaker=None, flash=None, hardware=None):
    speaker = speaker or NullSpeaker(16000, CLOCK)
    if microphone is None:
        microphone = NullMicrophone(16000, CLOCK) if deaf else Room(speaker)
    store = store or keystore.open(RamFlash(), identity=False)
    log = Log(lambda line: None, CLOCK)
    journal = Journal(log, LogRing(flash or RamFlash()), CLOCK, lambda: True)
    journal.begin("power on", "1")
    sound = microphone, speaker
    return hardware or Hardware(), Config(store), store, Client(), sound, journal


async def tried(*arguments, **options):
    """What it finds, by CLOCK; on that run also a test's own `ticks_us` and `sleep_ms`."""
    error = options.pop("error", None)
    backs = [
        patched(selftest, "ticks_us", options.pop("ticks_us", CLOCK.ticks_us)),
        patched(selftest.port, "sleep_ms", options.pop("sleep_ms", CLOCK.sleep_ms)),
        patched(selftest.port, "wait_for_ms", CLOCK.wait_for_ms),
    ]
    try:
        results = await SelfTest(*parts(*arguments, **options), error=error).run()
    finally:
        for back in backs:
            back()
    return {each["name"]: (each["ok"], each["says"]) for each in results}


PARTS = (
    "clock",
    "random",
    "flash",
    "key store",
    "microphone",
    "speaker",
    "loop-back",
    "codecs",
    "wifi",
    "relay",
)


# covers: V-01
# slow
async def test_every_part_is_tried():
    found = await tried()
    assert sorted(found) == sorted(PARTS)
    for name in PARTS[:8]:
        assert found[name][0], (name, found[name])
    assert "pcmu" in found["codecs"][1] and "sectors" in found["flash"][1]
    assert "hears -" in found["microphone"][1] and "heard the tone" in found["loop-back"][1]
    assert not found["relay"][0] and "lacks relay_url" in found["relay"][1]
    assert not found["wifi"][0] and "not the one" in found["wifi"][1]


async def broken(name, word, *others, **options):
    """With one primitive broken, `name` and what depends on it fail, and nothing else."""
    found = await tried(**options)
    assert not found[name][0] and word in found[name][1], (name, found[name])
    for other in PARTS[:8]:
        assert found[other][0] != (other == name or other in others), (name, other, found[other])


def patched(module, name, value):
    """Put `value` in; returns what puts the old one back."""
    before = getattr(module, name)
    setattr(module, name, value)
    return lambda: setattr(module, name, before)


# covers: V-01
async def test_a_clock_that_stands_still_runs_away_or_never_wakes():
    async def never(ms):
        await asyncio.sleep(3600)

    ticks = iter(range(0, 1 << 29, 1 << 21))
    for value, word in ((lambda: 5, "50 ms took 0 us"), (lambda: next(ticks), "50 ms took")):
        found = await tried(ticks_us=value)
        assert not found["clock"][0] and word in found["clock"][1]
    back = patched(selftest, "LIMIT_MS", 400)
    try:
        found = await tried(sleep_ms=never)
    finally:
        back()
    assert not found["clock"][0] and "within" in found["clock"][1]


# covers: V-01
async def test_a_generator_that_repeats_or_leans():
    count = [0]

    def counting(n):
        count[0] += 1
        return bytes(n - 1) + bytes((count[0],))

    for wrong, word in (
        (lambda n: bytes(n), "repeats"),
        (counting, "bits are ones"),
        (lambda n: b"\xff" * (n - 1) + counting(1), "bits are ones"),
    ):
        back = patched(selftest.port, "random_bytes", wrong)
        try:
            await broken("random", word)
        finally:
            back()


class Worn(RamFlash):
    """Takes nothing any more once it is `worn`."""

    worn = False

    def program(self, at, buf):
        return -5 if self.worn else super().program(at, buf)


class Forgetful(keystore.KeyStore):
    def put(self, name, value):
        pass


# covers: V-01
async def test_a_key_store_that_cannot_write_or_forgets():
    flash = Worn()
    store = keystore.open(flash, identity=False)
    flash.worn = True
    await broken("key store", "does not work", store=store)
    await broken("key store", "does not keep", store=Forgetful(RamFlash()))


# covers: V-01
async def test_flash_that_cannot_be_written_or_forgets():
    class Dead(RamFlash):
        def program(self, at, buf):
            raise OSError(5)

    class Loses(RamFlash):
        def program(self, at, buf):
            pass

    await broken("flash", "cannot be written", flash=Dead())
    await broken("flash", "does not keep", flash=Loses())


class Unplugged(NullMicrophone):
    def start(self):
        raise OSError(19)


# covers: V-01
async def test_a_microphone_that_is_gone_or_never_delivers():
    found = await tried(Unplugged(16000, CLOCK))
    assert found["microphone"][:1] == (False,) and "OSError" in found["microphone"][1]
    back = patched(selftest, "LIMIT_MS", 300)
    try:
        found = await tried(Stuck(16000, CLOCK))
    finally:
        back()
    assert not found["microphone"][0] and not found["speaker"][0]
    assert found["codecs"][0]  # and the rest goes on


class Late(NullMicrophone):
    """Something else has the processor, the first `times` that it is listened to."""

    def __init__(self, times):
        super().__init__(16000, CLOCK)
        self.times = times
        self.since = 0

    def start(self):
        super().start()
        self.times -= 1
        self.since = CLOCK.ticks_us()

    def left_us(self):
        if self.times >= 0 and selftest.ticks_diff(CLOCK.ticks_us(), self.since) < 300000:
            return 20000
        return super().left_us()


# covers: V-01
async def test_a_microphone_that_is_always_late_is_broken():
    found = await tried(Late(2))
    assert found["microphone"][0]
    found = await tried(Late(9))
    assert found["microphone"][0] is False and "200 ms of sound took" in found["microphone"][1]


async def test_a_deaf_board_says_so():
    found = await tried(deaf=True)
    assert "nothing at all" in found["microphone"][1]
    assert found["loop-back"] == (True, "the microphone did not hear the tone, as with a headset")


class Loud(NullSpeaker):
    def __init__(self, rate, clock):
        super().__init__(rate, clock)
        self.loudspeaker = True


class Jammed(NullSpeaker):
    def space(self):
        return 0


# covers: V-01
async def test_a_speaker_that_takes_nothing_or_is_not_heard():
    await broken("speaker", "it took 0 frames", "loop-back", speaker=Jammed(16000, CLOCK))
    await broken("loop-back", "did not hear", speaker=Loud(16000, CLOCK), deaf=True)


class Slow:
    """A codec that takes longer than its frames last."""

    def __init__(self, coder):
        self._coder = coder
        self.frame_samples = coder.frame_samples
        self.max_payload = coder.max_payload
        self.decode = coder.decode

    def encode(self, frame, payload, at):
        started = selftest.ticks_us()
        while selftest.ticks_diff(selftest.ticks_us(), started) < 25000:
            pass
        return self._coder.encode(frame, payload, at)


# covers: V-01
async def test_a_codec_that_is_too_slow():
    real = codec.create
    back = patched(codec, "create", lambda name: Slow(real(name)))
    try:
        await broken("codecs", "of the time there is")
    finally:
        back()


class Radio(Hardware):
    def __init__(self, networks):
        self._networks = networks

    async def scan(self):
        if isinstance(self._networks, Exception):
            raise self._networks
        return self._networks


# covers: V-01
async def test_a_network_that_is_not_there_and_a_radio_that_fails():
    for networks, word in (([], "0 networks"), (OSError(5), "OSError"), (None, "a wire")):
        found = await tried(hardware=Radio(networks))
        assert found["wifi"][0] == (networks is None) and word in found["wifi"][1]
    store = keystore.open(RamFlash(), identity=False)
    Config(store).change({"wifi_ssid": b"Home"})
    assert (await tried(store=store))["wifi"] == (True, "its network is there, -50 dBm")


# covers: V-01
async def test_a_relay_that_is_not_reached():
    store = keystore.open(RamFlash(), identity=False)
    values = {"relay_url": "http://r", "model_id": "m", "sn": "s", "wxa_appid": "w"}
    Config(store).change(values)
    assert (await tried(store=store))["relay"] == (False, "not connected")
    error = 4, "the relay's certificate is not trusted"
    assert (await tried(store=store, error=error))["relay"] == (False, error[1])
    back = patched(Client, "online", True)
    try:
        assert (await tried(store=store))["relay"] == (True, "connected to http://r")
    finally:
        back()
