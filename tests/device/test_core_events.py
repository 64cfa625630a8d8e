"""The event fan-out: order, slow and failing listeners."""

from callboard import codes
from callboard.core.events import Fanout
from callboard.errors import CallboardError, InvalidArgument
from support import FakeClock, raises


def test_listeners_are_called_in_order_with_the_arguments():
    fanout = Fanout(FakeClock())
    heard = []
    fanout.on("ring", lambda *args: heard.append(("a", args)))
    fanout.on("ring", lambda *args: heard.append(("b", args)))
    fanout.on("other", lambda *args: heard.append("wrong"))
    fanout.emit("ring", 1, "x")
    fanout.emit("nobody listens")
    assert heard == [("a", (1, "x")), ("b", (1, "x"))]


def test_off_stops_one_listener_even_during_the_event():
    fanout = Fanout(FakeClock())
    heard = []

    def once():
        heard.append("once")
        fanout.off("e", once)

    def always():
        heard.append("always")

    fanout.on("e", once)
    fanout.on("e", always)
    fanout.emit("e")
    fanout.emit("e")
    fanout.off("e", once)  # not there any more: nothing happens
    fanout.off("unknown", once)
    assert heard == ["once", "always", "always"]


def test_a_raising_listener_is_reported_and_the_others_are_called():
    reports = []
    fanout = Fanout(FakeClock(), report=lambda *args: reports.append(args))
    heard = []

    def broken():
        raise ValueError("oops")

    fanout.on("e", broken)
    fanout.on("e", lambda: heard.append(1))
    fanout.emit("e")
    assert heard == [1] and fanout.failed == 1
    name, callback, elapsed_ms, error = reports[0]
    assert (name, callback, elapsed_ms) == ("e", broken, 0)
    assert isinstance(error, ValueError) and len(reports) == 1


def test_asked_listeners_may_refuse_and_that_is_no_failure_of_theirs():
    reports = []
    clock = FakeClock()
    fanout = Fanout(clock, report=lambda *args: reports.append(args))
    refusal = InvalidArgument("no")
    heard, takes_ms = [], [0]

    def refuse():
        clock.advance(takes_ms[0])
        raise refusal

    def broken():
        raise ValueError("oops")

    assert raises(CallboardError, fanout.ask, "e").code == codes.RPC_METHOD_NOT_FOUND
    fanout.on("e", heard.append)
    fanout.ask("e", 1)
    fanout.on("e2", refuse)
    fanout.on("e2", lambda: heard.append(2))
    assert raises(CallboardError, fanout.ask, "e2") is refusal
    assert heard == [1, 2] and reports == [] and fanout.failed == 0
    takes_ms[0] = 20
    assert raises(CallboardError, fanout.ask, "e2") is refusal
    assert reports == [("e2", refuse, 20, None)] and fanout.slow == 1
    fanout.on("e3", broken)
    assert raises(CallboardError, fanout.ask, "e3").code == codes.AVT_FAILED
    assert fanout.failed == 1 and len(reports) == 2
    fanout.emit("e2")  # nobody asked: now it is a failure
    assert fanout.failed == 2


def test_a_slow_listener_is_reported_a_quick_one_not():
    clock = FakeClock(start_ms=0x40000000 - 10)
    reports = []
    fanout = Fanout(clock, slow_ms=20, report=lambda *args: reports.append(args))
    slow = lambda: clock.advance(20)  # noqa: E731
    fanout.on("e", lambda: clock.advance(19))
    fanout.on("e", slow)
    fanout.emit("e")
    assert reports == [("e", slow, 20, None)] and fanout.slow == 1
