"""What goes out: whole lines, in small pieces, with a count of what was lost."""

import asyncio

from callboard.serial.outlet import BYTES_MAX, CALL_PAUSE_MS, CHUNK, Outlet
from support import FakeClock, settle


class Port:
    """A serial port that takes `rate` bytes at a time, when it is ready."""

    def __init__(self, clock):
        self.clock = clock
        self.data = b""
        self.open = True
        self.broken = False
        self.most = CHUNK
        self.writes = []
        self.outlet = Outlet(self.write, lambda: self.open, clock)
        self.task = asyncio.create_task(self.outlet.run())

    def write(self, data):
        assert 0 < len(data) <= CHUNK
        if self.broken:
            raise OSError(5)
        data = data[: self.most]
        self.writes.append((self.clock.ticks_ms(), len(data)))
        self.data += data
        return len(data)


async def test_lines_and_frames_come_whole():
    clock = FakeClock()
    port = Port(clock)
    port.most = 7  # like a pipe that is nearly full
    port.outlet.line("x" * 200)
    await clock.run(5)
    port.outlet.line("second")
    port.outlet.frame(b"\0frame\0")
    await clock.run(200)
    assert port.data == b"x" * 200 + b"\n\0frame\0second\n"
    port.task.cancel()


async def test_nothing_waits_for_a_port_that_takes_nothing():
    clock = FakeClock()
    port = Port(clock)
    port.open = False
    for i in range(1000):
        port.outlet.line("%03d " % i + "x" * 96)
    assert port.outlet.dropped > 900 and port.outlet._waiting <= BYTES_MAX
    await clock.run(100)
    assert port.data == b""
    port.open = True
    await clock.run(10)
    for _ in range(40):
        await settle()
    port.outlet.line("after")
    await clock.run(100)
    lines = port.data.decode().split("\n")
    kept = [line for line in lines if line.endswith("x" * 96)]
    lost = [line for line in lines if "lines lost here" in line]
    assert len(lost) == 1 and lines[-2] == "after"
    assert int(lost[0].split()[3]) == 1000 - len(kept)
    assert kept == ["%03d " % i + "x" * 96 for i in range(len(kept))]
    port.task.cancel()


async def test_during_a_call_it_takes_one_piece_in_a_frame_of_audio():
    clock = FakeClock()
    port = Port(clock)
    port.outlet.gentle = True
    port.outlet.line("x" * 1000)
    await clock.run(CALL_PAUSE_MS * 20)
    times = [at for at, _ in port.writes]
    assert len(times) == 16
    assert all(times[i + 1] - times[i] >= CALL_PAUSE_MS for i in range(15))
    port.task.cancel()


async def test_a_pulled_cable_costs_lines_only():
    clock = FakeClock()
    port = Port(clock)
    port.broken = True
    port.outlet.line("lost")
    await clock.run(50)
    assert port.outlet.dropped == 1
    port.broken = False
    port.outlet.line("again")
    await clock.run(50)
    assert port.data == b"again\n"
    port.task.cancel()


async def test_flush_writes_the_rest_but_does_not_hang():
    clock = FakeClock()
    port = Port(clock)
    port.task.cancel()
    await settle()
    port.outlet.line("last words")
    port.outlet.flush(100)
    assert port.data == b"last words\n"

    def closed():
        clock.advance(1)
        return False

    port.outlet._ready = closed
    port.outlet.line("nobody")
    port.outlet.flush(100)
    assert port.data == b"last words\n"
