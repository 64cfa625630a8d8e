"""A phone calls a board, both as processes: sound both ways, every ending, two boards at once."""

import asyncio
import dataclasses
import signal

import pytest

from callboard_host import board as boards
from callboard_host.demo import call
from callboard_host.demo.callfiles import Files
from callboard_host.demo.stage import MODEL, SN, Stage
from support.covers import covers
from system.test_call import clean_call

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

PYTHONS = [("cpython", 64), ("micropython", 32)]
EVENT_S = 20.0
BACK_S = 45.0  # back-off of both ends included
RING_S = 6  # long enough for whoever is to answer, reject or cancel before, on a busy machine
SECOND = "SN0002"


@covers("V-60", "V-63")
async def test_a_call_from_a_phone_loses_nothing_in_either_direction(tmp_path):
    options = call.CallOptions(bits=32, caller=call.PHONE, speech_s=2.0, chirps_s=1.0)
    report = await clean_call(options, tmp_path)
    assert (report["call"]["caller"], report["call"]["reason"]) == ("phone", "hung_up_by_caller")
    assert report["call"]["codec"] == "opus" and report["board"]["bits"] == 32
    assert report["call"]["setup_ms"] > 0 and report["call"]["answer_to_audio_ms"] > 0
    for media in report["media"].values():
        assert media["chirps_missing"] == 0 and media["frames_received"] > 100


class Ends:
    """Boards and a phone on one stage, and what a test does with them."""

    def __init__(self, stage, phone, *some):
        self.stage, self.phone = stage, phone
        self.boards = some
        self.board = some[0]

    def now_us(self):
        """A moment after everything that was told so far."""
        return max(call.after_last(end) for end in (self.phone, *self.boards))

    async def both(self, name, after_us, board=None):
        """That event of the phone and of a board."""
        ends = (self.phone, board or self.board)
        return [await end.wait_event(name, timeout_s=EVENT_S, after_us=after_us) for end in ends]

    async def ring(self):
        """The phone calls and the board rings; when it began."""
        return (await call.dial_and_ring(self.board, self.phone))["t_us"]

    async def talk(self):
        """The phone calls, the board answers, both hear each other; when it began."""
        began = await self.ring()
        await boards.press(self.board)
        await self.both("audio_first", began)
        return began

    async def ended(self, began, reason, board=None):
        """Both have told that the call is over, and why."""
        events = await self.both("ended", began, board)
        assert [event["reason"] for event in events] == [reason, reason]

    def leds(self, board=None):
        """What the board's LED last showed."""
        shown = [line for line in (board or self.board).last_lines if line.startswith("led: ")]
        return shown[-1]


async def start(stage, python, bits, relay_options=(), second=False, **changes):
    """A relay, a phone that has no microphone of its own, and one board or two; all ready."""
    await stage.start_relay(*relay_options)
    await stage.create_accounts()
    options = call.CallOptions(python=python, bits=bits)
    config = dataclasses.replace(
        call.board_config(stage, Files(stage.folder), options),
        microphone=None,
        speaker=None,
        **changes,
    )
    some = [await stage.start_board(config)]
    if second:
        async with stage.admin() as admin:
            ticket = (await admin.ticket(MODEL, SECOND))["ticket"]
            await admin.authorise(stage.open_id, MODEL, SECOND)
        other = dataclasses.replace(
            config, run_dir=stage.folder / "board2", sn=SECOND, ticket=ticket, python="cpython"
        )
        some.append(await stage.start_board(other, "board2"))
    phone = await stage.start_phone()
    for board in some:
        await board.wait_event("ready", timeout_s=EVENT_S)
    return Ends(stage, phone, *some)


