"""Provisioning and logs over a serial line: boards behind a pty, cables that misbehave."""

import contextlib
import subprocess
import sys
import threading
import time

import pytest

from callboard import port as device_port
from callboard.serial import framing
from callboard_host import errors
from callboard_host.serial_line.link import BoardSilent, SerialLink
from callboard_host.serial_line.plan import Plan
from callboard_host.serial_line.port import PortFailed, SerialPort
from callboard_host.serial_line.provision import NotProvisioned, provision
from support.boards import BOARDS, IDS, Blank, every_byte, stored
from support.cable import UART, Cable, Damage

pytestmark = pytest.mark.system

NETWORKS = ((b"Home", b"secret99", -50), (b"Caf\xc3\xa9", b"", -70))


@pytest.mark.parametrize("part", range(8))
def test_every_byte_of_name_and_password_survives(tmp_path, part):
    python, bits = BOARDS[part % 3]
    ssid, password = every_byte()[part]
    with Blank(tmp_path / "board", python, bits) as any_board:
        with SerialLink.open(any_board.path) as link:
            link.wait_for_board(10)
            values = {"wifi_ssid": {"hex": ssid.hex()}, "wifi_password": {"hex": password.hex()}}
            link.request("config.set", {"values": values})
            shown = link.request("config.get")["values"]
            assert shown["wifi_ssid"] == {"hex": ssid.hex()}
            assert shown["wifi_password"] == {"set": True}
        any_board.stop()
        assert stored(any_board, "c.wifi_ssid") == ssid
        assert stored(any_board, "c.wifi_password") == password


def test_a_restart_keeps_the_configuration(any_board):
    with SerialLink.open(any_board.path) as link:
        link.wait_for_board(10)
        link.request("config.set", {"values": {"sn": "SN7"}})
        link.request("reboot", repeatable=False)
        deadline = time.monotonic() + 10
        while any_board.boots < 2 and time.monotonic() < deadline:
            any_board.running()
            link.pump()
        assert any_board.boots == 2
        assert link.request("hello")["sn"] == "SN7"  # a new session, by itself
        link.request("factory_reset", {"confirm": True}, repeatable=False)
        while any_board.boots < 3 and time.monotonic() < deadline + 10:
            any_board.running()
            link.pump()
        assert link.request("hello")["sn"] in ("", None)


PLAN = Plan(
    relay_url="http://127.0.0.1:9",
    model_id="doorbell",
    sn="SN1",
    wxa_appid="wxdemo",
    users=("ada",),
    ring_s=(20, 10),
    auto_answer=5,
    volume=70,
    wifi_ssid=bytes(range(32)),
    wifi_password=bytes(range(64)),
    ticket="T" + "x" * 200,
)


@pytest.mark.parametrize(
    ("damage", "rate", "ring"),
    [
        (Damage(1, drop=0.08), None, None),
        (Damage(2, flip=0.08), None, None),
        (Damage(3, repeat=0.25), None, None),
        (Damage(4, late=0.12), None, None),
        (Damage(5, drop=0.03, flip=0.03, repeat=0.05, late=0.03), UART, 260),
    ],
    ids=["drops", "flips", "repeats", "delays", "all"],
)
def test_provisioning_over_a_bad_line(tmp_path, damage, rate, ring):
    with (
        Blank(tmp_path / "board") as virtual,
        Cable(virtual.path, tmp_path / "tty", rate, ring, damage=damage) as cable,
        SerialLink.open(str(cable.path)) as link,
    ):
        result = provision(link, "tty", PLAN, wait=False, connect_s=30)
        assert set(result.changed) == set(PLAN.values())
        assert link.request("config.get")["values"]["sn"] == "SN1"
        assert damage.done > 0


class StoppedClock:
    """On which nothing is ever late, once it is stopped."""

    def __init__(self):
        self.stopped_ms = None

    def stop(self):
        self.stopped_ms = device_port.CLOCK.ticks_ms()

    def ticks_ms(self):
        return device_port.CLOCK.ticks_ms() if self.stopped_ms is None else self.stopped_ms


