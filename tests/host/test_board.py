"""The virtual board: its board.py, how it is booted, and what the console does."""

import runpy
import sys

import pytest
import typer

from callboard_host import board, board_options, paths
from callboard_host.errors import BadInput, NotBuilt
from callboard_host.process import Child


def config(tmp_path, **changes) -> board.BoardConfig:
    settings = {"run_dir": tmp_path / "run", "relay_url": "https://127.0.0.1:8443", **changes}
    return board.BoardConfig(**settings)


def test_board_py_says_what_the_board_is_made_of(tmp_path):
    wav = tmp_path / 'it\'s "mine".wav'
    path = board.write_board_py(config(tmp_path, sn="SN7", microphone=wav, ppm=-40, ticket="t"))
    made = runpy.run_path(str(path))
    assert made["RELAY_URL"] == "https://127.0.0.1:8443"
    assert made["SN"] == "SN7"
    assert made["MICROPHONE"] == str(wav)
    assert made["AUDIO_PPM"] == -40
    assert made["DATA_PATH"].startswith(str(tmp_path / "run"))
    assert made["SPEAKER"] is None
    assert made["RELAY_CA"] is None


def test_board_py_says_what_the_board_may_code_in(tmp_path):
    said = runpy.run_path(str(board.write_board_py(config(tmp_path))))
    assert said["CODECS"] == board.board_json()["codecs"] == ["opus", "opus-8k", "pcmu"]
    said = runpy.run_path(str(board.write_board_py(config(tmp_path, codecs=("opus-8k",)))))
    assert said["CODECS"] == ["opus-8k"]


def test_the_names_of_codecs_on_a_command_line():
    assert board_options.codec_names("opus, pcmu") == ("opus", "pcmu")
    assert board_options.codec_names("") is None
    with pytest.raises(typer.BadParameter) as raised:
        board_options.codec_names("pcmu,speex")
    assert "speex" in raised.value.message


def test_a_run_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(BadInput) as raised:
        board.write_board_py(config(tmp_path))
    assert "--run-dir" in raised.value.hint


def test_a_second_board_py_replaces_the_first(tmp_path):
    board.write_board_py(config(tmp_path, ticket="one"))
    path = board.write_board_py(config(tmp_path, ticket="two"))
    assert runpy.run_path(str(path))["TICKET"] == "two"


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A build directory with empty files where the interpreters should be."""
    (tmp_path / "bin").mkdir()
    for bits in (32, 64):
        (tmp_path / "bin" / f"micropython{bits}").touch()
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("bits", "arch"), [(64, "x64"), (32, "x86")])
def test_micropython_gets_a_heap_like_a_board_and_its_native_modules(tmp_path, built, bits, arch):
    argv, environment = board.command(config(tmp_path, bits=bits))
    assert argv[0] == str(built / "bin" / f"micropython{bits}")
    assert argv[1:3] == ["-X", f"heapsize={board.board_json()['heap_bytes'][str(bits)]}"]
    assert argv[3].endswith("firmware/main.py")
    folders = environment["MICROPYPATH"].split(":")
    assert folders[0] == str(tmp_path / "run")
    assert str(built / "natmods" / arch) in folders
    assert folders[-1] == ".frozen"


def test_the_heap_can_be_chosen(tmp_path, built):
    argv, _ = board.command(config(tmp_path, heap_bytes=100_000))
    assert "heapsize=100000" in argv


def test_cpython_runs_the_same_main(tmp_path):
    argv, environment = board.command(config(tmp_path, python="cpython"))
    assert argv[0] == sys.executable
    assert argv[-1].endswith("firmware/main.py")
    assert environment["PYTHONPATH"].startswith(str(tmp_path / "run"))


def test_without_a_build_it_says_what_to_make(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUILD", tmp_path / "empty")
    with pytest.raises(NotBuilt) as raised:
        board.command(config(tmp_path))
    assert "make" in raised.value.hint


async def test_pressing_the_button_is_two_lines_on_its_console():
    text = "import sys\nfor line in sys.stdin: print(line.strip(), flush=True)"
    lines: list[str] = []
    async with await Child.start("board", [sys.executable, "-c", text], stdin=True) as child:
        child.on_line = lines.append
        await board.press(child)
        child._process.stdin.close()
        await child.wait(10)
    assert lines == ["button press", "button release"]
