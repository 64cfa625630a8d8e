"""Fixtures of the system tests."""

import pytest

from support.boards import BOARDS, IDS, Blank


@pytest.fixture(params=BOARDS, ids=IDS)
def any_board(request, tmp_path):
    """A board that was told nothing, on each Python."""
    python, bits = request.param
    with Blank(tmp_path / "board", python, bits) as virtual:
        yield virtual
