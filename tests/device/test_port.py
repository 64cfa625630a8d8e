"""The port: time, hashes and files behave the same on every Python."""

import asyncio
import json
import os
import sys

from callboard import port, port_socket
from callboard.errors import InvalidArgument, TimedOut
from callboard.net import tls
from support import FakeClock, SkipTest, raises, settle

WRAP = 0x40000000
LATE_MS = 15000  # a busy machine may be


def hex_of(data):
    return "".join("%02x" % byte for byte in data)


def test_ticks_wrap_at_2_to_the_30():
    assert 0 <= port.ticks_ms() < WRAP
    assert 0 <= port.ticks_us() < WRAP
    assert port.ticks_add(WRAP - 1, 1) == 0
    assert port.ticks_add(0, -1) == WRAP - 1
    assert port.ticks_diff(5, WRAP - 5) == 10
    assert port.ticks_diff(WRAP - 5, 5) == -10
    assert port.ticks_diff(7, 7) == 0
    assert port.ticks_diff(0x20000000 - 1, 0) == 0x20000000 - 1


async def test_clock_runs_and_sleeps():
    clock = port.CLOCK
    start_ms, start_us, start_epoch = clock.ticks_ms(), clock.ticks_us(), clock.epoch_ms()
    await clock.sleep_ms(30)
    assert 29 <= port.ticks_diff(clock.ticks_ms(), start_ms) < LATE_MS
    assert 29000 <= port.ticks_diff(clock.ticks_us(), start_us) < LATE_MS * 1000
    assert 28 <= clock.epoch_ms() - start_epoch < LATE_MS


def test_epoch_can_be_corrected():
    before = port.epoch_ms()
    assert before > 1577836800000, "the test machine's clock is before 2020"
    try:
        port.set_epoch_ms(1763640000123)
        assert 0 <= port.epoch_ms() - 1763640000123 < LATE_MS
    finally:
        port.set_epoch_ms(before)


async def test_pacer_keeps_absolute_deadlines():
    clock = FakeClock(start_ms=WRAP - 30)
    pacer = port.Pacer(clock)
    woken_us = []

    async def tick():
        deadline_us = clock.ticks_us()
        for _ in range(4):
            deadline_us = port.ticks_add(deadline_us, 12500)
            await pacer.until(deadline_us)
            woken_us.append(port.ticks_diff(clock.ticks_us(), deadline_us))

    task = asyncio.create_task(tick())
    await clock.run(100)
    await task
    assert woken_us == [500, 0, 500, 0]  # up to 1 ms late, and no drift


async def test_pacer_does_not_wait_for_the_past():
    clock = FakeClock()
    await port.Pacer(clock).until(port.ticks_add(clock.ticks_us(), -5000))


async def test_wait_for_ms_gives_the_result_or_times_out():
    ended = []

    async def work(ms):
        try:
            await port.sleep_ms(ms)
            return ms
        finally:
            ended.append(ms)

    assert await port.wait_for_ms(work(1), LATE_MS) == 1
    try:
        await port.wait_for_ms(work(60000), 10)
        raise AssertionError("no TimedOut")
    except TimedOut as error:
        assert "10 ms" in error.message
    assert ended == [1, 60000]  # the late one was cancelled, not left behind


async def test_no_cancellation_is_lost_to_a_wait_that_ends_at_the_same_time():
    for turns in range(6):
        go_on = asyncio.Event()
        for_ever = asyncio.Event()

        async def work():
            await port.wait_for_ms(go_on.wait(), 60000)  # noqa: B023
            await for_ever.wait()  # noqa: B023

        task = asyncio.create_task(work())
        await settle()
        go_on.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await settle()
        assert task.done(), turns


async def test_thread_safe_flag_remembers_and_clears():
    flag = port.ThreadSafeFlag()
    flag.set()
    await flag.wait()
    woken = []

    async def waiter():
        await flag.wait()
        woken.append(True)

    task = asyncio.create_task(waiter())
    await port.sleep_ms(5)
    assert not woken
    flag.set()
    await port.wait_for_ms(task, LATE_MS)
    assert woken


# RFC 4231, test cases 1, 2, 6
def test_hmac_sha256():
    cases = (
        (
            b"\x0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    )
    for key, message, expected in cases:
        assert hex_of(port.hmac_sha256(key, message)) == expected


def test_constant_time_equal():
    assert port.constant_time_equal(b"", b"")
    assert port.constant_time_equal(b"abc", bytearray(b"abc"))
    assert not port.constant_time_equal(b"abc", b"abd")
    assert not port.constant_time_equal(b"abc", b"ab")
    assert not port.constant_time_equal(b"\x00", b"\x80")


def test_random_bytes_differ():
    a, b = port.random_bytes(16), port.random_bytes(16)
    assert len(a) == len(b) == 16 and a != b


def test_replace_file_puts_the_new_content_under_the_old_name():
    path = "callboard_test_%s" % hex_of(port.random_bytes(6))
    try:
        for content in (b"old", b"new"):
            with open(path + ".new", "wb") as file:
                file.write(content)
                port.sync_file(file)
            port.replace_file(path + ".new", path)
        with open(path, "rb") as file:
            assert file.read() == b"new"
        assert raises(OSError, os.remove, path + ".new")
    finally:
        os.remove(path)


def test_implementation_names_this_python():
    found = port.implementation()
    assert found["implementation"] == sys.implementation.name
    assert found["version"].count(".") == 2
    assert found["bits"] == (64 if sys.maxsize > 1 << 32 else 32)


def test_heap_used_grows_where_it_is_known():
    before = port.heap_used()
    block = bytearray(20000)
    assert before is None or port.heap_used() - before >= len(block)


def test_a_fingerprint_has_32_bytes():
    for size in (0, 31, 33, 64):
        raises(InvalidArgument, port.tls_client_context, leaf_sha256=bytes(size))


def test_json_keeps_characters_whole():
    text = port.json_text({"name": "\u95e8\U0001f6aa"})
    assert text == '{"name": "\u95e8\U0001f6aa"}'
    assert json.loads(text) == {"name": "\u95e8\U0001f6aa"}


def test_without_tls_no_error_is_one_of_tls():
    if not hasattr(port_socket, "ssl"):
        raise SkipTest("mbedtls is compiled in")
    kept, port_socket.ssl = port_socket.ssl, None
    try:
        for error in (OSError(104, "reset"), ValueError("nonsense")):
            assert tls.explain(error, "relay") is None
    finally:
        port_socket.ssl = kept
