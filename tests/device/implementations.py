"""Every implementation of a native module that this Python has, and calls that compare them."""


def implementations(name):
    """The modules `pcm`, `wire` or `opus` there are here: native one first, pure Python last."""
    found = []
    for path in ("callboard_" + name, "callboard_native." + name, "callboard.pure." + name):
        try:
            found.append(__import__(path, None, None, (name,)))
        except ImportError:
            pass
    return found


class Random:
    """A small linear congruential generator: the same numbers on every Python."""

    def __init__(self, seed):
        self._state = seed

    def below(self, n):
        """An integer 0..n-1, n up to 2**24."""
        self._state = (self._state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self._state >> 8) % n

    def pick(self, choices):
        return choices[self.below(len(choices))]

    def bytes(self, n):
        return bytes([self.below(256) for _ in range(n)])


def outcome(function, args):
    """(result or name of the exception, the bytes of every bytearray afterwards) of one call.

    The bytearrays are copied first, so that several implementations can get the same arguments.
    """
    args = [bytearray(a) if isinstance(a, bytearray) else a for a in args]
    try:
        result = function(*args)
    except (ValueError, TypeError) as error:
        result = type(error).__name__
    return result, [bytes(a) for a in args if isinstance(a, bytearray)]


def agreed(modules, name, args, ignore=()):
    """The outcome of name(*args), which must be the same from every module.

    ignore: indexes among the bytearrays whose bytes may differ (scratch space in a state).
    """
    first = None
    for module in modules:
        got = outcome(getattr(module, name), args)
        for i in ignore:
            got[1][i] = None
        if first is None:
            first = got
        assert got == first, (name, args, module.IMPLEMENTATION, got, first)
    return first


def refuses(module, name, good_args, index, bad, error):
    """good_args with bad at index raises error and changes nothing."""
    args = list(good_args)
    args[index] = bad
    before = [bytes(a) for a in args if isinstance(a, bytearray)]
    result, after = outcome(getattr(module, name), args)
    assert result == error.__name__, (module.IMPLEMENTATION, name, index, bad, result)
    assert after == before, (module.IMPLEMENTATION, name, index, bad)