def test_provisioning_behind_an_esp32s_ring_loses_nothing(tmp_path):
    """Nothing is sent twice, so a lost chunk would never arrive and the board never answer."""
    clock = StoppedClock()
    with (
        Blank(tmp_path / "board") as virtual,
        Cable(virtual.path, tmp_path / "tty", UART, 260) as cable,
        SerialLink(SerialPort(str(cable.path)), clock=clock) as link,
    ):
        link.wait_for_board(30)
        clock.stop()
        repeated = link.repeated  # while it booted
        result = provision(link, "tty", PLAN, wait=False, connect_s=30)
        assert set(result.changed) == set(PLAN.values())
        assert link.request("config.get", timeout_s=30)["values"]["sn"] == "SN1"
        assert cable.overflowed == 0 and link.repeated == repeated


def test_a_chunk_that_is_lost_stays_lost_without_repeating(tmp_path):
    """Else the test above would show nothing."""
    clock = StoppedClock()
    with (
        Blank(tmp_path / "board") as virtual,
        Cable(virtual.path, tmp_path / "tty", damage=Damage(1, drop=0.3)) as cable,
        SerialLink(SerialPort(str(cable.path)), clock=clock) as link,
    ):
        link.wait_for_board(30)
        clock.stop()
        with pytest.raises(BoardSilent):
            for _ in range(50):
                link.request("config.get", timeout_s=2)


def test_the_ring_of_an_esp32_does_overflow_when_it_is_overrun(tmp_path):
    """Else the test above would show nothing."""
    with (
        Blank(tmp_path / "board") as virtual,
        Cable(virtual.path, tmp_path / "tty", UART, 260, ring_s=0.2) as cable,
        contextlib.closing(SerialPort(str(cable.path))) as port,
    ):
        port.write(bytes(1000))
        time.sleep(0.5)
        assert cable.overflowed > 300


def test_a_cable_that_is_pulled_in_the_middle(tmp_path):
    with (
        Blank(tmp_path / "board") as virtual,
        Cable(virtual.path, tmp_path / "tty", UART) as cable,
    ):
        with SerialLink.open(str(cable.path)) as link:
            link.wait_for_board(10)
            threading.Timer(0.05, cable.disconnect).start()
            started = time.monotonic()
            with pytest.raises((PortFailed, BoardSilent)) as raised:
                for _ in range(100):
                    provision(link, "tty", PLAN, wait=False)
            assert time.monotonic() - started < 15 and raised.value.hint
        cable.connect()
        with SerialLink.open(str(cable.path)) as link:
            provision(link, "tty", PLAN, wait=False, connect_s=10)
            again = provision(link, "tty", PLAN, wait=False)
            assert again.changed == ()  # safe to run again


def test_power_cut_while_it_is_provisioned(tmp_path):
    """Old or new, never half: killed at many moments around the write."""
    old = {"sn": "OLD", "model_id": "m-old", "relay_url": "http://127.0.0.1:9"}
    new = {"sn": "NEW", "model_id": "m-new", "relay_url": "http://127.0.0.1:7"}
    outcomes = set()
    with Blank(tmp_path / "board", bits=32) as virtual:
        for delay_ms in (0, 5, 10, 15, 20, 30, 40, 60):
            with SerialLink.open(virtual.path) as link:
                link.request("config.set", {"values": old})
                threading.Timer(delay_ms / 1000, virtual.process.kill).start()
                with contextlib.suppress(errors.CallboardError):
                    link.request("config.set", {"values": new}, timeout_s=0.3)
                virtual.process.wait()
                virtual.reset()
                values = link.request("config.get", {"names": list(old)})["values"]
                assert values in (old, new), delay_ms
                outcomes.add(values["sn"])
    assert "NEW" in outcomes


