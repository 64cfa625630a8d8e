"""`callboard flash` on the ESP32 family: the real esptool against a loader of ours."""

import json
import os
import signal
import subprocess
import sys
import zlib
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from callboard import keystore
from callboard.flash.devices import RamFlash
from callboard_host import cli, errors, paths
from callboard_host.boards import load
from callboard_host.flash import keys, worker
from callboard_host.flash import run as runs
from callboard_host.flash.job import Job, Reporter
from callboard_host.image import build, layout
from support import firmwares
from support.esp_board import EspBoard
from support.esp_rom import Fault

pytestmark = [pytest.mark.timeout(120), pytest.mark.system]  # each test runs esptool
NAMES = ("ESP32_GENERIC", "ESP32_GENERIC_S3", "ESP32_GENERIC_C3")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """name → its image and the file of it; "small": another firmware for the C3."""
    found = {}
    for key, name, options in (
        *((name, name, {}) for name in NAMES),
        ("small", "ESP32_GENERIC_C3", {"size": 20_000, "version": "1.26.0"}),
    ):
        folder = tmp_path_factory.mktemp(key)
        firmware = firmwares.firmware_file(folder, name, **options)
        natmods = firmwares.natmods(folder, load.load(name).chip.natmods)
        image = build.build(build.Options(name, firmware, natmods=natmods)).image
        path = folder / f"{key}.bin"
        path.write_bytes(image.file())
        found[key] = SimpleNamespace(image=image, path=path)
    return found


def board_for(name: str, **options) -> EspBoard:
    made = load.load(name)
    return EspBoard(made.chip.name, made.flash_bytes, **options)


