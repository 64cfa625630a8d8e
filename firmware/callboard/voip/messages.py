"""Notices to users, and commands both ways (000 §3: sendMsgNotice, onRecvCommand; PROTOCOL.md §4).

A command's `args` go in and out: the callback changes the dict that it is given, and what is then
in it goes back to who asked.
"""

from .. import codes
from ..errors import InvalidArgument, ProtocolError
from ..port import json_text
from .av import RES_TYPE

NOTICE_BYTES = 2048  # of a notice, as JSON
ARGS_BYTES = 4096  # of a command's args, as JSON
LEVELS = 8  # objects in objects
NOTICE_MS = 10000
COMMAND_MS = 15000  # the relay gives the other end 10 s


class Messages:
    """The messages of a device. Arguments: the `link`, the `av` module."""

    def __init__(self, link, av):
        self._link = link
        self._av = av

    async def send_notice(self, open_id, notice):
        """Tell a user `notice`: text, or a dict with the text people read in "text".

        Returns its id once the relay keeps it; the phone shows it when it is online. Raises
        InvalidArgument, RemoteError (-20, -7, -19, -8, -9, -32003), NetworkError.
        """
        if isinstance(notice, str):
            notice = {"text": notice}
        params = {"open_id": open_id, "notice": checked("notice", notice, NOTICE_BYTES)}
        answer = await self._link.request("notice.send", params, NOTICE_MS)
        return answer.get("notice_id") if isinstance(answer, dict) else None

    async def send_command(self, open_id, args):
        """Ask a user's phone something; returns the dict it answers.

        Raises InvalidArgument, RemoteError (also 3: it is offline, 4: it does not answer, and what
        the phone refused with), NetworkError.
        """
        params = {"open_id": open_id, "args": checked("args", args, ARGS_BYTES)}
        answer = await self._link.request("command.send", params, COMMAND_MS)
        args = answer.get("args") if isinstance(answer, dict) else None
        if not isinstance(args, dict):
            raise ProtocolError("the answer to a command has no args")
        return args

    def command(self, params):
        """`command`: somebody asks the application; its callback's changes are the answer."""
        args, visitor = params.get("args"), params.get("visitor")
        if not isinstance(args, dict):
            raise InvalidArgument("args must be an object")
        if not isinstance(visitor, int) or not 0 <= visitor <= 0x7FFFFFFF:
            raise InvalidArgument("visitor must be an unsigned 31-bit number")
        self._av.ask("on_recv_command", codes.COMMAND_USER_DEFINE, visitor, RES_TYPE, args)
        return {"args": checked("args", args, ARGS_BYTES)}


def checked(name, value, limit):
    """`value` again, if it is a dict that JSON can carry. Raises InvalidArgument."""
    if not isinstance(value, dict) or not _is_plain(value, LEVELS):
        text = "%s must be a dict of text, integers, booleans, None, lists and dicts, %d deep"
        raise InvalidArgument(text % (name, LEVELS))
    if len(json_text(value).encode()) > limit:
        raise InvalidArgument("%s has more than %d bytes as JSON" % (name, limit))
    return value


def _is_plain(value, levels):
    if isinstance(value, dict):
        return levels > 0 and all(
            isinstance(name, str) and _is_plain(value[name], levels - 1) for name in value
        )
    if isinstance(value, list):
        return levels > 0 and all(_is_plain(each, levels - 1) for each in value)
    return value is None or isinstance(value, (str, int, bool))
