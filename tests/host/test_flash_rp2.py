"""`callboard flash` on the RP2 family, without a board: drives, and what goes onto them.

A whole board with its own boot ROM is in tests/system/test_newcomer.py.
"""

import os
import shutil
import threading
import time
from types import SimpleNamespace

import pytest

from callboard import keystore
from callboard.flash.devices import RamFlash
from callboard_host import errors
from callboard_host.boards import load
from callboard_host.flash import bootsel, ports, worker
from callboard_host.flash.job import Job, Reporter
from callboard_host.flash.prompt import Who
from callboard_host.image import build, uf2
from support import firmwares

INFO = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n"
BLOCK = 512
OWN = b"\0callboard/app.py\0callboard_pcm\0callboard_wire\0callboard_keystore\0"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """ "stock" and "own" firmware for the Pico, as images and files."""
    found = {}
    for key, options in (("stock", {}), ("own", {"more": OWN})):
        folder = tmp_path_factory.mktemp(key)
        firmware = firmwares.firmware_file(folder, "RPI_PICO", size=100_000, **options)
        natmods = firmwares.natmods(folder, load.load("RPI_PICO").chip.natmods)
        image = build.build(build.Options("RPI_PICO", firmware, natmods=natmods)).image
        path = folder / f"{key}.uf2"
        path.write_bytes(image.file())
        found[key] = SimpleNamespace(image=image, path=path)
    return found


@pytest.fixture
def drive(tmp_path):
    """A boot ROM's drive."""
    folder = tmp_path / "media" / "RPI-RP2"
    folder.mkdir(parents=True)
    (folder / ports.INFO).write_text(INFO)
    return folder


def flash(path, drive, **options):
    """(status, result or sentence and hint) of one worker."""
    limits = {"connect": 2.5, "verify": 60, **options.pop("limits", {})}
    more = {"drives": (str(drive.parent),), "port": "", "hello": False, **options}
    job = Job(str(path), limits=limits, **more)
    try:
        return 0, worker.work(job, Reporter(job.limits, lambda text: None))
    except errors.CallboardError as error:
        return errors.exit_code(error), f"{error} / {errors.hint(error)}"


def vanishing(drive):
    """The board takes the file and reboots: its drive goes away once the file is whole.

    As a boot ROM counts: each block says how many there are.
    """

    def watch():
        file = drive / "callboard.uf2"
        while True:
            time.sleep(0.05)
            data = file.read_bytes() if file.exists() else b""
            if len(data) >= BLOCK and len(data) == BLOCK * int.from_bytes(data[24:28], "little"):
                taken.append(data)
                shutil.rmtree(drive)
                return

    taken: list[bytes] = []
    threading.Thread(target=watch, daemon=True).start()
    return taken


def test_a_drive_that_vanishes_has_taken_it(images, drive):
    taken = vanishing(drive)
    status, result = flash(images["own"].path, drive)
    assert status == 0 and result.keys == "untouched"
    pages = uf2.read(taken[0], "it").pages
    image = images["own"].image
    keys = {0x10000000 + sector for sector in image.key_sectors}
    assert not keys & set(pages)  # what cannot be read is not written
    start = min(image.parts)
    assert pages[0x10000000 + start] == image.parts[start][:256]


def test_erase_writes_a_blank_key_store(images, drive):
    taken = vanishing(drive)
    status, result = flash(images["stock"].path, drive, erase=True)
    assert status == 0 and result.keys == "erased"
    pages = uf2.read(taken[0], "it").pages
    for sector in images["stock"].image.key_sectors:
        assert pages[0x10000000 + sector].startswith(b"callboard key store")


def test_a_drive_that_stays_has_not(images, drive):
    status, text = flash(images["own"].path, drive, limits={"verify": 3})
    assert status == errors.EXIT_FAILED
    assert "did not take the file" in text and "hold BOOTSEL" in text


def test_a_full_drive_is_a_failure_that_says_what_to_do(images, drive):
    os.symlink("/dev/full", drive / "callboard.uf2")
    status, text = flash(images["own"].path, drive)
    assert status == errors.EXIT_FAILED and "is full" in text and "hold BOOTSEL" in text


