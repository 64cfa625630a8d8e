"""`callboard image`: what it makes is whole, always the same, and what MicroPython can mount."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

import callboard
from callboard.errors import InvalidArgument
from callboard.native_files import LIST
from callboard_host import cli, errors, paths
from callboard_host.boards import load
from callboard_host.errors import BadInput, NotBuilt
from callboard_host.image import build, esp_app, inspect, partitions, uf2
from callboard_host.image.partitions import Partition
from support import firmwares
from support.pythons import TOP, run_program

REAL = [name for name in load.names() if name != "UNIX"]
ESP = [name for name in REAL if name.startswith("ESP")]
CA = b"\x30\x03\x02\x01\x00"


def make(folder, board, constants=None, natmods=None, **more):
    """An image for `board` from a firmware made for it."""
    firmware = firmwares.firmware_file(folder, board, **more)
    natmods = natmods or firmwares.natmods(folder, load.load(board).chip.natmods)
    return build.build(
        build.Options(board, firmware, ca=CA, constants=constants or {}, natmods=natmods)
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """One image for each board."""
    return {name: make(tmp_path_factory.mktemp(name), name) for name in REAL}


# --- the fixtures themselves ---


@pytest.mark.parametrize("board", ESP)
def test_the_firmware_of_these_tests_is_one_for_esptool(tmp_path, board):
    from esptool.bin_image import LoadFirmwareImage

    data = firmwares.esp_firmware(board)
    chip = load.load(board).chip
    for start in (0, 0x10000 - chip.bootloader):
        path = tmp_path / "app.bin"
        path.write_bytes(data[start : start + esp_app.read(data[start:], "it").size])
        image = LoadFirmwareImage(chip.name, str(path))
        assert image.checksum == image.calculate_checksum()
        assert image.stored_digest == image.calc_digest
        assert image.chip_id == chip.image_id


# --- what is in an image ---


@pytest.mark.parametrize("board", REAL)
def test_an_image_has_all_that_a_board_needs(images, board):
    built = images[board]
    files = built.files
    package = {
        f"lib/{path.relative_to(paths.FIRMWARE).with_suffix('.mpy')}"
        for path in paths.FIRMWARE.glob("callboard/**/*.py")
    }
    wanted = {f"lib/callboard_{name}.mpy" for name in built.image.board.facts["native"]}
    assert package | wanted <= set(files)
    for digest, name in re.findall(r"(\w{64})  (\S+)", files[f"lib/{LIST}"].decode()):
        assert hashlib.sha256(files[f"lib/{name}"]).hexdigest() == digest
    assert (
        f"# callboard {callboard.__version__} {built.image.board.chip.natmods}\n".encode()
        in (files[f"lib/{LIST}"])
    )
    assert files["main.py"] == paths.main_py().read_bytes() and files["ca.der"] == CA
    values: dict = {}
    exec(files["board.py"], values)
    assert values["BOARD"] == board and values["RELAY_CA"] == "/ca.der"
    assert values["CODECS"] == built.image.board.facts["codecs"]
    assert json.loads(files["image.json"])["board"] == board


@pytest.mark.parametrize("board", REAL)
def test_an_image_is_read_back_as_it_was_made(images, board):
    built = images[board]
    found = inspect.read(built.image.file(), "it")
    assert found.files == built.files
    assert found.image.facts == built.image.facts
    assert found.image.key_sectors == built.image.key_sectors
    padded = found.image.parts
    for at, part in built.image.parts.items():
        assert padded[at][: len(part)] == part and not padded[at][len(part) :].strip(b"\xff")


@pytest.mark.parametrize("board", ["ESP32_GENERIC_S3", "RPI_PICO"])
def test_the_same_input_makes_the_same_bytes(tmp_path, images, board):
    """In another directory, from a copy of the package elsewhere, by another process."""
    copy = tmp_path / "elsewhere"
    ignored = shutil.ignore_patterns("__pycache__")  # in which others write meanwhile
    shutil.copytree(TOP / "firmware", copy / "firmware", ignore=ignored)
    program = (
        "import sys; from callboard_host import cli, paths; from pathlib import Path;"
        f"paths.FIRMWARE = Path({str(copy / 'firmware')!r}); cli.main(sys.argv[1:])"
    )
    firmware = firmwares.firmware_file(tmp_path, board)
    (tmp_path / "ca.der").write_bytes(CA)
    natmods = firmwares.natmods(tmp_path, load.load(board).chip.natmods)
    folder = tmp_path / "out"
    command = [sys.executable, "-c", program, "image", "--board", board, "--firmware"]
    command += [str(firmware), "--output", str(folder), "--natmods", str(natmods), "--ca"]
    command += [str(tmp_path / "ca.der")]
    environment = {**os.environ, "PYTHONPATH": paths.python_path(), "PYTHONHASHSEED": "7"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    suffix = images[board].image.suffix
    assert done.returncode == 0, done.stderr
    image = (folder / f"callboard-{board}{suffix}").read_bytes()
    assert image == images[board].image.file()


def test_two_different_inputs_have_different_builds(tmp_path, images):
    other = make(tmp_path, "RPI_PICO", {"SN": "SN2"})
    assert other.image.facts["build"] != images["RPI_PICO"].image.facts["build"]


# --- for real MicroPython ---


@pytest.mark.parametrize("python", ["micropython64", "micropython32"])
@pytest.mark.parametrize("board", REAL)
async def test_micropython_mounts_it_and_runs_callboard_from_it(tmp_path, images, python, board):
    built = images[board]
    image = built.image
    part = max(image.parts)
    path = tmp_path / "image"
    path.write_bytes(image.parts[part])
    rows = partitions.read(image.parts[0x8000]) if 0x8000 in image.parts else []
    row = partitions.find(rows, "vfs")
    size = row.size if row else image.board.file_system[1]
    pins = image.board.key_store == "pin_files"
    options = {"path": str(path), "blocks": size // 4096, "pins": pins}
    options["program_bytes"] = image.board.program_bytes
    result = await run_program(python, "mount_image.py", options, heap="8M")
    assert result["written"] == []  # it was mounted as it is, and not formatted
    found = {name.removeprefix("/image/"): value for name, value in result["digests"].items()}
    pin_names = {"keystore0.pin", "keystore1.pin"} if pins else set()
    assert set(found) == set(built.files) | pin_names
    for name, content in built.files.items():
        assert found[name] == hashlib.sha256(content).hexdigest(), name
    assert result["ran"] == "/image/lib/callboard/app.mpy" and result["same"]
    if pins:
        sectors = [(at - part) // 4096 for at in image.key_sectors]
        assert result["pins"] == {"blocks": sectors, "untouched": True, "kept": True}


# --- the ESP32's partition table ---


@pytest.mark.parametrize("board", ESP)
def test_the_key_store_gets_the_last_8_kb(images, board):
    image = images[board].image
    rows = partitions.read(image.parts[0x8000])
    system, keys = partitions.find(rows, "vfs"), partitions.find(rows, "keystore")
    assert keys.end == image.board.flash_bytes and keys.size == 8192
    log = partitions.find(rows, "log")
    assert log.end == keys.offset and log.size == 4 * 4096
    assert system.offset == 0x200000 and system.end == log.offset
    assert [row.name for row in rows[:3]] == ["nvs", "phy_init", "factory"]
    assert image.key_sectors == (keys.offset, keys.offset + 4096)
    # What is written ends before the log and the keys, and the Wi-Fi's own data is left alone.
    assert all(at + len(part) <= log.offset for at, part in image.parts.items())
    assert not any(0x9000 <= at < 0x10000 for at in image.parts)


def test_the_table_has_the_md5_row_that_the_boot_loader_checks():
    rows = partitions.ours(list(firmwares.STOCK_ROWS), 4 << 20)
    table = partitions.write(rows)
    at = table.index(b"\xeb\xeb")
    assert at == 32 * len(rows) and table[at + 2 : at + 16] == b"\xff" * 14
    assert table[at + 16 : at + 32] == hashlib.md5(table[:at]).digest()
    assert partitions.read(table) == rows


def test_a_firmware_without_a_file_system_gets_one_of_what_is_left(tmp_path):
    image = make(tmp_path, "ESP32_GENERIC", rows=firmwares.STOCK_ROWS, version="1.26.1").image
    system = partitions.find(partitions.read(image.parts[0x8000]), "vfs")
    assert (system.offset, system.end) == (0x200000, (4 << 20) - 8192 - 16384)
    assert inspect.read(image.file(), "it").image.facts["micropython"] == "1.26.1"


def test_an_ota_firmware_keeps_its_partitions_and_says_which_application_starts(tmp_path):
    rows = (
        Partition("nvs", 1, 2, 0x9000, 0x4000),
        Partition("otadata", 1, 0, 0xD000, 0x2000),
        Partition("ota_0", 0, 0x10, 0x10000, 0x180000),
        Partition("ota_1", 0, 0x11, 0x190000, 0x180000),
        Partition("vfs", 1, 0x81, 0x310000, 0xF0000),
    )
    image = make(tmp_path, "ESP32_GENERIC", rows=rows).image
    assert image.parts[0xD000] == b"\xff" * 0x2000
    assert 0x10000 in image.parts and 0x190000 not in image.parts
    found = partitions.read(image.parts[0x8000])
    assert [row.name for row in found] == [*(row.name for row in rows), "log", "keystore"]


def test_a_file_system_that_is_too_small_is_refused(tmp_path):
    rows = (*firmwares.STOCK_ROWS, Partition("vfs", 1, 0x81, 0x200000, 0x42000))
    with pytest.raises(BadInput, match="264 KB is too small"):
        make(tmp_path, "ESP32_GENERIC", rows=rows)


# --- custom firmware ---


def test_what_a_firmware_has_compiled_in_is_left_out(tmp_path):
    names = b"".join(
        f"callboard_{name}\0".encode() for name in ("pcm", "wire", "opus", "keystore")
    )
    built = make(tmp_path, "RPI_PICO", more=b"\0callboard/app.py\0" + names)
    assert set(built.files) == {"board.py", "ca.der", "image.json"}
    assert built.image.facts["key_store"] == "sectors"
    assert built.image.key_sectors == (0x9A000, 0x9B000)
    values: dict = {}
    exec(built.files["board.py"], values)
    assert values["CODECS"] == built.image.board.facts["custom"]["codecs"]
    assert values["KEY_STORE"] == "sectors"
    assert inspect.read(built.image.file(), "it").image.key_sectors == built.image.key_sectors


# --- what is refused ---


def refused(folder, board, data: bytes) -> str:
    path = folder / "given.bin"
    path.write_bytes(data)
    natmods = firmwares.natmods(folder, load.load(board).chip.natmods)
    with pytest.raises(BadInput) as caught:
        build.build(build.Options(board, path, natmods=natmods))
    return f"{caught.value} / {caught.value.hint}"


def broken(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


ESP32 = firmwares.esp_firmware("ESP32_GENERIC")
PICO = firmwares.uf2_firmware("RPI_PICO")


@pytest.mark.parametrize(
    ("board", "data", "words"),
    [
        ("ESP32_GENERIC", b"", "no ESP32 application image"),
        ("ESP32_GENERIC", b"hello " * 1000, "no ESP32 application image"),
        ("ESP32_GENERIC", PICO, "UF2 file"),
        ("ESP32_GENERIC", ESP32[: len(ESP32) // 2], "cut short"),
        ("ESP32_GENERIC", ESP32[:0x5000], "application alone"),
        ("ESP32_GENERIC", ESP32[0xF000:], "application alone"),
        ("ESP32_GENERIC", broken(ESP32, 0x100), "checksum"),
        ("ESP32_GENERIC", broken(ESP32, 0x20000), "checksum"),
        ("ESP32_GENERIC", broken(ESP32, len(ESP32) - 1), "SHA-256"),
        ("ESP32_GENERIC", broken(ESP32, 0x7001), "partition table"),
        ("ESP32_GENERIC", broken(ESP32, 0x7008), "partition table is damaged"),
        ("ESP32_GENERIC_S3", ESP32, "another chip"),
        ("ESP32_GENERIC_C3", firmwares.esp_firmware("ESP32_GENERIC_S3"), "another chip"),
        ("RPI_PICO", b"", "no UF2"),
        ("RPI_PICO", ESP32, "ESP32"),
        ("RPI_PICO", PICO[: len(PICO) // 1024 * 512], "blocks are missing"),
        ("RPI_PICO", PICO[:-100], "cut short"),
        ("RPI_PICO", broken(PICO, 512), "block 1"),
        ("RPI_PICO", firmwares.uf2_firmware("RPI_PICO2_W"), "family 0xe48bff59"),
        ("RPI_PICO", firmwares.uf2_firmware("RPI_PICO_W"), "Raspberry Pi Pico W"),
        ("RPI_PICO_W", PICO, "Raspberry Pi Pico with RP2040"),
        ("RPI_PICO", firmwares.uf2_firmware("RPI_PICO", size=700_000), "file system"),
        ("RPI_PICO", firmwares.uf2_firmware("RPI_PICO", version="1.24.1"), "1.25 or later"),
    ],
)
def test_a_firmware_that_does_not_fit_is_refused(tmp_path, board, data, words):
    assert words in refused(tmp_path, board, data)


def test_a_firmware_for_more_flash_is_refused(tmp_path):
    data = firmwares.esp_firmware("ESP32_GENERIC", flash_bytes=8 << 20)
    assert "8 MB of flash" in refused(tmp_path, "ESP32_GENERIC", data)
    rows = (*firmwares.STOCK_ROWS, Partition("vfs", 1, 0x81, 0x200000, 0x600000))
    data = firmwares.esp_firmware("ESP32_GENERIC", rows=rows)
    assert "8192 KB of 4096 KB" in refused(tmp_path, "ESP32_GENERIC", data)


def test_a_build_from_a_clone_has_a_hash_for_a_version(tmp_path):
    program = (
        b"\0MicroPython 0878ecf-dirty on 2026-11-29\0MicroPython-1.26.2-arm--with-newlib3.3.0\0"
    )
    file = uf2.Uf2(0xE48BFF56, dict(uf2.pages_of(0x10000000, program)))
    path = tmp_path / "mine.uf2"
    path.write_bytes(uf2.write(file))
    natmods = firmwares.natmods(tmp_path, "armv6m")
    built = build.build(build.Options("RPI_PICO", path, natmods=natmods))
    assert built.image.facts["micropython"] == "1.26.2"


def test_a_variant_with_psram_fits_its_board(tmp_path):
    machine = "Generic ESP32S3 module with Octal-SPIRAM with ESP32S3"
    assert make(tmp_path, "ESP32_GENERIC_S3", machine=machine)


def test_a_constant_that_the_board_would_refuse_is_refused_here(tmp_path):
    with pytest.raises(InvalidArgument, match=r"board\.AUDIO_RATE must be 8000"):
        make(tmp_path, "RPI_PICO", {"AUDIO_RATE": 11025})
    with pytest.raises(InvalidArgument, match=r"board\.FLAVOUR"):
        make(tmp_path, "ESP32_GENERIC_S3", {"FLAVOUR": 9})


def test_a_file_system_that_is_cut_short_is_refused_by_name(images):
    data = images["ESP32_GENERIC_S3"].image.file()
    with pytest.raises(BadInput, match=r"it\.bin is damaged or cut short") as raised:
        inspect.read(data[:-20_000], "it.bin")
    assert "callboard image" in raised.value.hint


def test_natmods_for_another_cpu_or_none_are_refused(tmp_path):
    wrong = firmwares.natmods(tmp_path, "x64")
    with pytest.raises(BadInput, match="is for x64, not for armv6m"):
        make(tmp_path, "RPI_PICO", natmods=wrong)
    with pytest.raises(NotBuilt, match="callboard_keystore.mpy is not there"):
        make(tmp_path, "RPI_PICO", natmods=tmp_path / "nothing")


@pytest.mark.parametrize("board", ["ESP32_GENERIC", "RPI_PICO"])
def test_an_image_that_was_damaged_is_refused(images, board):
    data = images[board].image.file()
    code = data.index(images[board].files["lib/callboard/app.mpy"][:200])
    renamed = data.replace(b'"build"', b'"built"')
    for bad in (data[: len(data) // 2], bytes(len(data)), broken(data, code + 3), renamed):
        with pytest.raises(BadInput):
            inspect.read(bad, "it")


@pytest.mark.parametrize("data", [ESP32, PICO, b"", b"no image" * 600])
def test_a_firmware_alone_is_no_image(data):
    with pytest.raises(BadInput):
        inspect.read(data, "it")


def test_a_uf2_is_written_as_it_was_read():
    file = uf2.read(PICO, "it")
    assert uf2.write(file) == PICO
    other = replace(file, family=0xE48BFF57, pages=dict(list(file.pages.items())[:1]))
    both = uf2.write(replace(file, others=(uf2.write(other),)))
    again = uf2.read(both, "it")
    assert again.others == (uf2.write(other),) and uf2.write(again) == both


# --- the key store's sectors ---


@pytest.mark.parametrize("board", REAL)
def test_an_image_without_and_with_keys(images, board):
    image = images[board].image
    keys = bytes(range(256)) * 32
    without, with_keys = image.without_keys(), image.with_keys(keys)
    for sector in image.key_sectors:
        assert not any(at <= sector < at + len(part) for at, part in without.items())
    whole = bytearray(b"\xff" * image.board.flash_bytes)
    for at, part in image.parts.items():
        whole[at : at + len(part)] = part
    for number, sector in enumerate(image.key_sectors):
        whole[sector : sector + 4096] = keys[4096 * number : 4096 * number + 4096]
    for at, part in with_keys.items():
        assert whole[at : at + len(part)] == part
    assert sum(map(len, with_keys.values())) == sum(map(len, without.values())) + 8192


# --- the command ---


def run(capsys, *arguments) -> tuple[int, str, str]:
    try:
        cli.main(["image", *map(str, arguments)])
    except SystemExit as exited:
        return int(exited.code or 0), *capsys.readouterr()
    return 0, *capsys.readouterr()


def test_the_command_writes_image_manifest_and_package(capsys, tmp_path):
    firmware = firmwares.firmware_file(tmp_path, "ESP32_GENERIC_C3")
    natmods = firmwares.natmods(tmp_path, "rv32imc")
    options = ["--board", "ESP32_GENERIC_C3", "--firmware", firmware, "--natmods", natmods]
    status, out, err = run(capsys, *options, "--output", tmp_path, "--set", "SN=SN7", "--json")
    assert status == 0, err
    facts = json.loads(out)
    assert facts["board"] == "ESP32_GENERIC_C3" and facts["files"]["board.py"] > 100
    status, shown, _ = run(capsys, "--show", facts["file"], "--json")
    assert status == 0 and json.loads(shown)["build"] == facts["build"]
    status, shown, _ = run(capsys, "--show", facts["file"])
    assert "ESP32-C3" in shown and facts["build"] in shown
    manifest = json.loads((tmp_path / "web" / "manifest.json").read_text())
    (only,) = manifest["builds"]
    assert only["chipFamily"] == "ESP32-C3"
    merged = (tmp_path / "callboard-ESP32_GENERIC_C3.bin").read_bytes()
    for part in only["parts"]:
        content = (tmp_path / "web" / part["path"]).read_bytes()
        assert merged[part["offset"] : part["offset"] + len(content)] == content
    package = json.loads((tmp_path / "mip" / "package.json").read_text())
    assert ["callboard/app.mpy", "callboard/app.mpy"] in package["urls"]
    assert all((tmp_path / "mip" / source).is_file() for _, source in package["urls"])


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], errors.EXIT_USAGE, "--board"),
        (["--board", "RPI_PICO"], errors.EXIT_USAGE, "--firmware"),
        (["--board", "NOTHING", "--firmware", "x.bin"], errors.EXIT_FILE, "ESP32_GENERIC_S3"),
        (["--board", "UNIX", "--firmware", __file__], errors.EXIT_FILE, "callboard board"),
        (["--board", "RPI_PICO", "--firmware", "none.uf2"], errors.EXIT_FILE, "none.uf2"),
        (["--board", "RPI_PICO", "--firmware", __file__], errors.EXIT_FILE, "no UF2"),
        (["--board", "RPI_PICO", "--firmware", __file__, "--set", "x"], 2, "NAME=VALUE"),
        (["--show", __file__], errors.EXIT_FILE, "no image"),
    ],
)
def test_the_command_says_what_is_wrong(capsys, arguments, status, words):
    found, _, err = run(capsys, *arguments)
    assert found == status and words in err, err
