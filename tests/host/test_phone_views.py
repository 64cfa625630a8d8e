"""A phone that watches and fetches: its words, what it asks, hostile answers."""

from pathlib import Path

import pytest

from callboard.errors import CallboardError, ProtocolError, RemoteError
from callboard_host import phone_keys
from callboard_host.errors import BadInput
from callboard_host.phone import PhoneConfig
from callboard_host.phone_views import PhoneViews

CONTENT = bytes(range(256)) * 40
STREAM = {"mid": "1", "ssrc": 7, "codec": "h264", "payload_type": 96, "clock_rate": 90000}


class Transport:
    headroom = 14
    sent: list = []

    def send(self, buf, off, n):
        self.sent.append(bytes(buf[off : off + n]))
        return True


class Rig:
    """PhoneViews with a relay that answers from `answers`, by method."""

    def __init__(self, tmp_path, screen=True):
        config = PhoneConfig("https://relay.test", tmp_path / "state.json")
        if screen:
            config = PhoneConfig(
                "https://relay.test", tmp_path / "state.json", screen=tmp_path / "seen.h264"
            )
        self.asked, self.told, self.answers = [], [], {}
        self.views = PhoneViews(config, self.tell, self.request)

    def tell(self, name, **fields):
        self.told.append((name, fields))

    async def request(self, method, params, timeout_ms):
        self.asked.append((method, params))
        answer = self.answers.get(method, {})
        if callable(answer):
            answer = answer(params)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


async def test_it_watches_until_it_stops(rig):
    view = {"view_id": "w_1", "info": {"fps": 15}, "media": {"receive_video": STREAM}}
    rig.answers["view.start"] = view
    await rig.views.watch("doorbell", "SN1", Transport())
    assert rig.told == [("watching", {"model_id": "doorbell", "sn": "SN1", "info": {"fps": 15}})]
    rig.views.want_key_frame()
    assert Transport.sent[-1][:2] == b"\x81\xce"
    assert rig.views.ended({"view_id": "another"}) == {} and len(rig.told) == 1
    await rig.views.stop()
    assert rig.asked[-1] == ("view.stop", {"view_id": "w_1"})
    assert rig.told[-1][0] == "watched" and rig.told[-1][1]["reason"] == "stopped"
    await rig.views.stop()
    assert len(rig.asked) == 2, "nothing more to stop"


@pytest.mark.parametrize("how", ["ended", "lost"])
async def test_a_view_that_ends_by_itself(rig, how):
    rig.answers["view.start"] = {"view_id": "w_1", "media": {"receive_video": STREAM}}
    await rig.views.watch("doorbell", "SN1", Transport())
    if how == "ended":
        rig.views.ended({"view_id": "w_1", "reason": "eof"})
    else:
        rig.views.lost()
    assert rig.told[-1][1]["reason"] == ("eof" if how == "ended" else "aborted")
    assert not rig.views.receive(b"\x80\x60" + bytes(20), 0, 22, 0)


async def test_without_a_screen_it_watches_nothing(tmp_path):
    with pytest.raises(BadInput):
        await Rig(tmp_path, screen=False).views.watch("doorbell", "SN1", Transport())


@pytest.mark.parametrize(
    "answer",
    [None, {}, {"view_id": "w"}, {"view_id": 1, "media": {"receive_video": STREAM}}]
    + [{"view_id": "w", "media": {"receive_video": STREAM | {"ssrc": 0}}}],
)
async def test_an_answer_that_is_no_view(rig, answer):
    rig.answers["view.start"] = answer
    with pytest.raises(ProtocolError):
        await rig.views.watch("doorbell", "SN1", Transport())
    assert rig.told == []


def serve(params):
    """A device's answer to file.read, of CONTENT."""
    offset = serve.offset
    data = CONTENT[offset : offset + params["n"]]
    serve.offset += len(data)
    return {"offset": offset, "data": data.hex(), "end": serve.offset == len(CONTENT)}


async def test_a_file_is_fetched_and_gone_on_with(rig, tmp_path):
    to = tmp_path / "log.txt"
    to.write_bytes(CONTENT[:100])
    serve.offset = 100
    rig.answers |= {"file.open": {"file_id": 3, "size": len(CONTENT)}, "file.read": serve}
    assert await rig.views.fetch("doorbell", "SN1", "log.txt", to) == len(CONTENT)
    assert to.read_bytes() == CONTENT
    assert rig.asked[0][1]["offset"] == 100
    assert rig.told[-1][1]["bytes"] == rig.told[-1][1]["size"] == len(CONTENT)


@pytest.mark.parametrize(
    "piece",
    [{}, None, {"offset": 0, "data": "xx", "end": True}, {"offset": 5, "data": "", "end": True}],
)
async def test_an_answer_that_is_no_piece(rig, tmp_path, piece):
    rig.answers |= {"file.open": {"file_id": 3, "size": 10}, "file.read": piece}
    with pytest.raises(CallboardError):
        await rig.views.fetch("doorbell", "SN1", "log.txt", tmp_path / "log.txt")


async def test_a_file_that_is_not_there_or_cannot_be_written(rig, tmp_path):
    rig.answers["file.open"] = RemoteError("there is no file x here", 1)
    with pytest.raises(RemoteError):
        await rig.views.fetch("doorbell", "SN1", "x", tmp_path / "x")
    with pytest.raises(BadInput):
        await rig.views.fetch("doorbell", "SN1", "x", tmp_path / "none" / "x")


def test_the_words_for_it():
    assert phone_keys._file("m/s log.txt") == ("m", "s", "log.txt", Path("log.txt"))
    assert phone_keys._file("m/s ../../log.txt") == ("m", "s", "../../log.txt", Path("log.txt"))
    assert phone_keys._file("m/s a b.txt") == ("m", "s", "a", Path("b.txt"))
    for words in ("", "m/s", "m/s a b c"):
        with pytest.raises(BadInput):
            phone_keys._file(words)
