"""The keys of `callboard phone`: single keys on a terminal, words on lines from a pipe."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from callboard.errors import CallboardError
from callboard_host.errors import BadInput
from callboard_host.phone import Phone

HELP = (
    "keys: c call, a answer, r reject, h hang up, d devices, y let the new one call, q quit,\n"
    "      k ask for a key frame\n"
    ":  then a line: call, watch, authorise, revoke MODEL/SN; watch; send MODEL/SN {json};\n"
    "   get MODEL/SN NAME [FILE]"
)
_KEYS = {"c": "call", "a": "answer", "r": "reject", "h": "hang up", "q": "quit"}
_KEYS |= {"d": "devices", "y": "authorise", "k": "key frame"}
_LINE_MAX = 5000
_BEGIN_LINE = ":"


async def act(phone: Phone, word: str) -> None:
    """Do what a key or a line says; other words are ignored. `call MODEL/SN`: a board of its own.

    Raises BadInput when nobody was named or what follows is wrong, and what the phone raises.
    """
    word = _KEYS.get(word, word)
    first, _, rest = word.partition(" ")
    if first == "call":
        phone.dial(*_whom(phone, rest))
    elif first == "devices":
        await phone.desk.devices()
    elif first == "authorise" and not rest:
        await phone.desk.authorise_waiting()
    elif first == "authorise":
        await phone.desk.authorise(*board_name(rest))
    elif first == "revoke":
        await phone.desk.revoke(*board_name(rest))
    elif first == "send":
        name, _, text = rest.strip().partition(" ")
        phone.desk.beside(phone.desk.send(*board_name(name), _object(text)))
    elif first == "watch":
        phone.desk.beside(phone.watch(*board_name(rest)) if rest else phone.views.stop())
    elif first == "get":
        phone.desk.beside(phone.views.fetch(*_file(rest)))
    elif word == "answer":
        await phone.answer()
    elif word == "reject":
        await phone.reject()
    elif word == "hang up":
        await phone.hang_up()
    elif word == "key frame":
        phone.want_key_frame()
    elif word == "quit":
        phone.finished.set()


def _file(words: str) -> tuple[str, str, str, Path]:
    """MODEL/SN NAME [FILE]: the arguments of PhoneViews.fetch."""
    parts = words.split()
    if len(parts) not in (2, 3):
        raise BadInput("which file?", "say `get MODEL/SN NAME`, and maybe FILE to write it to")
    return (*board_name(parts[0]), parts[1], Path(parts[2] if parts[2:] else Path(parts[1]).name))


def _whom(phone: Phone, named: str) -> tuple[str, str]:
    """(model_id, sn) of the board to call."""
    to = board_name(named) if named else phone.config.to
    if to is None:
        raise BadInput("nobody to call", "start it with --to MODEL/SN, or say `call MODEL/SN`")
    return to


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadInput(f"{text!r} is no JSON object", 'for example send doorbell/SN0001 {"a": 1}')
    return value


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
    typed = Typed(is_terminal)
    while data := await queue.get():
        for word in typed.words(data.decode("utf-8", "replace")):
            try:
                await act(phone, word.strip())
            except CallboardError as error:
                on_error(error)


class Typed:
    """What was typed, as words: lines from a pipe; on a terminal keys, and lines after a colon."""

    def __init__(self, is_terminal: bool):
        self._is_terminal = is_terminal
        self._line: str | None = None if is_terminal else ""

    def words(self, text: str) -> Iterator[str]:
        """What is complete with `text`."""
        for character in text:
            if self._line is None and character != _BEGIN_LINE:
                yield character
            elif self._line is None:
                self._line = ""
                self._echo(character)
            elif character in "\r\n":
                yield self._line
                self._line = None if self._is_terminal else ""
                self._echo("\n")
            elif character in "\b\x7f" and self._is_terminal:
                self._echo("\b \b" if self._line else "")
                self._line = self._line[:-1]
            else:
                self._line = (self._line + character)[-_LINE_MAX:]
                self._echo(character)

    def _echo(self, text: str) -> None:
        """A terminal whose keys count at once does not show them by itself."""
        if self._is_terminal:
            print(text, end="", flush=True)
