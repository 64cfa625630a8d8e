"""How long the long tests are: short in `make test`, in full in `make soak` (CALLBOARD_SOAK=1).

@pytest.mark.soak
def test_it():
    for _ in range(times(10, 100)): ...
"""

import os


def times(short: int, full: int) -> int:
    """`full` in a soak, else `short`."""
    return full if os.environ.get("CALLBOARD_SOAK") else short
