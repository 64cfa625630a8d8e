"""Tells any number of listeners what happened, and watches how long they take."""

from ..codes import RPC_METHOD_NOT_FOUND
from ..errors import CallboardError
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

    def has(self, name):
        """Whether anybody listens to `name`."""
        return bool(self._listeners.get(name))

    def emit(self, name, *args):
        """Call every listener of `name` with `args`."""
        for callback in self._listeners.get(name, ()):
            self._call(name, callback, args)

    def ask(self, name, *args):
        """emit() for what a listener may refuse: its CallboardError is raised here, as no failure
        of it. Raises CallboardError, too, when a listener failed or there is none.
        """
        refusal = None
        if not self._listeners.get(name):
            refusal = CallboardError("nobody here knows of this", RPC_METHOD_NOT_FOUND)
        for callback in self._listeners.get(name, ()):
            error = self._call(name, callback, args, True)
            if error is not None and not isinstance(error, CallboardError):
                error = CallboardError("%s failed" % name)
            refusal = refusal or error
        if refusal is not None:
            raise refusal

    def _call(self, name, callback, args, may_refuse=False):
        failure = refusal = None
        started_ms = self._clock.ticks_ms()
        try:
            callback(*args)
        except Exception as error:
            if may_refuse and isinstance(error, CallboardError):
                refusal = error
            else:
                failure = error
        elapsed_ms = ticks_diff(self._clock.ticks_ms(), started_ms)
        if failure is None and elapsed_ms < self._slow_ms:
            return refusal
        if failure is None:
            self.slow += 1
        else:
            self.failed += 1
        if self._report is not None:
            self._report(name, callback, elapsed_ms, failure)
        elif failure is not None:
            print(exception_text(failure))
        return failure or refusal
