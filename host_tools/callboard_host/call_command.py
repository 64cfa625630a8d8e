"""`callboard call`: one call from the shell, as a device to a user or as a user to a device.

A device is a virtual board on this Python; its button is pressed when it is ready. A user is the
phone of `callboard phone`. The exit status tells what became of the call.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callboard import codes
from callboard.errors import RemoteError
from callboard_host import board as boards
from callboard_host import events as event_lines
from callboard_host import phone_command, typed
from callboard_host.board import BoardConfig
from callboard_host.errors import CallFailed, Interrupted
from callboard_host.events import Event
from callboard_host.media_files import check_files
from callboard_host.phone import PhoneConfig
from callboard_host.process import Child

_READY_S = 30.0
_END_S = 30.0  # of a call that was given up
_WORDS = {
    "online": "online",
    "registered": "registered",
    "calling": "calling",
    "ringing": "it rings",
    "answered": "talking",
    "audio_first": "hearing the other end",
    "ended": "the call has ended: {reason}",
}


@dataclass
class Outcome:
    """What became of a call; `watch` is told the events of the end that calls."""

    answered: bool = False
    reason: str | None = None
    error: tuple[int, str] | None = None

    def watch(self, name: str, **fields: Any) -> None:
        """An event."""
        if name == "answered":
            self.answered = True
        elif name == "ended":
            self.reason = fields.get("reason")
        elif name == "error":
            self.error = int(fields.get("code") or codes.AVT_FAILED), str(fields.get("message"))

    def check(self) -> None:
        """Nothing when the two talked and hung up. Raises RemoteError, CallFailed."""
        if self.error is not None and self.reason is None:
            raise RemoteError(self.error[1], self.error[0])
        if not self.answered:
            raise CallFailed(f"the call was not answered: {self.reason or 'it never rang'}")
        if self.reason == codes.END_ABORTED:
            raise CallFailed("the call was aborted: an end was lost")


async def as_user(config: PhoneConfig, machine_readable: bool) -> None:
    """Call a device and stay until the call is over. Raises as Outcome.check does."""
    outcome = Outcome()
    await phone_command.run(config, machine_readable, outcome.watch)
    outcome.check()


async def as_device(
    config: BoardConfig,
    machine_readable: bool,
    hang_up_after: float | None = None,
    give_up_after: float | None = None,
) -> None:
    """Call a user and stay until the call is over. Raises as Outcome.check does; Interrupted."""
    check_files(config.microphone, config.speaker)
    outcome = Outcome()
    show = _show_event if machine_readable else _show_words
    board = await boards.start(config)
    async with board:
        board.on_event = _both(outcome, show)
        keys = asyncio.create_task(_press_when_typed(board))
        try:
            await board.wait_event("ready", "error", timeout_s=_READY_S)
            if outcome.error is None:
                await boards.press(board)
                await _until_over(board, hang_up_after, give_up_after)
            await boards.switch_off(board)
        except asyncio.CancelledError:
            await boards.switch_off(board)
            raise Interrupted("the call was given up") from None
        finally:
            keys.cancel()
    outcome.check()


async def _until_over(
    board: Child, hang_up_after: float | None, give_up_after: float | None
) -> None:
    """Wait for the end, and bring it about when it takes too long."""
    for names, limit_s in (
        (("answered", "ended", "error"), give_up_after),
        (("ended", "error"), hang_up_after),
    ):
        waiting = asyncio.create_task(board.wait_event(*names, timeout_s=10**9))
        done, _ = await asyncio.wait([waiting], timeout=limit_s)
        if not done:
            waiting.cancel()
            await board.write_line("hang up")
            await board.wait_event("ended", timeout_s=_END_S)
            return
        waiting.result()


def _both(outcome: Outcome, show: Callable[[Event], None]) -> Callable[[Event], None]:
    def on_event(event: Event) -> None:
        fields = {name: value for name, value in event.items() if name != "event"}
        outcome.watch(event["event"], **fields)
        show(event)

    return on_event


def _show_event(event: Event) -> None:
    fields = {name: value for name, value in event.items() if name not in ("event", "t_us")}
    event_lines.emit(event["event"], **fields)


def _show_words(event: Event) -> None:
    words = _WORDS.get(event["event"])
    if words is not None:
        with contextlib.suppress(KeyError):
            print(words.format_map(event), flush=True)


async def _press_when_typed(board: Child) -> None:
    """Enter hangs up."""
    async for _ in typed.lines():
        await board.write_line("hang up")
