"""Who watches a real device, and fetches its files, through a real relay, on each Python."""

import asyncio

import pytest

from callboard import codes
from callboard.media.video import VideoReceiver
from support.covers import covers
from support.pythons import PYTHONS
from support.relay_client import Refusal

from .conftest import MODEL

SN = "SN0001"
BELL = {"model_id": MODEL, "sn": SN}
SCREEN = ["pcmu", "h264", "media-ws"]
PICTURES = [
    b"\0\0\0\1\x67SPS\0\0\0\1\x68PPS\0\0\0\1\x65\x88" + 3000 * b"k",
    b"\0\0\0\1\x41\x9a" + 200 * b"p",
    b"\0\0\0\1\x41\x9a" + 1500 * b"q",
]
FILE = bytes(i * 7 & 255 for i in range(10000))


@pytest.fixture(params=PYTHONS)
async def device(request, world, tmp_path):
    """A registered device whose application gives pictures, online and ready."""
    options = {"camera": True, "file": FILE.hex()}
    async with world.ready_device(request.param, tmp_path / "flash", **options) as wired:
        yield wired


async def show(device, viewer):
    """The device's application gives its pictures to the stream of a viewer."""
    pictures = [picture.hex() for picture in PICTURES]
    assert await device.do("show", visitor=viewer.visitor, pictures=pictures) == len(PICTURES)


class Viewer:
    """A phone that watches: what it was answered, and the pictures that came."""

    def __init__(self, phone, answer, visitor):
        self.phone, self.visitor = phone, visitor
        self.view_id, self.info = answer["view_id"], answer["info"]
        self.pictures = []
        stream = answer["media"]["receive_video"]
        self._receiver = VideoReceiver(stream, self._picture)

    def _picture(self, buf, off, n, pts_ms, key):
        self.pictures.append(bytes(buf[off : off + n]))

    async def sees(self, pictures):
        """These come next, byte for byte."""
        async with asyncio.timeout(10):
            while len(self.pictures) < len(pictures):
                packet = await self.phone.media.get()
                self._receiver.receive(packet, 0, len(packet), 0)
        seen, self.pictures = self.pictures, []
        assert seen == pictures


async def watch(device, phone, **wish):
    """It watches; the Viewer, and what the device was told of it in order."""
    answer = await phone.request("view.start", **BELL, **wish)
    told = await device.do("told")
    return Viewer(phone, answer, told[0][1]), told


@covers("V-45", "V-46", "V-47", "V-51", "V-58", "V-67")
async def test_three_watch_one_leaves_two_keep_receiving(world, device):
    """Each is told by its own visitor number and source address; all see every byte."""
    sources = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
    viewers = []
    for source in sources:
        phone = await world.phone(f"from {source}", source=source, caps=SCREEN)
        viewer, told = await watch(device, phone)
        assert told == [
            ["info", viewer.visitor, {}],
            ["outer net", viewer.visitor, source],
            ["play", viewer.visitor, 0, codes.RES_HIGH, {}],
        ]
        assert viewer.info["fps"] == 15 and viewer.info["codec"] == "h264"
        viewers.append(viewer)
    one, two, three = viewers
    assert len({viewer.visitor for viewer in viewers}) == 3
    await show(device, one)
    for viewer in viewers:
        await viewer.sees(PICTURES)
    await one.phone.request("view.stop", view_id=one.view_id)
    await device.told("stop play", one.visitor)
    await show(device, two)
    for viewer in (two, three):
        await viewer.sees(PICTURES)
    await one.phone.settle()
    assert one.phone.media.empty()
    for viewer in (two, three):
        await viewer.phone.request("view.stop", view_id=viewer.view_id)
        await device.told("stop play", viewer.visitor)
    assert [each for each in await device.do("told") if each[0] == "stop play"] == []


@covers("V-52")
async def test_the_device_has_no_more_in_the_middle_of_a_view(world, device):
    """The viewer gets eof, its connection stays; the device is told of one end."""
    phone = await world.phone(caps=SCREEN)
    viewer, _ = await watch(device, phone)
    await show(device, viewer)
    await viewer.sees(PICTURES)
    await device.do("finish", visitor=viewer.visitor)
    ended = await phone.pushed("view.ended")
    assert ended == {"view_id": viewer.view_id, "reason": "eof"}
    await phone.request("view.stop", view_id=viewer.view_id)
    told = await device.do("told")
    assert [each for each in told if each[0] == "stop play"] == [["stop play", viewer.visitor]]


@covers("V-66")
async def test_the_times_of_a_playback_reach_the_application_unchanged(world, device):
    phone = await world.phone(caps=SCREEN)
    times = {"start_ms": 1_763_640_000_000, "end_ms": 1_763_640_060_000}
    viewer, told = await watch(device, phone, channel=3, res_type=codes.RES_PLAYBACK, args=times)
    assert told[0] == ["info", viewer.visitor, times]
    assert told[-1] == ["play", viewer.visitor, 3, codes.RES_PLAYBACK, times]


@covers("V-57")
async def test_a_file_is_fetched_from_the_device(world, device):
    """Request, chunks and end in order, every byte; left in the middle it is an abort."""
    phone = await world.phone()

    async def fetched(opened, pieces):
        data = b""
        for _ in range(pieces):
            piece = await phone.request("file.read", **BELL, file_id=opened["file_id"], n=4096)
            data += bytes.fromhex(piece["data"])
            if piece["end"]:
                break
        return data

    async def told():
        everything = await device.do("told")
        return [each[1] for each in everything if each[0] == "file"]

    opened = await phone.request("file.open", **BELL, name="log.txt")
    assert opened["size"] == len(FILE) and await fetched(opened, 9) == FILE
    chunk = codes.DOWNLOAD_CHUNK
    assert await told() == [codes.DOWNLOAD_REQUEST, chunk, chunk, chunk, codes.DOWNLOAD_DONE]
    opened = await phone.request("file.open", **BELL, name="log.txt", offset=5000)
    assert await fetched(opened, 1) == FILE[5000:9096]
    await phone.request("file.close", **BELL, file_id=opened["file_id"])
    assert await told() == [codes.DOWNLOAD_REQUEST, chunk, codes.DOWNLOAD_ABORT]
    with pytest.raises(Refusal) as refused:
        await phone.request("file.open", **BELL, name="nothing.txt")
    assert refused.value.code == codes.INVALID_ARGUMENT
