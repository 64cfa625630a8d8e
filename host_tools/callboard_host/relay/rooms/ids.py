"""Where ids, SSRCs and room tokens come from: one injected source of random bytes."""

import os
from collections.abc import Callable


class IdSource:
    """Random names. `random_bytes(n)` returns n bytes; tests pass a repeatable one."""

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom):
        self._random_bytes = random_bytes

    def name(self, prefix: str) -> str:
        """A prefix and 64 random bits in hex."""
        return prefix + self._random_bytes(8).hex()

    def secret(self) -> str:
        """128 random bits in hex: a room token."""
        return self._random_bytes(16).hex()

    def number(self, bits: int) -> int:
        """A random number in 1 … 2^bits − 1."""
        while True:
            value = int.from_bytes(self._random_bytes(4), "big") >> (32 - bits)
            if value:
                return value
