"""boards/: every board.json is in order, wrong ones are refused by the name of their field."""

import copy
import json
import re

import pytest

from callboard_host import cli, errors, paths
from callboard_host.boards import board_py, check, load, table

S3 = json.loads((paths.BOARDS / "ESP32_GENERIC_S3" / "board.json").read_text())
C3 = json.loads((paths.BOARDS / "ESP32_GENERIC_C3" / "board.json").read_text())
PICO = json.loads((paths.BOARDS / "RPI_PICO" / "board.json").read_text())
SEVEN = {"UNIX", "RPI_PICO", "RPI_PICO_W", "RPI_PICO2_W"}
SEVEN |= {"ESP32_GENERIC", "ESP32_GENERIC_S3", "ESP32_GENERIC_C3"}


def changed(facts: dict, field: str, value) -> dict:
    """A copy with one field (dotted) set, or removed by None."""
    facts = copy.deepcopy(facts)
    *parents, last = field.split(".")
    place = facts
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return facts


def test_the_seven_boards_are_in_order():
    assert set(load.names()) == SEVEN
    assert [board.name for board in load.load_all()] == sorted(SEVEN)


@pytest.mark.parametrize(
    ("facts", "field", "value", "words"),
    [
        (S3, "chip", "z80", ["chip", "esp32s3", '"z80"']),
        (S3, "chip", None, ["lacks chip"]),
        (S3, "colour", "red", ["has colour", "duplex"]),
        (S3, "name", "s3", ["name", '"s3"']),
        (S3, "flash.bytes", 4095, ["flash.bytes", "4096"]),
        (S3, "flash.bytes", "8M", ["flash.bytes", "integer", '"8M"']),
        (S3, "flash.key_store", "file", ["flash.key_store", "partition", "not file"]),
        (S3, "flash.file_system", None, ["flash lacks file_system"]),
        (S3, "flash.file_system.offset", 65536, ["flash.file_system", "partition table"]),
        (S3, "codecs", ["opus"], ["codecs", "pcmu"]),
        (S3, "codecs", ["pcmu", "mp3"], ["codecs.1", "mp3"]),
        (S3, "codecs", ["opus", "pcmu"], ["codecs", "opus", "native"]),
        (S3, "audio.microphone.sck", 99, ["audio.microphone.sck", "48", "99"]),
        (S3, "audio.microphone.sck", 20, ["audio.microphone.sck", "20", "no free pin"]),
        (S3, "audio.microphone.sck", 15, ["audio.speaker.sck", "15", "audio.microphone.sck"]),
        (S3, "audio.microphone.i2s", 2, ["audio.microphone.i2s", "below 2", "ESP32-S3"]),
        (S3, "audio.microphone.i2s", 1, ["audio.speaker.i2s", "duplex must be half"]),
        (S3, "audio.speaker", None, ["audio lacks speaker"]),
        (S3, "led.pin", "DEL", ["led.pin", "LED", '"DEL"']),
        (S3, "button", None, ["lacks button"]),
        (C3, "duplex", "full", ["audio.speaker.i2s", "ESP32-C3 has only one"]),
        (C3, "audio.speaker.i2s", 1, ["audio.speaker.i2s", "ESP32-C3 has 1 I2S"]),
        (PICO, "audio.speaker.ws", 13, ["audio.speaker.ws", "11", "RP2040"]),
        (PICO, "flash.file_system.offset", 0xB0000, ["flash.file_system", "beyond"]),
        (PICO, "flash.file_system.bytes", None, ["flash.file_system", "bytes"]),
        (PICO, "flash.key_store", "partition", ["flash.key_store", "pin_files"]),
    ],
)
def test_a_wrong_field_is_named_in_a_sentence(facts, field, value, words):
    assert check.problems(facts) == []
    found = check.problems(changed(facts, field, value))
    assert any(all(word in text for word in words) for text in found), found


