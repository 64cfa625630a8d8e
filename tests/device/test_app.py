"""The application on a scripted board: button, LED, events, and that it comes back by itself."""

import asyncio
import gc

from app_rig import Rig, changed
from voip_bench import media, rtp_packet

from callboard import codes, native
from callboard.app import RESTART, App
from callboard.chores import IDLE_MS
from callboard.errors import InvalidArgument
from callboard.flash import SECTOR
from callboard.flash.devices import RamFlash
from callboard.flash.log_ring import LogRing
from callboard.native import opus
from callboard.platform import create
from callboard.platform.settings import Settings
from callboard.serial import typed
from support import raises, settle


async def test_boots_online_and_ready():
    rig = Rig()
    await rig.boot()
    assert rig.names() == ["boot", "online", "ready"]
    boot = rig.fields("boot")[0]
    assert boot["bits"] in (32, 64) and boot["implementation"] and boot["firmware"]
    assert boot["native"] == native.implementations()
    assert rig.hardware.leds == ["off", "on"]
    assert await rig.off() == 0
    assert rig.hardware.closed == 1 and rig.relay.socket.sent_close == (1000, "")


# covers: V-30, V-41
async def test_a_call_from_button_to_button():
    rig = Rig()
    await rig.boot()
    await rig.press()
    assert rig.relay.requests[-1][1]["open_id"] == "user1"
    assert rig.hardware.leds[-1] == "blink"
    await rig.answer()
    assert rig.hardware.leds[-1] == "on"
    for n in range(20):
        rig.relay.media(rtp_packet(n, n * 160))
        await rig.clock.run(20)
    await rig.press()
    await rig.clock.run(20)
    assert rig.names()[3:] == [
        "button",
        "button",
        "calling",
        "ringing",
        "answered",
        "audio_first",
        "button",
        "button",
        "stats",
        "ended",
    ]
    assert rig.fields("ended") == [{"reason": codes.END_HUNG_UP_BY_CALLER}]
    assert rig.fields("stats")[0]["frames_received"] == 20
    assert rig.relay.methods().count("call.hang_up") == 1
    assert await rig.off() == 0


async def test_a_crash_is_told_by_the_next_boot():
    flash = RamFlash(size=2 * SECTOR)

    def boots():
        rig = Rig()
        rig.hardware.ring = LogRing(flash)
        rig.app = App(rig.hardware, rig.app._client)
        return rig

    rig = boots()
    rig.hardware.open_store = lambda: 1 // 0
    assert await rig.app.main() == RESTART
    rig = boots()
    await rig.boot()
    assert rig.fields("boot")[0]["reset"] == "crash: ZeroDivisionError"
    found = await rig.ask("log.boots", {})
    assert [each["boot"] for each in found["boots"]] == [1, 2]
    kept = await rig.ask("log.kept", {"boot": 1})
    assert kept == await rig.ask("log.kept", {})
    assert typed.lines("log.kept", kept) == kept["lines"]
    assert typed.parse("last-boot") == ("log.kept", {})
    assert any("Traceback" in line for line in kept["lines"]) and not kept["more"]
    assert any("ZeroDivisionError" in line for line in kept["lines"])
    assert (await rig.refused("log.kept", {"boot": -1})).code == codes.INVALID_ARGUMENT
    await rig.press()
    assert (await rig.refused("log.boots", {})).code == codes.AVT_BUSY
    await rig.hold()
    await rig.off()
    rig = boots()
    await rig.boot()
    assert rig.fields("boot")[0]["reset"] == "watchdog"  # it was switched off: what the chip says
    await rig.off()


async def test_a_board_without_flash_for_its_log_says_so():
    rig = Rig()
    await rig.boot()
    assert rig.fields("boot")[0]["reset"] == "watchdog"
    assert "no place" in (await rig.refused("log.kept", {"boot": 1})).message
    await rig.off()


async def test_the_watchdog_is_fed_while_the_loop_lives():
    class Chip:
        beats = 0
        resting = False

        def beat(self):
            assert not self.resting
            self.beats += 1

        def rest(self):
            self.resting = True

    rig = Rig()
    chip = rig.hardware.chip = Chip()
    await rig.boot()
    await rig.clock.run(5000)
    assert chip.beats == 6 and not chip.resting
    await rig.off()
    assert chip.resting


async def test_an_error_with_a_secret_in_it_is_told_without():
    rig = Rig()
    await rig.boot()
    await rig.ask("config.set", {"values": {"wifi_password": "hunter2 hunter2"}})
    rig.app._failed(InvalidArgument("joining with hunter2 hunter2\nfailed"))
    told = rig.fields("error")[-1]["message"], (await rig.ask("status", {}))["error"]["message"]
    assert told == ("joining with ***.failed",) * 2
    assert not any("hunter2" in line for line in rig.hardware.lines)
    await rig.off()


