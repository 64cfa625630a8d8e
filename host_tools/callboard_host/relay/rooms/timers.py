"""Named deadlines. The shell asks for the next one, sleeps, and calls Engine.tick."""

import heapq


class TimerQueue:
    """At most one deadline for each name; setting a name again replaces its deadline."""

    def __init__(self) -> None:
        self._deadlines: dict[tuple[str, str], int] = {}
        self._heap: list[tuple[int, tuple[str, str]]] = []

    def set(self, name: tuple[str, str], deadline_ms: int) -> None:
        """Let `name` (kind, id) fall due at `deadline_ms`."""
        self._deadlines[name] = deadline_ms
        heapq.heappush(self._heap, (deadline_ms, name))

    def cancel(self, name: tuple[str, str]) -> None:
        """Forget `name`; nothing happens when it is not set."""
        self._deadlines.pop(name, None)

    def __contains__(self, name: tuple[str, str]) -> bool:
        return name in self._deadlines

    def next_deadline_ms(self) -> int | None:
        """The earliest deadline, or None."""
        while self._heap and self._is_stale(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now_ms: int) -> tuple[str, str] | None:
        """Take one name that is due, or None."""
        deadline = self.next_deadline_ms()
        if deadline is None or deadline > now_ms:
            return None
        name = heapq.heappop(self._heap)[1]
        del self._deadlines[name]
        return name

    def _is_stale(self, entry: tuple[int, tuple[str, str]]) -> bool:
        return self._deadlines.get(entry[1]) != entry[0]