def test_a_folder_that_is_no_drive_is_refused(images, tmp_path, capsys):
    from callboard_host import cli

    with pytest.raises(SystemExit) as exited:
        cli.main(["flash", str(images["own"].path), "--port", str(tmp_path)])
    assert exited.value.code == errors.EXIT_FILE
    said = capsys.readouterr().err
    assert "is no drive of a boot ROM" in said and "hold BOOTSEL" in said


def test_an_image_onto_a_full_disk_is_a_failure(images, tmp_path, capsys):
    from callboard_host import cli

    firmware = firmwares.firmware_file(tmp_path, "RPI_PICO", size=50_000)
    natmods = firmwares.natmods(tmp_path, "armv6m")
    (tmp_path / "out").mkdir()
    os.symlink("/dev/full", tmp_path / "out" / "callboard-RPI_PICO.uf2")
    words = ["--board", "RPI_PICO", "--firmware", firmware, "--natmods", natmods]
    with pytest.raises(SystemExit) as exited:
        cli.main(["image", *map(str, words), "--output", str(tmp_path / "out")])
    assert exited.value.code == errors.EXIT_FILE
    said = capsys.readouterr().err
    assert "No space left" in said and "--output" in said


def test_another_chip_s_drive_is_left_alone(images, drive):
    (drive / ports.INFO).write_text(INFO.replace("RPI-RP2", "RP2350"))
    status, text = flash(images["own"].path, drive)
    assert status == errors.EXIT_REFUSED and "RP2350" in text and "nothing was written" in text
    assert [path.name for path in drive.iterdir()] == [ports.INFO]


def test_without_board_and_drive_it_says_how_to_get_one(images, drive):
    shutil.rmtree(drive)
    status, text = flash(images["own"].path, drive)
    assert status == errors.EXIT_NO_BOARD and "hold BOOTSEL" in text
    status, text = flash(images["own"].path, drive, port="/dev/no-such-port")
    assert status == errors.EXIT_FILE and "/dev/no-such-port" in text


def test_drives_are_found_by_what_is_written_on_them(drive):
    (drive.parent / "STICK").mkdir()
    (drive.parent / "OTHER").mkdir()
    (drive.parent / "OTHER" / ports.INFO).write_text("Board-ID: SAMD21G18A\n")
    (found,) = ports.drive_places((str(drive.parent),))
    assert (found.drive, found.title, found.family) == (str(drive), "RPI-RP2", "rp2")


# --- a board that runs: who it is, and where its keys go ---


def test_another_board_is_refused(images):
    image = images["own"].image
    pico = Who("Raspberry Pi Pico with RP2040", "e66", {})
    bootsel._check(pico, image, Job("", ""))
    for who, words in (
        (Who("Raspberry Pi Pico W with RP2040", "e66", {}), "Pico W"),
        (Who(pico.machine, "e66", {"board": "MY_BOARD"}), "MY_BOARD"),
    ):
        with pytest.raises(errors.HostError, match=words) as caught:
            bootsel._check(who, image, Job("", ""))
        assert caught.value.exit_code == errors.EXIT_REFUSED
    bootsel._check(Who(pico.machine, "", {"board": "MY_BOARD"}), image, Job("", "", other_board=1))


def identity() -> bytes:
    flash = RamFlash()
    keystore.open(flash, identity=False).put("device_key", b"k" * 32)
    return bytes(flash.data)


@pytest.mark.parametrize(
    ("place", "image", "written"),
    [
        ("sectors", "own", False),  # they are where they belong
        ("pin_files", "own", True),
        ("sectors", "stock", True),
        ("pin_files", "stock", True),  # their file system is made anew around them
    ],
)
def test_keys_move_with_the_firmware(images, place, image, written):
    made, keys = images[image].image, identity()
    parts = bootsel._parts(made, place, keys, True)
    whole = {}
    for at, part in parts.items():
        whole.update({at + i: part[i : i + 4096] for i in range(0, len(part), 4096)})
    found = [whole.get(sector) for sector in made.key_sectors]
    assert found == ([keys[:4096], keys[4096:]] if written else [None, None])
