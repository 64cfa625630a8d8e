"""A hundred calls in one init, in either direction, leave no heap behind."""

import gc

from voip_bench import PAYLOAD, VISITOR, Bench, rtp_packet

from callboard import codes, port
from support import SkipTest, settle


async def made(bench, n):
    """A whole call with some frames each way, ended by the far end."""
    call_id = await bench.talk()
    assert bench.client.call_state == "talking"
    frame = bytearray(PAYLOAD)
    for k in range(3):
        bench.client.send_audio(VISITOR, 0, frame, 0, 160)
        bench.relay.media(rtp_packet(k, k * 160))
    await settle()
    bench.end(call_id, codes.END_HUNG_UP_BY_CALLEE, "callee")
    await settle()


async def taken(bench, n):
    """A call that comes in and is taken, and one whose caller gives up."""
    call_id = await bench.take("i%04d" % n)
    bench.relay.media(rtp_packet(n, n * 160))
    await settle()
    bench.end(call_id, codes.END_HUNG_UP_BY_CALLER, "caller")
    await settle()
    await bench.be_rung()
    bench.end("i0001", codes.END_CANCELLED, "caller")
    await settle()


async def heap_after(bench, call, count):
    """Bytes of heap in use when `count` more calls are over; None where Python does not tell."""
    for n in range(count):
        await call(bench, n)
        assert bench.client.is_busy() == 0
        bench.forget()
    await bench.clock.run(1000)
    gc.collect()
    return port.heap_used()


async def heap_is_level(call, count, warm, readings):
    """Readings after every `count` calls: the lowest of the last two is no higher than `warm`'s.

    The collector is conservative: a stale word may hold a few hundred bytes for a while. So the
    lowest of the last readings counts; one leaked block per call would raise it by 1 kB and more.
    """
    bench = Bench()
    await bench.ready()
    heap = [None] * readings
    for n in range(readings):
        heap[n] = await heap_after(bench, call, count)
    assert bench.client.level == "voip" and bench.relay.attempts == 1
    await bench.close()
    if heap[0] is None:
        raise SkipTest("this Python does not tell its heap; the calls themselves were made")
    assert min(heap[-2:]) <= max(heap[warm : warm + 2]), heap


# covers: V-08
async def test_a_hundred_calls_in_one_init_without_heap_growth():
    """The first 100 calls are the warm-up: until the ids have three digits, kept answers grow."""
    await heap_is_level(made, 21, 4, 10)


# covers: V-08, V-60
async def test_a_hundred_calls_that_come_in_without_heap_growth():
    await heap_is_level(taken, 20, 3, 8)
