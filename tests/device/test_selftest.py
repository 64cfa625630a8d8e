"""The board tries its own parts, and tells which one does not work."""

from array import array

from callboard import keystore
from callboard.config import Config
from callboard.errors import StorageError
from callboard.keystore import RamDevice
from callboard.media.devices import NullMicrophone, NullSpeaker
from callboard.native import pcm
from callboard.port import CLOCK
from callboard.selftest import SelfTest

TIMEOUT_S = 40


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


def parts(microphone=None, store=None, deaf=False):
    speaker = NullSpeaker(16000, CLOCK)
    if microphone is None:
        microphone = NullMicrophone(16000, CLOCK) if deaf else Room(speaker)
    store = store or keystore.open(RamDevice(), identity=False)
    return Hardware(), Config(store), store, Client(), (microphone, speaker)


async def tried(*arguments, **options):
    results = await SelfTest(*parts(*arguments, **options)).run()
    return {each["name"]: (each["ok"], each["says"]) for each in results}


# covers: V-01
async def test_every_part_is_tried():
    found = await tried()
    for name in ("clock", "random", "key store", "microphone", "speaker", "codecs"):
        assert found[name][0], (name, found[name])
    assert "pcmu" in found["codecs"][1]
    assert "hears -" in found["microphone"][1] and "heard it" in found["speaker"][1]
    assert not found["relay"][0] and "lacks relay_url" in found["relay"][1]
    assert not found["wifi"][0] and "not the one" in found["wifi"][1]


async def test_a_deaf_board_says_so():
    found = await tried(deaf=True)
    assert "nothing at all" in found["microphone"][1]
    assert "did not hear it" in found["speaker"][1]


async def test_a_microphone_that_never_delivers_ends_in_time():
    from callboard import selftest

    before, selftest.LIMIT_MS = selftest.LIMIT_MS, 300
    try:
        found = await tried(Stuck(16000, CLOCK))
    finally:
        selftest.LIMIT_MS = before
    assert not found["microphone"][0] and not found["speaker"][0]
    assert found["codecs"][0]  # and the rest goes on


class Worn(RamDevice):
    volatile = False

    def replace(self, data):
        raise StorageError("the flash does not work")


async def test_worn_flash_is_found():
    found = await tried(store=keystore.open(Worn()))
    assert found["key store"] == (False, "the flash does not work")
