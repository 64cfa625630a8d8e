"""Files through a running relay: passed on to the right device, and only to who may meet it."""

import pytest

from callboard import codes
from support.covers import covers
from support.relay_client import Refusal

from .test_relay_views import BELL, viewers


async def forwarded(device, phone, method, result, **params):
    """A request of the phone; returns (what the device was asked, what the phone got)."""
    asking = await phone.start(method, **(BELL | params))
    asked = await device.wait_for(lambda m: m.get("method") == method)
    await device.send({"id": asked["id"], **result})
    return asked["params"], await phone.answer_of(asking)


@covers("V-57")
async def test_a_file_passes_through_unchanged(world):
    device, (ada,) = await viewers(world, "Ada")
    opened = {"result": {"file_id": 7, "size": 3}}
    asked, got = await forwarded(device, ada, "file.open", opened, name="log.txt", offset=2)
    visitor = asked.pop("visitor")
    assert asked == {"name": "log.txt", "offset": 2} and got == opened["result"]
    piece = {"result": {"offset": 2, "data": "00", "end": True}}
    asked, got = await forwarded(device, ada, "file.read", piece, file_id=7, n=100)
    assert asked == {"visitor": visitor, "file_id": 7, "n": 100} and got == piece["result"]
    asked, got = await forwarded(device, ada, "file.close", {"result": {}}, file_id=7)
    assert asked == {"visitor": visitor, "file_id": 7} and got == {}
    error = {"error": {"code": codes.INVALID_ARGUMENT, "message": "there is no such file"}}
    with pytest.raises(Refusal) as refusal:
        await forwarded(device, ada, "file.open", error, name="nothing")
    assert refusal.value.code == codes.INVALID_ARGUMENT


async def test_only_who_may_call_may_fetch(world):
    device, (ada,) = await viewers(world, "Ada")
    stranger = await world.phone("Mallory", devices=())
    for method, params in (
        ("file.open", {"name": "log.txt"}),
        ("file.read", {"file_id": 1}),
        ("file.close", {"file_id": 1}),
    ):
        with pytest.raises(Refusal) as refusal:
            await stranger.request(method, **(BELL | params))
        assert refusal.value.code == codes.CALL_NOT_AUTHORISED
    for method, params in (
        ("file.open", {}),
        ("file.open", {"name": "n" * 129}),
        ("file.read", {"file_id": 1, "n": 4097}),
        ("file.read", {"file_id": -1}),
        ("file.close", {"file_id": "1"}),
    ):
        with pytest.raises(Refusal) as refusal:
            await ada.request(method, **(BELL | params))
        assert refusal.value.code == codes.INVALID_ARGUMENT
    await device.settle()
    assert not [m for m in device.inbox if m.get("method", "").startswith("file.")]
