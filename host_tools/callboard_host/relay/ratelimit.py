"""How often one address may try: token buckets, and no more of them than memory allows."""

from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    updated_ms: int


class RateLimiter:
    """`rate` events per second for each address, in bursts of `burst`."""

    ADDRESSES = 10_000

    def __init__(self, rate: float, burst: float):
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, _Bucket] = {}

    def allows(self, address: str, now_ms: int) -> bool:
        """Is there a token left? Takes none."""
        return self._bucket(address, now_ms).tokens >= 1

    def take(self, address: str, now_ms: int) -> bool:
        """Take a token; False when there is none."""
        bucket = self._bucket(address, now_ms)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _bucket(self, address: str, now_ms: int) -> _Bucket:
        bucket = self._buckets.pop(address, None)
        if bucket is None:
            bucket = _Bucket(self._burst, now_ms)
            if len(self._buckets) >= self.ADDRESSES:
                self._buckets.pop(next(iter(self._buckets)))  # the one unused for longest
        elapsed_ms = now_ms - bucket.updated_ms
        bucket.tokens = min(self._burst, bucket.tokens + elapsed_ms * self._rate / 1000)
        bucket.updated_ms = now_ms
        self._buckets[address] = bucket
        return bucket
