"""From a flashed board to a call: `callboard provision` with a real relay, as it is typed."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from callboard_host import board, errors, paths
from callboard_host.board_pty import PtyBoard
from callboard_host.serial_line.link import SerialLink
from callboard_host.serial_line.port import SerialPort
from support.cable import Cable
from system.programs import Program

pytestmark = pytest.mark.system

PROMPT = Path(__file__).parents[1] / "support" / "programs" / "board_with_prompt.py"
SECRET = "hunter2 hunter2"
NETWORKS = ((b"Home", SECRET.encode(), -50),)


def callboard(*arguments, secrets=None, timeout=90):
    """`callboard ARGUMENTS`: (status, output, errors)."""
    environment = {**os.environ, "PYTHONPATH": paths.python_path(), **(secrets or {})}
    done = subprocess.run(
        [sys.executable, "-m", "callboard_host", *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment,
        timeout=timeout,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    """The data directory of a running relay that knows an app, a model and Ada."""
    data = tmp_path_factory.mktemp("relay")
    with Program("relay", "--data", data, "--port", "0") as program:
        program.wait_line("listening")
        for words in (["app", "add", "wxdemo"], ["model", "add", "doorbell"]):
            assert callboard(*words, "--data", data)[0] == 0
        yield data


def invite(data, name):
    status, out, _ = callboard("invite", "wxdemo", name, "--data", data)
    assert status == 0
    lines = dict(line.split() for line in out.splitlines() if not line.startswith("valid"))
    return lines["open_id"], lines["invitation"]


def blank(folder, bits=64, **options):
    return PtyBoard(board.BoardConfig(run_dir=folder, bits=bits, blank=True, **options))


def identity(data, sn):
    words = ["--issue-ticket", "--data", data, "--model-id", "doorbell", "--wxa-appid", "wxdemo"]
    return words + (["--sn", sn] if sn else [])


def test_a_board_is_registered_and_calls(tmp_path, relay):
    """All of it; and mpremote gets in during the call, which ends it properly."""
    open_id, invitation = invite(relay, "Ada")
    virtual = blank(tmp_path / "board", 32, wifi=NETWORKS)
    virtual.process.kill()
    virtual.process.wait()
    virtual._argv[-1] = str(PROMPT)
    with virtual:
        virtual._boot()
        arguments = [virtual.path, *identity(relay, "SN-A"), "--user", open_id, "--wifi", "Home"]
        arguments += ["--ring", "20", "--ring", "10", "--auto-answer", "30", "--volume", "70"]
        secrets = {"CALLBOARD_WIFI_PASSWORD": SECRET}
        status, out, said = callboard("provision", *arguments, secrets=secrets)
        assert status == 0, said
        assert out == f"doorbell/SN-A on {virtual.path}: ready, registered\n"
        assert "ticket issued" in said and "the board is ready" in said
        assert SECRET not in out + said
        status, out, said = callboard("provision", *arguments, "--json", secrets=secrets)
        result = json.loads(out)
        assert status == 0 and result["changed"] == [] and result["registered"], said
        facts = json.loads((relay / "relay.json").read_text())
        with Program(
            *("phone", "--relay", facts["url"], "--ca", facts["ca_path"]),
            *("--state", tmp_path / "phone.json", "--invitation", invitation),
            *("--answer-after", "0", "--calls", "1", "--events"),
        ) as phone:
            phone.wait_line('"online"')
            with SerialPort(virtual.path) as port:
                port.write(b"button press\n")
            phone.wait_line('"answered"')
            kept = tmp_path / "board" / "flash.log"
            written = kept.stat().st_mtime_ns
            with SerialPort(virtual.path) as port:
                port.write(b"nonsense that is logged\n")
            time.sleep(2.5)
            assert kept.stat().st_mtime_ns == written  # no flash is touched in a call
            command = ["connect", virtual.path, "resume", "exec", "print('in', 6 * 7)"]
            done = subprocess.run(
                [sys.executable, "-m", "mpremote", *command],
                capture_output=True,
                text=True,
                timeout=90,
            )
            assert done.returncode == 0 and "in 42" in done.stdout, done.stderr
            assert "hung_up_by_caller" in phone.wait_line('"ended"')
        assert b"not a command: nonsense" in kept.read_bytes()


def test_another_ca_a_refused_ticket_and_an_unknown_model_are_explained(tmp_path, relay):
    facts = json.loads((relay / "relay.json").read_text())
    other = tmp_path / "other"
    with Program("relay", "--data", other, "--port", "0") as program:
        program.wait_line("listening")
    stale = {"CALLBOARD_TICKET": "T" + "0" * 40}
    with blank(tmp_path / "board") as virtual:
        wrong = ["--ca", other / "ca.pem"]
        status, out, said = callboard(
            *("provision", virtual.path, *identity(relay, "SN-B"), *wrong),
        )
        assert status == errors.EXIT_CERTIFICATE  # seen before the board is touched
        words = identity(relay, "SN-B")[3:]
        words += ["--relay", facts["url"], "--ticket", "--timeout", "8", *wrong]
        status, out, said = callboard("provision", virtual.path, *words, secrets=stale)
        assert status == errors.EXIT_NO_BOARD and "certificate" in said and "hint" in said
        status, out, said = callboard(
            *("provision", virtual.path, "--ticket", "--ca", facts["ca_path"]), secrets=stale
        )
        assert status == errors.EXIT_REFUSED and "-10008" in said and "T0000" not in said
        status, out, said = callboard(
            *("provision", virtual.path, "--ticket", "--model-id", "nomodel"), secrets=stale
        )
        assert status == errors.EXIT_REFUSED and "9800003" in said and "model" in said
        status, out, said = callboard("provision", virtual.path, *identity(relay, "SN-B"))
        assert status == 0, said


def test_a_locked_board_needs_its_pin(tmp_path, relay):
    with blank(tmp_path / "board") as virtual:
        arguments = [virtual.path, *identity(relay, "SN-C")]
        new = {"CALLBOARD_NEW_PIN": "735511"}
        status, out, said = callboard("provision", *arguments, "--set-pin", secrets=new)
        assert status == 0 and "735511" not in out + said
        with SerialLink.open(virtual.path) as link:
            link.request("lock")
        status, _, said = callboard("provision", *arguments)
        assert status == errors.EXIT_FAILED and "PIN" in said and "--pin-file" in said
        (tmp_path / "pin").write_text("735511\n")
        status, _, said = callboard("provision", *arguments, "--pin-file", tmp_path / "pin")
        assert status == 0, said


def test_a_batch_that_fails_in_the_middle_is_run_again(tmp_path, relay):
    with contextlib.ExitStack() as stack:
        boards = [stack.enter_context(blank(tmp_path / f"board{n}")) for n in range(3)]
        late = tmp_path / "late"
        paths_of = [boards[0].path, late, boards[2].path]
        rows = [f"SN-D{n},{path}" for n, path in enumerate(paths_of)]
        (tmp_path / "devices.csv").write_text("sn,port\n" + "\n".join(rows) + "\n")
        arguments = ["-", *identity(relay, ""), "--batch", tmp_path / "devices.csv", "--json"]
        status, out, said = callboard("provision", *arguments)
        entries = [json.loads(line) for line in out.splitlines()]
        assert status == errors.EXIT_FAILED, said
        assert entries[-1] == {"done": 2, "skipped": 0, "failed": 1}
        assert "there is no port" in entries[1]["error"]
        late.symlink_to(boards[1].path)
        status, out, said = callboard("provision", *arguments)
        assert status == 0, said
        assert json.loads(out.splitlines()[-1]) == {"done": 1, "skipped": 2, "failed": 0}
    status, out, _ = callboard("devices", "--data", relay)
    assert all(f"SN-D{n}" in out for n in range(3))


def test_a_batch_on_one_port_waits_for_the_next_board(tmp_path, relay):
    (tmp_path / "devices.csv").write_text("sn\nSN-E0\nSN-E1\n")
    port = tmp_path / "tty"
    with blank(tmp_path / "one") as one, blank(tmp_path / "two") as two:
        first = Cable(one.path, port)

        with Program(
            *("provision", port, *identity(relay, "")),
            *("--batch", tmp_path / "devices.csv", "--next-board", "60"),
        ) as program:
            with first:
                program.wait_line("SN-E0: ready")
            with Cable(two.path, port):
                program.wait_line("SN-E1: ready")
                program.wait_line("2 done, 0 skipped, 0 failed")


def test_the_log_verb(tmp_path):
    kept = tmp_path / "kept.log"
    with blank(tmp_path / "board") as virtual:
        with SerialLink.open(virtual.path) as link:
            link.wait_for_board(30)
        options = ["--level", "W", "--for", "120", "--lines", "3", "--json", "--output", kept]
        with Program("log", virtual.path, *options) as program:
            program.until_it_has(virtual.path)
            virtual.reset()
            program.wait_line("to be provisioned")
            assert program.process.wait(60) == 0
    entries = [json.loads(line) for line in program.output.splitlines()]
    assert any(entry.get("module") == "app" and entry["level"] == "W" for entry in entries)
    assert any(entry.get("note") and "started" in entry["text"] for entry in entries)
    assert kept.read_text() == program.output and len(entries) == 3 + 1  # and a note


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (["provision", "/nowhere/tty", "--sn", "SN1"], errors.EXIT_FILE, "there is no port"),
        (["provision", "/nowhere/tty", "--sn", "a b"], errors.EXIT_USAGE, "sn must be"),
        (["provision", "x", "--ca", "/nowhere/ca.pem"], errors.EXIT_FILE, "cannot read the CA"),
        (["provision", "x", "--ticket"], errors.EXIT_USAGE, "ticket"),
        (["provision", "x", "--issue-ticket", "--data", "/nowhere"], errors.EXIT_FILE, "relay"),
        (["provision", "x", "--wifi", "hex:0"], errors.EXIT_USAGE, "hex"),
        (["provision", "x", "--batch", "/nowhere.csv"], errors.EXIT_FILE, "cannot read"),
        (["log", "/nowhere/tty"], errors.EXIT_FILE, "there is no port"),
        (["log", "socket://127.0.0.1:1"], errors.EXIT_FILE, "listening"),
        (["log", "loop://", "--grep", "("], errors.EXIT_FILE, "regular"),
        (["log", "loop://", "--level", "X"], errors.EXIT_USAGE, "level"),
        (["log", "loop://", "--for", "0.2"], errors.EXIT_OK, ""),
    ],
)
def test_mistakes_on_the_command_line(arguments, status, word):
    code, out, said = callboard(*arguments)
    assert code == status, said
    assert word in said


def test_the_doctor_and_the_shell(tmp_path, relay):
    """A blank board and a provisioned one; then its prompt, and what is said at each mistake."""
    virtual = blank(tmp_path / "board", 32)
    virtual.process.kill()
    virtual.process.wait()
    virtual._argv[-1] = str(PROMPT)
    with virtual:
        virtual._boot()
        status, out, said = callboard("doctor", virtual.path)
        assert status == errors.EXIT_FAILED, said
        assert "FAIL  provisioned: lacks relay_url" in out and "run `callboard provision`" in out
        assert "ok    microphone" in out and "ok    wifi: this board has a wire" in out
        assert callboard("provision", virtual.path, *identity(relay, "SN-F"))[0] == 0
        status, out, said = callboard("doctor", virtual.path, "--json")
        report = json.loads(out)
        assert status == 0 and report["ok"], out + said
        names = [finding["name"] for finding in report["findings"]]
        assert {"line", "firmware", "registered", "codecs", "relay"} < set(names)
        status, out, said = callboard("shell", virtual.path, "exec", "print('in', 6 * 7)")
        assert status == 0 and "in 42" in out, said
    status, out, said = callboard("shell", "/nowhere/tty")
    assert status == errors.EXIT_FILE and "there is no port" in said
