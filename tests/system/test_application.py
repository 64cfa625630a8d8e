"""The application on a virtual board: its users in turn, push to talk, words typed to it."""

import asyncio
import dataclasses
import math
import struct
import wave

import pytest

from callboard_host import board as boards
from callboard_host.demo import call
from callboard_host.demo.callfiles import Files
from callboard_host.demo.stage import APP, MODEL, SN, Stage
from support.covers import covers

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

PYTHONS = [("cpython", 64), ("micropython", 32)]
EVENT_S = 30.0
LOUD = 1000  # of 32767


def quiet(_text: str) -> None:
    pass


def config(stage, python, bits, **changes):
    """A board without sound."""
    options = call.CallOptions(python=python, bits=bits)
    made = call.board_config(stage, Files(stage.folder), options)
    return dataclasses.replace(made, **({"microphone": None, "speaker": None} | changes))


def leds(board):
    """What its LED has shown last."""
    return [line for line in board.last_lines if line.startswith("led: ")][-1]


@covers("V-30", "V-41", "V-44")
@pytest.mark.parametrize(("python", "bits"), PYTHONS)
async def test_the_next_user_is_called_when_one_does_not_answer(tmp_path, python, bits):
    async with Stage(tmp_path, log=quiet) as stage:
        await stage.start_relay()
        await stage.create_accounts()
        users = [stage.open_id]
        first = await stage.start_phone()
        async with stage.admin() as admin:
            user = await admin.invite(APP, "another person")
            await admin.authorise(user["open_id"], MODEL, SN)
        users.append(user["open_id"])
        stage.invitation = user["invitation"]
        second = await stage.start_phone(name="phone2")
        board = await stage.start_board(
            config(stage, python, bits, open_id=" ".join(users), ring_s=(5, 30))
        )
        await board.wait_event("ready", timeout_s=EVENT_S)

        await boards.press(board)
        await first.wait_event("ringing", timeout_s=EVENT_S)
        begun = (await second.wait_event("ringing", timeout_s=EVENT_S))["t_us"]
        for number in (1, 2):
            await board.wait_event("calling", timeout_s=EVENT_S, match={"user": number})
        ended = await first.wait_event("ended", timeout_s=EVENT_S)
        assert ended["reason"] == "cancelled"
        await second.write_line("answer")
        for end in (board, second):
            await end.wait_event("audio_first", timeout_s=EVENT_S, after_us=begun)
        await boards.press(board)
        ended = await second.wait_event("ended", timeout_s=EVENT_S)
        assert ended["reason"] == "hung_up_by_caller"
        seen = (await board.wait_event("ended", timeout_s=EVENT_S, after_us=begun))["t_us"]

        await board.write_line("call")  # by words; both reject
        for phone in (first, second):
            told = await phone.wait_event("ringing", timeout_s=EVENT_S, after_us=seen)
            await phone.write_line("reject")
            await phone.wait_event("ended", timeout_s=EVENT_S, after_us=told["t_us"])
        told = await board.wait_event("unanswered", timeout_s=EVENT_S, after_us=seen)
        assert told["users"] == 2

        await boards.press(board)
        incoming = await first.wait_event("ringing", timeout_s=EVENT_S, after_us=told["t_us"])
        await boards.press(board)  # once more: nothing
        await board.write_line("button long")
        await first.wait_event("ended", timeout_s=EVENT_S, after_us=incoming["t_us"])
        await board.write_line("levels")
        await board.wait_event("levels", timeout_s=EVENT_S)  # what came before was told
        callings = [event["user"] for event in board.events if event["event"] == "calling"]
        assert callings == [1, 2, 1, 2, 1]


def write_tone(path, seconds, rate=16000):
    """A loud tone as a WAV file."""
    samples = [int(12000 * math.sin(n * 2 * math.pi * 400 / rate)) for n in range(rate * seconds)]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


def loud_ms(path):
    """(ms that are loud, ms that are not) of a WAV file, from its first loud 20 ms on."""
    with wave.open(str(path), "rb") as file:
        frame = file.getframerate() // 50
        data = file.readframes(file.getnframes())
    samples = struct.unpack(f"<{len(data) // 2}h", data)
    peaks = [max(map(abs, samples[at : at + frame])) for at in range(0, len(samples), frame)]
    loud = [peak > LOUD for peak in peaks]
    return 20 * sum(loud), 20 * (len(loud) - sum(loud))


@pytest.mark.parametrize(("python", "bits"), PYTHONS)
async def test_push_to_talk(tmp_path, python, bits):
    """The far end hears the board while its button is held, and no longer."""
    async with Stage(tmp_path, log=quiet) as stage:
        await stage.start_relay()
        await stage.create_accounts()
        heard = tmp_path / "phone_heard.wav"
        said = write_tone(tmp_path / "said.wav", 20)
        phone = await stage.start_phone("--speaker", heard, "--microphone", said)
        board = await stage.start_board(
            config(stage, python, bits, duplex="half", microphone=said, codecs=("pcmu",))
        )
        await board.wait_event("ready", timeout_s=EVENT_S)
        await boards.press(board)
        await phone.wait_event("ringing", timeout_s=EVENT_S)
        await phone.write_line("answer")
        await board.wait_event("audio_first", timeout_s=EVENT_S)

        async def until(led, sends, hears=False):
            """Wait until its last frames are as loud as they should be, and its LED shows it."""
            async with asyncio.timeout(EVENT_S):
                while True:
                    seen = call.after_last(board)
                    await board.write_line("levels")
                    told = await board.wait_event("levels", timeout_s=EVENT_S, after_us=seen)
                    fits = told["send"] > -40 if sends else told["send"] == -127
                    if fits and (told["receive"] > -40 or not hears):
                        break
                    await asyncio.sleep(0.1)
            assert leds(board) == led

        await until("led: on", sends=False, hears=True)
        await board.write_line("button press")
        await until("led: talk", sends=True)
        await asyncio.sleep(1.5)
        await board.write_line("mute on")
        await until("led: mute", sends=False)
        await asyncio.sleep(0.5)
        await board.write_line("mute off")
        await board.write_line("button release")
        await until("led: on", sends=False)
        await asyncio.sleep(1.5)
        for _ in range(2):  # two short presses hang up
            await boards.press(board)
        ended = await phone.wait_event("ended", timeout_s=EVENT_S)
        assert ended["reason"] == "hung_up_by_caller"
        await phone.wait_event("stats", timeout_s=EVENT_S)
        loud, silent = loud_ms(heard)
        assert loud >= 1000 and silent >= 1500, (loud, silent)
