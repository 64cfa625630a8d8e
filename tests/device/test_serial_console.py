"""The console: typed and framed commands, the lock, Ctrl-C, and what must not be shown."""

import asyncio
import os

from console_rig import Rig

from callboard import codes
from callboard.config import NAMES
from callboard.serial import framing, typed
from callboard.serial.commands import PAUSE_MS, TRIES, UNLOCK_MS


async def test_a_person_types():
    async with Rig() as rig:
        assert "status" in " ".join(await rig.type("help\n"))
        assert await rig.type("status\r\n") == [
            "locked: False",
            "registered: False",
            "state: ready",
        ]
        lines = await rig.type("set wifi_ssid My  Café\n")
        assert lines[0] == "changed: wifi_ssid" and rig.board.reconfigured == 1
        assert rig.config.get("wifi_ssid") == "My  Café".encode()
        await rig.type("set wifi_ssid hex:00ff03\n")
        assert await rig.type("get wifi_ssid\n") == ["wifi_ssid = hex:00ff03"]
        await rig.type('set wifi_ssid " hex:\\u0000 "\n')
        assert rig.config.get("wifi_ssid") == b" hex:\x00 "
        await rig.type("set sn SN5\nuser add ada\nuser add bob\nuser remove ada\n")
        assert rig.config.get("users") == ["bob"] and rig.config.get("sn") == "SN5"
        await rig.type("unset wifi_ssid\nregister T1\n")
        assert rig.config.get("wifi_ssid") is None and rig.config.get("ticket") == "T1"
        assert await rig.type("test\n") == ["ok    random: fine"]
        assert await rig.type("scan\n") == [" -50 dBm  Home", " -80 dBm  hex:ff00"]
        assert await rig.type("button press\n") == [] and rig.buttons == ["button press"]
        assert await rig.type("reboot\n") == ["done"] and rig.board.restarts == 1


async def test_mistakes_are_explained_and_secrets_not_repeated():
    async with Rig() as rig:
        for wrong, word in (
            ("set\n", "FIELD"),
            ("set sn\n", "FIELD"),
            ("set sn not ok\n", "sn must be"),
            ('set wifi_password "hunter2\n', "quote"),
            ("set wifi_password hex:hunter2\n", "hex"),
            ("get nothing\n", "nothing"),
            ("user add\n", "OPENID"),
            ("factory-reset\n", "confirm"),
            ("sett wifi_password hunter2\n", "sett"),
            ("hunter2" * 40 + "\n", "longer"),
            (b"\xff\xfe hunter2\n", "not a command"),
        ):
            lines = await rig.type(wrong)
            assert len(lines) == 1 and word in lines[0], (wrong, lines)
            assert "hunter2" not in lines[0]
        await rig.type("set wifi_password hunter2\nset pin 98765\nregister hunter2\n")
        said = await rig.type("unlock 98765\nget\nstatus\n")
        assert not any("hunter2" in line or "98765" in line for line in said)
        assert "wifi_password = (set, not shown)" in said


async def test_tools_use_frames():
    async with Rig() as rig:
        hello = await rig.ask("hello")
        assert hello == {"firmware": "1.2.3", "sn": "SN1", "locked": False}
        values = {"wifi_ssid": {"hex": "0003ff"}, "sn": "S1", "users": ["ada"]}
        answer = await rig.ask("config.set", {"values": values})
        assert answer["changed"] == ["sn", "users", "wifi_ssid"]
        answer = await rig.ask("config.get", {"names": ["wifi_ssid", "pin"]})
        assert answer == {"values": {"wifi_ssid": {"hex": "0003ff"}, "pin": {"set": False}}}
        assert (await rig.ask("wifi.scan"))["networks"][1]["ssid"] == {"hex": "ff00"}
        assert (await rig.ask("users.remove", {"open_id": "ada"}))["users"] == []
        assert (await rig.ask("users.remove", {"open_id": "ada"}))["code"] == 1
        assert (await rig.ask("register", {"ticket": "T1"}))["changed"] == ["ticket"]
        for method, params, code in (
            ("nonsense", {}, codes.RPC_METHOD_NOT_FOUND),
            ("status", [], codes.RPC_INVALID_PARAMS),
            ("config.set", {}, codes.INVALID_ARGUMENT),
            ("config.set", {"values": {"sn": "a b"}}, codes.INVALID_ARGUMENT),
            ("config.get", {"names": "sn"}, codes.INVALID_ARGUMENT),
            ("register", {}, codes.INVALID_ARGUMENT),
            ("users.add", {"open_id": 5}, codes.INVALID_ARGUMENT),
        ):
            assert (await rig.ask(method, params))["code"] == code, method
        rig.board.busy = True
        assert (await rig.ask("config.set", {"values": {"sn": "S2"}}))["code"] == codes.AVT_BUSY
        assert rig.config.get("sn") == "S1"


STRANGE = (None, True, 5, -1, "", "x", "\ud7ff" * 40, [], [[]], [None], {}, {"hex": []}, {"a": {}})
PARAMETERS = {
    "config.get": ("names",),
    "config.set": ("values",),
    "register": ("ticket", "again"),
    "users.add": ("open_id",),
    "users.remove": ("open_id",),
    "unlock": ("pin",),
    "log.level": ("level", "module"),
    "factory_reset": ("confirm",),
}


