"""Timeouts that say what they waited for, and scopes that leave no task behind."""

import asyncio

from callboard.core.scope import Scope, run_with_timeout
from callboard.errors import TimedOut
from support import settle


async def forever(log, name):
    try:
        while True:
            await asyncio.sleep(0)
    finally:
        log.append(name)


async def fails(message):
    await asyncio.sleep(0)
    raise ValueError(message)


async def test_timeout_names_what_was_waited_for():
    ended = []
    try:
        await run_with_timeout(15, forever(ended, "work"), "fetching the key")
        raise AssertionError("no TimedOut")
    except TimedOut as error:
        assert error.message == "fetching the key took longer than 15 ms"
    assert ended == ["work"]


async def test_results_and_errors_pass_through():
    async def answer():
        return 42

    async def own_timeout():
        raise TimedOut("inner")

    assert await run_with_timeout(1000, answer(), "x") == 42
    for coro, kind, words in (
        (fails("inner"), ValueError, "inner"),
        (own_timeout(), TimedOut, "inner (code 4)"),
    ):
        try:
            await run_with_timeout(1000, coro, "x")
            raise AssertionError("nothing raised")
        except kind as error:
            assert str(error) == words


async def test_leaving_a_scope_cancels_and_waits():
    ended = []
    async with Scope() as scope:
        scope.start(forever(ended, "a"))
        scope.start(forever(ended, "b"))
        await settle()
        assert ended == []
    assert sorted(ended) == ["a", "b"]


async def test_a_failed_task_is_raised_at_the_end():
    ended = []
    try:
        async with Scope() as scope:
            scope.start(forever(ended, "a"))
            scope.start(fails("first"))
            await settle()
            assert isinstance(scope.failed(), ValueError)
        raise AssertionError("nothing raised")
    except ValueError as error:
        assert str(error) == "first"
    assert ended == ["a"]


async def test_the_block_own_error_wins():
    ended = []
    try:
        async with Scope() as scope:
            scope.start(forever(ended, "a"))
            scope.start(fails("of a task"))
            await settle()
            raise KeyError("of the block")
    except KeyError:
        pass
    assert ended == ["a"]


async def test_cancelling_the_owner_cancels_the_scope():
    ended = []

    async def owner():
        async with Scope() as scope:
            scope.start(forever(ended, "a"))
            await forever(ended, "owner")

    task = asyncio.create_task(owner())
    await settle()
    task.cancel()
    try:
        await task
        raise AssertionError("not cancelled")
    except asyncio.CancelledError:
        pass
    assert ended == ["owner", "a"]


async def test_a_task_that_has_ended_is_no_trouble():
    async def quick():
        return 1

    async with Scope() as scope:
        task = scope.start(quick())
        await settle()
        assert task.done()
