"""Figures: percentiles from fixed buckets, and what the heap does."""

from callboard.media.stats import HeapMeter, Histogram
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
    assert 20000 <= meter.bytes_per_s() < 22000, meter.bytes_per_s()