async def test_strange_parameters_are_refused_and_nothing_breaks():
    async with Rig() as rig:
        for method in PARAMETERS:
            for name in PARAMETERS[method]:
                for value in STRANGE:
                    answer = await rig.ask(method, {name: value})
                    assert answer.get("code") != codes.RPC_INTERNAL, (method, name, value)
        for field in NAMES:
            for value in STRANGE:
                answer = await rig.ask("config.set", {"values": {field: value}})
                assert answer.get("code") != codes.RPC_INTERNAL, (field, value)
                await rig.ask("config.set", {"values": {"pin": None}})
        assert not any("failed" in line for line in rig.log.recent)


async def test_a_failure_of_ours_is_answered():
    async with Rig() as rig:

        async def broken():
            raise ValueError

        rig.board.self_test = broken
        assert (await rig.ask("self_test"))["code"] == codes.RPC_INTERNAL
        assert "firmware" in await rig.ask("hello")


async def test_noise_does_not_end_it():
    async with Rig() as rig:
        for _ in range(40):
            noise = bytes(byte for byte in os.urandom(200) if byte != 3)
            await rig.type(noise)
            rig.clock.advance(framing.GAP_MS)
            assert not rig.task.done()
        rig.lines.clear()
        rig._to_board(b"\n")
        rig.clock.advance(framing.GAP_MS)
        assert "state: ready" in await rig.type("\nstatus\n")


async def test_levels_of_the_log_and_what_it_said():
    async with Rig() as rig:
        net = rig.log.module("net")
        net.debug("not yet")
        assert await rig.type("log D net\n") == ["level: I", 'modules: {"net": "D"}']
        net.debug("now")
        answer = await rig.ask("log.level", {"level": "E"})
        assert answer == {"level": "E", "modules": {"net": "D"}}
        rig.log.module("app").warn("no more")
        lines = (await rig.ask("log.recent"))["lines"]
        assert [line.split(") ")[1] for line in lines] == ["net: now"]
        assert (await rig.ask("log.level", {"level": "X"}))["code"] == codes.INVALID_ARGUMENT


async def test_requests_that_are_none():
    async with Rig() as rig:
        rig.channel.open(5)
        await rig.run(50)
        for message, code in (
            (b"nonsense", codes.RPC_PARSE),
            (b"\xff\xff", codes.RPC_PARSE),
            (b"[]", codes.RPC_INVALID_REQUEST),
            (b"{}", codes.RPC_INVALID_REQUEST),
            (b'{"method": "status"}', codes.RPC_INVALID_REQUEST),
        ):
            rig.channel.send(message)
            await rig.run(200)
            assert b"%d" % code in rig.messages.pop(), message
        assert "firmware" in await rig.ask("hello")


async def test_a_pin_locks_what_changes():
    async with Rig() as rig:
        await rig.ask("config.set", {"values": {"pin": "2580"}})
        changing = (
            ("config.set", {"values": {"sn": "S1"}}),
            ("register", {"ticket": "T"}),
            ("users.add", {"open_id": "a"}),
            ("reboot", {}),
            ("factory_reset", {"confirm": True}),
        )
        for method, params in changing:
            assert (await rig.ask(method, params))["code"] == codes.UNAUTHENTICATED
        assert (await rig.ask("status"))["locked"] and rig.config.get("sn") is None
        assert (await rig.ask("unlock", {"pin": "1111"}))["code"] == codes.UNAUTHENTICATED
        assert await rig.ask("unlock", {"pin": "2580"}) == {}
        assert (await rig.ask("config.set", {"values": {"sn": "S1"}}))["changed"] == ["sn"]
        await rig.ask("lock")
        assert (await rig.ask("hello"))["locked"]
        rig.commands.button_held()
        assert not (await rig.ask("hello"))["locked"]
        rig.clock.advance(UNLOCK_MS)
        assert (await rig.ask("hello"))["locked"]


async def test_pins_cannot_be_tried_out():
    async with Rig() as rig:
        await rig.ask("config.set", {"values": {"pin": "2580"}})
        for _ in range(TRIES):
            await rig.ask("unlock", {"pin": "1111"})
        assert "wait" in (await rig.ask("unlock", {"pin": "2580"}))["message"]
        rig.clock.advance(PAUSE_MS)
        assert await rig.ask("unlock", {"pin": "2580"}) == {}


async def test_ctrl_c_ends_it_and_only_outside_frames():
    async with Rig() as rig:
        await rig.type(framing.encode(0x44, b"\x03\x03\x03") + framing.improv_packet(3, b"\x03"))
        assert not rig.task.done()

        await rig.type(b"\r\x03\r\x01")
        assert rig.task.done() and await rig.task is True


async def test_quit_and_the_end_of_the_input():
    for data in (b"quit\n", b""):
        async with Rig() as rig:
            rig._input.append(data)
            rig._arrived.set()
            await rig.run(20)
            assert rig.task.done() and await rig.task is False


async def test_a_page_of_commands_pasted_at_once():
    async with Rig() as rig:
        text = "".join("set sn S%d\n" % i for i in range(60))
        lines = await rig.type(text, 2000)
        assert len(lines) == 120 and rig.config.get("sn") == "S59"


async def test_a_handler_that_fails_does_not_end_the_console():
    async with Rig() as rig:

        async def broken():
            raise asyncio.TimeoutError

        rig.board.self_test = broken
        lines = await rig.type("test\n")
        assert "a command failed: TimeoutError" in lines[0] and "Traceback" in lines[1]
        assert await rig.type("scan\n")


def test_help_names_every_typed_command():
    words = {line.split()[0].strip(",") for line in typed.HELP}
    assert {"status", "get", "set", "register", "reboot", "factory-reset", "unlock"} <= words