@covers("V-41", "V-42", "V-44", "V-60")
@pytest.mark.parametrize(("python", "bits"), PYTHONS)
async def test_every_ending_of_a_call_from_a_phone(tmp_path, python, bits):
    async with Stage(tmp_path, log=lambda text: None) as stage:
        it = await start(stage, python, bits, ("--ring", str(RING_S)))

        began = await it.talk()
        await it.phone.write_line("hang up")
        await it.ended(began, "hung_up_by_caller")

        began = await it.talk()
        await boards.press(it.board)
        await it.ended(began, "hung_up_by_callee")

        began = await it.ring()
        await it.board.write_line("button long")
        await it.ended(began, "rejected")

        began = await it.ring()
        assert it.leds() == "led: ring"
        await it.phone.write_line("hang up")
        await it.ended(began, "cancelled")

        began = await it.ring()  # and nobody answers
        await it.ended(began, "timeout")

        began = await it.ring()
        assert it.leds() == "led: ring"
        it.board.kill(signal.SIGKILL)
        (ended,) = [await it.phone.wait_event("ended", timeout_s=BACK_S, after_us=began)]
        assert ended["reason"] in ("aborted", "timeout")  # gone, or it rang for long enough

        await it.phone.write_line("call")  # nobody was named
        error = await it.phone.wait_event("error", timeout_s=EVENT_S, after_us=ended["t_us"])
        assert "nobody to call" in error["message"]
        await it.phone.write_line(f"call {MODEL}/unknown")
        error = await it.phone.wait_event("error", timeout_s=EVENT_S, match={"code": -2})
        assert "device" in error["message"]


@covers("V-24", "V-43", "V-68")
@pytest.mark.parametrize(("python", "bits"), PYTHONS)
async def test_a_relay_killed_in_a_call_from_a_phone(tmp_path, python, bits):
    """The board tells that it is offline, the sound stops, it is free, and the next call works."""
    async with Stage(tmp_path, log=lambda text: None) as stage:
        it = await start(stage, python, bits, auto_answer=0)
        began = await it.ring()
        await it.both("audio_first", began)  # it answered by itself
        stage.relay.kill(signal.SIGKILL)
        offline = await it.board.wait_event("offline", timeout_s=BACK_S, after_us=began)
        assert offline["status"] == 1  # the network
        await stage.start_relay(port=stage.relay_port)
        await it.ended(began, "aborted")
        for end in (it.board, it.phone):
            await end.wait_event("online", timeout_s=BACK_S, after_us=offline["t_us"])
        second = await it.ring()
        await it.both("audio_first", second)
        await it.phone.write_line("hang up")
        await it.ended(second, "hung_up_by_caller")


@covers("V-29", "V-33", "V-60")
async def test_two_boards_and_one_phone_busy_waiting_and_crossing(tmp_path):
    async with Stage(tmp_path, log=lambda text: None) as stage:
        it = await start(stage, "micropython", 32, second=True)
        one, two = it.boards

        began = await it.talk()  # the phone and the first board talk
        await boards.press(two)
        error = await two.wait_event("error", timeout_s=EVENT_S, after_us=began)
        assert error["code"] == -30003
        await it.phone.write_line("hang up")
        await it.ended(began, "hung_up_by_caller")

        second = (await call.press_and_ring(two, it.phone))["t_us"]  # who waited gets through
        await boards.press(one)
        error = await one.wait_event("error", timeout_s=EVENT_S, after_us=second)
        assert error["code"] == -30003
        await it.phone.write_line("reject")
        await it.ended(second, "rejected", two)

        for _ in range(5):
            await crossing(it)


async def crossing(it):
    """Both press at the same moment: one call comes of it, in which both talk.

    When the phone's request is the first, the board's own call ends as busy and it answers the
    phone's at once, unless that had rung before its button was pressed: then the press answered.
    """
    began = it.now_us()
    await asyncio.gather(boards.press(it.board), it.phone.write_line(f"call {MODEL}/{SN}"))
    first = await it.phone.wait_event("ringing", "rings", timeout_s=EVENT_S, after_us=began)
    if first["event"] == "ringing":  # the board's request was the first
        await it.phone.write_line("answer")
    await it.both("audio_first", began)
    await it.phone.write_line("hang up")
    reason = "hung_up_by_callee" if first["event"] == "ringing" else "hung_up_by_caller"
    for end in (it.phone, it.board):
        match = {"reason": reason}
        await end.wait_event("ended", timeout_s=EVENT_S, after_us=began, match=match)
