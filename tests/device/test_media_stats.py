"""Figures: percentiles from fixed buckets, and what the heap does."""

from callboard.media.stats import LOOKS, HeapMeter, Histogram, KeptMeter
from callboard.port import heap_used
from support import FakeClock, heap_locked, require_heap_lock


def test_percentiles():
    histogram = Histogram(25)
    assert histogram.report() == {"p50": 0, "p95": 0, "max": 0}
    for value in range(1, 1001):
        histogram.add(value)
    report = histogram.report()
    assert report["max"] == 1000
    assert 500 <= report["p50"] <= 525
    assert 950 <= report["p95"] <= 975
    assert histogram.percentile(100) == 1000
    assert histogram.count == 1000
    histogram.clear()
    assert histogram.report() == {"p50": 0, "p95": 0, "max": 0}


def test_coarse_and_out_of_range_values():
    histogram = Histogram(25)
    histogram.add(-5)
    assert histogram.percentile(50) == 0
    for value in (3200, 3399, 28599):
        histogram.clear()
        histogram.add(value)
        histogram.add(60000)
        assert value <= histogram.percentile(50) <= value + 200, value
    histogram.clear()
    histogram.add(900000)
    assert histogram.report() == {"p50": 900000, "p95": 900000, "max": 900000}


def test_adding_does_not_allocate():
    require_heap_lock()
    histogram = Histogram(25)
    lock = heap_locked()
    with lock:
        for value in range(0, 40000, 7):
            histogram.add(value)
    assert histogram.max == 39998


def test_heap_meter():
    clock = FakeClock()
    meter = HeapMeter(clock)
    assert meter.bytes_per_s() is None
    if heap_used() is None:
        clock.advance(1000)
        meter.sample()
        assert meter.bytes_per_s() is None
        return
    kept = []
    for _ in range(2):
        kept.append(bytearray(20000))
        clock.advance(1000)
        meter.sample()
        meter.collected(KeptMeter().look())  # what that leaves was not allocated since
    assert 20000 <= meter.bytes_per_s() < 22000, meter.bytes_per_s()


def _looks(meter, transient):
    """LOOKS looks; `transient` bytes are held by somebody during the first of them."""
    held = bytearray(transient)
    meter.look()
    assert len(held) == transient
    held = None
    for _ in range(LOOKS - 1):
        meter.look()


def test_kept_meter_tells_a_leak_from_what_is_held_for_a_moment():
    if heap_used() is None:
        meter = KeptMeter()
        for _ in range(3 * LOOKS):
            assert meter.look() is None
        assert meter.growth() is None
        return
    meter = KeptMeter()
    _looks(meter, 0)
    assert meter.growth() is None
    _looks(meter, 4000)
    assert abs(meter.growth()) < 500, meter.growth()
    leak = []
    for _ in range(LOOKS):
        leak.append(bytearray(2000))
        meter.look()
    assert 1900 < meter.growth() < 4000, meter.growth()
    assert len(leak) == LOOKS
