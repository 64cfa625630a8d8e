"""Files fetched from a device: what the application is told in order, every refusal and end."""

from binascii import unhexlify

from voip_bench import Bench

from callboard import codes
from callboard.errors import InvalidArgument, RemoteError
from support import settle

CONTENT = bytes([i * 7 & 255 for i in range(10000)])
REQUEST, CHUNK = codes.DOWNLOAD_REQUEST, codes.DOWNLOAD_CHUNK
DONE, ABORT = codes.DOWNLOAD_DONE, codes.DOWNLOAD_ABORT


class Rig(Bench):
    """A device with one file, `log.txt`."""

    async def up(self):
        await self.ready()
        self.told = []
        self.gives = 4096  # bytes in a piece, at most
        self.fails = None
        self.client._av._events.off("on_download_file", self.seen.on_download_file)
        self.client._av._events.on("on_download_file", self._download)
        return self

    def _download(self, status, visitor, channel, args):
        self.told.append((status, visitor, args["name"], args["offset"]))
        if self.fails is not None:
            raise self.fails
        if status == REQUEST:
            args["size"] = len(CONTENT) if args["name"] == "log.txt" else None
        elif status == CHUNK:
            n = args["n"] = min(args["n"], self.gives)
            args["buf"][:n] = CONTENT[args["offset"] : args["offset"] + n]

    async def ask(self, method, **params):
        params.setdefault("visitor", 5)
        answer = self.push("file." + method, params)
        await settle()
        return answer[0]

    async def fetch(self, opened, n=4096):
        """The rest of a file; its bytes."""
        data = b""
        while True:
            piece = await self.ask("read", file_id=opened["file_id"], n=n)
            data += unhexlify(piece["data"])
            if piece["end"]:
                return data


# covers: V-57
async def test_a_file_piece_by_piece():
    rig = await Rig().up()
    opened = await rig.ask("open", name="log.txt")
    assert opened["size"] == 10000
    assert await rig.fetch(opened) == CONTENT
    assert rig.told == [
        (REQUEST, 5, "log.txt", 0),
        (CHUNK, 5, "log.txt", 0),
        (CHUNK, 5, "log.txt", 4096),
        (CHUNK, 5, "log.txt", 8192),
        (DONE, 5, "log.txt", 10000),
    ]
    again = await rig.ask("read", file_id=opened["file_id"], n=10)
    assert isinstance(again, RemoteError) and again.code == codes.INVALID_ARGUMENT
    await rig.close()


# covers: V-57
async def test_from_an_offset_in_small_pieces():
    rig = await Rig().up()
    rig.gives = 700
    opened = await rig.ask("open", name="log.txt", offset=7000)
    assert await rig.fetch(opened, 1000) == CONTENT[7000:]
    assert rig.told[-1] == (DONE, 5, "log.txt", 10000)
    opened = await rig.ask("open", name="log.txt", offset=10000)
    assert await rig.fetch(opened) == b""
    assert [each[0] for each in rig.told[-2:]] == [REQUEST, DONE]
    await rig.close()


# covers: V-57
async def test_every_other_end_is_an_abort():
    rig = await Rig().up()
    opened = await rig.ask("open", name="log.txt")
    await rig.ask("read", file_id=opened["file_id"])
    assert await rig.ask("close", file_id=opened["file_id"], visitor=6) == {}, "somebody else's"
    assert rig.told[-1][0] == CHUNK
    for _ in range(2):
        assert await rig.ask("close", file_id=opened["file_id"]) == {}
    assert [each[0] for each in rig.told] == [REQUEST, CHUNK, ABORT]
    opened = await rig.ask("open", name="log.txt")
    rig.fails = InvalidArgument("the card was pulled out")
    error = await rig.ask("read", file_id=opened["file_id"])
    assert error.message == "the card was pulled out"
    rig.fails = None
    assert rig.told[-1][0] == ABORT
    opened = await rig.ask("open", name="log.txt")
    rig.gives = 0
    assert (await rig.ask("read", file_id=opened["file_id"])).code == codes.AVT_FAILED
    assert rig.told[-1][0] == ABORT
    await rig.ask("open", name="log.txt")
    rig.relay.restart()
    await rig.clock.run(60000)
    assert rig.told[-1][0] == ABORT and rig.client.online
    await rig.close()


async def test_who_is_refused():
    rig = await Rig().up()
    for params in (
        {},
        {"name": ""},
        {"name": 129 * "n"},
        {"name": 5},
        {"name": "log.txt", "offset": -1},
        {"name": "log.txt", "offset": 10001},
        {"name": "log.txt", "offset": True},
        {"name": "log.txt", "visitor": -1},
        {"name": "no such file"},
    ):
        error = await rig.ask("open", **params)
        assert isinstance(error, RemoteError) and error.code == codes.INVALID_ARGUMENT, params
    opened = await rig.ask("open", name="log.txt")
    for params in ({"n": 0}, {"n": 4097}, {"n": "1"}, {"visitor": 6}, {"file_id": 99}):
        params.setdefault("file_id", opened["file_id"])
        error = await rig.ask("read", **params)
        assert isinstance(error, RemoteError) and error.code == codes.INVALID_ARGUMENT, params
    await rig.ask("open", name="log.txt", visitor=6)
    assert (await rig.ask("open", name="log.txt", visitor=7)).code == codes.AVT_BUSY
    rig.clock.advance(31000)
    assert "size" in await rig.ask("open", name="log.txt", visitor=7)
    assert sorted([each[1] for each in rig.told if each[0] == ABORT]) == [5, 6]
    await rig.close()
    rig = await Rig().up()
    await rig.talk()
    assert (await rig.ask("open", name="log.txt")).code == codes.AVT_BUSY, "nothing stalls a call"
    await rig.close()


async def test_an_application_without_files():
    bench = Bench()
    await bench.ready()
    bench.client._av._events.off("on_download_file", bench.seen.on_download_file)
    answer = bench.push("file.open", {"visitor": 1, "name": "x", "offset": 0})
    await settle()
    (error,) = answer
    assert error.code == codes.RPC_METHOD_NOT_FOUND
    await bench.close()
