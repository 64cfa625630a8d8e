"""The keys of `callboard phone`: single keys on a terminal, words on lines from a pipe."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from callboard.errors import CallboardError
from callboard_host.errors import BadInput
from callboard_host.phone import Phone

HELP = "keys: c call, a answer, r reject, h hang up, q quit"
_KEYS = {"c": "call", "a": "answer", "r": "reject", "h": "hang up", "q": "quit"}
_LINE_MAX = 100


async def act(phone: Phone, word: str) -> None:
    """Do what a key or a line says; other words are ignored. `call MODEL/SN`: a board of its own.

    Raises BadInput when nobody was named to call, and what the phone's methods raise.
    """
    word = _KEYS.get(word, word)
    if word.split(" ")[0] == "call":
        phone.dial(*_whom(phone, word.partition(" ")[2]))
    elif word == "answer":
        await phone.answer()
    elif word == "reject":
        await phone.reject()
    elif word == "hang up":
        await phone.hang_up()
    elif word == "quit":
        phone.finished.set()


def _whom(phone: Phone, named: str) -> tuple[str, str]:
    """(model_id, sn) of the board to call."""
    to = board_name(named) if named else phone.config.to
    if to is None:
        raise BadInput("nobody to call", "start it with --to MODEL/SN, or say `call MODEL/SN`")
    return to


def board_name(text: str) -> tuple[str, str]:
    """(model_id, sn) of `MODEL/SN`. Raises BadInput."""
    model_id, slash, sn = text.strip().partition("/")
    if not (model_id and slash and sn):
        raise BadInput(f"{text!r} is not MODEL/SN", "for example doorbell/SN0001")
    return model_id, sn


@contextlib.contextmanager
def single_keys() -> Iterator[bool]:
    """While inside, a key counts without Enter. Yields False when there is no terminal."""
    if not sys.stdin.isatty():
        yield False
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield True
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


async def listen(phone: Phone, on_error: Callable[[Exception], None]) -> None:
    """Act on keys until standard input ends; at once when there is none."""
    queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=100)
    loop = asyncio.get_running_loop()

    def readable() -> None:
        data = os.read(descriptor, 256)
        if not data:
            loop.remove_reader(descriptor)
        with contextlib.suppress(asyncio.QueueFull):
            queue.put_nowait(data)

    try:
        descriptor = sys.stdin.fileno()
        loop.add_reader(descriptor, readable)
    except (AttributeError, OSError, ValueError):
        return  # it is closed, or a file: nobody presses keys
    try:
        with single_keys() as is_terminal:
            await _act_on(queue, phone, is_terminal, on_error)
    finally:
        loop.remove_reader(descriptor)


async def _act_on(
    queue: asyncio.Queue[bytes],
    phone: Phone,
    is_terminal: bool,
    on_error: Callable[[Exception], None],
) -> None:
    pending = ""
    while data := await queue.get():
        pending += data.decode("utf-8", "replace")
        words = list(pending) if is_terminal else pending.split("\n")
        pending = "" if is_terminal else words.pop()[-_LINE_MAX:]
        for word in words:
            try:
                await act(phone, word.strip())
            except CallboardError as error:
                on_error(error)
