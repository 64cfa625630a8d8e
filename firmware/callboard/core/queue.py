"""A first-in first-out queue with a bound that counts what it had to drop."""

import asyncio
from collections import deque


class BoundedQueue:
    """At most `limit` items wait. `.dropped` counts those refused since the beginning."""

    def __init__(self, limit):
        self._items = deque((), limit)
        self._limit = limit
        self._filled = asyncio.Event()
        self.dropped = 0

    def __len__(self):
        return len(self._items)

    def put_nowait(self, item):
        """True when `item` was taken, False when the queue is full and it was dropped."""
        if len(self._items) >= self._limit:
            self.dropped += 1
            return False
        self._items.append(item)
        self._filled.set()
        return True

    async def get(self):
        """The oldest item, as soon as there is one."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()

    def clear(self):
        """Forget what waits; not counted as dropped."""
        while self._items:
            self._items.popleft()
