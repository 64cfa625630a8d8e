"""Where a host name leads: remembered while it is good, asked again when it is not."""

from callboard import port_socket
from callboard.errors import NetworkError, TimedOut
from callboard.net import stream as streams

HOST, PORT = "relay.test", 8443


class Names:
    """A resolver and the hosts behind it, in place of port_socket's.

    `where`: the address that the name has, None: no resolver answers. `alive`: addresses where
    the relay is; `silent`: where nobody says a word; `strangers`: where somebody else is.
    """

    def __init__(self, where):
        self.where = where
        self.alive = {where}
        self.silent = set()
        self.strangers = set()
        self.asked = 0
        self.dialled = []

    def __enter__(self):
        self._kept = port_socket.resolve, port_socket.Socket.connect
        port_socket.resolve = self.resolve
        port_socket.Socket.connect = self.connect
        self._forget()
        return self

    def __exit__(self, kind, value, trace):
        port_socket.resolve, port_socket.Socket.connect = self._kept
        self._forget()

    def _forget(self):
        streams._addresses.clear()
        streams._proven.clear()

    async def resolve(self, host, port):
        self.asked += 1
        if self.where is None:
            raise OSError(-2)
        return [(2, self.where)]

    async def connect(self, family, address):
        self.dialled.append(address)
        if address in self.silent:
            from callboard.port import CLOCK

            await CLOCK.sleep_ms(60000)
        if address not in self.alive and address not in self.strangers:
            raise OSError(111)
        return Line(b"" if address in self.strangers else b"hello")

    async def visit(self):
        """Connect and read; what was read, or the error."""
        try:
            stream = await streams.connect(HOST, PORT, timeout_ms=50)
        except NetworkError as error:
            return error
        except TimedOut as error:
            return error
        buf = bytearray(8)
        count = await stream.readinto(memoryview(buf))
        return bytes(buf[:count])


class Line:
    """A connection on which `data` comes, then nothing more."""

    def __init__(self, data):
        self.data = data

    def write(self, buf, off, n):
        return n

    async def readable(self):
        pass

    def readinto(self, view):
        data, self.data = self.data, b""
        view[: len(data)] = data
        return len(data)

    def close(self):
        pass


async def test_a_good_address_is_not_asked_for_again():
    with Names("1.1.1.1") as names:
        for _ in range(3):
            assert await names.visit() == b"hello"
        assert names.asked == 1 and names.dialled == ["1.1.1.1"] * 3


async def test_without_dns_the_old_address_serves():
    """DNS gone: also when the relay itself was away meanwhile."""
    with Names("1.1.1.1") as names:
        assert await names.visit() == b"hello"
        names.where = None
        assert await names.visit() == b"hello" and names.asked == 1
        names.alive = set()
        for _ in range(3):
            assert isinstance(await names.visit(), NetworkError)
        names.alive = {"1.1.1.1"}
        assert await names.visit() == b"hello"
        assert await names.visit() == b"hello" and names.asked == 5
    with Names("1.1.1.1") as names:
        names.where = None  # from the beginning
        error = await names.visit()
        assert isinstance(error, NetworkError) and HOST in error.message
        names.where = "1.1.1.1"
        assert await names.visit() == b"hello"


async def test_the_relay_has_another_address():
    with Names("1.1.1.1") as names:
        assert await names.visit() == b"hello"
        names.where, names.alive = "2.2.2.2", {"2.2.2.2"}
        assert await names.visit() == b"hello"  # nobody listens at the old one
        assert names.dialled == ["1.1.1.1", "1.1.1.1", "2.2.2.2"] and names.asked == 2


async def test_at_the_old_address_nobody_says_a_word():
    with Names("1.1.1.1") as names:
        assert await names.visit() == b"hello"
        names.where, names.alive, names.silent = "2.2.2.2", {"2.2.2.2"}, {"1.1.1.1"}
        assert isinstance(await names.visit(), TimedOut)
        assert await names.visit() == b"hello" and names.dialled[-1] == "2.2.2.2"


async def test_at_the_old_address_is_somebody_else():
    """Whom TLS refuses, or who hangs up."""
    with Names("1.1.1.1") as names:
        assert await names.visit() == b"hello"
        names.where, names.alive, names.strangers = "2.2.2.2", {"2.2.2.2"}, {"1.1.1.1"}
        assert await names.visit() == b""
        assert await names.visit() == b"hello" and names.dialled[-1] == "2.2.2.2"


async def test_so_many_names_are_remembered():
    with Names("1.1.1.1") as names:
        for number in range(20):
            stream = await streams.connect("host%d" % number, PORT)
            await stream.readinto(memoryview(bytearray(8)))
        assert len(streams._addresses) <= 8 and streams._proven <= set(streams._addresses)
        assert names.asked == 20