def test_an_input_only_pin_drives_nothing():
    esp32 = json.loads((paths.BOARDS / "ESP32_GENERIC" / "board.json").read_text())
    found = check.problems(changed(esp32, "led.pin", 34))
    assert found == ["led.pin is 34, which is an input only on ESP32"]


def run(capsys, *arguments) -> tuple[int, str, str]:
    try:
        cli.main(["boards", *arguments])
    except SystemExit as exited:
        return int(exited.code or 0), *capsys.readouterr()
    return 0, *capsys.readouterr()


def test_check_on_the_command_line(capsys, tmp_path):
    good = paths.BOARDS / "RPI_PICO" / "board.json"
    status, out, _ = run(capsys, "check", str(good))
    assert (status, out) == (0, f"{good}: in order\n")
    bad = tmp_path / "mine.json"
    bad.write_text(json.dumps(changed(S3, "audio.microphone.i2s", 1)))
    status, out, _ = run(capsys, "check", str(bad))
    assert status == errors.EXIT_FILE
    assert "mine.json: audio.speaker.i2s" in out
    status, out, _ = run(capsys, "check", str(bad), "--json")
    assert status == errors.EXIT_FILE and len(json.loads(out)["problems"]) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "line 1"), (b"[]", "no JSON object"), (b"\xff\xfe", "no text"), (None, "cannot read")],
)
def test_what_is_no_json_is_refused(capsys, tmp_path, content, words):
    path = tmp_path / "board.json"
    if content is not None:
        path.write_bytes(content)
    status, _, err = run(capsys, "check", str(path))
    assert status == errors.EXIT_FILE and words in err


def test_a_board_in_a_folder_of_another_name_is_wrong(capsys, tmp_path):
    path = tmp_path / "MY_BOARD" / "board.json"
    path.parent.mkdir()
    path.write_text(json.dumps(S3))
    status, out, _ = run(capsys, "check", str(path))
    assert status == errors.EXIT_FILE and "MY_BOARD" in out


def test_the_list_of_boards(capsys):
    status, out, _ = run(capsys)
    assert status == 0
    assert all(name in out for name in SEVEN)
    status, out, _ = run(capsys, "--json")
    assert {board["name"] for board in json.loads(out)} == SEVEN


def test_the_table_in_the_readme_is_the_generated_one():
    readme = (paths.BOARDS / "README.md").read_text()
    found = re.search(r"<!-- table -->\n(.*)<!-- end of table -->", readme, re.DOTALL)
    assert found and found.group(1) == table.markdown(load.load_all()), (
        "put what `callboard boards --markdown` prints between the marks in boards/README.md"
    )


def test_the_wiring_drawing_has_the_pins_of_board_json():
    drawing = (paths.BOARDS / "ESP32_GENERIC_S3" / "README.md").read_text().split("```")[1]
    left = dict(re.findall(r"│ +(\w+) ├──+┤ (\d+) ", drawing))
    right = {name: pin for pin, name in re.findall(r" (\d+) ├──+┤ (\w+) ", drawing)}
    microphone, speaker = S3["audio"]["microphone"], S3["audio"]["speaker"]
    assert left == {name.upper(): str(microphone[name]) for name in ("sck", "ws", "sd")}
    assert right == {
        "BCLK": str(speaker["sck"]),
        "LRC": str(speaker["ws"]),
        "DIN": str(speaker["sd"]),
    }
    assert re.search(rf"└─+┤ {S3['button']['pin']} +{S3['led']['pin']} ├─+▶", drawing)


def test_board_py_is_python_and_says_what_board_json_says():
    for board in load.load_all():
        values: dict = {}
        exec(compile(board_py.text(board, {"SN": "SN1"}), "board.py", "exec"), values)
        assert values["BOARD"] == board.name and values["SN"] == "SN1"
        if "microphone" in board.facts["audio"]:
            assert values["I2S_MICROPHONE"]["sck"] == board.facts["audio"]["microphone"]["sck"]
            assert values["BUTTON"] == board.facts["button"]
