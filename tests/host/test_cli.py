"""The `callboard` command: help for every verb, errors with a hint and the documented status."""

import subprocess
import sys

import pytest
import soundfile
import typer

import callboard
from callboard import errors as device_errors
from callboard_host import cli, errors, paths

VERBS = ["relay", "ticket", "invite", "users", "authorise", "devices", "phone", "board"]
VERBS += ["demo-call", "bench-call", "model", "app", "provision", "log", "doctor", "shell"]
VERBS += ["boards", "image", "call"]


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """(exit status, standard output, standard error) of `callboard ARGUMENTS`."""
    with pytest.raises(SystemExit) as exited:
        cli.main(list(arguments))
    out, err = capsys.readouterr()
    return int(exited.value.code or 0), out, err


def test_version(capsys):
    status, out, _ = run(capsys, "--version")
    assert (status, out) == (0, f"callboard {callboard.__version__}\n")


def test_help_names_every_verb_and_every_exit_status(capsys):
    status, out, _ = run(capsys, "--help")
    assert status == 0
    for verb in VERBS:
        assert verb in out
    for code in errors.EXIT_MEANINGS:
        assert f" {code}  " in out


def verbs(command=None, words=()):
    """Every verb there is, subcommands included, as a list of words."""
    command = command or typer.main.get_command(cli.app)
    for name, each in sorted(getattr(command, "commands", {}).items()):
        yield [*words, name], each
        yield from verbs(each, (*words, name))


@pytest.mark.parametrize(("words", "command"), list(verbs()), ids=str)
def test_every_verb_has_help(capsys, words, command):
    status, out, _ = run(capsys, *words, "--help")
    assert status == 0
    assert "Usage" in out and " ".join(words) in out
    assert command.help and command.help.strip().splitlines()[0].rstrip()[-1] in ".;:"
    for parameter in command.params:
        names = [name for name in parameter.opts if name.startswith("--")]
        assert not names or names[0] in out, f"{names} is not in the help of {words}"


def test_no_verb_is_missing_in_the_list_above():
    assert {words[0] for words, _ in verbs()} >= set(VERBS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["phone"],
        ["call", "--to", "o1"],
        ["call", "--data", "."],
        ["phone", "--relay", "https://localhost:1", "--answer-after", "soon"],
        ["demo-call", "--python", "jython"],
        ["demo-call", "--bits", "16"],
        ["demo-call", "--codec", "mp3"],
        ["phone", "--relay", "https://localhost:1", "--codecs", "opus,mp3"],
        ["board", "--relay", "https://localhost:1", "--codecs", "opus 8k"],
        ["board", "--relay", "https://localhost:1", "--ppm", "5000"],
    ],
)
def test_a_wrong_command_line_is_status_2(capsys, arguments):
    status, _, err = run(capsys, *arguments)
    assert status == errors.EXIT_USAGE
    assert err


def test_unreadable_speech_is_refused_before_anything_starts(capsys, tmp_path):
    speech = tmp_path / "speech.wav"
    speech.write_text("no sound")
    output = tmp_path / "call"
    status, _, err = run(capsys, "demo-call", "--speech", str(speech), "--output", str(output))
    assert status == errors.EXIT_FILE
    assert "speech.wav" in err
    assert "hint:" in err
    assert not (output / "relay").exists()


def test_a_folder_that_cannot_be_written_is_refused(capsys, tmp_path):
    (tmp_path / "file").touch()
    status, _, err = run(capsys, "demo-call", "--output", str(tmp_path / "file"))
    assert status == errors.EXIT_FILE
    assert "--output" in err


def test_a_phone_without_invitation_says_what_to_give(capsys, tmp_path):
    state = tmp_path / "phone.json"
    status, _, err = run(capsys, "phone", "--relay", "http://127.0.0.1:9", "--state", str(state))
    assert status == errors.EXIT_FILE
    assert "--invitation" in err


