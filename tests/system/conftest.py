"""Fixtures of the system tests."""

from pathlib import Path

import pytest

from support.boards import BOARDS, IDS, Blank

LIMIT_S = 180  # whole programs, on a machine that may be busy


def pytest_collection_modifyitems(items):
    """A system test that says nothing of it may take longer than another test."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LIMIT_S))


@pytest.fixture(params=BOARDS, ids=IDS)
def any_board(request, tmp_path):
    """A board that was told nothing, on each Python."""
    python, bits = request.param
    with Blank(tmp_path / "board", python, bits) as virtual:
        yield virtual
