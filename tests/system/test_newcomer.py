"""What a newcomer does with a board fresh from its bag, on an emulated RP2040: from a firmware to
a call, and an upgrade after which the board still is who it was."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from callboard_host import errors, paths
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
BUTTON = 15


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
        """Do something to it: `reset`, `bootsel`, `button PIN LEVEL`."""
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()

    def press(self, seconds: float = 0.5) -> None:
        """Press its button, the one that is wired to a pin."""
        self.tell(f"button {BUTTON} 0")
        time.sleep(seconds)
        self.tell(f"button {BUTTON} 1")

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


def image(folder: Path, *constants: str) -> Path:
    """An image of our firmware for the board."""
    words = [word for constant in ("BRIDGE_TLS=host", *constants) for word in ("--set", constant)]
    text = done(
        *("image", "--board", BOARD, "--firmware", FIRMWARE, "--output", folder, "--json", *words)
    )
    return Path(json.loads(text)["file"])


def test_from_a_firmware_to_a_call_and_through_an_upgrade(tmp_path, pico, relay):
    first = image(tmp_path / "first")
    pico.wait_for_drive()
    flashed = json.loads(done("flash", first, *pico.options(tmp_path)))
    assert flashed["board"] == BOARD and flashed["firmware"] and flashed["keys"] == "untouched"
    text = done("invite", APP, "Ada", "--data", relay)
    person = dict(line.split(None, 1) for line in text.splitlines())
    done(
        *("provision", pico.line, "--issue-ticket", "--data", relay, "--model-id", MODEL),
        *("--sn", SN, "--wxa-appid", APP, "--user", person["open_id"], "--no-wait"),
    )
    done("authorise", "add", person["open_id"], MODEL, SN, "--data", relay)
    facts = json.loads((relay / "relay.json").read_text())
    phone = Program(
        *("phone", "--relay", facts["url"], "--ca", facts["ca_path"]),
        *("--state", tmp_path / "phone.json", "--invitation", person["invitation"]),
        *("--answer-after", "0", "--hang-up-after", "2", "--events"),
    )
    with phone:
        phone.wait_line('"online"')
        with Program("bridge", pico.line, "--data", relay, "--usb", "--events") as bridge:
            bridge.wait_line('"registered"')
            bridge.wait_line('"ready"')
            pico.press()
            phone.wait_line('"answered"')
            phone.wait_line('"ended"')
            log = bridge.wait_line("call idle")
            assert "app: call idle" in log
        second = image(tmp_path / "second", "FLAVOUR=0", "AUTO_ANSWER=30")
        assert second.read_bytes() != first.read_bytes()
        flashed = json.loads(done("flash", second, *pico.options(tmp_path)))
        assert flashed["keys"] == "kept" and not list((tmp_path / "keys").iterdir())
        with Program("bridge", pico.line, "--data", relay, "--usb", "--events") as bridge:
            assert '"ready"' in bridge.wait_line('"ready"')
            assert "registered" not in bridge.output  # it still was
            pico.press()
            phone.wait_line('"answered"')
        again = json.loads(done("flash", second, *pico.options(tmp_path), "--skip-flashed"))
        assert again["skipped"]


@pytest.mark.skipif("CALLBOARD_STOCK_UF2" not in os.environ, reason="no stock firmware given")
def test_keys_move_to_stock_firmware_and_back(tmp_path, pico, relay):
    """CALLBOARD_STOCK_UF2: MicroPython for RPI_PICO, which has no memory to run callboard, but
    has the keys: in pin files, where ours has reserved sectors."""
    own = image(tmp_path / "own")
    pico.wait_for_drive()
    done("flash", own, *pico.options(tmp_path))
    person = dict(
        line.split(None, 1) for line in done("invite", APP, "Ada", "--data", relay).splitlines()
    )
    done(
        *("provision", pico.line, "--issue-ticket", "--data", relay, "--model-id", MODEL),
        *("--sn", SN, "--wxa-appid", APP, "--user", person["open_id"], "--no-wait"),
    )
    with Program("bridge", pico.line, "--data", relay, "--usb", "--events") as bridge:
        bridge.wait_line('"ready"')
    text = done(
        *("image", "--board", BOARD, "--firmware", os.environ["CALLBOARD_STOCK_UF2"]),
        *("--output", tmp_path / "stock", "--json"),
    )
    stock = json.loads(text)["file"]
    for _ in range(2):  # over ours, and over itself
        flashed = json.loads(done("flash", stock, *pico.options(tmp_path), "--no-hello"))
        assert flashed["keys"] == "kept"
    assert json.loads(done("flash", own, *pico.options(tmp_path)))["keys"] == "kept"
    with Program("bridge", pico.line, "--data", relay, "--usb", "--events") as bridge:
        bridge.wait_line('"ready"')
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
