"""Improv Wi-Fi over serial, as a browser speaks it (npm's client is tested in tests/system)."""

from console_rig import Rig

from callboard.serial import improv
from callboard.serial.framing import improv_packet

NO_ERROR = (improv.ERROR, b"\x00")


def rpc(command, *fields):
    body = b"".join(bytes((len(field),)) + field for field in fields)
    return improv_packet(improv.RPC, bytes((command, len(body))) + body)


def result(command, *fields):
    body = b"".join(bytes((len(field),)) + field for field in fields)
    return (improv.RESULT, bytes((command, len(body))) + body)


async def test_state_info_and_scan():
    async with Rig() as rig:
        assert await rig.packet(rpc(2)) == [NO_ERROR, (improv.STATE, b"\x02")]
        info = result(3, b"callboard", b"1.2.3", b"TEST", b"test board")
        assert await rig.packet(rpc(3)) == [NO_ERROR, info]
        assert await rig.packet(rpc(4)) == [
            NO_ERROR,
            result(4, b"Home", b"-50", b"YES"),
            result(4, b"\xff\x00", b"-80", b"NO"),
            result(4),
        ]


async def test_every_byte_of_name_and_password_survives():
    async with Rig() as rig:
        for first in range(0, 256, 32):
            ssid = bytes(range(first, first + 32))
            password = bytes(range(255, 191, -1))
            answers = await rig.packet(rpc(1, ssid, password))
            assert answers == [NO_ERROR, (1, b"\x03"), (1, b"\x04"), result(1)]
            assert rig.config.get("wifi_ssid") == ssid
            assert rig.config.get("wifi_password") == password
            assert rig.board.joined[-1] == (ssid, password)
        assert await rig.packet(rpc(2)) == [NO_ERROR, (1, b"\x04"), result(2)]


async def test_an_open_network_has_no_password():
    async with Rig() as rig:
        rig.config.change({"wifi_password": "old"})
        await rig.packet(rpc(1, b"Open", b""))
        assert rig.config.get("wifi_password") is None and rig.board.reconfigured == 1


async def test_a_network_that_is_not_there_changes_nothing():
    async with Rig() as rig:
        rig.config.change({"wifi_ssid": "old"})
        answers = await rig.packet(rpc(1, b"nowhere", b"secret"))
        assert answers == [NO_ERROR, (1, b"\x03"), (improv.ERROR, b"\x03"), (1, b"\x04")]
        assert rig.config.get("wifi_ssid") == b"old" and not rig.board.reconfigured
        assert not any("secret" in line for line in rig.lines)
        assert any("not to be found" in line for line in rig.lines)


async def test_a_lock_holds_for_improv_too():
    async with Rig() as rig:
        rig.config.change({"pin": "1234"})
        answers = await rig.packet(rpc(1, b"Home", b"secret"))
        assert answers == [(improv.ERROR, bytes((improv.NOT_AUTHORISED,)))]
        assert rig.config.get("wifi_ssid") is None and rig.board.joined == []


async def test_bad_packets_are_refused():
    async with Rig() as rig:
        bad = (improv.ERROR, b"\x01")
        assert await rig.packet(rpc(9)) == [(improv.ERROR, b"\x02")]
        for packet in (
            improv_packet(improv.RPC, b""),
            improv_packet(improv.RPC, b"\x01\x05\x01a"),
            improv_packet(improv.RPC, b"\x01\x02\x05a"),
            rpc(1, b"only a name"),
            rpc(1, b"", b"no name"),
            rpc(1, b"a", b"b", b"c"),
            rpc(2)[:-2] + b"\x00\n",
        ):
            assert await rig.packet(packet) == [bad], packet
        assert (await rig.packet(rpc(1, b"x" * 33, b"")))[-2] == (improv.ERROR, b"\x03")
        assert await rig.packet(improv_packet(improv.STATE, b"\x02")) == []
