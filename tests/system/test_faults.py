"""What breaks in the middle: the relay dies and comes back; a certificate is not ours."""

import dataclasses
import shutil
import signal

import pytest

from callboard_host.demo import call
from callboard_host.demo.callfiles import Files
from callboard_host.demo.stage import Stage
from support.covers import covers

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

BACK_S = 45.0  # back-off of both ends included
PYTHONS = [("cpython", 64), ("micropython", 32)]


def quiet(_text: str) -> None:
    pass


async def talking(board, phone) -> int:
    """Make a call that both ends hear; the time of the button, in µs since 1970."""
    button = await call.press_and_ring(board, phone)
    await phone.write_line("answer")
    for end in (board, phone):
        await end.wait_event("audio_first", timeout_s=30, after_us=button["t_us"])
    return button["t_us"]


@covers("V-30")
@pytest.mark.parametrize(("python", "bits"), PYTHONS)
async def test_a_relay_killed_in_a_call_comes_back_and_the_next_call_works(tmp_path, python, bits):
    options = call.CallOptions(python=python, bits=bits, speech_s=4.0)
    files = Files(tmp_path)
    async with Stage(tmp_path, log=quiet) as stage:
        call.write_speech(files, options)
        await stage.start_relay()
        await stage.create_accounts()
        phone, board = await call.start_ends(stage, files, options)
        await talking(board, phone)

        stage.relay.kill(signal.SIGKILL)
        killed = (await board.wait_event("offline", timeout_s=BACK_S))["t_us"]
        await phone.wait_event("offline", timeout_s=BACK_S)
        await stage.start_relay(port=stage.relay_port)
        for end in (board, phone):
            ended = await end.wait_event("ended", timeout_s=BACK_S)
            assert ended["reason"] == "aborted"
            await end.wait_event("online", timeout_s=BACK_S, after_us=killed)
        await board.wait_event("ready", timeout_s=BACK_S, after_us=killed)

        second = await talking(board, phone)
        await phone.write_line("hang up")
        for end in (board, phone):
            ended = await end.wait_event("ended", timeout_s=30, after_us=second)
            assert ended["reason"] == "hung_up_by_callee"


@pytest.mark.parametrize(("python", "bits"), PYTHONS)
async def test_a_relay_with_another_ca_is_not_trusted(tmp_path, python, bits):
    ours, theirs = Stage(tmp_path / "ours", log=quiet), Stage(tmp_path / "theirs", log=quiet)
    async with ours, theirs:
        await ours.start_relay()
        await theirs.start_relay()
        await ours.create_accounts()
        wrong_ca = tmp_path / "wrong.pem"
        shutil.copy(theirs.ca_path, wrong_ca)
        options = call.CallOptions(python=python, bits=bits)
        config = call.board_config(ours, Files(tmp_path), options)
        config = dataclasses.replace(config, microphone=None, speaker=None, ca_path=wrong_ca)
        board = await ours.start_board(config)
        error = await board.wait_event("error", timeout_s=60)
        assert "not trusted" in error["message"]
        assert not [event for event in board.events if event["event"] in ("online", "registered")]
        async with ours.admin() as admin:
            assert await admin.devices() == []
