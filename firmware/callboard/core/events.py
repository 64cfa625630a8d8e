"""Tells any number of listeners what happened, and watches how long they take."""

from ..port import exception_text, ticks_diff


class Fanout:
    """Named events with plain functions as listeners, called in the order they came.

    A listener that takes `slow_ms` or longer is reported, so is one that raises; neither keeps
    the others from being called. `report(name, callback, elapsed_ms, error)`: error is None for a
    slow listener. Without `report` the traceback of a failed one is printed.
    """

    def __init__(self, clock, slow_ms=20, report=None):
        self._clock = clock
        self._slow_ms = slow_ms
        self._report = report
        self._listeners = {}  # name -> tuple of callbacks
        self.slow = 0
        self.failed = 0

    def on(self, name, callback):
        """Call `callback(*args)` at every event `name`."""
        self._listeners[name] = self._listeners.get(name, ()) + (callback,)

    def off(self, name, callback):
        """Stop calling `callback`; nothing happens when it did not listen."""
        left = tuple(each for each in self._listeners.get(name, ()) if each != callback)
        self._listeners[name] = left

    def emit(self, name, *args):
        """Call every listener of `name` with `args`; returns the first error that one raised."""
        first = None
        for callback in self._listeners.get(name, ()):
            error = self._call(name, callback, args)
            first = first or error
        return first

    def _call(self, name, callback, args):
        failure = None
        started_ms = self._clock.ticks_ms()
        try:
            callback(*args)
        except Exception as error:
            failure = error
        elapsed_ms = ticks_diff(self._clock.ticks_ms(), started_ms)
        if failure is None and elapsed_ms < self._slow_ms:
            return None
        if failure is None:
            self.slow += 1
        else:
            self.failed += 1
        if self._report is not None:
            self._report(name, callback, elapsed_ms, failure)
        elif failure is not None:
            print(exception_text(failure))
        return failure
