"""Everything that goes wrong around a board, each of it mended without a person.

What belongs here and is elsewhere: DNS gone and another address in test_addresses.py, a renewed
certificate in tests/host/test_device_faults.py.
"""

import asyncio

from app_rig import Rig, changed
from flash_rig import opened
from test_app_incoming import ring, takes
from voip_bench import rtp_packet

from callboard import codes
from callboard.app import App
from callboard.errors import NetworkError, StorageError
from callboard.flash import SECTOR
from callboard.flash.devices import RamFlash
from callboard.flash.log_ring import LogRing
from callboard.media.devices import NullMicrophone
from callboard.net.websocket import WebSocketClosed
from support import raises, settle

AROUND = [(b"Home", b"secret", -50)]
DAY_MS = 86400000


class Radio:
    """The Wi-Fi of a rig's board, and with it everything behind."""

    def __init__(self, rig):
        self._rig = rig
        self.on = True
        self.joined = 0
        rig.hardware.network_up = self._up

    async def _up(self, ssid, password):
        assert (ssid, password) == (b"Home", b"secret")
        await self._rig.clock.sleep_ms(200)
        if not self.on:
            raise NetworkError("the Wi-Fi network is not to be found")
        self.joined += 1

    def lose(self):
        """Nothing comes through any more, and nobody says so."""
        self.on = False
        relay = self._rig.relay
        relay.unreachable, relay.answers_pings, relay.unseen = True, False, 10**6

    def back(self):
        """The relay has long given this board up."""
        self.on = True
        relay = self._rig.relay
        relay.unreachable, relay.answers_pings, relay.unseen = False, True, 0
        relay.peer = None


async def wireless():
    """(rig, radio), online and ready."""
    rig = Rig(constants=changed(WIFI=AROUND))
    rig.hardware.store.put("c.wifi_ssid", b"Home")
    rig.hardware.store.put("c.wifi_password", b"secret")
    radio = Radio(rig)
    rig.task = asyncio.create_task(rig.app.main())
    await rig.clock.run(500)
    await ready(rig)
    assert radio.joined == 1 and rig.hardware.leds[-1] == "on"
    return rig, radio


async def ready(rig):
    rig.relay.push("voip.peer_ready", {})
    await settle()


async def talk(rig, first=0):
    """A call that is heard in both directions."""
    await rig.press()
    await rig.answer()
    before = len(rig.relay.socket.media)
    for number in range(first, first + 10):
        rig.relay.media(rtp_packet(number, number * 160))
        await rig.clock.run(20)
    assert rig.hardware.leds[-1] == "on" and len(rig.relay.socket.media) > before
    assert rig.fields("audio_first")


async def works(rig):
    """A whole call is possible."""
    ended = len(rig.fields("ended"))
    await talk(rig)
    await rig.press()
    await rig.clock.run(100)
    assert len(rig.fields("ended")) == ended + 1
    assert rig.fields("ended")[-1] == {"reason": codes.END_HUNG_UP_BY_CALLER}


# covers: V-24, V-43
async def test_wifi_lost_for_30_s_in_a_call():
    rig, radio = await wireless()
    await talk(rig)
    radio.lose()
    await rig.clock.run(5000)
    assert rig.fields("offline") == [{"status": codes.OFFLINE_NETWORK}]
    assert rig.hardware.leds[-1] == "off"
    await rig.clock.run(25000)
    assert rig.fields("ended") == [{"reason": codes.END_ABORTED}]  # both ends have given it up
    assert any("not to be found" in each["message"] for each in rig.fields("error"))
    radio.back()
    await rig.clock.run(75000)
    assert radio.joined >= 2 and rig.hardware.leds[-1] == "on"
    await ready(rig)
    await works(rig)
    assert await rig.off() == 0


# covers: V-24
async def test_wifi_lost_for_30_s_while_nobody_calls():
    rig, radio = await wireless()
    for round in range(3):
        radio.lose()
        await rig.clock.run(30000)
        assert len(rig.fields("offline")) == round + 1 and rig.hardware.leds[-1] == "off"
        await rig.press()  # somebody tries
        assert rig.fields("error")[-1]["code"] != 0 and rig.app._client.call_state == "idle"
        radio.back()
        await rig.clock.run(75000)
        assert rig.hardware.leds[-1] == "on"
        await ready(rig)
        joined = radio.joined
        await rig.clock.run(60000)
        assert radio.joined == joined  # no more than needed
    await works(rig)
    assert await rig.off() == 0


# covers: V-23, V-26
async def test_the_clock_jumps():
    """The time of day by years, either way; and the board stands still for a minute."""
    rig = Rig()
    await rig.boot()
    for days in (9000, -12000, 1):
        rig.clock._epoch += days * DAY_MS
        before = rig.app._client.time_ms()
        await works(rig)
        passed = rig.app._client.time_ms() - before
        assert 0 <= passed < 5000, passed  # the relay's time, not the board's
    await talk(rig)
    rig.clock.advance(60000)  # as if it had been stopped: nothing ran meanwhile
    await rig.clock.run(15000)
    assert rig.hardware.leds[-1] == "on"
    if rig.app._client.is_busy():  # the relay has waited
        await rig.press()
        await rig.clock.run(100)
    await ready(rig)
    await works(rig)
    assert await rig.off() == 0


