"""The supervisor: restarts what fails, later and later, and says why."""

import asyncio

from callboard.core.supervisor import STEADY_MS, Supervisor
from support import FakeClock, settle


def middle(count):
    return b"\x7f\xff"[:count]


def near(values, expected):
    return len(values) == len(expected) and all(abs(a - b) <= 5 for a, b in zip(values, expected))


async def test_restarts_with_back_off_and_reports_why():
    clock = FakeClock()
    reports = []
    started_ms = []

    async def fails():
        started_ms.append(clock.ticks_ms() - 1000)
        raise OSError(104)

    supervisor = Supervisor(clock, lambda *args: reports.append(args), random=middle)
    supervisor.start("link", fails)
    await clock.run(4000)
    assert near(started_ms, [0, 500, 1500, 3500]), started_ms
    assert [report[0] for report in reports] == ["link"] * 4
    assert all(isinstance(report[1], OSError) for report in reports)
    assert near([report[2] for report in reports], [500, 1000, 2000, 4000])
    assert supervisor.restarts["link"] == 4
    await supervisor.stop()
    await clock.run(60000)
    assert len(started_ms) == 4, "a stopped task ran again"


async def test_a_steady_task_starts_its_back_off_anew():
    clock = FakeClock()
    delays = []

    async def works_a_while():
        await clock.sleep_ms(STEADY_MS)
        raise ValueError("x")

    supervisor = Supervisor(clock, lambda *args: delays.append(args[2]), random=middle)
    supervisor.start("a", works_a_while)
    await clock.run(3 * STEADY_MS + 3000)
    assert near(delays, [500, 500, 500]), delays
    await supervisor.stop()


async def test_a_task_that_returns_is_not_started_again():
    clock = FakeClock()
    runs = []

    async def once():
        runs.append(1)

    supervisor = Supervisor(clock, lambda *args: runs.append(args), random=middle)
    supervisor.start("once", once)
    await clock.run(60000)
    assert runs == [1] and supervisor.running() == []
    supervisor.start("once", once)  # its name is free
    await settle()
    assert runs == [1, 1]


async def test_stop_cancels_one_or_all_and_waits():
    clock = FakeClock()
    ended = []

    def sleeper(name):
        async def run():
            try:
                await clock.sleep_ms(1000000)
            finally:
                ended.append(name)

        return run

    supervisor = Supervisor(clock, lambda *args: None)
    for name in ("a", "b", "c"):
        supervisor.start(name, sleeper(name))
    await settle()
    await supervisor.stop("b")
    assert ended == ["b"] and sorted(supervisor.running()) == ["a", "c"]
    await supervisor.stop()
    assert sorted(ended) == ["a", "b", "c"] and supervisor.running() == []
    await supervisor.stop("unknown")


async def test_a_name_runs_once():
    supervisor = Supervisor(FakeClock(), lambda *args: None)

    async def run():
        await asyncio.sleep(10)

    supervisor.start("a", run)
    try:
        supervisor.start("a", run)
        raise AssertionError("started twice")
    except ValueError as error:
        assert "a" in str(error)
    await supervisor.stop()