async def test_a_task_that_nobody_waits_for_is_heard_of():
    rig = Rig()
    await rig.boot()

    async def broken():
        raise KeyError("lost")

    asyncio.create_task(broken())
    await settle()
    gc.collect()  # CPython tells when the task goes
    await settle()
    assert any("KeyError" in line for line in rig.hardware.lines)
    assert any("a task failed" in line for line in rig.hardware.lines)
    await rig.off()


async def test_flash_is_erased_between_calls_only():
    rig = Rig()
    await rig.boot()
    flash, store = rig.hardware.flash, rig.hardware.store
    await rig.press()
    await rig.answer()
    erases = flash.erases
    swaps = store.stats()["sequence"]
    number = 0
    while store.stats()["sequence"] == swaps:  # until the log has moved to the spare sector
        number += 1
        store.put("number", b"%d" % number * 20)
    for _ in range(500):
        await rig.clock.run(20)
    assert rig.app._client.is_busy() and flash.erases == erases
    assert not store.stats()["ready"]
    await rig.press()
    await rig.clock.run(IDLE_MS + 20)
    assert flash.erases == erases + 1 and store.stats()["ready"]
    assert store.get("number") == b"%d" % number * 20 and store.stats()["late_erases"] == 0
    assert await rig.off() == 0


async def test_mute_and_levels_are_typed():
    rig = Rig()
    await rig.boot()
    type_line = rig.hardware.type
    assert type_line("mute on") and type_line("levels")
    assert rig.fields("mute") == [{"on": True}] and rig.fields("levels") == [{}]
    await rig.press()
    await rig.answer()
    await rig.clock.run(100)
    assert rig.app._client.mute and type_line("levels")
    levels = rig.fields("levels")[-1]
    assert levels["send"] == -127 and -127 <= levels["receive"] <= 0
    assert type_line("mute off") and not rig.app._client.mute
    for line in ("mute", "mute perhaps", "MUTE ON", "levels 3", "sing"):
        assert not type_line(line), line
    assert rig.fields("mute") == [{"on": True}, {"on": False}]
    assert await rig.off() == 0


async def test_the_board_says_what_it_may_code_in():
    for codecs in (["pcmu"], None):
        rig = Rig(constants=changed(CODECS=codecs))
        await rig.boot()
        caps = rig.relay.hellos[-1]["caps"]
        assert caps[-2:] == ["pcmu", "media-ws"]
        assert ("opus" in caps) == (codecs is None and opus is not None)
        assert await rig.off() == 0


async def test_far_end_hangs_up_rejects_or_does_not_answer():
    rig = Rig()
    await rig.boot()
    for reason, by in (
        (codes.END_HUNG_UP_BY_CALLEE, "callee"),
        (codes.END_REJECTED, "callee"),
        (codes.END_TIMEOUT, "network"),
    ):
        await rig.press()
        if reason == codes.END_HUNG_UP_BY_CALLEE:
            await rig.answer()
            await rig.clock.run(100)
        await rig.end(reason, by)
        await rig.clock.run(20)
        assert rig.fields("ended")[-1] == {"reason": reason}
        assert rig.hardware.leds[-1] == "on"
    assert rig.calls == 3 and len(rig.fields("stats")) == 1
    await rig.off()


async def test_answered_and_ended_in_one_breath():
    rig = Rig()
    await rig.boot()
    for _ in range(2):
        await rig.press()
        call_id = "c%d" % rig.calls
        params = {"call_id": call_id, "visitor": 1, "media": media()}
        rig.relay.push("call.answered", params)
        await rig.end(codes.END_HUNG_UP_BY_CALLEE, "callee")
        assert rig.names()[-3:] == ["answered", "stats", "ended"]
    assert await rig.off() == 0


async def test_release_and_long_are_reported_only():
    rig = Rig()
    await rig.boot()
    for action in ("release", "long"):
        rig.hardware.press(action)
    await settle()
    assert rig.calls == 0
    assert rig.fields("button") == [{"action": "release"}, {"action": "long"}]
    await rig.off()


async def test_press_before_it_is_ready_says_why():
    rig = Rig()
    rig.relay.unreachable = True
    rig.task = asyncio.create_task(rig.app.main())
    await settle()
    await rig.press()
    assert rig.fields("error")[0]["code"] == codes.AVT_WRONG_ORDER
    assert await rig.off() == 0


async def test_refused_call_is_an_error_and_the_next_one_works():
    rig = Rig()
    await rig.boot()

    def refuse(params):
        raise InvalidArgument("the user has not authorised this device", -8)

    rig.relay.answers["voip.call"] = refuse
    await rig.press()
    message = "the user has not authorised this device"
    assert rig.fields("error") == [{"code": -8, "message": message}]
    assert rig.hardware.leds[-1] == "on" and "ended" not in rig.names()
    rig.relay.answers["voip.call"] = rig._called
    await rig.press()
    assert rig.names()[-1] == "ringing"
    await rig.off()


