"""Boards with a `machine`: their parts from constants of board.py; Wi-Fi, on scripted radios."""

import asyncio

from callboard.errors import InvalidArgument, NetworkError, TimedOut
from callboard.flash.devices import RamFlash
from callboard.media.devices import NullSpeaker
from callboard.media.i2s import I2sMicrophone, I2sSpeaker
from callboard.platform.hardware import Hardware
from callboard.platform.wifi import Wifi
from support import FakeClock, raises, settle


class Pin:
    """machine.Pin: remembers how each was made and driven."""

    IN, OUT, PULL_UP, PULL_DOWN = 0, 1, 2, 3
    made = []

    def __init__(self, number, mode=None, pull=None):
        self.number, self.mode, self.pull = number, mode, pull
        self.level = 1
        self.handler = None
        Pin.made.append(self)

    def irq(self, handler):
        self.handler = handler

    def value(self, level=None):
        if level is None:
            return self.level
        self.level = level
        return None


class Machine:
    """As much of `machine` as a board needs before a call."""

    PWRON_RESET, WDT_RESET = 1, 3
    Pin = Pin

    @staticmethod
    def reset_cause():
        return 3


LINE = {"i2s": 0, "sck": 16, "ws": 17, "sd": 18, "bits": 32}


class Board:
    """A board.py."""

    BOARD = "RPI_PICO"
    CHIP = "rp2040"
    NETWORK = "serial"
    BRIDGE_TLS = "host"
    BUTTON = {"pin": 15, "active": "low"}
    LED = {"pin": 25, "active": "high"}
    I2S_MICROPHONE = LINE
    I2S_SPEAKER = dict(LINE, i2s=1)
    AUDIO_OUTPUT = "speaker"


def changed(**constants):
    """A board.py with other constants."""

    class Other(Board):
        pass

    for name, value in constants.items():
        setattr(Other, name, value)
    return Other


class Made(Hardware):
    """A family whose flash is memory."""

    def key_flash(self):
        flash = RamFlash()
        flash.volatile = False
        return flash

    def log_flash(self):
        return None


def made(board=Board, network=None):
    Pin.made.clear()
    return Made(board, Machine, network)


def test_the_parts_are_those_of_board_py():
    hardware = made()
    button, led = Pin.made
    assert (button.number, button.mode, button.pull) == (15, Pin.IN, Pin.PULL_UP)
    assert (led.number, led.mode, led.level) == (25, Pin.OUT, 0)
    hardware.led("on")
    assert led.level == 1
    assert isinstance(hardware.microphone(), I2sMicrophone)
    assert isinstance(hardware.speaker(), I2sSpeaker) and hardware.speaker().loudspeaker
    assert hardware.network is not None and hardware.reset_cause() == "watchdog"
    assert hardware.log_ring() is None and hardware.open_store().get("x") is None
    hardware.close()
    assert led.level == 0


def test_a_board_without_parts_is_one_too():
    hardware = made(changed(BUTTON=None, LED=None, I2S_MICROPHONE=None, I2S_SPEAKER=None))
    assert Pin.made == []
    hardware.led("on")
    assert type(hardware.speaker()) is NullSpeaker
    hardware.close()


def test_wrong_parts_are_named():
    for constants in (
        {"BUTTON": 15},
        {"LED": {"gpio": 25}},
        {"I2S_SPEAKER": {"i2s": 1}},
        {"NETWORK": "bridge"},
        {"KEY_STORE": "cloud"},
    ):
        error = raises(InvalidArgument, made, changed(**constants))
        assert next(iter(constants)) in error.message
    assert "Wi-Fi" in raises(InvalidArgument, made, changed(NETWORK="wifi")).message


async def test_the_button_presses():
    hardware, actions = made(), []

    task = asyncio.create_task(hardware._button.run(actions.append))
    pin = Pin.made[0]
    await settle()
    pin.level = 0
    pin.handler(pin)
    for _ in range(200):
        await asyncio.sleep(0.005)
        if actions:
            break
    assert actions == ["press"]
    task.cancel()


class Network:
    """MicroPython's `network`, with one network around."""

    STA_IF = 0
    STAT_WRONG_PASSWORD = -3
    STAT_NO_AP_FOUND = -2

    def __init__(self, after=3, state=1):
        outer = self
        self.calls = []

        class WLAN:
            PM_NONE = 0

            def __init__(self, kind):
                self.on = self.up = False
                self.looks = 0

            def active(self, on=None):
                if on is not None:
                    self.on = on
                return self.on

            def config(self, **options):
                outer.calls.append(options)

            def connect(self, ssid, password):
                outer.calls.append((ssid, password))
                self.looks = 0
                self.up = True

            def disconnect(self):
                self.up = False

            def isconnected(self):
                self.looks += 1
                return self.up and state == 1 and self.looks > after

            def status(self):
                return state

            def scan(self):
                return [(b"home", b"", 1, -50, 3, 0), (b"open", b"", 6, -80, 0, 0)]

        self.WLAN = WLAN


async def test_wifi_joins_without_power_save_and_once():
    clock, network = FakeClock(), Network()
    wifi = Wifi(network, clock)
    joining = asyncio.create_task(wifi.up(b"home", b"secret"))
    await clock.run(1000)
    await joining
    assert network.calls == [{"pm": 0}, (b"home", b"secret")]
    await wifi.up(b"home", b"secret")
    assert len(network.calls) == 2
    assert wifi.scan() == [(b"home", -50, True), (b"open", -80, False)]


async def failure(network, ms):
    clock = FakeClock()
    wifi = Wifi(network, clock)

    async def up():
        try:
            await wifi.up(b"home", b"secret")
        except NetworkError as error:
            return error
        return None

    joining = asyncio.create_task(up())
    await clock.run(ms)
    return await joining


async def test_wifi_says_why_it_did_not_join():
    assert "password" in (await failure(Network(state=-3), 500)).message
    assert "not to be found" in (await failure(Network(state=-2), 500)).message
    assert isinstance(await failure(Network(state=0), 30000), TimedOut)
