"""The virtual board's heap: what an RP2040 leaves an application, and room for the code."""

import pytest

from callboard_host import board
from support.pythons import run_program

LEFT_BY_RP2040 = 190_000  # PLATFORM §8; on 64 bits everything is about twice as large
GROWTH = 65_000  # of the code before somebody must look at this again


@pytest.mark.parametrize("bits", [32, 64])
async def test_the_heap_is_that_of_a_small_board_and_the_code(bits):
    heap = board.board_json()["heap_bytes"][str(bits)]
    code = (await run_program(f"micropython{bits}", "code_size.py", {}))["bytes"]
    least = LEFT_BY_RP2040 * bits // 32 + code
    most = least + GROWTH * bits // 32
    assert least <= heap <= most, (
        f"the code takes {code} bytes of {bits} bits now: "
        f'heap_bytes "{bits}" of boards/UNIX/board.json should be {least} to {most}'
    )
