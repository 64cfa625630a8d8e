"""What people get wrong: a clear error, the documented code, and nothing has changed."""

import dataclasses
import socket

import pytest

from callboard_host.board import BoardConfig
from callboard_host.demo.stage import APP, MODEL, SN, Stage
from support.covers import covers
from system.programs import run

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def quiet(_text: str) -> None:
    pass


@pytest.fixture
async def stage(tmp_path):
    """A relay with an app, a model, a user and a ticket; no TLS, to be quick."""
    async with Stage(tmp_path, log=quiet, tls=False) as stage:
        await stage.start_relay()
        await stage.create_accounts()
        yield stage


def board_config(stage: Stage, name: str = "board", **changes) -> BoardConfig:
    config = BoardConfig(run_dir=stage.folder / name, relay_url="", python="cpython")
    return dataclasses.replace(config, **changes)


async def error_of(child) -> dict:
    return await child.wait_event("error", timeout_s=30)


@covers("V-05")
async def test_an_unknown_ticket_does_not_register(stage):
    board = await stage.start_board(board_config(stage, ticket="f" * 32))
    error = await error_of(board)
    assert error["code"] == -10008
    assert "ticket" in error["message"]
    async with stage.admin() as admin:
        assert await admin.devices() == []


@covers("V-05")
async def test_a_used_ticket_does_not_register_a_second_device(stage):
    first = await stage.start_board(board_config(stage))
    await first.wait_event("ready", timeout_s=30)
    second = await stage.start_board(board_config(stage, "board2"))
    assert (await error_of(second))["code"] == -10008
    async with stage.admin() as admin:
        assert [device["sn"] for device in await admin.devices()] == [SN]


async def test_a_registered_board_needs_no_ticket_and_ignores_a_new_one(stage):
    config = board_config(stage)
    board = await stage.start_board(config)
    await board.wait_event("registered", timeout_s=30)
    await board.wait_event("ready", timeout_s=30)
    await board.write_line("quit")
    assert await board.wait(20) == 0
    again = await stage.start_board(dataclasses.replace(config, ticket="f" * 32))
    await again.wait_event("ready", timeout_s=30)
    assert "registered" not in [event["event"] for event in again.events]


async def press_and_fail(stage, **changes) -> dict:
    board = await stage.start_board(board_config(stage, **changes))
    await board.wait_event("ready", timeout_s=30)
    await board.write_line("button press")
    error = await error_of(board)
    assert board.returncode is None  # it goes on
    return error


@covers("V-30")
async def test_an_unknown_user_cannot_be_called(stage):
    assert (await press_and_fail(stage, open_id="nobody"))["code"] == -20


@covers("V-30")
async def test_a_user_who_did_not_authorise_the_device_cannot_be_called(stage):
    async with stage.admin() as admin:
        stranger = await admin.invite(APP, "a stranger")
    assert (await press_and_fail(stage, open_id=stranger["open_id"]))["code"] == -8


@covers("V-29")
async def test_a_busy_user_cannot_be_called(stage):
    phone = await stage.start_phone()
    first = await stage.start_board(board_config(stage))
    await first.wait_event("ready", timeout_s=30)
    await first.write_line("button press")
    await phone.wait_event("ringing", timeout_s=30)
    async with stage.admin() as admin:
        ticket = (await admin.ticket(MODEL, "SN0002"))["ticket"]
        await admin.authorise(stage.open_id, MODEL, "SN0002")
    second = await stage.start_board(board_config(stage, "board2", sn="SN0002", ticket=ticket))
    await second.wait_event("ready", timeout_s=30)
    await second.write_line("button press")
    assert (await error_of(second))["code"] == -30003
    await phone.write_line("answer")  # the first call is untouched
    await first.wait_event("answered", timeout_s=30)


async def test_an_invitation_works_once(stage):
    phone = await stage.start_phone()
    assert phone.returncode is None
    state = stage.folder / "thief.json"
    arguments = ("--relay", stage.relay_url, "--state", state, "--invitation", stage.invitation)
    status, output = run("phone", *arguments)
    assert status == 3
    assert "invitation" in output


def test_an_occupied_port_is_refused(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, output = run("relay", "--data", tmp_path, "--port", port)
    assert status == 7
    assert port in output
    assert "hint:" in output


def test_unreadable_speech_is_refused(tmp_path):
    speech = tmp_path / "speech.wav"
    speech.write_text("no sound")
    output_folder = tmp_path / "call"
    status, output = run("demo-call", "--speech", speech, "--output", output_folder)
    assert status == 6
    assert "speech.wav" in output
    assert not (output_folder / "report.json").exists()


async def test_a_phone_that_does_not_know_the_ca_says_so(tmp_path):
    async with Stage(tmp_path, log=quiet) as stage:
        await stage.start_relay()
        await stage.create_accounts()
        state = tmp_path / "state.json"
        arguments = (
            "--relay",
            stage.relay_url,
            "--state",
            state,
            "--invitation",
            stage.invitation,
        )
        status, output = run("phone", *arguments)
        assert status == 5
        assert "--ca" in output
