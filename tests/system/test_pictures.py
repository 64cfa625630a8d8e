"""Calls with pictures, as processes: every byte arrives, key frames on request, sound first."""

import asyncio
import contextlib
import dataclasses
import shutil
import subprocess
from io import BytesIO
from itertools import pairwise

import pytest

from callboard.errors import InvalidArgument
from callboard.media import camera
from callboard_host.demo import call
from callboard_host.demo.callfiles import Files
from callboard_host.demo.stage import APP, MODEL, SN, Stage
from support.covers import covers
from support.throttle import Throttle

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

FPS = 15
EVENT_S = 30
ATTEMPTS = 5  # a board or phone that got no time for 60 ms has lost a picture or a word
PYTHONS = [("micropython", 32), ("cpython", 64)]


def quiet(_text):
    pass


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Four seconds of 640×360 at 500 kb/s with a key frame each two, by x264."""
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    path = tmp_path_factory.mktemp("film") / "film.h264"
    moving = ("-f", "lavfi", "-i", f"testsrc2=size=640x360:rate={FPS}")
    coding = ("-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-b:v", "500k")
    rhythm = ("-g", str(2 * FPS), "-frames:v", str(4 * FPS), "-pix_fmt", "yuv420p")
    command = ["ffmpeg", "-v", "error", "-nostdin", *moving, *coding, *rhythm, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def pictures_of(path):
    """The pictures of a file, each a tuple of its NAL units without start codes."""
    data = path.read_bytes()
    starts, _ = camera.index(BytesIO(data))
    pictures = [data[starts[i] : starts[i + 1]] for i in range(len(starts) - 1)]
    return [
        tuple(unit.rstrip(b"\0") for unit in picture.split(b"\0\0\1") if unit.strip(b"\0"))
        for picture in pictures
    ]


def keys_of(path):
    return list(camera.index(BytesIO(path.read_bytes()))[1])


async def until_it_shows(enough):
    """Wait for what is in a file while it is written."""
    async with asyncio.timeout(EVENT_S):
        while True:
            with contextlib.suppress(InvalidArgument, FileNotFoundError):  # nothing yet
                if enough():
                    return
            await asyncio.sleep(0.1)


def early_keys(path):
    """Key frames that came before the film's own next one."""
    return [key for before, key in pairwise(keys_of(path)) if key - before < 2 * FPS - 1]


async def staged(stage, files, options, film, *phone_options, port=None, **board_parts):
    """Relay, phone with a screen, and a board with a camera; ready to call."""
    await asyncio.to_thread(call.write_speech, files, options)
    await stage.start_relay()
    await stage.create_accounts()
    config = call.board_config(stage, files, options)
    config = dataclasses.replace(config, camera=film, camera_fps=FPS, **board_parts)
    if port is not None:
        config = dataclasses.replace(config, relay_url=f"https://127.0.0.1:{port(stage)}")
    sounds = ("--microphone", files.said("phone"), "--speaker", files.heard("phone"))
    screen = ("--screen", files.folder / "phone_saw.h264", "--rate", "48000")
    phone = await stage.start_phone(*sounds, *screen, "--answer-after", "0.2", *phone_options)
    board = await stage.start_board(config)
    await board.wait_event("ready", timeout_s=EVENT_S)
    return phone, board


@covers("V-31", "V-32", "V-51")
@pytest.mark.parametrize(("python", "bits"), PYTHONS)
async def test_a_film_arrives_byte_for_byte_beside_the_voice(tmp_path, film, python, bits):
    options = call.CallOptions(python=python, bits=bits, speech_s=4.0, chirps_s=1.2)
    talk_s = options.plan.total_s + 0.4
    for attempt in range(ATTEMPTS):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        async with Stage(folder, log=quiet) as stage:
            hang_up = ("--hang-up-after", str(talk_s))
            phone, board = await staged(stage, Files(folder), options, film, *hang_up)
            events = await call.talk(stage, board, phone, Silent(), talk_s)
        stats = events.stats("board")
        report, _bars = await asyncio.to_thread(call.publish, events, Files(folder), options)
        frames_lost = report["media"]["board_to_phone"]["frames_lost"]
        if stats["pictures_dropped"] == frames_lost == 0:
            break
    saw, shown = pictures_of(folder / "phone_saw.h264"), pictures_of(film)
    assert len(saw) >= 4 * FPS and saw == (shown * 4)[: len(saw)], "every NAL unit, in order"
    on_their_way = stats["pictures_sent"] - len(saw)  # when the phone hung up
    assert 0 <= on_their_way < FPS // 2 and stats["pictures_dropped"] == 0
    assert events.stats("phone")["pictures_broken"] == 0
    assert report["call"]["result"] == "completed"
    assert frames_lost == 0, report["media"]["board_to_phone"]["frames_lost_where"]


@covers("V-51")
async def test_a_key_frame_follows_a_request(tmp_path, film):
    options = call.CallOptions(python="micropython", bits=32, speech_s=4.0)
    files = Files(tmp_path)
    async with Stage(tmp_path, log=quiet) as stage:
        phone, board = await staged(stage, files, options, film)
        await call.press_and_ring(board, phone)
        await phone.wait_event("picture_first", timeout_s=EVENT_S)
        await phone.write_line("key frame")
        path = tmp_path / "phone_saw.h264"
        await until_it_shows(lambda: early_keys(path))
        await phone.write_line("hang up")
        await phone.wait_event("ended", timeout_s=EVENT_S)
    saw, shown = pictures_of(path), pictures_of(film)
    assert saw[0] == shown[0] and keys_of(path)[0] == 0
    assert all(saw[key] in [shown[own] for own in keys_of(film)] for key in early_keys(path))


