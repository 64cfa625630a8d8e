"""A file of boards: what is wrong in it, results, and that running it again is safe."""

import json

import pytest

from callboard.errors import InvalidArgument, RemoteError
from callboard_host.errors import BadInput, HostError
from callboard_host.serial_line.batch import done_before, read_rows, run_batch
from callboard_host.serial_line.plan import Plan, read_ca, wifi_name
from callboard_host.serial_line.provision import Result

BASE = Plan(model_id="doorbell", wxa_appid="wxdemo", users=("ada",), relay_url="http://r")


def write(tmp_path, text):
    path = tmp_path / "devices.csv"
    path.write_text(text, encoding="utf-8")
    return path


def result(row, plan):
    return Result(row.port, plan.model_id, plan.sn, "ready", True, ("sn",), 1.0)


def test_rows_go_before_the_command_line(tmp_path):
    path = write(tmp_path, "sn,port,model_id,users\nSN1,/dev/a,bell,bob cyd\nSN2,,,\n")
    first, second = read_rows(path)
    assert (first.sn, first.port) == ("SN1", "/dev/a")
    assert first.plan(BASE).model_id == "bell" and first.plan(BASE).users == ("bob", "cyd")
    assert second.plan(BASE).sn == "SN2" and second.plan(BASE).users == ("ada",)
    assert second.plan(BASE).wxa_appid == "wxdemo"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "column sn"),
        ("port\nx\n", "column sn"),
        ("sn,colour\nSN1,red\n", "colour"),
        ("sn\nSN1\nSN1\n", "line 2"),
        ("sn,port\n,/dev/a\n", "empty"),
        ("sn\nSN1,more\n", "too many cells"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, word):
    with pytest.raises(BadInput) as raised:
        read_rows(write(tmp_path, text))
    assert word in raised.value.message


def test_a_missing_file_and_one_that_is_no_text(tmp_path):
    with pytest.raises(BadInput):
        read_rows(tmp_path / "nothing.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput):
        read_rows(tmp_path / "b.csv")


def test_a_wrong_value_anywhere_stops_it_before_any_board(tmp_path):
    rows = read_rows(write(tmp_path, "sn\nSN1\nnot ok\n"))
    with pytest.raises(BadInput) as raised:
        run_batch(rows, tmp_path / "r", BASE, lambda *_: pytest.fail("a board was touched"))
    assert "line 3" in raised.value.message and not (tmp_path / "r").exists()


def test_running_it_again_does_only_what_is_left(tmp_path):
    rows = read_rows(write(tmp_path, "sn\nSN1\nSN2\nSN3\n"))
    results = tmp_path / "results.jsonl"

    def one(row, plan):
        if row.sn == "SN2":
            raise HostError("the board does not answer", "plug it in")
        return result(row, plan)

    reported = []
    counts = run_batch(rows, results, BASE, one, report=lambda row, entry: reported.append(entry))
    assert counts == {"done": 2, "skipped": 0, "failed": 1}
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert lines == reported and [line["ok"] for line in lines] == [True, False, True]
    assert lines[1]["error"] == "the board does not answer" and lines[1]["hint"] == "plug it in"
    with results.open("a") as file:
        file.write('{"sn": "SN2", "ok": tr')  # a crash in the middle of a line
    assert done_before(results) == {"SN1", "SN3"}
    assert run_batch(rows, results, BASE, result) == {"done": 1, "skipped": 2, "failed": 0}
    assert done_before(results) == {"SN1", "SN2", "SN3"}
    assert run_batch(rows, results, BASE, result)["skipped"] == 3
    assert run_batch(rows, results, BASE, result, again=True)["done"] == 3


def test_each_result_is_there_before_the_next_board(tmp_path):
    rows = read_rows(write(tmp_path, "sn\nSN1\nSN2\n"))

    def one(row, plan):
        if row.sn == "SN2":
            assert done_before(tmp_path / "r") == {"SN1"}
            raise KeyboardInterrupt
        return result(row, plan)

    with pytest.raises(KeyboardInterrupt):
        run_batch(rows, tmp_path / "r", BASE, one)
    assert done_before(tmp_path / "r") == {"SN1"}


def test_a_refusal_keeps_its_code(tmp_path):
    def one(row, plan):
        raise RemoteError("the ticket has expired", -10008)

    rows = read_rows(write(tmp_path, "sn\nSN1\n"))
    run_batch(rows, tmp_path / "r", BASE, one)
    assert json.loads((tmp_path / "r").read_text())["code"] == -10008


def test_a_plan_shows_no_secrets_and_checks_its_values(tmp_path):
    plan = BASE.but(wifi_ssid=b"\x00\xff", wifi_password=b"hunter2", ticket="T1", new_pin="1234")
    assert "hunter2" not in repr(plan) and "T1" not in repr(plan) and "1234" not in repr(plan)
    assert plan.values()["wifi_ssid"] == {"hex": "00ff"}
    assert BASE.but(wifi_ssid=b"open").values()["wifi_password"] is None
    assert "wifi_password" not in BASE.values()
    for changes in ({"sn": "a b"}, {"wifi_ssid": b"x" * 33}, {"new_pin": "12"}, {"ca": b"x"}):
        with pytest.raises(InvalidArgument):
            BASE.but(**changes).values()
    assert wifi_name("Café") == "Café".encode() and wifi_name("hex:00ff") == b"\x00\xff"
    with pytest.raises(InvalidArgument):
        wifi_name("hex:0")
    (tmp_path / "ca.pem").write_text("no certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "nothing"):
        with pytest.raises(BadInput):
            read_ca(path)