def test_a_relay_that_is_not_there_is_status_4(capsys, tmp_path):
    arguments = ["--relay", "http://127.0.0.1:9", "--state", str(tmp_path / "phone.json")]
    status, _, err = run(capsys, "phone", *arguments, "--invitation", "x" * 20)
    assert status == errors.EXIT_NETWORK
    assert "hint:" in err


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [(44100, 1, "PCM_16"), (48000, 2, "PCM_16"), (48000, 1, "FLOAT")],
)
@pytest.mark.parametrize("verb", ["phone", "board"])
def test_a_microphone_of_another_kind_is_refused(capsys, tmp_path, verb, rate, channels, subtype):
    import numpy as np

    wav = tmp_path / "mic.wav"
    soundfile.write(wav, np.zeros((100, channels)), rate, subtype=subtype)
    arguments = [verb, "--relay", "http://127.0.0.1:9", "--microphone", str(wav)]
    if verb == "board":
        arguments += ["--run-dir", str(tmp_path / "run")]
    status, _, err = run(capsys, *arguments)
    assert status == errors.EXIT_FILE
    assert "mic.wav" in err


def test_without_a_build_the_command_says_what_to_make(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUILD", tmp_path / "empty")
    arguments = ["--relay", "http://127.0.0.1:9", "--run-dir", str(tmp_path / "run")]
    status, _, err = run(capsys, "board", *arguments)
    assert status == errors.EXIT_NOT_BUILT
    assert "make" in err


EXITS = [
    (device_errors.RemoteError("the ticket was used", -10008), errors.EXIT_REFUSED),
    (device_errors.Busy("another call runs"), errors.EXIT_REFUSED),
    (device_errors.TLSError("not trusted"), errors.EXIT_CERTIFICATE),
    (device_errors.TimedOut("no answer"), errors.EXIT_NETWORK),
    (device_errors.NetworkError("gone"), errors.EXIT_NETWORK),
    (device_errors.InvalidArgument("sn is wrong"), errors.EXIT_USAGE),
    (device_errors.StorageError("disk full"), errors.EXIT_FILE),
    (device_errors.ProtocolError("nonsense"), errors.EXIT_FAILED),
    (errors.CallFailed("no call"), errors.EXIT_FAILED),
    (errors.InUse("taken"), errors.EXIT_IN_USE),
    (errors.NotBuilt("nothing there"), errors.EXIT_NOT_BUILT),
    (errors.Interrupted("interrupted"), errors.EXIT_INTERRUPTED),
    (PermissionError(13, "Permission denied", "/x"), errors.EXIT_FILE),
    (KeyboardInterrupt(), errors.EXIT_INTERRUPTED),
    (RuntimeError("a defect"), errors.EXIT_FAILED),
]


@pytest.mark.parametrize(("error", "status"), EXITS, ids=lambda value: type(value).__name__)
def test_every_kind_of_error_has_its_status(capsys, error, status):
    with pytest.raises(SystemExit) as exited:
        cli.fail(error)
    assert exited.value.code == status
    assert capsys.readouterr().err.startswith("callboard: ")
    assert status in errors.EXIT_MEANINGS


def test_a_documented_code_is_shown(capsys):
    with pytest.raises(SystemExit):
        cli.fail(device_errors.RemoteError("the ticket was used", -10008))
    assert "the ticket was used (code -10008)" in capsys.readouterr().err


def test_every_error_of_the_device_package_has_a_status():
    kinds = [kind for kind in vars(device_errors).values() if isinstance(kind, type)]
    assert len(kinds) >= 11
    for kind in kinds:
        if issubclass(kind, device_errors.CallboardError):
            assert errors.exit_code(kind("x")) in errors.EXIT_MEANINGS


def test_the_command_runs_as_a_module():
    command = [sys.executable, "-m", "callboard_host", "--version"]
    environment = {"PYTHONPATH": paths.python_path(), "PATH": "/usr/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"callboard {callboard.__version__}\n")