@covers("V-48", "V-49", "V-50")
async def test_pictures_both_ways_in_a_call_from_the_phone(tmp_path, film):
    options = call.CallOptions(python="micropython", bits=64, speech_s=4.0)
    for attempt in range(ATTEMPTS):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        seen = [folder / "board_saw.h264", folder / "phone_saw.h264"]
        async with Stage(folder, log=quiet) as stage:
            more = ("--camera", film, "--camera-fps", str(FPS))
            parts = stage, Files(folder), options, film
            phone, board = await staged(*parts, *more, screen=seen[0])
            await call.dial_and_ring(board, phone)
            await call.boards.press(board)
            for end in (phone, board):
                await end.wait_event("picture_first", timeout_s=EVENT_S)
                await end.wait_event("audio_first", timeout_s=EVENT_S)
            await until_it_shows(lambda seen=seen: min(len(pictures_of(p)) for p in seen) > FPS)
            await phone.write_line("hang up")
            stats = [await end.wait_event("stats", timeout_s=EVENT_S) for end in (phone, board)]
            for end in (phone, board):
                await end.wait_event("ended", timeout_s=EVENT_S)
        if not any(each["pictures_dropped"] for each in stats):
            break
    for path in seen:
        saw = pictures_of(path)
        assert len(saw) >= FPS and saw == (pictures_of(film) * 9)[: len(saw)], path.name


@covers("V-46", "V-47", "V-67")
async def test_two_phones_watch_a_board_without_a_call(tmp_path, film):
    options = call.CallOptions(python="micropython", bits=32, speech_s=4.0)
    async with Stage(tmp_path, log=quiet) as stage:
        ada, board = await staged(stage, Files(tmp_path), options, film)
        async with stage.admin() as admin:
            bob = await admin.invite(APP, "Bob")
            await admin.authorise(bob["open_id"], MODEL, SN)
        stage.invitation = bob["invitation"]
        bob = await stage.start_phone("--screen", tmp_path / "bob_saw.h264", name="bob")
        for phone in (ada, bob):
            await phone.write_line(f"watch {MODEL}/{SN}")
            watching = await phone.wait_event("watching", timeout_s=EVENT_S)
            assert watching["info"]["fps"] == FPS
            await phone.wait_event("picture_first", timeout_s=EVENT_S)
        both = tmp_path / "phone_saw.h264", tmp_path / "bob_saw.h264"
        await until_it_shows(lambda: min(len(pictures_of(path)) for path in both) > FPS)
        await ada.write_line("watch")
        await ada.wait_event("watched", timeout_s=EVENT_S)
        alone = len(pictures_of(both[1]))
        await until_it_shows(lambda: len(pictures_of(both[1])) > alone + FPS)
        await board.write_line("quit")
        ended = await bob.wait_event("watched", timeout_s=EVENT_S)
        assert ended["reason"] == "aborted" and ended["pictures_broken"] == 0
    shown = pictures_of(film)
    for path in both:
        assert set(pictures_of(path)) <= set(shown), path.name


@covers("V-53", "V-54")
async def test_on_a_slow_line_pictures_give_way_to_the_voice(tmp_path, film):
    options = call.CallOptions(python="micropython", bits=32, speech_s=6.0, chirps_s=1.2)
    for attempt in range(ATTEMPTS):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        voice = await voice_beside_half_a_film(folder, options, film)
        untouched = voice["frames_lost"] == voice["missing_windows"] == 0
        untouched = untouched and voice["stoi"] >= voice["stoi_codec_only"] - 0.02
        if untouched and voice["mouth_to_ear_ms"]["p95"] < 400:
            return
    raise AssertionError(voice)


async def voice_beside_half_a_film(folder, options, film):
    """A call on a line that has no room for all pictures: what it was worth to who listened."""
    files, talk_s = Files(folder), options.plan.total_s + 0.4
    async with Stage(folder, log=quiet) as stage, Throttle(0) as slow:

        def port(stage):
            slow._target = stage.relay_port
            return slow.port

        hang_up = ("--hang-up-after", str(talk_s))
        phone, board = await staged(stage, files, options, film, *hang_up, port=port)
        slow.upward = 30_000  # half of what the film needs
        events = await call.talk(stage, board, phone, Silent(), talk_s)
        report, _bars = await asyncio.to_thread(call.publish, events, files, options)
    stats = events.stats("board")
    assert stats["pictures_dropped"] > 5
    saw, shown = pictures_of(folder / "phone_saw.h264"), pictures_of(film)
    assert saw and set(saw) <= set(shown), "what is seen is whole"
    levels = [event["level"] for event in events.board if event["event"] == "congestion"]
    assert levels and levels[0] == "high"
    return report["media"]["board_to_phone"]


class Silent:
    """Steps that nobody watches."""

    def __call__(self, text):
        pass

    async def while_waiting(self, text, seconds, awaitable):
        return await awaitable
