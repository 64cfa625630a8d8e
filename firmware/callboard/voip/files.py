"""Files that phones fetch from this device: onDownloadFile (000 §3; PROTOCOL.md §6).

The application has the files. `on_download_file(status, visitor, channel, args)` is called with
codes.DOWNLOAD_REQUEST to learn the size of a file, DOWNLOAD_CHUNK for a piece of it, and then once
with DOWNLOAD_DONE, when the last piece was given, or DOWNLOAD_ABORT. A phone asks for one piece
after the other, so it is never faster than it can take.
"""

from binascii import hexlify

from .. import codes
from ..errors import Busy, CallboardError, InvalidArgument, RemoteError
from ..port import ticks_diff
from .av import CHANNEL

FILES_MAX = 2  # at once
PIECE_MAX = 4096  # bytes
NAME_MAX = 128
SIZE_MAX = 0x3FFFFFFF
IDLE_MS = 30000  # without a request for the next piece it is given up when another one begins


class Files:
    """Arguments: the `av` module, a `clock`."""

    def __init__(self, av, clock):
        self._av = av
        self._clock = clock
        self._files = {}  # id -> File
        self._next = 1
        self._piece = None  # bytearray, once somebody fetches something

    def __len__(self):
        return len(self._files)

    def open(self, params):
        """`file.open`: a visitor wants a file. Returns {"file_id", "size"}.

        Raises InvalidArgument, Busy, and what the application refuses it with.
        """
        visitor, name = _number(params, "visitor", 0x7FFFFFFF), params.get("name")
        if not isinstance(name, str) or not 1 <= len(name) <= NAME_MAX:
            raise InvalidArgument("name must be a text of 1 to %d characters" % NAME_MAX)
        offset = _number(params, "offset", SIZE_MAX)
        self._make_room()
        args = {"name": name, "offset": offset, "size": None}
        self._av.ask("on_download_file", codes.DOWNLOAD_REQUEST, visitor, CHANNEL, args)
        size = args["size"]
        if size is None:
            raise RemoteError("there is no file %s here" % name, codes.INVALID_ARGUMENT)
        if not isinstance(size, int) or not offset <= size <= SIZE_MAX:
            raise InvalidArgument("offset must be 0 to the size of the file, %s" % size)
        if self._piece is None:
            self._piece = bytearray(PIECE_MAX)
        file_id = self._next
        self._next = self._next + 1 & SIZE_MAX or 1
        self._files[file_id] = File(visitor, name, offset, size, self._clock.ticks_ms())
        return {"file_id": file_id, "size": size}

    def _make_room(self):
        """Give up what nobody fetches any more. Raises Busy."""
        if self._av.running:
            raise Busy("a call is going on")
        for file_id in list(self._files):
            if ticks_diff(self._clock.ticks_ms(), self._files[file_id].asked_ms) > IDLE_MS:
                self._abort(file_id)
        if len(self._files) >= FILES_MAX:
            raise Busy("%d files are being fetched already" % FILES_MAX)

    def read(self, params):
        """`file.read`: the next piece, of `n` bytes at most. Returns {"offset", "data", "end"}.

        Raises InvalidArgument when there is no such transfer, and what the application raises; the
        transfer is over then.
        """
        file_id, file = self._find(params)
        if file is None:
            raise InvalidArgument("file_id is no file that you are fetching")
        n = min(_number(params, "n", PIECE_MAX, 1, PIECE_MAX), file.size - file.offset)
        args = {"name": file.name, "offset": file.offset, "n": n, "buf": self._piece}
        try:
            if n:
                self._av.ask("on_download_file", codes.DOWNLOAD_CHUNK, file.visitor, CHANNEL, args)
            got = args["n"]
            if not isinstance(got, int) or not min(n, 1) <= got <= n:
                raise CallboardError("the file could not be read at %d" % file.offset)
        except CallboardError:
            self._abort(file_id)
            raise
        offset = file.offset
        file.offset += got
        file.asked_ms = self._clock.ticks_ms()
        end = file.offset == file.size
        if end:
            self._over(file_id, codes.DOWNLOAD_DONE)
        data = hexlify(memoryview(self._piece)[:got]).decode()
        return {"offset": offset, "data": data, "end": end}

    def close(self, params):
        """`file.close`: the visitor has enough. Nothing happens when it was over."""
        file_id, file = self._find(params)
        if file is not None:
            self._abort(file_id)
        return {}

    def lost(self):
        """The session is over and with it what was being fetched."""
        for file_id in list(self._files):
            self._abort(file_id)

    def _find(self, params):
        """(id, File or None) of a visitor's own transfer."""
        visitor = _number(params, "visitor", 0x7FFFFFFF)
        file_id = _number(params, "file_id", SIZE_MAX)
        file = self._files.get(file_id)
        return file_id, file if file is not None and file.visitor == visitor else None

    def _abort(self, file_id):
        self._over(file_id, codes.DOWNLOAD_ABORT)

    def _over(self, file_id, status):
        file = self._files.pop(file_id)
        args = {"name": file.name, "offset": file.offset}
        self._av.emit("on_download_file", status, file.visitor, CHANNEL, args)


class File:
    """One file on its way to a visitor."""

    def __init__(self, visitor, name, offset, size, asked_ms):
        self.visitor = visitor
        self.name = name
        self.offset = offset  # of the next piece
        self.size = size
        self.asked_ms = asked_ms


def _number(params, name, high, low=0, default=0):
    value = params.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidArgument("%s must be %d to %d" % (name, low, high))
    return value
