"""What a phone does besides calls: notices, devices that want to call it, commands, its keys."""

import asyncio

import pytest

from callboard import codes
from callboard.errors import CallboardError, RemoteError
from callboard_host import phone_command, phone_keys
from callboard_host.errors import BadInput
from callboard_host.phone_desk import Desk
from support.covers import covers
from support.fake_clock import settle

PEER = {"model_id": "doorbell", "sn": "SN1", "name": "Front door"}


class Rig:
    """A desk, what it told, what it asked; it stands for the phone, too."""

    def __init__(self):
        self.told = []
        self.asked = []
        self.answer = {}
        self.desk = Desk(lambda name, **fields: self.told.append((name, fields)), self._request)

    async def _request(self, method, params, _timeout_ms):
        self.asked.append((method, params))
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def rig():
    return Rig()


@covers("V-55")
def test_a_notice_is_told_once_however_often_it_comes(rig):
    notice = {"notice_id": "n_1", "peer": PEER, "notice": {"text": "open"}, "time_ms": 5}
    for _ in range(3):
        assert rig.desk.requested("notice", notice) == {}
    rig.desk.requested("notice", notice | {"notice_id": "n_2"})
    assert rig.told == [("notice", notice), ("notice", notice | {"notice_id": "n_2"})]


@covers("V-61")
async def test_the_device_that_was_bound_last_is_authorised_with_a_key(rig):
    await phone_keys.act(rig, "y")  # there is none yet
    assert rig.asked == []
    rig.desk.requested("device.bound", {"device": PEER})
    assert rig.told == [("bound", {"device": PEER})]
    for _ in range(2):
        await phone_keys.act(rig, "y")
    pair = {"model_id": "doorbell", "sn": "SN1"}
    assert rig.asked == [("device.authorise", pair)]
    await phone_keys.act(rig, "revoke doorbell/SN1")
    await phone_keys.act(rig, "authorise doorbell/SN2")
    assert rig.asked[1:] == [
        ("device.revoke", pair),
        ("device.authorise", {"model_id": "doorbell", "sn": "SN2"}),
    ]
    assert [name for name, _ in rig.told[1:]] == ["authorised", "revoked", "authorised"]


@covers("V-56")
async def test_commands_go_out_and_come_in(rig):
    rig.answer = {"args": {"angle": 42}}
    await phone_keys.act(rig, 'send doorbell/SN1 {"move": "ü x"}')
    await settle()
    asked = {"model_id": "doorbell", "sn": "SN1", "args": {"move": "ü x"}}
    assert rig.asked == [("command.send", asked)]
    assert rig.told == [("answer", {"args": {"angle": 42}})]
    assert rig.desk.requested("command", {"peer": PEER, "args": {"a": 1}}) == {
        "args": {"seen": True}
    }
    rig.desk.on_command = lambda args: {"got": args}
    answer = rig.desk.requested("command", {"peer": PEER, "args": {"a": 1}})
    assert answer == {"args": {"got": {"a": 1}}}


async def test_a_refused_command_is_an_error_event(rig):
    rig.answer = RemoteError("the device is offline", codes.NETWORK)
    await phone_keys.act(rig, "send doorbell/SN1 {}")
    await settle()
    assert rig.told == [("error", {"code": codes.NETWORK, "message": "the device is offline"})]


@pytest.mark.parametrize(
    "line", ["send doorbell", "send doorbell/SN1", "send doorbell/SN1 [1]", "revoke x", "revoke"]
)
async def test_a_line_that_says_too_little(rig, line):
    with pytest.raises(BadInput):
        await phone_keys.act(rig, line)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("device.bound", {}),
        ("device.bound", {"device": []}),
        ("command", {}),
        ("notice", {}),
        ("x", {}),
    ],
)
def test_what_the_relay_may_not_ask(rig, method, params):
    with pytest.raises(CallboardError):
        rig.desk.requested(method, params)
    assert rig.told == []


def test_keys_count_at_once_and_lines_begin_with_a_colon(capsys):
    keys = phone_keys.Typed(is_terminal=True)
    assert list(keys.words("ah")) == ["a", "h"]
    assert list(keys.words(":call dd\x7foor")) == []
    assert list(keys.words("bell/S1\nq")) == ["call doorbell/S1", "q"]
    assert capsys.readouterr().out == ":call dd\b \boorbell/S1\n"
    lines = phone_keys.Typed(is_terminal=False)
    assert list(lines.words("a\nsend x")) == ["a"]
    assert list(lines.words(" :y\n")) == ["send x :y"]
    assert list(lines.words("x" * 9000 + "\n")) == ["x" * 5000]
    assert capsys.readouterr().out == ""


@covers("V-12", "V-55", "V-61")
@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("ringing", {"peer": PEER, "flavour": 0}, "ringing: Front door calls"),
        ("ringing", {"peer": PEER, "flavour": 1}, "ringing: Front door calls (trial release)"),
        ("ringing", {"peer": {}, "flavour": 2}, "ringing: somebody calls (developer release)"),
        ("notice", {"peer": PEER, "notice": {"text": "open"}}, "Front door says: open"),
        ("notice", {"peer": None, "notice": {"t": "ü"}}, 'somebody says: {"t": "ü"}'),
        (
            "bound",
            {"device": PEER},
            "Front door wants to call you: y lets it (`authorise doorbell/SN1`)",
        ),
        ("command", {"peer": PEER, "args": {"a": 1}}, 'Front door asks: {"a": 1}'),
        ("devices", {"devices": []}, "there is no device for you"),
    ],
)
def test_events_in_words(capsys, name, fields, words):
    phone_command._tell(name, **fields)
    assert capsys.readouterr().out == words + "\n"


def test_devices_in_words(capsys):
    device = {"model_id": "m", "sn": "S"}
    devices = [
        device | {"bound": True, "authorised": True, "online": True},
        device | {"bound": True, "authorised": False, "online": False},
        device | {"bound": False, "authorised": True, "online": False},
    ]
    phone_command._tell("devices", devices=devices)
    assert capsys.readouterr().out.splitlines() == [
        "m/S  may call you  online",
        "m/S  wants to call you",
        "m/S  is not yours",
    ]
