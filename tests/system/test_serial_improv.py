"""Wi-Fi by Improv: every byte survives, from npm's client and from one that says any bytes."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from callboard.serial import framing, improv
from callboard_host import paths
from callboard_host.serial_line.link import SerialLink
from support.boards import BOARDS, IDS, Blank, every_byte, stored

pytestmark = pytest.mark.system


class Answers(framing.Handler):
    """Improv packets of a board."""

    def __init__(self, port):
        self._port = port
        self._decoder = framing.Decoder(self, salvage=True)
        self._packets = []

    def on_improv(self, kind, data):
        self._packets.append((kind, data))

    def provision(self, ssid, password):
        """The state or the error that it ends with."""
        fields = bytes([len(ssid)]) + ssid + bytes([len(password)]) + password
        packet = framing.improv_packet(improv.RPC, bytes([improv.SEND_WIFI, len(fields)]) + fields)
        for at in range(0, len(packet), 128):
            self._port.write(packet[at : at + 128])
        self._packets.clear()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            data = self._port.read()
            self._decoder.feed(data, len(data), 0)
            for kind, what in self._packets:
                if kind == improv.ERROR and what[0]:
                    return f"error {what[0]}"
                if kind == improv.STATE and what[0] == improv.PROVISIONED:
                    return "provisioned"
        return "nothing"


@pytest.mark.parametrize(("python", "bits"), BOARDS, ids=IDS)
def test_every_byte_survives_improv(tmp_path, python, bits):
    """The board joins a network only if name and password are its own, byte for byte."""
    networks = every_byte()
    assert {byte for ssid, _ in networks for byte in ssid} == set(range(256))
    around = tuple((ssid, password, -50) for ssid, password in networks)
    with (
        Blank(tmp_path / "board", python, bits, wifi=around) as virtual,
        SerialLink.open(virtual.path) as link,
    ):
        link.wait_for_board(30)
        client = Answers(link._port)
        for ssid, password in networks:
            wrong = bytes([password[0] ^ 1]) + password[1:]
            assert client.provision(ssid, wrong) == "error 3"
            assert client.provision(ssid, password) == "provisioned"
            shown = link.request("config.get")["values"]["wifi_ssid"]
            assert shown == {"hex": ssid.hex()}
    assert stored(virtual, "c.wifi_password") == networks[-1][1]


def texts_of_every_byte():
    """[[ssid, password]] that hold every byte that a text in UTF-8 can."""
    characters = [chr(code) for code in range(128)]
    characters += [bytes((0xC2 + n % 30, 0x80 + n)).decode() for n in range(64)]
    characters += [
        bytes((lead, 0x80 + 0x20 * (lead == 0xE0), 0x80)).decode() for lead in range(0xE0, 0xF0)
    ]
    characters += [
        bytes((lead, 0x90 * (lead == 0xF0) or 0x80, 0x80, 0x80)).decode()
        for lead in range(0xF0, 0xF5)
    ]
    names, passwords = _chunks(characters, 32), _chunks(characters, 64)
    return [[name, passwords[n % len(passwords)]] for n, name in enumerate(names)]


def _chunks(characters, limit):
    chunks = [""]
    for character in characters:
        if len((chunks[-1] + character).encode()) > limit:
            chunks.append("")
        chunks[-1] += character
    return chunks


IMPROV = paths.BUILD / "improv" / "serial.js"


def test_a_browsers_improv_client(tmp_path):
    if not IMPROV.exists():
        pytest.skip("npm's improv-wifi-serial-sdk is not there: run make build/stamps/improv")
    client = Path(__file__).parents[1] / "support" / "improv_client.mjs"
    password = "pä$$ \u0003 wörd\u0001\u007f" + "".join(map(chr, range(1, 32)))
    networks = ((b"Home", b"x", -50), ("Ünï\u0003".encode(), password.encode(), -60))
    more = texts_of_every_byte()
    in_texts = set(range(256)) - {0xC0, 0xC1, *range(0xF5, 0x100)}
    assert set("".join(name for name, _ in more).encode()) == in_texts
    assert set("".join(key for _, key in more).encode()) == in_texts
    around = networks + tuple((name.encode(), key.encode(), -80) for name, key in more)
    for python, bits in BOARDS:
        folder = tmp_path / f"{python}{bits}"
        with Blank(folder / "board", python, bits, wifi=around) as virtual:
            with SerialLink.open(virtual.path) as link:
                link.wait_for_board(30)
            arguments = [virtual.path, str(IMPROV), "Ünï\u0003", password, json.dumps(more)]
            done = subprocess.run(
                ["node", str(client), *arguments], capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, done.stderr
            said = json.loads(done.stdout)
            assert said["info"]["firmware"] == "callboard" and said["info"]["chipFamily"] == "UNIX"
            names = [each["name"] for each in said["networks"]]
            assert {"Home", "Ünï\u0003"} < set(names) and len(names) == len(around)
            assert said["before"] == 2 and said["after"] == 4
            assert said["refused"] == "UNABLE_TO_CONNECT"
            assert said["more"] == [4] * len(more)
        assert stored(virtual, "c.wifi_ssid") == more[-1][0].encode()
        assert stored(virtual, "c.wifi_password") == more[-1][1].encode()
