"""Back-off: doubling, limit, jitter within its bounds."""

from callboard.core.backoff import Backoff
from support import raises


def middle(count):
    return b"\x7f\xff"[:count]


def test_doubles_up_to_the_limit_and_starts_again():
    backoff = Backoff(random=middle)
    delays = [backoff.next_ms() for _ in range(9)]
    expected = (500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000)
    assert all(abs(a - b) <= 1 for a, b in zip(delays, expected)), delays
    backoff.reset()
    assert abs(backoff.next_ms() - 500) <= 1


def test_jitter_covers_its_range_and_no_more():
    low = Backoff(first_ms=1000, random=lambda n: bytes(n))
    high = Backoff(first_ms=1000, random=lambda n: b"\xff" * n)
    assert [low.next_ms(), low.next_ms()] == [750, 1500]
    assert [high.next_ms(), high.next_ms()] == [1250, 2500]


def test_default_jitter_is_random():
    delays = set()
    for _ in range(20):
        delay = Backoff(first_ms=10000).next_ms()
        assert 7500 <= delay <= 12500
        delays.add(delay)
    assert len(delays) > 5


def test_first_above_limit_is_the_limit():
    backoff = Backoff(first_ms=9000, limit_ms=100, jitter_percent=0)
    assert backoff.next_ms() == backoff.next_ms() == 100


def test_random_source_that_fails_is_heard():
    def broken(count):
        raise OSError(5)

    raises(OSError, Backoff(random=broken).next_ms)
