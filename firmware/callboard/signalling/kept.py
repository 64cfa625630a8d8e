"""The answers a JSON-RPC peer keeps, in case the other end asks again (PROTOCOL.md §3)."""


class Kept:
    """What became of the peer's last requests: `size` at work and the `size` answered last.

    In fixed memory: a call leaves nothing behind on the heap.
    """

    def __init__(self, size):
        self._size = size
        self._ids = [0] * (2 * size)  # 0: free
        self._texts = [None] * (2 * size)  # None: the empty result, which need not be kept
        self._turns = [0] * (2 * size)  # 0: at work; else the n-th answer given
        self._turn = 0

    def begin(self, request_id):
        """A new request is at work. False, and nothing kept, when too many are."""
        at_work = answered = 0
        oldest = free = -1
        for slot in range(2 * self._size):
            if self._ids[slot] == 0:
                free = slot
            elif self._turns[slot] == 0:
                at_work += 1
            else:
                answered += 1
                if oldest < 0 or self._turns[slot] < self._turns[oldest]:
                    oldest = slot
        if at_work >= self._size:
            return False
        slot = oldest if free < 0 else free
        self._ids[slot] = request_id
        self._texts[slot] = None
        self._turns[slot] = 0
        return True

    def _slot(self, request_id):
        for slot in range(2 * self._size):
            if self._ids[slot] == request_id:
                return slot
        return -1

    def at_work(self, request_id):
        """True when the request is not answered yet."""
        slot = self._slot(request_id)
        return slot >= 0 and self._turns[slot] == 0

    def has(self, request_id):
        """True when the request or its answer is kept."""
        return self._slot(request_id) >= 0

    def answered(self, request_id, text):
        """Keep the answer's text (None for the empty result)."""
        slot = self._slot(request_id)
        self._turn += 1
        self._turns[slot] = self._turn
        self._texts[slot] = text

    def text(self, request_id):
        """The kept text."""
        return self._texts[self._slot(request_id)]
