"""`callboard call` and `callboard phone` as a person at a shell uses them."""

import sys

import pytest

from callboard_host import errors, paths
from callboard_host.demo.stage import APP, MODEL, SN, Stage
from callboard_host.process import Child
from support.covers import covers

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
END_S = 60.0


@pytest.fixture
async def stage(tmp_path):
    """A relay with TLS, an app, a model, a user and a ticket."""
    async with Stage(tmp_path, log=lambda _text: None) as stage:
        await stage.start_relay()
        await stage.create_accounts()
        yield stage


async def shell(stage, name, *arguments):
    """`callboard ARGUMENTS`; the child and its status once it has ended."""
    command = [sys.executable, "-m", "callboard_host", *map(str, arguments)]
    environment = {"PYTHONPATH": paths.python_path(), "PYTHONUNBUFFERED": "1"}
    child = await Child.start(name, command, env=environment, stdin=True)
    stage.children.append(child)
    return child


def call(stage, *more, name="caller"):
    """The arguments of a call whose relay is the stage's."""
    options = ("--data", stage.folder / "relay", "--run-dir", stage.folder / name)
    return ("call", *options, "--model-id", MODEL, "--wxa-appid", APP, *more)


@covers("V-30", "V-41")
async def test_a_device_calls_a_user_from_the_shell(stage):
    """Answered: status 0. It gets its ticket by itself, and once."""
    await stage.start_phone("--answer-after", "0.2")
    for _ in range(2):
        arguments = call(stage, "--to", stage.open_id, "--sn", SN, "--hang-up-after", "0.5")
        caller = await shell(stage, "call", *arguments)
        assert await caller.wait(END_S) == errors.EXIT_OK, caller.last_lines
        words = list(caller.last_lines)
        assert "it rings" in words and "talking" in words
        assert words[-1] == "the call has ended: hung_up_by_caller"


@covers("V-30", "V-34")
async def test_calls_that_come_to_nothing_have_their_own_status(stage):
    phone = await stage.start_phone("--reject-after", "0.2")
    rejected = await shell(stage, "call", *call(stage, "--to", stage.open_id, "--sn", SN))
    assert await rejected.wait(END_S) == errors.EXIT_FAILED
    assert "not answered: rejected" in "\n".join(rejected.last_lines)
    arguments = call(stage, "--to", stage.open_id, "--sn", "SN0002", name="other")
    refused = await shell(stage, "call", *arguments)
    assert await refused.wait(END_S) == errors.EXIT_REFUSED
    assert "(code -8)" in "\n".join(refused.last_lines)
    assert not [e for e in phone.events if e["event"] == "error"]


@covers("V-60")
async def test_a_user_calls_a_device_from_the_shell(stage):
    """As the phone does: --to MODEL/SN; an unknown device is refused with -2."""
    await stage.start_board(stage_board(stage))
    board = stage.children[-1]
    await board.wait_event("ready", timeout_s=30)
    phone = ("--invitation", stage.invitation, "--state", stage.folder / "phone.json")
    arguments = call(stage, "--to", f"{MODEL}/{SN}", *phone, "--hang-up-after", "0.5")
    caller = await shell(stage, "call", *arguments)
    await board.wait_event("incoming", timeout_s=30)
    await board.write_line("button press")
    await board.write_line("button release")
    assert await caller.wait(END_S) == errors.EXIT_OK, caller.last_lines
    arguments = call(stage, "--to", f"{MODEL}/SN9", "--state", stage.folder / "phone.json")
    unknown = await shell(stage, "call", *arguments)
    assert await unknown.wait(END_S) == errors.EXIT_REFUSED
    assert "(code -2)" in "\n".join(unknown.last_lines)


def stage_board(stage):
    from callboard_host.board import BoardConfig

    return BoardConfig(run_dir=stage.folder / "board", python="cpython")


@covers("V-12", "V-61")
async def test_a_user_authorises_a_device_on_the_phone(stage):
    """Bound by the owner, told to the phone, authorised with a key: the code -8 disappears."""
    phone = await stage.start_phone("--answer-after", "0.1")
    async with stage.admin() as admin:
        await admin.revoke(stage.open_id, MODEL, SN)
        await admin.unbind(stage.open_id, MODEL, SN)
        refused = await shell(stage, "call", *call(stage, "--to", stage.open_id, "--sn", SN))
        assert await refused.wait(END_S) == errors.EXIT_REFUSED
        assert "(code -8)" in "\n".join(refused.last_lines)
        await admin.bind(stage.open_id, MODEL, SN)
    bound = await phone.wait_event("bound", timeout_s=30)
    assert bound["device"]["sn"] == SN
    await phone.write_line("y")
    await phone.wait_event("authorised", timeout_s=30)
    await phone.write_line("devices")
    (listed,) = (await phone.wait_event("devices", timeout_s=30))["devices"]
    assert listed["bound"] and listed["authorised"]
    arguments = call(stage, "--to", stage.open_id, "--sn", SN, "--hang-up-after", "0.2")
    caller = await shell(stage, "call", *arguments)
    assert await caller.wait(END_S) == errors.EXIT_OK, caller.last_lines
    assert (await phone.wait_event("ringing", timeout_s=1))["flavour"] == 0