# covers: V-68
async def test_relay_restarted_in_a_call_and_the_next_call_works():
    rig = Rig()
    await rig.boot()
    await rig.press()
    await rig.answer()
    await rig.clock.run(100)
    rig.relay.unreachable = True
    rig.relay.restart()
    await settle()
    assert rig.names()[-1] == "offline" and rig.hardware.leds[-1] == "off"
    await rig.clock.run(3000)
    rig.relay.unreachable = False
    await rig.clock.run(10000)
    assert rig.fields("ended") == [{"reason": codes.END_ABORTED}]
    assert rig.fields("online") and rig.hardware.leds[-1] == "on"
    rig.relay.push("voip.peer_ready", {})
    await settle()
    await rig.press()
    await rig.answer()
    assert rig.names()[-1] == "answered"
    await rig.off()
    assert rig.hardware.closed == 1


async def test_comes_online_when_the_relay_does():
    rig = Rig()
    rig.relay.unreachable = True
    rig.task = asyncio.create_task(rig.app.main())
    await rig.clock.run(25000)
    assert rig.fields("error")[0]["code"] == codes.TIMEOUT  # the bound of init_voip
    rig.relay.unreachable = False
    await rig.clock.run(60000)
    assert "online" in rig.names() and rig.hardware.leds[-1] == "on"
    assert await rig.off() == 0


async def test_wrong_key_is_said_and_not_hammered():
    rig = Rig()
    rig.relay.refusal = (codes.UNAUTHENTICATED, "wrong key")
    rig.task = asyncio.create_task(rig.app.main())
    await rig.clock.run(50000)
    assert rig.fields("error") == [{"code": codes.UNAUTHENTICATED, "message": "wrong key"}]
    assert rig.relay.attempts == 1
    await rig.clock.run(20000)
    assert rig.relay.attempts == 2
    assert await rig.off() == 0


async def test_device_that_cannot_start_says_so_and_stops():
    rig = Rig()
    rig.hardware.broken_microphone = True
    rig.task = asyncio.create_task(rig.app.main())
    await settle()
    assert await rig.task == 1
    assert rig.fields("error")[0]["message"] == "cannot read microphone.wav"
    assert rig.hardware.closed == 1


async def test_quit_in_a_call_hangs_up():
    rig = Rig()
    await rig.boot()
    await rig.press()
    await rig.answer()
    await rig.clock.run(100)
    assert await rig.off() == 0
    assert rig.relay.methods()[-1] == "call.hang_up"
    assert rig.names()[-3:] == ["stats", "ended", "offline"] and rig.hardware.closed == 1
    await rig.app.close()
    assert rig.hardware.closed == 1


async def test_cancelled_as_by_ctrl_c_it_leaves_cleanly():
    rig = Rig()
    await rig.boot()
    await rig.press()
    rig.task.cancel()
    await rig.clock.run(50)
    try:
        await rig.task
    except asyncio.CancelledError:
        pass
    assert rig.relay.methods()[-1] == "call.hang_up" and rig.hardware.closed == 1


def test_only_known_boards_are_made():
    error = raises(InvalidArgument, create, changed(BOARD="TOASTER"))
    assert "TOASTER" in error.message
    hardware = create(changed(BOARD="UNIX", RELAY_URL="http://127.0.0.1:1", RELAY_CA=None))
    assert hardware.name == "UNIX" and hardware.tls() is None
    missing = create(changed(RELAY_CA="/nowhere/ca.der"))
    assert "/nowhere/ca.der" in raises(InvalidArgument, missing.tls).message


def test_settings_name_what_is_wrong():
    settings = Settings(changed(RELAY_CA=None, RELAY_LEAF_SHA256="AB:" * 31 + "ab"))
    assert settings.relay_leaf_sha256 == b"\xab" * 32
    assert settings.audio_rate == 16000 and settings.flavour == 0 and settings.ticket == "ticket-1"
    for name, value in (
        ("RELAY_URL", 5),
        ("RELAY_CA", 5),
        ("RELAY_LEAF_SHA256", "abcd"),
        ("MODEL_ID", 5),
        ("WIFI", [b"x"]),
        ("WIFI", 5),
        ("SN", 5),
        ("FLAVOUR", 3),
        ("FLAVOUR", True),
        ("TICKET", None),
        ("AUDIO_RATE", 44100),
        ("AUDIO_RATE", "8000"),
        ("AUDIO_PPM", 5000),
        ("AUDIO_OUTPUT", "loud"),
        ("CODECS", "pcmu"),
        ("CODECS", ["mp3"]),
        ("CODECS", ["pcmu", 5]),
        ("CODECS", 7),
        ("OPEN_ID", 7),
        ("RING_S", [4]),
        ("RING_S", [20, 61]),
        ("RING_S", True),
        ("VOLUME", 101),
        ("DUPLEX", "quarter"),
    ):
        error = raises(InvalidArgument, Settings, changed(**{name: value}))
        assert name in error.message, error.message
