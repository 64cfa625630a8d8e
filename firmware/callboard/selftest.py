"""The board tries its own parts, one after the other, each within a time limit (V-01).

    results = await SelfTest(hardware, config, store, client, sound, journal).run()

Not during a call: it uses the microphone and the speaker, which is heard for a moment.
"""

from array import array

from . import port
from .errors import CallboardError
from .media import codec
from .native import pcm
from .port import ticks_diff, ticks_us

LIMIT_MS = 5000  # for each part
_NAME = "self_test"
_SLEEP_MS = 50
_FRAMES = 10  # 200 ms of sound
_TRIES = 3  # a board that had something else to do for a moment is not broken
_CODEC_FRAMES = 5
_FRAME_US = 20000
_TONE_HZ = 1000
_TONE_PEAK = 8000
_HEARD_DB = 10  # louder than before by so much: the microphone hears the speaker
_SILENT = 127  # -dBov, RFC 6464
_RANDOM_BITS = 512
_RANDOM_SPREAD = 76  # ones more or less than half of them: 6.7 times the deviation


class Failed(CallboardError):
    """A part does not do what it should."""


class SelfTest:
    """`sound`: (microphone, speaker). `error`: what went wrong last with the relay, or None."""

    def __init__(self, hardware, config, store, client, sound, journal, error=None):
        self._hardware = hardware
        self._config = config
        self._store = store
        self._client = client
        self._microphone, self._speaker = sound
        self._journal = journal
        self._error = error
        self._quiet = self._heard = _SILENT
        self._played = 0

    async def run(self):
        """[{"name", "ok", "says"}]: what was found, part by part."""
        results = []
        for name, test in (
            ("clock", self._clock),
            ("random", self._random),
            ("flash", self._flash),
            ("key store", self._key_store),
            ("microphone", self._hear),
            ("speaker", self._speak),
            ("loop-back", self._loop_back),
            ("codecs", self._codecs),
            ("wifi", self._wifi),
            ("relay", self._relay),
        ):
            try:
                says, ok = await port.wait_for_ms(test(), LIMIT_MS), True
            except CallboardError as error:
                says, ok = error.message, False
            except Exception as error:  # of a driver: it is the part that is broken
                says, ok = "%s: %s" % (type(error).__name__, error), False
            results.append({"name": name, "ok": ok, "says": says})
        return results

    async def _clock(self):
        started = ticks_us()
        await port.sleep_ms(_SLEEP_MS)
        took = ticks_diff(ticks_us(), started)
        if not _SLEEP_MS * 900 <= took <= _SLEEP_MS * 20000:
            raise Failed("%d ms took %d us" % (_SLEEP_MS, took))
        return "%d ms took %d us" % (_SLEEP_MS, took)

    async def _random(self):
        size = _RANDOM_BITS // 32
        numbers = [port.random_bytes(size) for _ in range(4)]
        if len(set(numbers)) < 4:
            raise Failed("the generator repeats itself")
        ones = sum(bin(byte).count("1") for number in numbers for byte in number)
        if abs(ones - _RANDOM_BITS // 2) > _RANDOM_SPREAD:
            raise Failed("%d of %d random bits are ones" % (ones, _RANDOM_BITS))
        return "4 different numbers"

    async def _flash(self):
        """The flash of the log, in which writing costs nothing that is needed."""
        return self._journal.check()

    async def _key_store(self):
        value = port.random_bytes(8)
        self._store.put(_NAME, value)
        there = self._store.get(_NAME)
        self._store.delete(_NAME)
        if there != value or self._store.get(_NAME) is not None:
            raise Failed("it does not keep what is written")
        stats = self._store.stats()
        return "%d values, %d of %d bytes" % (stats["keys"], stats["used"], stats["size"])

    async def _hear(self):
        """The microphone's level, and that it delivers frames in time."""
        duplex = getattr(self._microphone, "duplex", None)  # push to talk
        if duplex is not None:
            duplex.talk = True
        try:
            for _ in range(_TRIES):
                self._microphone.start()
                try:
                    self._quiet, took = await self._listen()
                finally:
                    self._microphone.stop()
                in_time = _FRAMES * _FRAME_US * 8 <= took * 10 <= _FRAMES * _FRAME_US * 15
                if in_time:
                    break
        finally:
            if duplex is not None:
                duplex.talk = False
        if not in_time:
            raise Failed("%d ms of sound took %d us" % (_FRAMES * 20, took))
        if self._quiet == _SILENT:
            return "works, and hears nothing at all"
        return "hears -%d dB" % self._quiet

    async def _listen(self, speak=None):
        """(loudest level in -dBov, µs) of some frames; `speak()` before each of them."""
        microphone = self._microphone
        frame = array("h", bytes(2 * microphone.frame))
        loudest = _SILENT
        started = ticks_us()
        for _ in range(_FRAMES):
            if speak is not None:
                speak()
            await microphone.tick
            microphone.readinto(frame)
            loudest = min(loudest, pcm.level(frame, 0, microphone.frame))
        return loudest, ticks_diff(ticks_us(), started)

    def _tone(self, rate):
        state = bytearray(pcm.TONE_STATE)
        pcm.tone_init(state, rate, _TONE_HZ, 0, _TONE_PEAK)
        return state

    async def _speak(self):
        """A tone, during which the microphone listens."""
        speaker = self._speaker
        state, frame = self._tone(speaker.rate), array("h", bytes(2 * speaker.frame))
        self._played = 0

        def speak():
            while speaker.space():
                pcm.tone(state, frame, 0, speaker.frame)
                speaker.write(frame)
                self._played += 1

        speaker.start()
        self._microphone.start()
        try:
            self._heard, _took = await self._listen(speak)
        finally:
            self._microphone.stop()
            speaker.stop()
        if self._played < _FRAMES // 2:
            raise Failed("it took %d frames in %d ms" % (self._played, _FRAMES * 20))
        return "played a tone"

    async def _loop_back(self):
        """Whether the microphone heard that tone: then both work, and what is between them."""
        if not self._played:
            raise Failed("there was no tone to be heard")
        if self._quiet - self._heard >= _HEARD_DB:
            return "the microphone heard the tone, -%d dB" % self._heard
        if self._speaker.loudspeaker:
            raise Failed("the microphone did not hear the tone")
        return "the microphone did not hear the tone, as with a headset"

    async def _codecs(self):
        """How much of the time a frame lasts its coding takes."""
        says = []
        for name in codec.names():
            try:
                share = _speed(codec.create(name), self._tone(codec.find(name).rate))
            except MemoryError:
                says.append("%s: no memory now" % name)
                continue
            if share > 100:
                raise Failed("%s takes %d %% of the time there is" % (name, share))
            says.append("%s %d %%" % (name, share))
            await port.sleep_ms(0)
        return ", ".join(says)

    async def _wifi(self):
        networks = await self._hardware.scan()
        if networks is None:
            return "this board has a wire"
        ssid = self._config.get("wifi_ssid")
        for name, rssi, _secured in networks:
            if name == ssid:
                return "its network is there, %d dBm" % rssi
        raise Failed("%d networks, but not the one it is to join" % len(networks))

    async def _relay(self):
        if self._client.online:
            return "connected to %s" % self._config.get("relay_url")
        missing = self._config.missing()
        if missing:
            raise Failed("not provisioned: it lacks %s" % ", ".join(missing))
        network = getattr(self._hardware, "network", None)
        if network is not None and not network.bridge.is_open:
            raise Failed("nobody bridges the serial line: run `callboard bridge`")
        raise Failed(self._error[1] if self._error else "not connected")


def _speed(coder, tone):
    """Per cent of real time that encoding and decoding take."""
    frame = array("h", bytes(2 * coder.frame_samples))
    payload = bytearray(coder.max_payload)
    started = ticks_us()
    for _ in range(_CODEC_FRAMES):
        pcm.tone(tone, frame, 0, coder.frame_samples)
        n = coder.encode(frame, payload, 0)
        coder.decode(payload, 0, n, frame)
    return ticks_diff(ticks_us(), started) * 100 // (_CODEC_FRAMES * _FRAME_US)