async def test_the_ticks_wrap_in_a_call():
    rig = Rig()
    rig.clock._now_us = rig.clock._start_us = ((1 << 30) - 3000) * 1000
    await rig.boot()
    await talk(rig)
    for number in range(10, 400):
        rig.relay.media(rtp_packet(number, number * 160))
        await rig.clock.run(20)
    assert rig.app._client.is_busy() and "offline" not in rig.names()
    await rig.press()
    await rig.clock.run(100)
    stats = rig.fields("stats")[0]
    assert stats["frames_played"] > 390 and stats["frames_lost"] == 0
    assert await rig.off() == 0


class Worn(RamFlash):
    """Flash that takes nothing any more once it is `worn`."""

    worn = False

    def program(self, at, buf):
        if self.worn:
            raise StorageError("the flash cannot be written")
        super().program(at, buf)

    def erase(self, at):
        if self.worn:
            raise StorageError("the flash cannot be erased")
        super().erase(at)


async def test_the_log_ring_is_full_and_then_its_flash_fails():
    flash = Worn(size=2 * SECTOR)
    rig = Rig()
    rig.hardware.ring = LogRing(flash)
    rig.app = App(rig.hardware, rig.app._client)
    await rig.boot()
    log = rig.hardware.log.module("test")
    for number in range(600):  # several times what it holds
        log.info("line number %d, and what else there may be to be said", number)
        if number % 20 == 0:
            await rig.clock.run(3000)
    await works(rig)
    await rig.clock.run(5000)
    boots = (await rig.ask("log.boots", {}))["boots"]
    kept = await rig.ask("log.kept", {"boot": boots[-1]["boot"], "skip": 0})
    assert kept["lines"]
    flash.worn = True
    for number in range(200):
        log.info("line number %d for flash that is worn out", number)
    await rig.clock.run(60000)
    await works(rig)
    assert rig.hardware.leds[-1] == "on"
    assert await rig.off() == 0


def fill(store):
    """Put in what goes in."""
    for size in (512, 64, 8):
        for number in range(1000):
            try:
                store.put("x%d.%d" % (size, number), bytes(size))
            except StorageError:
                break


def test_a_store_gets_full():
    store = Rig().hardware.store
    fill(store)
    assert raises(StorageError, store.put, "more", bytes(64)).code == codes.STORAGE


# covers: V-21
async def test_the_key_store_is_at_its_limit():
    rig = Rig()
    await rig.boot()
    store = rig.hardware.store
    fill(store)
    keys = sorted(store.keys())
    error = await rig.refused("config.set", {"values": {"users": ["u" * 60] * 8}})
    assert error.code == codes.STORAGE and sorted(store.keys()) == keys  # all of it, or nothing
    rig.hardware.type("volume 50")  # is heard, and cannot be kept: said once
    await rig.clock.run(60000)
    assert rig.app._client.volume == 50 and rig.hardware.leds[-1] == "on"
    said = [line for line in rig.hardware.lines if line.startswith("W") and "volume" in line]
    assert len(said) == 1, said
    await works(rig)
    takes(rig)
    await ring(rig)
    await rig.press()
    assert rig.names()[-1] == "answered"
    await rig.press()
    await rig.clock.run(100)
    assert await rig.off() == 0

    flash, rig = rig.hardware.flash, Rig()  # it starts as well
    rig.hardware.store = store = opened(flash)
    await rig.boot()
    assert rig.hardware.leds[-1] == "on"
    for key in [key for key in keys if key.startswith("x512")]:
        store.delete(key)
    answer = await rig.ask("config.set", {"values": {"users": ["u" * 60] * 8}})
    assert answer["changed"] == ["users"]  # there is room again
    assert await rig.off() == 0


class Loose(NullMicrophone):
    """A microphone whose plug is loose."""

    gone = False

    def start(self):
        if self.gone:
            raise OSError(19)
        super().start()

    def readinto(self, frame):
        if self.gone:
            raise OSError(19)
        return super().readinto(frame)


async def test_the_microphone_is_gone_and_comes_back():
    rig = Rig()
    microphone = Loose(16000, rig.clock)
    rig.hardware.microphone = lambda: microphone
    await rig.boot()
    await talk(rig)
    microphone.gone = True
    before = len(rig.relay.socket.media)
    for number in range(10, 110):
        rig.relay.media(rtp_packet(number, number * 160))
        await rig.clock.run(20)
    assert len(rig.relay.socket.media) - before > 90  # silence; and the far end is heard
    assert rig.app._client.is_busy()
    said = [line for line in rig.hardware.lines if "microphone failed" in line]
    assert len(said) == 1
    await rig.press()
    await rig.clock.run(100)
    assert rig.fields("stats")[0]["frames_played"] > 90
    await works(rig)  # without one
    microphone.gone = False
    said = len([line for line in rig.hardware.lines if "microphone failed" in line])
    await works(rig)
    assert len([line for line in rig.hardware.lines if "microphone failed" in line]) == said
    assert await rig.off() == 0


# covers: V-24
async def test_the_relay_closes_the_line_in_every_way():
    rig = Rig()
    await rig.boot()
    for code in (1000, 1001, 1006, 1011, 1013):
        offline = len(rig.fields("offline"))
        rig.relay.peer = None
        rig.relay.socket.fail(WebSocketClosed(code, "a test"))
        await rig.clock.run(90000)
        assert len(rig.fields("offline")) == offline + 1, code
        assert rig.hardware.leds[-1] == "on", code
        await ready(rig)
    await works(rig)
    assert await rig.off() == 0
