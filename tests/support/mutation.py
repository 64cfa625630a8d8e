"""Random and damaged inputs for fuzz tests, the same on every Python: one seed, one sequence."""


class Random:
    """A small generator (xorshift, 32 bit) whose numbers do not depend on the Python."""

    def __init__(self, seed):
        self._state = seed & 0xFFFFFFFF or 1

    def bits(self):
        """32 random bits."""
        x = self._state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._state = x
        return x

    def below(self, n):
        """0 <= number < n"""
        return (self.bits() >> 3) % n

    def choice(self, items):
        return items[self.below(len(items))]

    def bytes(self, n):
        return bytes(self.bits() >> 7 & 255 for _ in range(n))


def _flip(random, data):
    at = random.below(len(data))
    return data[:at] + bytes((data[at] ^ 1 << random.below(8),)) + data[at + 1 :]


def _replace(random, data):
    at = random.below(len(data))
    value = random.choice((0, 1, 0x7D, 0x7E, 0x7F, 0x80, 0xFF, random.below(256)))
    return data[:at] + bytes((value,)) + data[at + 1 :]


def _cut(random, data):
    at = random.below(len(data))
    return data[:at] + data[at + 1 + random.below(8) :]


def _truncate(random, data):
    return data[: random.below(len(data))]


def _insert(random, data):
    at = random.below(len(data))
    return data[:at] + random.bytes(1 + random.below(8)) + data[at:]


def _repeat(random, data):
    at = random.below(len(data))
    end = at + 1 + random.below(40)
    return data[:end] + data[at:]


def _swap(random, data):
    a = random.below(len(data))
    b = a + random.below(20)
    c = b + random.below(20)
    return data[:a] + data[b:c] + data[a:b] + data[c:]


_MUTATIONS = (_flip, _flip, _replace, _cut, _truncate, _insert, _repeat, _swap)


def mutate(random, data):
    """`data` with up to three damages."""
    for _ in range(random.below(4)):
        if data:
            data = random.choice(_MUTATIONS)(random, data)
    return data


def pieces(random, data):
    """`data` cut at random places, as reads from a socket cut it."""
    at = 0
    size = random.choice((1, 3, 17, 200, 5000))
    while at < len(data):
        n = 1 + random.below(size)
        yield data[at : at + n]
        at += n
