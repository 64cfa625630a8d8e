"""No secret of a provisioning run is in any log, output, or file that is not the key store."""

import base64
import json
import os
import subprocess
import sys
import time

import pytest

from callboard.serial import framing
from callboard.voip.registration import KEY_NAME
from callboard_host import errors, paths
from callboard_host.serial_line.link import SerialLink
from callboard_host.serial_line.port import SerialPort
from support.boards import BOARDS, IDS, Blank, stored
from support.covers import covers
from system.programs import Program, run

pytestmark = pytest.mark.system

WIFI = "correct horse battery"
WRONG_WIFI = "incorrect horse battery"
PIN = "735511908264"
WRONG_PIN = "846622019375"
STALE_TICKET = "T" + "5ca1ab1e" * 5


def forms(secret: bytes) -> list[bytes]:
    """How a secret could be written down."""
    return [
        secret,
        secret.hex().encode(),
        secret.hex().upper().encode(),
        base64.b64encode(secret).rstrip(b"=")[:-1],
        json.dumps(secret.decode("latin-1")).encode()[1:-1],
        repr(secret).encode()[2:-1],
    ]


def found_in(secrets: dict[str, bytes], data: bytes) -> set[str]:
    """Names of the secrets that `data` holds in some form."""
    return {name for name, secret in secrets.items() if any(f in data for f in forms(secret))}


class Watched:
    """`callboard` with everything it said kept."""

    def __init__(self):
        self.said = b""

    def run(self, *arguments, secrets=None, status=0):
        environment = {**os.environ, "PYTHONPATH": paths.python_path(), **(secrets or {})}
        done = subprocess.run(
            [sys.executable, "-m", "callboard_host", *map(str, arguments)],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=120,
        )
        self.said += done.stdout + done.stderr
        assert done.returncode == status, (arguments, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    data = tmp_path_factory.mktemp("relay")
    with Program("relay", "--data", data, "--port", "0") as program:
        program.wait_line("listening")
        for words in (["app", "add", "wxdemo"], ["model", "add", "doorbell"]):
            assert run(*words, "--data", data)[0] == 0
        yield data


@covers("V-15", "V-16")
@pytest.mark.parametrize(("python", "bits"), BOARDS[1:], ids=IDS[1:])
def test_no_secret_leaves_the_key_store(tmp_path, relay, python, bits):
    watched = Watched()
    host_files = tmp_path / "host"
    host_files.mkdir()
    sn = f"SN-{python}{bits}"
    networks = ((b"Home", WIFI.encode(), -50),)
    ticket = run("ticket", "doorbell", sn, "--data", relay)[1].split()[0]
    with Blank(tmp_path / "board", python, bits, wifi=networks) as virtual:
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
        with SerialPort(virtual.path) as port:
            port.write(b"log D\n")
            heard = talk(port, 0.5)
            # What people mistype, and what a browser with the wrong password sends.
            port.write(b"set wifi_password\nsett wifi_password " + WIFI.encode() + b"\n")
            port.write(b'set wifi_password "' + WIFI.encode() + b"\n")
            port.write(b"register\nregistr " + STALE_TICKET.encode() + b"\n")
            heard += talk(port, 0.5)
            fields = b"\x04Home" + bytes([len(WRONG_WIFI)]) + WRONG_WIFI.encode()
            port.write(framing.improv_packet(3, bytes([1, len(fields)]) + fields))
            heard += talk(port, 1.0)
        facts = json.loads((relay / "relay.json").read_text())
        known = ["--relay", facts["url"], "--ca", facts["ca_path"], "--model-id", "doorbell"]
        known += ["--wxa-appid", "wxdemo", "--sn", sn, "--wifi", "Home", "--ticket"]
        wrong = {"CALLBOARD_WIFI_PASSWORD": WRONG_WIFI, "CALLBOARD_TICKET": STALE_TICKET}
        watched.run(
            *("provision", virtual.path, *known, "--timeout", "3"),
            secrets=wrong,
            status=errors.EXIT_NO_BOARD,
        )
        right = {"CALLBOARD_WIFI_PASSWORD": WIFI, "CALLBOARD_TICKET": STALE_TICKET}
        watched.run("provision", virtual.path, *known, secrets=right, status=errors.EXIT_REFUSED)
        right["CALLBOARD_TICKET"] = ticket
        (host_files / "devices.csv").write_text(f"sn,port\n{sn},{virtual.path}\n")
        watched.run(
            *("provision", "-", *known, "--set-pin", "--batch", host_files / "devices.csv"),
            secrets={**right, "CALLBOARD_NEW_PIN": PIN},
        )
        with SerialLink.open(virtual.path) as link:
            link.request("lock")
            for method, params in (
                ("unlock", {"pin": WRONG_PIN}),
                ("config.set", {"values": {"wifi_password": WIFI}}),
            ):
                with pytest.raises(errors.CallboardError) as raised:
                    link.request(method, params)
                watched.said += str(raised.value).encode()
            told = [link.request(method) for method in ("hello", "status", "config.get")]
            told += [link.request(method) for method in ("log.recent", "log.level")]
            boots = link.request("log.boots")["boots"]
            told += [link.request("log.kept", {"boot": each["boot"]}) for each in boots]
            watched.said += json.dumps(told).encode()
        log_file = host_files / "board.log"
        options = ["--history", "--for", "2", "--output", log_file, "--events", "--json"]
        watched.run("log", virtual.path, *options)
        watched.run("doctor", virtual.path, "--json")
        virtual.reset()
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
        assert b"callboard" in watched.run("log", virtual.path, "--last-boot")
    key = stored(virtual, KEY_NAME)
    secrets = {
        "wifi": WIFI.encode(),
        "wrong wifi": WRONG_WIFI.encode(),
        "pin": PIN.encode(),
        "wrong pin": WRONG_PIN.encode(),
        "ticket": ticket.encode(),
        "stale ticket": STALE_TICKET.encode(),
        "device key": key,
    }
    assert len(key) == 32 and found_in(secrets, b".".join(secrets.values())) == set(secrets)
    assert len(heard) > 300 and len(watched.said) > 3000
    files = {path.name: path.read_bytes() for path in host_files.iterdir()}
    assert {"devices.csv", "devices.csv.results.jsonl", "board.log"} == set(files)
    kept = (tmp_path / "board" / "flash.log").read_bytes()
    assert b"app: " in kept and b"app: " in heard + watched.said
    for name, data in {"the line": heard, "output": watched.said, "flash": kept, **files}.items():
        assert not found_in(secrets, data), name
    assert "wifi" in found_in(secrets, (tmp_path / "board" / "flash").read_bytes())


def talk(port, seconds):
    """What a board says for so long."""
    heard, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline:
        heard += port.read()
    return heard