def test_faults_end_in_time_and_say_what_to_do(tmp_path):
    with Blank(tmp_path / "board") as virtual:
        with SerialLink.open(virtual.path) as link:
            started = time.monotonic()
            with pytest.raises(NotProvisioned) as raised:
                provision(link, "tty", PLAN.but(ticket=None), register_s=5)
            assert "no ticket" in raised.value.message and "--issue" in raised.value.hint
            with pytest.raises(NotProvisioned) as raised:
                provision(link, "tty", PLAN, register_s=2)
            assert "did not come online within 2 s: " in raised.value.message
            assert "CA" in raised.value.hint
            with pytest.raises(NotProvisioned) as raised:
                provision(link, "tty", Plan(relay_url="https://127.0.0.1:9"), register_s=2)
            assert "still lacks ca" in raised.value.message
            link.request("config.set", {"values": {"pin": "1234"}})
            link.request("lock")
            with pytest.raises(errors.HostError) as raised:
                provision(link, "tty", PLAN, wait=False)
            assert "PIN" in raised.value.message and raised.value.hint
            provision(link, "tty", PLAN.but(pin="1234"), wait=False)
            assert time.monotonic() - started < 20
            with pytest.raises(PortFailed) as raised:
                SerialPort(virtual.path)
            assert raised.value.exit_code == errors.EXIT_IN_USE
        virtual.process.kill()
        started = time.monotonic()
        with SerialLink.open(virtual.path) as link, pytest.raises(BoardSilent) as raised:
            provision(link, "tty", PLAN, connect_s=1)
        assert time.monotonic() - started < 8 and "powered" in raised.value.hint


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "while commands run"])
def test_mpremote_gets_in(tmp_path, busy):
    """Its own raw REPL is our test's: MicroPython's unix port has none."""
    with Blank(tmp_path / "board", program="board_with_prompt.py") as virtual:
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(10)
            if busy:
                with contextlib.suppress(errors.CallboardError):
                    link.request("wifi.scan", timeout_s=0.01)
        done = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", virtual.path, "resume", "exec"]
            + ["print('in', 6 * 7)"],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        assert "in 42" in done.stdout


def test_what_comes_with_ctrl_c_is_for_the_prompt(tmp_path):
    """mpremote sends Ctrl-A right behind it."""
    with (
        Blank(tmp_path / "board", bits=32, program="board_with_prompt.py") as virtual,
        SerialLink.open(virtual.path) as link,
    ):
        link.wait_for_board(10)
        link._port.write(b"\r\x03\r\x01")
        heard, deadline = b"", time.monotonic() + 10
        while b"raw REPL" not in heard and time.monotonic() < deadline:
            heard += link._port.read()
    assert b"raw REPL; CTRL-B to exit" in heard


@pytest.mark.parametrize(("python", "bits"), BOARDS, ids=IDS)
def test_ctrl_c_before_the_application_starts(tmp_path, python, bits):
    """A board waits for it after a reset, and what else comes meanwhile is not for it."""
    with (
        Blank(tmp_path / "board", python, bits, window_ms=20000) as virtual,
        SerialPort(virtual.path) as port,
    ):
        time.sleep(0.5)
        port.write(b"reboot\n\x00\xff")
        time.sleep(0.5)
        assert virtual.process.poll() is None
        port.write(b"\x03")
        assert virtual.process.wait(10) == 0  # what follows is Python's prompt
        assert b"boot" not in port.read()
    with (
        Blank(tmp_path / "board", python, bits, window_ms=300) as virtual,
        SerialLink.open(virtual.path) as link,
    ):
        link.wait_for_board(10)


def test_ctrl_c_inside_frames_and_packets_stops_nothing(any_board):
    with SerialLink.open(any_board.path) as link:
        link.wait_for_board(10)
        link._port.write(framing.encode(0x7A, b"\x03" * 50))
        link._port.write(framing.improv_packet(3, b"\x03\x00"))
        link._port.write(framing.improv_packet(3, b"\x03\x03\x03")[3:] + b"\n")
        assert link.request("hello")["firmware"]
        link._port.write(b"\x03")
    any_board.process.wait(10)
    assert any_board.process.returncode in (0, 130)


def test_urls_of_pyserial(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
        with SerialPort(url) as port:
            other, _ = server.accept()
            other.sendall(b"hello")
            assert port.read() == b"hello"
            port.write(b"back")
            assert other.recv(4) == b"back"
            other.close()
            with pytest.raises(PortFailed):
                for _ in range(100):
                    port.read()
    with pytest.raises(PortFailed) as raised:
        SerialPort(url)
    assert "listening" in raised.value.hint
    with SerialPort("loop://") as port:
        port.write(b"x")
        assert port.read() == b"x"
    with pytest.raises(PortFailed) as raised:
        SerialPort(str(tmp_path / "nothing"))
    assert "there is no port" in raised.value.message and "port" in raised.value.hint
