"""Provisioning and logs over a serial line: boards behind a pty, cables that misbehave."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from callboard.serial import framing
from callboard_host import board, errors, paths
from callboard_host.board_pty import PtyBoard
from callboard_host.serial_line import log
from callboard_host.serial_line.link import BoardSilent, SerialLink
from callboard_host.serial_line.plan import Plan
from callboard_host.serial_line.port import PortFailed, SerialPort
from callboard_host.serial_line.provision import NotProvisioned, provision
from support.cable import UART, Cable, Damage

pytestmark = pytest.mark.system

BOARDS = [("micropython", 64), ("micropython", 32), ("cpython", 64)]
NETWORKS = ((b"Home", b"secret99", -50), (b"Caf\xc3\xa9", b"", -70))


def blank(tmp_path, python="micropython", bits=64, **options):
    """A board that was told nothing."""
    config = board.BoardConfig(
        run_dir=tmp_path / "board", python=python, bits=bits, blank=True, **options
    )
    return PtyBoard(config)


@pytest.fixture(params=BOARDS, ids=["micropython64", "micropython32", "cpython"])
def any_board(request, tmp_path):
    python, bits = request.param
    with blank(tmp_path, python, bits) as virtual:
        yield virtual


def test_every_byte_of_name_and_password_survives(any_board):
    with SerialLink.open(any_board.path) as link:
        link.wait_for_board(10)
        for first in range(0, 256, 32):
            ssid = bytes(range(first, first + 32))
            password = bytes(range(255, 191, -1)) if first % 64 else bytes(range(64))
            values = {"wifi_ssid": {"hex": ssid.hex()}, "wifi_password": {"hex": password.hex()}}
            link.request("config.set", {"values": values})
            shown = link.request("config.get")["values"]
            assert shown["wifi_ssid"] == {"hex": ssid.hex()}
            assert shown["wifi_password"] == {"set": True}
            flash = (any_board._run_dir / "flash").read_bytes()
            assert ssid in flash and password in flash


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
    wifi_ssid=bytes(range(32)),
    wifi_password=bytes(range(64)),
    ticket="T" + "x" * 200,
)


@pytest.mark.parametrize(
    ("damage", "rate", "ring"),
    [
        (Damage(1, drop=0.08), None, None),
        (Damage(2, flip=0.08), None, None),
        (Damage(3, repeat=0.3), None, None),
        (Damage(4, late=0.12), None, None),
        (Damage(5, drop=0.03, flip=0.03, repeat=0.05, late=0.03), UART, 260),
        (None, UART, 260),
    ],
    ids=["drops", "flips", "repeats", "delays", "all", "esp32"],
)
def test_provisioning_over_a_bad_line(tmp_path, damage, rate, ring):
    with (
        blank(tmp_path) as virtual,
        Cable(virtual.path, tmp_path / "tty", rate, ring, damage=damage) as cable,
        SerialLink.open(str(cable.path)) as link,
    ):
        result = provision(link, "tty", PLAN, wait=False, connect_s=30)
        assert set(result.changed) == set(PLAN.values())
        assert link.request("config.get", timeout_s=30)["values"]["sn"] == "SN1"
        assert cable.overflowed == 0
        if damage:
            assert damage.done > 0
        else:
            assert link.repeated == 0


def test_the_ring_of_an_esp32_does_overflow_when_it_is_overrun(tmp_path):
    """Else the test above would show nothing."""
    with (
        blank(tmp_path) as virtual,
        Cable(virtual.path, tmp_path / "tty", UART, 260, ring_s=0.2) as cable,
        contextlib.closing(SerialPort(str(cable.path))) as port,
    ):
        port.write(bytes(1000))
        time.sleep(0.5)
        assert cable.overflowed > 300


def test_a_cable_that_is_pulled_in_the_middle(tmp_path):
    with blank(tmp_path) as virtual, Cable(virtual.path, tmp_path / "tty", UART) as cable:
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
    with blank(tmp_path, bits=32) as virtual:
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
    with blank(tmp_path) as virtual:
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


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self):
        self.records = []

    def write(self, record):
        self.records.append(record)


LOGGER = Path(__file__).parents[1] / "support" / "programs" / "serial_logger.py"


@contextlib.contextmanager
def talkative(tmp_path, lines):
    """A board that logs `lines` lines of 100 bytes as fast as its line takes them."""
    virtual = blank(tmp_path)
    virtual.process.kill()
    virtual.process.wait()
    virtual._argv = [virtual._argv[0], "-X", "heapsize=300K", str(LOGGER), str(lines)]
    with virtual:
        yield virtual


@pytest.mark.parametrize(
    ("rate", "lines"), [(None, 10_000), (UART, 1_000)], ids=["usb-like 1 MB", "uart-like 100 kB"]
)
def test_a_log_with_three_disconnects(tmp_path, rate, lines):
    kept = Kept()
    with (
        talkative(tmp_path, lines) as virtual,
        Cable(virtual.path, tmp_path / "tty", rate) as cable,
    ):
        capture = log.Capture(lambda: SerialPort(str(cable.path)), [kept], log.Filter())
        thread = threading.Thread(target=capture.run, args=(60,))

        def numbers():
            whole = [r for r in kept.records if r.module == "count" and not r.cut]
            return [int(record.text.split()[0]) for record in whole]

        thread.start()
        virtual._boot()
        for part in (0.2, 0.4, 0.6):
            _wait(lambda part=part: numbers()[-1:] > [int(part * lines)])
            cable.disconnect()
            _wait(lambda part=part: capture.counts.disconnects == round(part * 5))
            cable.connect()
        _wait(lambda: numbers()[-1:] == [lines - 1], 45)
        capture.counts.lines = 0
        virtual.process.wait(5)
        capture._over = lambda *_: True
        thread.join(5)
    seen = numbers()
    assert seen == sorted(set(seen))  # none doubled, none out of order
    gaps = [i for i in range(1, len(seen)) if seen[i] != seen[i - 1] + 1]
    assert len(gaps) <= 3 and capture.counts.disconnects == 3
    whole = [r for r in kept.records if r.module == "count" and not r.cut]
    assert all(r.text.endswith(" end") for r in whole)
    notes = [r.text for r in kept.records if r.note]
    assert sum("connected again" in note for note in notes) == 3
    assert capture.counts.damaged == 0


def _wait(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def test_what_was_said_before_anybody_listened(any_board):
    kept = Kept()
    with SerialLink.open(any_board.path) as link:
        link.wait_for_board(10)
    log.capture(any_board.path, [kept], log.Filter(), history=True, seconds=0.3)
    assert kept.records[0].note and "1 lines from the board's memory" in kept.records[0].text
    assert "to be provisioned" in kept.records[1].text and kept.records[1].level == "W"


def test_the_log_says_when_the_board_was_reset(tmp_path):
    kept = Kept()
    with blank(tmp_path) as virtual:
        capture = log.Capture(lambda: SerialPort(virtual.path), [kept], log.Filter())
        thread = threading.Thread(target=capture.run, kwargs={"seconds": 4})
        thread.start()
        time.sleep(1)
        virtual.reset()
        thread.join()
    assert capture.counts.boots >= 1
    assert any("the board started" in record.text for record in kept.records if record.note)


IMPROV = paths.BUILD / "improv" / "serial.js"


def test_a_browsers_improv_client(tmp_path):
    if not IMPROV.exists():
        pytest.skip("npm's improv-wifi-serial-sdk is not there: run make build/stamps/improv")
    client = Path(__file__).parents[1] / "support" / "improv_client.mjs"
    password = "pä$$ \u0003 wörd\u0001\u007f" + "".join(map(chr, range(1, 32)))
    networks = ((b"Home", b"x", -50), ("Ünï\u0003".encode(), password.encode(), -60))
    for python, bits in BOARDS:
        folder = tmp_path / f"{python}{bits}"
        with blank(folder, python, bits, wifi=networks) as virtual:
            with SerialLink.open(virtual.path) as link:
                link.wait_for_board(10)
            arguments = [virtual.path, str(IMPROV), "Ünï\u0003", password]
            done = subprocess.run(
                ["node", str(client), *arguments], capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, done.stderr
            said = json.loads(done.stdout)
            assert said["info"]["firmware"] == "callboard" and said["info"]["chipFamily"] == "UNIX"
            assert [each["name"] for each in said["networks"]] == ["Home", "Ünï\u0003"]
            assert said["before"] == 2 and said["after"] == 4
            assert said["refused"] == "UNABLE_TO_CONNECT"
            flash = (folder / "board" / "flash").read_bytes()
            assert "Ünï\u0003".encode() in flash and password.encode() in flash


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "while commands run"])
def test_mpremote_gets_in(tmp_path, busy):
    """Its own raw REPL is our test's: MicroPython's unix port has none."""
    repl = LOGGER.with_name("board_with_prompt.py")
    virtual = blank(tmp_path)
    virtual.process.kill()
    virtual.process.wait()
    virtual._argv[-1] = str(repl)
    with virtual:
        virtual._boot()
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
    virtual = blank(tmp_path, bits=32)
    virtual.process.kill()
    virtual.process.wait()
    virtual._argv[-1] = str(LOGGER.with_name("board_with_prompt.py"))
    with virtual:
        virtual._boot()
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(10)
            link._port.write(b"\r\x03\r\x01")
            heard, deadline = b"", time.monotonic() + 10
            while b"raw REPL" not in heard and time.monotonic() < deadline:
                heard += link._port.read()
    assert b"raw REPL; CTRL-B to exit" in heard


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