def left_in(folder):
    """The backups of keys that were left behind."""
    return sorted(folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def command(capsys, tmp_path):
    """command(image file, ports…, options…) → status, JSON, messages, backups: all of it."""

    def do(path, *arguments):
        ports = [str(argument) for argument in arguments if "/" in str(argument)]
        words = ["flash", str(path), "--backups", str(tmp_path / "keys"), "--json"]
        words += [argument for argument in arguments if argument not in ports]
        for port in ports:
            words += ["--port", port]
        try:
            cli.main(words)
            status = 0
        except SystemExit as exited:
            status = int(exited.code or 0)
        out, err = capsys.readouterr()
        out = json.loads(out) if out.strip() else {}
        return SimpleNamespace(status=status, out=out, err=err, left=left_in(tmp_path / "keys"))

    return do


@pytest.fixture
def flash(tmp_path):
    """flash(image file, port, members of Job) → the same, by the worker in our own process."""

    def do(path, port, **options):
        job = Job(str(path), port, backups=str(tmp_path / "keys"), **options)
        try:
            done = asdict(worker.work(job, Reporter(job.limits, lambda text: None)))
            status = 0
        except errors.CallboardError as error:
            done = {"error": str(error), "hint": errors.hint(error)}
            status = errors.exit_code(error)
        return SimpleNamespace(status=status, out=done, left=left_in(tmp_path / "keys"))

    return do


def holds(board: EspBoard, image: layout.Image) -> bool:
    """Whether the board's flash has everything of an image."""
    return all(
        board.flash[at : at + len(part)] == part for at, part in image.without_keys().items()
    )


def write(board: EspBoard, image: layout.Image) -> None:
    """As if it had been flashed."""
    for at, part in image.parts.items():
        board.flash[at : at + len(part)] = part


def identity() -> bytes:
    """A key store with a device's key in it."""
    flash = RamFlash()
    store = keystore.open(flash, identity=False)
    store.put("device_key", b"k" * 32)
    store.maintain()
    return bytes(flash.data)


def give_identity(board: EspBoard, image: layout.Image, data: bytes) -> None:
    """As if it had been used: its partition table, and keys in its key store."""
    table = image.parts[0x8000]
    board.flash[0x8000 : 0x8000 + len(table)] = table
    put_keys(board, image, data)


def put_keys(board: EspBoard, image: layout.Image, data: bytes) -> None:
    for number, at in enumerate(image.key_sectors):
        board.flash[at : at + 4096] = data[4096 * number : 4096 * (number + 1)]


def keys_in(board: EspBoard, image: layout.Image) -> bytes:
    return b"".join(bytes(board.flash[at : at + 4096]) for at in image.key_sectors)


# --- what it is for ---


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ESP32_GENERIC_S3", {"baud": 115200}),
        ("ESP32_GENERIC_C3", {"stub": False}),
        ("ESP32_GENERIC", {"stub": False}),
    ],
)
def test_from_an_image_to_a_board_that_says_hello(images, flash, name, options):
    image = images[name].image
    with board_for(name) as board:
        board.flash[:] = os.urandom(4096) * (len(board.flash) // 4096)  # somebody else's
        done = flash(images[name].path, board.pty(), **options)
        assert done.status == 0, done
        assert holds(board, image)
        assert keys_in(board, image) == b"\xff" * 8192
    assert done.out["board"] == name and done.out["firmware"] == image.facts["callboard"]
    assert done.out["keys"] == "new" and done.out["written"] >= image.size
    assert done.left == []


def test_what_is_there_already_is_not_written_again(images, flash):
    made = images["ESP32_GENERIC"]
    with board_for("ESP32_GENERIC") as board:
        port = board.pty()
        assert flash(made.path, port).status == 0
        board.loader.counts.clear()
        done = flash(made.path, port, skip_flashed=True)
        assert done.status == 0 and done.out["skipped"] and done.out["written"] == 0
        assert not board.loader.counts["FLASH_DEFL_DATA"]
        at = max(made.image.parts)  # a board that has written to its file system
        board.flash[at + 5000] ^= 1
        done = flash(made.path, port, skip_flashed=True)
        assert done.status == 0 and done.out["written"] == len(made.image.parts[at])
        assert holds(board, made.image)


# --- identity ---


def test_an_identity_is_kept_through_an_upgrade_and_lost_only_on_demand(images, flash):
    old, new = images["ESP32_GENERIC_C3"], images["small"]
    with board_for("ESP32_GENERIC_C3") as board:
        port = board.pty()
        assert flash(old.path, port).status == 0
        put_keys(board, old.image, identity())
        done = flash(new.path, port)
        assert (done.status, done.out["keys"], done.left) == (0, "kept", [])
        assert holds(board, new.image) and keys_in(board, new.image) == identity()
        done = flash(new.path, port, erase=True)
        assert (done.status, done.out["keys"]) == (0, "erased")
        assert keys_in(board, new.image) == b"\xff" * 8192


def test_an_identity_survives_a_cable_pulled_while_writing(images, flash):
    made = images["ESP32_GENERIC_C3"]
    with board_for("ESP32_GENERIC_C3", fault=Fault("unplug", "FLASH_DEFL_DATA", 12)) as board:
        give_identity(board, made.image, identity())
        done = flash(made.path, board.pty())
        assert done.status == errors.EXIT_FAILED
        assert "went away" in done.out["error"] and "run the same command" in done.out["hint"]
        (backup,) = done.left
        assert backup.read_bytes() == identity() and backup.stat().st_mode & 0o77 == 0
        assert not holds(board, made.image)
        put_keys(board, made.image, b"\0" * 8192)  # even if the board has lost them
        board.loader.fault, board.loader.unplugged = None, False
        done = flash(made.path, board.pty())
        assert (done.status, done.out["keys"], done.left) == (0, "kept", [])
        assert keys_in(board, made.image) == identity() and holds(board, made.image)


def test_without_a_place_for_the_backup_nothing_is_written(images, flash, tmp_path):
    made = images["small"]
    (tmp_path / "keys").write_text("a file where the folder should be")
    with board_for("ESP32_GENERIC_C3") as board:
        give_identity(board, made.image, identity())
        before = bytes(board.flash)
        done = flash(made.path, board.pty())
        assert done.status == errors.EXIT_FILE and "cannot keep" in done.out["error"]
        assert "--backups" in done.out["hint"] and bytes(board.flash) == before


def test_a_key_store_of_a_later_version_is_not_lost_by_accident(images, flash):
    made = images["small"]
    with board_for("ESP32_GENERIC_C3") as board:
        later = bytearray(identity())
        for at in (0, 12):
            later[at + 2] = 9
            later[at + 8 : at + 12] = zlib.crc32(later[at : at + 8]).to_bytes(4, "little")
        give_identity(board, made.image, bytes(later))
        before = bytes(board.flash)
        done = flash(made.path, board.pty())
        assert done.status == errors.EXIT_REFUSED and "--erase" in done.out["hint"]
        assert bytes(board.flash) == before


# --- what is refused before anything is written ---


@pytest.mark.parametrize(
    ("image", "chip", "megabytes", "words"),
    [
        ("ESP32_GENERIC_C3", "esp32s3", 8, "this is an ESP32-S3"),
        ("ESP32_GENERIC", "esp32c3", 4, "this is an ESP32-C3"),
        ("ESP32_GENERIC_S3", "esp32s3", 4, "this board has 4 MB"),
        ("ESP32_GENERIC", "esp32", 2, "this board has 2 MB"),
    ],
)
def test_an_image_that_does_not_fit_is_refused(images, flash, image, chip, megabytes, words):
    with EspBoard(chip, megabytes << 20) as board:
        done = flash(images[image].path, board.pty())
        assert done.status == errors.EXIT_REFUSED and words in done.out["error"]
        assert "nothing was written" in done.out["hint"]
        assert not bytes(board.flash).strip(b"\xff")


def test_a_board_that_was_flashed_as_another_is_left_alone(images, flash):
    made = images["small"]
    with board_for("ESP32_GENERIC_C3") as board:
        facts = {**made.image.facts, "board": "MY_OWN_C3"}
        sector = made.image.parts[0x8000][:0xC00] + layout.mark(facts)
        board.flash[0x8000 : 0x8000 + len(sector)] = sector
        before = bytes(board.flash)
        port = board.pty()
        done = flash(made.path, port)
        assert done.status == errors.EXIT_REFUSED and "MY_OWN_C3" in done.out["error"]
        assert bytes(board.flash) == before
        assert flash(made.path, port, other_board=True).status == 0


def test_what_is_no_image_is_refused_before_the_port_is_opened(images, flash, command, tmp_path):
    good = images["ESP32_GENERIC"].path.read_bytes()
    firmware = firmwares.esp_firmware("ESP32_GENERIC")
    for name, data in {
        "text": b"hello\n" * 1000,
        "half": good[: len(good) // 2],
        "firmware": firmware,
        "flipped": good[:0x20000] + bytes([good[0x20000] ^ 4]) + good[0x20001:],
        "empty": b"",
    }.items():
        path = tmp_path / name
        path.write_bytes(data)
        done = flash(path, "/dev/no-such-port")
        assert done.status == errors.EXIT_FILE, (name, done)
        assert command(path, "/dev/no-such-port").status == errors.EXIT_FILE
    done = command(images["small"].path, "/dev/none", "--board", "ESP32_GENERIC_S3")
    assert done.status == errors.EXIT_REFUSED and "ESP32_GENERIC_C3" in done.err


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("fault", "status", "words", "hint"),
    [
        (Fault("silent", "SYNC"), errors.EXIT_NO_BOARD, "no ESP32 answers", "BOOT"),
        (Fault("status", "FLASH_DEFL_DATA", 3), errors.EXIT_FAILED, "write failed", "--baud"),
        (Fault("status", "FLASH_DEFL_BEGIN"), errors.EXIT_FAILED, "write failed", "--baud"),
        (Fault("worn", "FLASH_DEFL_DATA"), errors.EXIT_FAILED, "MD5", "--baud"),
        (Fault("unplug", "MEM_DATA"), errors.EXIT_FILE, "there is no port", "--list"),
    ],
    ids=lambda value: f"{value.kind}-{value.command}" if isinstance(value, Fault) else None,
)
def test_faults_are_failures_that_say_what_to_do(images, flash, fault, status, words, hint):
    with board_for("ESP32_GENERIC_C3", fault=fault) as board:
        done = flash(images["small"].path, board.pty())
    assert done.status == status, done
    assert words in done.out["error"] and hint in done.out["hint"]


def test_a_lost_byte_is_made_good(images, flash):
    with board_for("ESP32_GENERIC_C3", fault=Fault("lose", "FLASH_DEFL_DATA", 3)) as board:
        assert flash(images["small"].path, board.pty()).status == 0
        assert holds(board, images["small"].image)


def test_a_board_that_is_flashed_but_does_not_say_hello(images, flash):
    with board_for("ESP32_GENERIC_C3", mute=True) as board:
        done = flash(images["small"].path, board.pty(), limits={"start": 2})
        assert holds(board, images["small"].image)
        assert done.status == errors.EXIT_NO_BOARD and "callboard log" in done.out["hint"]
        assert flash(images["small"].path, board.pty(), hello=False).status == 0


async def test_a_step_that_never_ends_is_ended(images, tmp_path):
    with board_for("ESP32_GENERIC_C3", fault=Fault("silent", "FLASH_DEFL_DATA", 5)) as board:
        limits = {"write": 1}
        job = Job(str(images["small"].path), board.pty(), backups=str(tmp_path), limits=limits)
        steps: list = []
        (outcome,) = await runs.run([job], lambda job, message: steps.append(message.get("step")))
    assert "write” took longer than 1 s" in outcome.error and "--baud" in outcome.hint
    assert outcome.status == errors.EXIT_NO_BOARD and "start" not in steps


def test_no_port_and_a_port_in_use(images, flash):
    done = flash(images["small"].path, "/dev/no-such-port")
    assert done.status == errors.EXIT_FILE and "no port" in done.out["error"]


def test_ctrl_c_ends_the_worker_and_says_what_to_do(images, tmp_path):
    with board_for("ESP32_GENERIC_C3", fault=Fault("silent", "FLASH_DEFL_DATA", 5)) as board:
        command = [sys.executable, "-m", "callboard_host", "flash", str(images["small"].path)]
        command += ["--port", board.pty(), "--backups", str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": paths.python_path()}
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        for line in process.stderr:
            if line.strip() == "write":
                break
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True
        ).stdout.split()
        assert children
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(30) == errors.EXIT_INTERRUPTED
        process.stderr.close()
        assert "run the same command again" in rest
        for pid in children:
            assert not os.path.exists(f"/proc/{pid}")


def test_several_boards_at_once_and_one_of_them_fails(images, command):
    with (
        board_for("ESP32_GENERIC_C3") as first,
        board_for("ESP32_GENERIC_C3", fault=Fault("status", "FLASH_DEFL_DATA", 2)) as second,
        board_for("ESP32_GENERIC_C3", mac=bytes.fromhex("240ac4000001")) as third,
    ):
        done = command(images["small"].path, first.pty(), second.pty(), third.pty())
        image = images["small"].image
        assert holds(first, image) and holds(third, image)
    assert done.status == errors.EXIT_FAILED
    assert [entry["ok"] for entry in done.out] == [True, False, True]


def test_without_esptool_it_says_how_to_get_it(images, command, monkeypatch):
    monkeypatch.setitem(sys.modules, "esptool", None)
    done = command(images["small"].path, "/dev/none")
    assert done.status == errors.EXIT_NOT_BUILT and "callboard[flash]" in done.err


@pytest.mark.slow
def test_reset_lines_bring_it_into_its_loader_and_out_again(images, flash):
    """Over RFC 2217, which tells DTR and RTS; it is slow, so that most is there already."""
    made = images["small"]
    with board_for("ESP32_GENERIC_C3") as board:
        write(board, made.image)
        board.flash[made.image.key_sectors[0]] = 0  # but no key store
        done = flash(made.path, board.rfc2217_url, skip_flashed=True, baud=115200)
        assert done.status == 0, done
        assert done.out["firmware"] and keys_in(board, made.image) == b"\xff" * 8192
        assert board.boots >= 2 and not board.in_loader


# --- which boards there are ---


class _Port(SimpleNamespace):
    pass


def test_auto_takes_the_only_board_and_names_several(images, command, monkeypatch):
    from serial.tools import list_ports

    ports = [_Port(device="/dev/ttyS0", vid=None, description="n/a")]
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    made = images["small"]
    done = command(made.path)
    assert done.status == errors.EXIT_NO_BOARD and "data wires" in done.err
    with board_for("ESP32_GENERIC_C3") as board, board_for("ESP32_GENERIC_C3") as other:
        ports.append(_Port(device=board.pty(), vid=0x10C4, description="CP2102"))
        ports.append(_Port(device="/dev/ttyACM9", vid=0x2E8A, description="Pico"))
        write(board, made.image)
        write(other, made.image)
        done = command(made.path, "--skip-flashed")
        assert done.status == 0 and board.boots and not other.boots
        ports.append(_Port(device=other.pty(), vid=0x303A, description="USB JTAG"))
        done = command(made.path)
        assert done.status == errors.EXIT_USAGE and ports[1].device in done.err
        done = command(made.path, "--all", "--skip-flashed")
        assert done.status == 0 and other.boots and len(done.out) == 2


def test_the_list_of_boards(capsys, monkeypatch):
    from serial.tools import list_ports

    ports = [_Port(device="/dev/ttyUSB7", vid=0x10C4, description="CP2102")]
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    with pytest.raises(SystemExit):
        cli.main(["flash", "--list", "--drives", "/nowhere"])
    assert "/dev/ttyUSB7  esp32  CP2102" in capsys.readouterr().out


def test_backups_are_named_after_the_chip(tmp_path):
    backup = keys.Backup("24:0a:c4:11:22:33", str(tmp_path))
    assert backup.path.name == "24-0a-c4-11-22-33.keys" and backup.load() is None
    backup.save(identity())
    assert backup.load() == identity()
    backup.path.write_bytes(b"junk" * 2048)
    assert backup.load() is None
    backup.forget()
    assert not list(tmp_path.iterdir())
