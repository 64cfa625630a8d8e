"""The bounded queue: order, bound, drops, waiting."""

import asyncio

from callboard.core.queue import BoundedQueue
from support import settle


async def test_keeps_order_and_counts_what_it_drops():
    queue = BoundedQueue(3)
    assert [queue.put_nowait(i) for i in range(5)] == [True, True, True, False, False]
    assert queue.dropped == 2 and len(queue) == 3
    for expected in range(3):
        assert await queue.get() == expected
    assert queue.put_nowait(7) and await queue.get() == 7
    assert queue.dropped == 2


async def test_a_getter_waits():
    queue = BoundedQueue(2)
    got = []

    async def getter():
        while True:
            got.append(await queue.get())

    task = asyncio.create_task(getter())
    await settle()
    assert got == []
    queue.put_nowait("a")
    await settle()
    queue.put_nowait("b")
    queue.put_nowait("c")
    await settle()
    assert got == ["a", "b", "c"] and len(queue) == 0
    task.cancel()


async def test_each_item_goes_to_one_getter():
    queue = BoundedQueue(8)
    got = []

    async def getter():
        got.append(await queue.get())

    tasks = [asyncio.create_task(getter()) for _ in range(3)]
    await settle()
    queue.put_nowait(1)
    await settle()
    assert got == [1]
    queue.put_nowait(2)
    queue.put_nowait(3)
    for task in tasks:
        await task
    assert sorted(got) == [1, 2, 3]


async def test_a_cancelled_getter_takes_nothing():
    queue = BoundedQueue(2)
    task = asyncio.create_task(queue.get())
    await settle()
    task.cancel()
    await settle()
    queue.put_nowait(1)
    assert await queue.get() == 1


async def test_clear_forgets_without_counting():
    queue = BoundedQueue(2)
    queue.put_nowait(1)
    queue.clear()
    assert len(queue) == 0 and queue.dropped == 0
