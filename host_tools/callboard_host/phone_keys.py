"""The keys of `callboard phone`: single keys on a terminal, words on lines from a pipe."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator

from callboard_host.phone import Phone

HELP = "keys: a answer, r reject, h hang up, q quit"
_KEYS = {"a": "answer", "r": "reject", "h": "hang up", "q": "quit"}


async def act(phone: Phone, word: str) -> None:
    """Do what a key or a line says; other words are ignored."""
    word = _KEYS.get(word, word)
    if word == "answer":
        await phone.answer()
    elif word == "reject":
        await phone.reject()
    elif word == "hang up":
        await phone.hang_up()
    elif word == "quit":
        phone.finished.set()


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


async def listen(phone: Phone, on_error) -> None:
    """Act on keys until standard input ends."""
    with single_keys() as is_terminal:
        queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=100)
        loop = asyncio.get_running_loop()
        descriptor = sys.stdin.fileno()

        def readable() -> None:
            data = os.read(descriptor, 256)
            if not data:
                loop.remove_reader(descriptor)
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(data)

        try:
            loop.add_reader(descriptor, readable)
        except (OSError, ValueError):
            return  # standard input is a file or closed: nobody presses keys
        try:
            pending = ""
            while data := await queue.get():
                pending += data.decode("utf-8", "replace")
                words = list(pending) if is_terminal else pending.split("\n")
                pending = "" if is_terminal else words.pop()
                for word in words:
                    try:
                        await act(phone, word.strip())
                    except Exception as error:
                        on_error(error)
        finally:
            loop.remove_reader(descriptor)
